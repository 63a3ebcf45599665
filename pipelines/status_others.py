"""How does it stand with what is no adaptation: a run's study, a pretraining, a study on the tabletop?"""

import shlex
from dataclasses import replace
from pathlib import Path

from adapt.runs.documents import parse_object
from adapt.runs.fingerprint import Json
from adapt.runs.holders import Holder, find_holders
from adapt.runs.manifest import find_finished
from pipelines.job import Job
from pipelines.status_stages import BEGUN, DONE, OPEN, STALE, WORKING, StageStatus, Status, look_at
from pipelines.terminal import shown

PRETRAINING = ("draw", "codec", "windows", "world", "action", "trial", "base")


def look(folder: Path) -> Status | None:
    """How it stands with a folder that has no job; None where it is neither of those."""
    if (folder / "plans").is_dir():
        return _of_tabletop(folder)
    if any((folder / stage / "current").is_file() or any((folder / stage).glob(".*.lock")) for stage in PRETRAINING):
        return _of_pretraining(folder)
    return None


def look_at_study(job: Job) -> StageStatus | None:
    """How it stands with a run's study, which is many trainings and judgements and then one result; None where none."""
    home = job.run_folder / "study"
    if not home.is_dir():
        return None
    (whole,) = look_at(job.run_folder, ("study",), job)
    units = {part: _units(home / part) for part in ("trainings", "judgements")}
    counts = {part: sum(done for done, _ in found) for part, found in units.items()}
    holder = whole.holder or next((who for found in units.values() for _, who in found if who), None)
    told = f"{counts['trainings']} trained, {counts['judgements']} judged"
    encode = look_at(job.run_folder, ("encode",))[0].key
    if holder is not None:
        return StageStatus(stage="study", state=WORKING, found=told, holder=holder, key=whole.key)
    if whole.state != DONE:
        return StageStatus(stage="study", state=BEGUN, found=told, why="not all of its arms and seeds are judged yet")
    if not _is_of(home, encode):
        return replace(whole, state=STALE, why="made from another encode than there is now")
    return whole


def _units(home: Path) -> list[tuple[bool, Holder | None]]:
    """Of each unit of a study: whether it is done, and who works on it."""
    found = []
    for unit in sorted(home.glob("[!.]*")):
        done = any(find_finished(path) for path in unit.glob("[!.]*") if path.is_dir())
        found.append((done, next(iter(find_holders(unit)), None)))
    return found


def _is_of(home: Path, encode: str) -> bool:
    """Whether any of a study's trainings was made from this encode."""
    manifests = (find_finished(path) for path in (home / "trainings").glob("*/[!.]*") if path.is_dir())
    return any(encode in found["inputs"].values() for found in manifests if found is not None)


def _of_pretraining(folder: Path) -> Status:
    stages = look_at(folder, PRETRAINING)
    place = shlex.quote(shown(folder))
    done = all(stage.state == DONE for stage in stages)
    if done:
        base = folder / "base" / stages[-1].key
        command = f"wam-adapt adapt human VIDEOS --base {shlex.quote(shown(base))} --out RUN"
    else:
        command = f"wam-adapt pretrain --out {place}"
    notes = [] if done else ["It was begun with a --recipe and --set that are not kept; give the same ones again."]
    return _idle(Status(folder=folder, what="pretraining", stages=stages, about={}, notes=notes, next=[command]))


def _of_tabletop(folder: Path) -> Status:
    """A study on the tabletop: its plans, and how many of its trials are finished."""
    about, commands = {}, []
    for plan in sorted(folder.glob("plans/*/plan.json")):
        name = plan.parent.name
        record = _read(plan.parent / "record.json")
        verdict = record.get("verdict", "judged") if record else "not judged yet"
        about[f"plan {name}"] = str(verdict)
        commands.append(f"wam-adapt sim study {shlex.quote(name)} --out {shlex.quote(shown(folder))}")
    stages = [_tally(folder, name) for name in ("data", "runs", "trials")]
    notes = [] if not commands else ["A study's --set and --jobs are not kept; give the same ones again."]
    what = "study on the tabletop"
    return _idle(Status(folder=folder, what=what, stages=stages, about=about, notes=notes, next=commands))


def _tally(folder: Path, name: str) -> StageStatus:
    """One of the folders of a study: how many of the stages that were begun in it are done."""
    begun = [*(folder / name).glob("**/current"), *(folder / name).glob("**/.*.partial")]
    homes = sorted({path.parent for path in begun})
    done = sum(any(find_finished(path) for path in home.glob("[!.]*") if path.is_dir()) for home in homes)
    holder = next((who for home in homes for who in find_holders(home)), None)
    state = WORKING if holder else DONE if homes and done == len(homes) else BEGUN if homes else OPEN
    return StageStatus(stage=name, state=state, found=f"{done} of {len(homes)} begun are done", holder=holder)


def _idle(status: Status) -> Status:
    """The same, without commands while a process is at work."""
    return status if status.working is None else replace(status, next=[], notes=[])


def _read(path: Path) -> dict[str, Json]:
    try:
        return parse_object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
