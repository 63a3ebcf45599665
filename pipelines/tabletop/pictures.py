"""What did the arms of a study do? Each acts once more in the first few episodes, filmed, and is shown by the others.

OUT/plans/NAME/pictures/ARM/KEY/   rollouts.mp4, a small picture of each episode, and how it ended; KEY names the trial
OUT/plans/NAME/rollouts.png        all arms in the same scenes, on one sheet

Of an arm the first training acts, in the trial that makes the verdict, beside the same other episodes as when it was
counted: so, and in as many threads, it does the same to the bit. An episode that ends otherwise than was counted is not
shown.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapt.errors import AdaptError, DataError
from adapt.evaluate import closed_loop_arms as arms
from adapt.evaluate.closed_loop_record import SWEEP
from adapt.runs.atomic import write_atomic
from adapt.runs.documents import in_short, parse_object
from adapt.runs.manifest import find_finished
from adapt.runs.stage import read_manifest, run_stage, stage_key
from pipelines.study_train import FOLDER as TRAININGS
from pipelines.tabletop import work
from pipelines.tabletop.plan import StudyPlan, Trial, Unit, trial_inputs

if TYPE_CHECKING:
    from adapt.evaluate.rollout_film import Rollout
    from adapt.evaluate.rollout_sheet import Scene, Take
    from adapt.evaluate.trials import EpisodeRecord
    from adapt.report.facts import Pictures

log = logging.getLogger(__name__)

VERSION = 1  # Raise by hand when the same episodes would be shown otherwise.
FOLDER, SHEET = "pictures", "rollouts.png"
FILM, ACCOUNT = "rollouts.mp4", "pictures.json"
_ALIKE = 0.01  # Sums in another order, as other threads make them, may move what is left of the way by far less.
EPISODES = 4  # of different tasks, since each task has its turn before any comes again
_WITHOUT_MODEL = (arms.HOLD_LAST, *arms.PLANTED)
OTHERWISE = "not shown: when it was filmed, the episode ended otherwise than when it was counted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who is filmed.

    Attributes:
        name: Of its folder.
        who: How a person calls it.
        unit: The policy.
        trial: What it acts in.
    """

    name: str
    who: str
    unit: Unit
    trial: Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Filmed:
    """What came of acting again.

    Attributes:
        episodes: How they ended: those filmed, and those that ran beside them.
        rollouts: The first few.
        rate_hz: Pictures a second.
    """

    episodes: "tuple[EpisodeRecord, ...]"
    rollouts: "tuple[Rollout, ...]"
    rate_hz: float


def subjects(plan: StudyPlan) -> tuple[Subject, ...]:
    """Every arm with a model, by its first training, in the table of the verdict; of a curve, at each of its points."""
    from adapt.report.closed_loop import called

    first = plan.tables[0]
    met = trial_inputs(plan.config.trials, first.trial)
    found: dict[str, list[tuple[str, Unit]]] = {}
    for table in plan.tables if plan.config.claim == SWEEP else (first,):
        for arm, (unit, *_) in table.rows.items():
            # Only those that meet the same scenes can be laid side by side.
            same = trial_inputs(unit.config.trials, table.trial) == met and table.trial.head == first.trial.head
            known = [one.identity for _, one in found.get(arm, [])]
            if same and arm not in _WITHOUT_MODEL and unit.identity not in known:
                found.setdefault(arm, []).append((table.setting.condition, unit))
    return tuple(
        Subject(
            name=arm if len(points) == 1 else f"{arm}-{number}",
            who=called(arm) if len(points) == 1 else f"{called(arm)}, {condition}",
            unit=unit,
            trial=first.trial,
        )
        for arm, points in found.items()
        for number, (condition, unit) in enumerate(points, start=1)
    )


def find_filmed(out: Path, home: Path, subject: Subject) -> Path | None:
    """The folder of a subject's pictures; None where its trial, as it is now, has not been filmed."""
    folder = home / FOLDER / subject.name / stage_key(subject.name, _inputs(out, subject))
    return folder if find_finished(folder) is not None else None


