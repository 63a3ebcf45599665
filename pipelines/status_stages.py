"""How does it stand with each stage of a folder? Done, outdated, under way, left unfinished, damaged, or not begun."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapt.runs.documents import parse_object
from adapt.runs.holders import Holder, find_holders
from adapt.runs.manifest import MANIFEST, find_finished
from adapt.runs.published import Published
from adapt.runs.stage import CURRENT
from pipelines.job import Job
from pipelines.status_changes import find_changes

DONE, STALE, WORKING, BEGUN, DAMAGED, OPEN = "done", "stale", "working", "begun", "damaged", "not done"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStatus:
    """How it stands with one stage.

    Attributes:
        stage: Its name.
        state: `DONE`; `STALE`: done, and will be done again; `WORKING`: a live process is at it; `BEGUN`: a process
            that has ended left part of it; `DAMAGED`: done, but files are missing or cut short; `OPEN`: none of these.
        key: Names the result in use; "" where there is none.
        found: What the stage says of its result.
        why: The reason, for one that is stale, begun or damaged.
        seconds: How long it was worked on the last time; None where that is not known.
        ended: When it was finished, as ISO 8601 has it; "" where it was not.
        size: Bytes of the result.
        earlier: How many results for other inputs lie beside it.
        holder: Who works on it now.
    """

    stage: str
    state: str
    key: str = ""
    found: str = ""
    why: str = ""
    seconds: float | None = None
    ended: str = ""
    size: int = 0
    earlier: int = 0
    holder: Holder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How it stands with what lies in a folder.

    Attributes:
        folder: The folder.
        what: What it is, for example "human run".
        stages: In the order in which they are done.
        about: What else there is to know, by name: the data, the base, and so on.
        notes: Whole sentences.
        published: What of it is on the Hub.
        next: Commands that go on; the first one is the one to give.
    """

    folder: Path
    what: str
    stages: Sequence[StageStatus]
    about: Mapping[str, str]
    notes: Sequence[str] = ()
    published: Sequence[Published] = ()
    next: Sequence[str] = ()

    @property
    def working(self) -> Holder | None:
        """Who is at work on it now."""
        return next((stage.holder for stage in self.stages if stage.holder is not None), None)


def look_at(run: Path, stages: Sequence[str], job: Job | None = None) -> list[StageStatus]:
    """How it stands with stages, each of which may be made from those before it.

    Args:
        run: The folder they are in.
        stages: In order.
        job: What the run is to do now; None where nothing is known of that.
    """
    noted = _noted(run)
    found: list[StageStatus] = []
    for stage in stages:
        status, inputs = _look(run / stage, noted.get(stage, {}))
        if status.state == DONE:
            why = _outdated(inputs, found) or ", ".join(find_changes(stage, inputs, job))
            status = replace(status, state=STALE, why=why) if why else status
        found.append(status)
    return found


def _look(home: Path, noted: Mapping[str, Any]) -> tuple[StageStatus, Mapping[str, Any]]:
    """A stage by itself, and the inputs of its result in use."""
    key = _current(home)
    manifest = find_finished(home / key) if key else None
    beside = [path for path in home.glob("[!.]*") if path.is_dir() and path.name != key]
    status = StageStatus(stage=home.name, state=OPEN, earlier=len(beside))
    if manifest is not None:
        status = replace(
            status,
            state=DONE,
            key=key,
            found=str(manifest["facts"].get("summary", "")),
            size=sum(manifest["bytes"].values()),
            **_when(home / key, noted),
        )
    elif key and (home / key).is_dir():
        status = replace(status, state=DAMAGED, key=key, why="files are missing or cut short; it will be done again")
    elif any(home.glob(".*.partial")):
        status = replace(status, state=BEGUN, why="left unfinished by a process that has ended")
    if holders := find_holders(home):
        status = replace(status, state=WORKING, holder=holders[0], why="")
    return status, {} if manifest is None else manifest["inputs"]


def _outdated(inputs: Mapping[str, Any], earlier: Sequence[StageStatus]) -> str:
    """Why a stage that is done will be done again because of those before it; "" where it will not."""
    for before in earlier:
        if before.stage not in inputs:
            continue
        if before.key and inputs[before.stage] != before.key:
            return f"made from another {before.stage} than there is now"
        if before.state != DONE:
            return f"its {before.stage} is not there any more" if not before.key else f"{before.stage} comes first"
    return ""


def _when(result: Path, noted: Mapping[str, Any]) -> dict[str, Any]:
    """When a result was made and how long that took: as noted, if that was this very result."""
    seconds = noted.get("seconds")
    if noted.get("key") == result.name and isinstance(seconds, int | float):
        return {"seconds": float(seconds), "ended": str(noted.get("ended", ""))}
    made_s = (result / MANIFEST).stat().st_mtime
    return {"ended": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(made_s))}


def _noted(run: Path) -> dict[str, dict[str, Any]]:
    try:
        stages = parse_object((run / "run.json").read_text(encoding="utf-8"))["stages"].items()
    except (OSError, ValueError, KeyError, AttributeError):
        return {}
    return {name: noted for name, noted in stages if isinstance(noted, dict)}


def _current(home: Path) -> str:
    """The key in use, whether or not its result is whole; "" where none is named."""
    try:
        key = (home / CURRENT).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
    return key if Path(key).name == key and not key.startswith(".") else ""
