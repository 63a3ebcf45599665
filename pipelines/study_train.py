"""How are a study's arms trained? One after the other, each a unit that is done whole, or gone on with.

RUN/study/trainings/ARM-SEED/KEY/   adapter, heads and account of one training, as a finetune stage's
"""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from adapt.runs.manifest import find_finished
from adapt.runs.stage import find_current, read_manifest, run_stage, stage_key
from pipelines import finetune
from pipelines.study_plan import Plan, PlannedArm
from pipelines.terminal import Terminal

FOLDER = "trainings"


def unit_name(arm: str, seed: int) -> str:
    """What the folder of an arm's training is called."""
    return f"{arm}-{seed}"


def train_all(plan: Plan, terminal: Terminal) -> dict[str, Path]:
    """Train every arm from every seed, unless that is done already.

    Args:
        plan: What is to be trained.
        terminal: Where progress goes.

    Returns:
        The folder of each training, by `unit_name`.

    Raises:
        AdaptError: A training failed; those that are finished are kept.
    """
    found: dict[str, Path] = {}
    left = [unit for unit in plan.trainings if not is_done(plan, *unit)]
    pace = Pace(known_s=_seconds_of_finetune(plan))
    terminal.say(describe(plan, left=len(left), pace=pace))
    for arm, seed in plan.trainings:
        if (arm, seed) not in left:
            found[unit_name(arm.name, seed)] = train(plan, arm.name, seed)
            continue
        number = left.index((arm, seed))
        terminal.say(
            f"{'study':9} training {number + 1} of {len(left)}: {arm.name}, seed {seed}"
            f"{pace.left(len(left) - number, 'of training ')}",
            style="dim",
        )
        with pace, _silent() if number else nullcontext():
            found[unit_name(arm.name, seed)] = train(plan, arm.name, seed)
    return found


def train(plan: Plan, arm: str, seed: int) -> Path:
    """One training, from its last checkpoint where it was killed; the folder of its result."""

    def work(folder: Path) -> Mapping[str, Any]:
        """Train one arm from one seed, from the last checkpoint if there is one."""
        from adapt.train.checkpoint import discard_checkpoints
        from adapt.train.loop import fit  # Lightning takes seconds to load.
        from adapt.train.result import write_result

        training = finetune.prepare(
            plan.job, plan.encoded, plan.replay, seed=seed, first=plan.data(arm), validation=plan.no_windows()
        )
        name = unit_name(arm, seed)
        record = fit(training, scratch=folder, logs=plan.job.run_folder / "logs" / "study" / name, label=name)
        windows = [len(dataset) for dataset in training.mixture.datasets]
        about = {"kind": plan.job.kind, "arm": arm, "windows": windows[0], "replay_windows": sum(windows[1:])}
        account = write_result(folder, training, record, about)
        discard_checkpoints(folder)
        return {"summary": f"{account['steps']} steps", "arm": arm, "seed": seed}

    return run_stage(_home(plan), unit_name(arm, seed), plan.inputs(arm, seed), work, resumable=True).path


def is_done(plan: Plan, arm: PlannedArm, seed: int) -> bool:
    """Whether a training is finished."""
    name = unit_name(arm.name, seed)
    return find_finished(_home(plan) / name / stage_key(name, plan.inputs(arm.name, seed))) is not None


class Pace:
    """How long does one of many pieces of work take? Learnt from those that were done while it was entered.

    Args:
        known_s: Seconds that such a piece has taken before, to begin with; None where that is not known.
    """

    def __init__(self, known_s: float | None = None) -> None:
        self._known_s = known_s
        self._took_s: list[float] = []
        self._start_s = 0.0

    def __enter__(self) -> "Pace":
        self._start_s = time.monotonic()
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is None:
            self._took_s.append(time.monotonic() - self._start_s)

    def left(self, count: int, what: str = "") -> str:
        """How long so many more will take, in words that follow others; empty where nothing is known."""
        one_s = sum(self._took_s) / len(self._took_s) if self._took_s else self._known_s
        return "" if one_s is None else f", about {in_words(one_s * count)} {what}left"


def in_words(seconds: float) -> str:
    """A length of time as a person would say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def describe(plan: Plan, *, left: int, pace: Pace) -> str:
    """What will be trained, before it is."""
    config = plan.job.recipe.train
    count = len(plan.trainings)
    told = (
        f"{'study':9} {counted(len(plan.made), 'arm')}, {counted(len(plan.seeds), 'seed')}: "
        f"{counted(count, 'training')} of {config.steps} steps of {config.batch_size} windows"
    )
    if any(not arm.trained for arm in plan.made):
        told += " (the base needs none)"
    if left < count:
        told += f"; {count - left} done before"
    return f"{told}{pace.left(left, 'of training ')}" if left else told


def kept(plan: Plan) -> str:
    """What a study that is stopped leaves behind."""
    done = sum(is_done(plan, *unit) for unit in plan.trainings)
    told = f"{done} of {counted(len(plan.trainings), 'training')} finished and kept"
    return told if done == len(plan.trainings) else f"{told}; one under way goes on from its last checkpoint"


def counted(number: int, word: str) -> str:
    """For example "1 arm", "3 arms"."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def _home(plan: Plan) -> Path:
    return plan.job.run_folder / "study" / FOLDER


def _seconds_of_finetune(plan: Plan) -> float | None:
    """What the run's own training took, if it had as many steps."""
    done = find_current(plan.job.run_folder, "finetune")
    try:
        noted = json.loads((plan.job.run_folder / "run.json").read_text(encoding="utf-8"))["stages"]["finetune"]
        same = done is not None and read_manifest(done)["facts"]["steps"] == plan.job.recipe.train.steps
        return float(noted["seconds"]) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def _silent() -> Iterator[None]:
    """What a training says of itself is the same for each; once is enough."""
    told = logging.getLogger("adapt.train")
    before = told.level
    told.setLevel(logging.WARNING)
    try:
        yield
    finally:
        told.setLevel(before)