def film(out: Path, home: Path, subject: Subject) -> None:
    """Let a subject act again in the first few episodes of its trial, and keep what it looked like.

    Args:
        out: The study's folder.
        home: The plan's folder, OUT/plans/NAME.
        subject: Who; it has acted in its trial.

    Raises:
        DataError: Its trial or its training is not there any more.
        SimulatorError: This machine cannot simulate or draw.
    """

    def do(folder: Path) -> Mapping[str, Any]:
        """Act the first episodes again, and film them; leaves the film, sheets and an account."""
        from adapt.evaluate.rollout_film import draw_rollout
        from adapt.video.writer import write_video

        filmed = act_again(out, subject)
        counted = _counted(out, subject)[: len(filmed.episodes)]
        again = [_as_written(episode) for episode in filmed.episodes]
        exact = sum(one == other for one, other in zip(again, counted, strict=True))
        frames = [frame for rollout in filmed.rollouts for frame in draw_rollout(rollout)]
        write_video(folder / FILM, _stacked(frames), filmed.rate_hz)
        shown = [_keep(folder, number, rollout) for number, rollout in enumerate(filmed.rollouts, start=1)]
        rows = [
            {**row, **one, "as_counted": _alike(one, other)}
            for row, one, other in zip(shown, counted[: len(shown)], again[: len(shown)], strict=True)
        ]
        write_atomic(folder / ACCOUNT, json.dumps({"episodes": rows}, indent=1, ensure_ascii=False) + "\n")
        return {
            "summary": f"{exact} of {len(again)} episodes ended as they were counted, to the digit",
            "exact": exact,
            "again": len(again),
            "as_counted": [row["as_counted"] for row in rows],
        }

    run_stage(home / FOLDER, subject.name, _inputs(out, subject), do)


def film_or_tell(out: Path, home: Path, subject: Subject) -> None:
    """Likewise; where it cannot be, that is told, and no reason to leave the others out."""
    try:
        film(out, home, subject)
    except AdaptError as error:
        log.warning("no pictures of '%s': %s", subject.who, error)


def act_again(out: Path, subject: Subject) -> Filmed:
    """The first episodes of a trial once more, the first few of them filmed."""
    from adapt.sim.filming import Filming
    from pipelines import sim_try

    unit, trial = subject.unit, subject.trial
    asked = work.as_tried(unit, trial)
    # Episodes that run side by side are one batch; in another one, sums end on other digits.
    asked = replace(asked, episodes=min(trial.episodes, asked.pace.together))
    actor = work.open_actor(out, unit, trial, _find_training(out, subject))
    filming = Filming(min(EPISODES, asked.episodes), actor.geometry)
    acted = sim_try.measure(actor, asked, filming=filming)
    foreseen = "shown" if asked.future == sim_try.TRUE else "imagined"
    rollouts = filming.rollouts(acted.episodes, actor.decode, foreseen=foreseen)
    return Filmed(episodes=acted.episodes, rollouts=rollouts, rate_hz=filming.rate_hz)


def gather(out: Path, home: Path, plan: StudyPlan) -> "Pictures | None":
    """What there is to be seen, for the report; None where nothing was filmed.

    Raises:
        DataError: Pictures are damaged.
    """
    from adapt.report.facts import Pictures

    found = [(subject, find_filmed(out, home, subject)) for subject in subjects(plan)]
    filmed = [(subject, folder) for subject, folder in found if folder is not None]
    if not filmed:
        return None
    return Pictures(
        scenes=_scenes(filmed),
        episodes=plan.tables[0].trial.episodes,
        films={subject.who: (folder / FILM).relative_to(home).as_posix() for subject, folder in filmed},
        missing=tuple(subject.who for subject, folder in found if folder is None),
    )


def write_sheet(home: Path, shown: "Pictures") -> Path:
    """Lay all that was filmed side by side; the sheet."""
    from adapt.evaluate.pictures import to_png
    from adapt.evaluate.rollout_sheet import draw_scenes

    caption = f"The first {len(shown.scenes)} of {shown.episodes} episodes, not chosen ones; each arm's first training."
    write_atomic(home / SHEET, to_png(draw_scenes(shown.scenes, caption)))
    return home / SHEET


def _scenes(filmed: Sequence[tuple[Subject, Path]]) -> "tuple[Scene, ...]":
    from adapt.evaluate.rollout_sheet import Scene

    rows = [[(row, _take(subject, folder, row)) for row in _account(folder)] for subject, folder in filmed]
    # Subjects act in the same episodes; the study was not judged otherwise.
    return tuple(
        Scene(instruction=column[0][0]["instruction"], takes=tuple(take for _, take in column))
        for column in zip(*rows, strict=True)
    )


def _take(subject: Subject, folder: Path, row: Mapping[str, Any]) -> "Take":
    from adapt.evaluate.rollout_sheet import Take, part_cells

    if not row["as_counted"]:
        return Take(who=subject.who, success=row["success"], strip=None, note=OTHERWISE)
    path = folder / row["picture"]
    try:
        strip = part_cells(_read(path), row["times_s"])
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    return Take(who=subject.who, success=row["success"], strip=strip, foreseen=row["foreseen"])


def _account(folder: Path) -> list[dict[str, Any]]:
    path = folder / ACCOUNT
    try:
        rows: list[dict[str, Any]] = parse_object(path.read_text(encoding="utf-8"))["episodes"]
    except (OSError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error
    return rows


def _keep(folder: Path, number: int, rollout: "Rollout") -> dict[str, Any]:
    """Put the picture of an episode into a file; what is needed to read it again."""
    from adapt.evaluate.pictures import to_png
    from adapt.evaluate.rollout_sheet import cut_strip, join_cells

    strip = cut_strip(rollout)
    name = f"episode-{number}.png"
    write_atomic(folder / name, to_png(join_cells(strip)))
    return {"picture": name, "times_s": list(strip.times_s), "foreseen": rollout.foreseen}


def _counted(out: Path, subject: Subject) -> list[dict[str, Any]]:
    trials = work.find_trials(out, subject.unit, subject.trial)
    if trials is None:
        raise DataError(f"{out}: {subject.unit.name} has not acted yet; give the same `wam-adapt sim study` command.")
    return [_as_written(episode) for episode in trials.episodes]


def _as_written(episode: "EpisodeRecord") -> dict[str, Any]:
    """How an episode ended, with as many digits as its record has."""
    from adapt.evaluate.plain import rounded

    written: dict[str, Any] = rounded(asdict(episode))
    return written


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two records tell of the same course of an episode."""
    named = ("instruction", "seed", "success", "steps", "done")
    return all(one[name] == other[name] for name in named) and abs(one["progress"] - other["progress"]) <= _ALIKE


def _inputs(out: Path, subject: Subject) -> dict[str, Any]:
    trial = work.find_trial(out, subject.unit, subject.trial)
    return {"trial": None if trial is None else trial.name, "episodes": EPISODES, "version": VERSION}


def _find_training(out: Path, subject: Subject) -> Path | None:
    """The training that acted when it was counted; nothing is trained again for a picture."""
    trial = work.find_trial(out, subject.unit, subject.trial)
    key = None if trial is None else read_manifest(trial)["inputs"]["training"]
    if key is None:
        return None
    for path in (*out.glob(f"runs/*/study/{TRAININGS}/*/{key}"), *out.glob(f"runs/*/scratch/*/{key}")):
        if find_finished(path) is not None:
            return path
    raise DataError(
        f"{out / 'runs'}: the training of {subject.unit.name} that has acted is not there any more, so nothing can be "
        "filmed; put it back, or go without its pictures."
    )


def _stacked(frames: Sequence[Any]) -> Any:
    import torch

    return torch.stack(list(frames))


def _read(path: Path) -> Any:
    import numpy as np
    import torch
    from PIL import Image

    with Image.open(path) as picture:
        return torch.from_numpy(np.array(picture.convert("RGB")))


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: is damaged ({in_short(error)}); delete {path.parent} and give the command again.")
