"""The end of the demo: base and adapted model act in the same scenes of the tabletop, and both are counted.

RUN/act/KEY/closed_loop.json      both models' episodes and what sets them apart, for every set of tasks
RUN/act/KEY/TASKS-MODEL/          one model's episodes, as `wam-adapt sim try` writes them; of the first with a film
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapt.errors import DataError
from adapt.runs.atomic import write_atomic
from adapt.runs.stage import read_manifest, require_current, require_intact, run_stage
from pipelines.demo import TASKS
from pipelines.encode import base_fingerprint
from pipelines.job import Job

if TYPE_CHECKING:
    from rich.console import RenderableType

    from adapt.evaluate.trial_pairs import TrialPair

STAGE = "act"
VERSION = 1  # Raise by hand when the same models would act otherwise.
RECORD, FORMAT = "closed_loop.json", 1
BASE, ADAPTED = "base", "adapted"
BODY = "gripper"
STEPS = 80  # 8 s
SEED = 0
_NOTE = (
    "Exact 95 % intervals. One training of one small model, in a simulator: what the data teach is asked of "
    "several trainings by wam-adapt sim study video."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some tasks, and how often they are asked for."""

    name: str
    title: str
    tasks: tuple[str, ...]
    episodes: int
    films: int = 0  # of the adapted model


# As many episodes of what was shown as a verdict asks for; of what the base knows, each task once.
PARTS = (
    Part(name="shown", title="shown in the videos, new to the base", tasks=TASKS, episodes=120, films=3),
    Part(name="seen", title="known to the base", tasks=("seen",), episodes=42),
)


def run(job: Job) -> Path:
    """Let both models act, as far as they have not.

    Args:
        job: The demo's; its bundle is made.

    Returns:
        RUN/act/KEY.

    Raises:
        RunError: There is no bundle.
        SimulatorError: The simulator is not installed, or this machine cannot draw.
    """
    bundle = require_current(job.run_folder, "bundle")
    inputs = {
        "bundle": read_manifest(bundle)["key"],
        "base": base_fingerprint(job.recipe.base),
        "parts": [[part.name, list(part.tasks), part.episodes, part.films] for part in PARTS],
        "steps": STEPS,
        "seed": SEED,
        "version": VERSION,
    }

    def work(folder: Path) -> Mapping[str, Any]:
        """Let base and adapted model act in the same scenes; leaves the record and the films."""
        from adapt.evaluate.trial_pairs import in_words, to_json

        require_intact(bundle)
        models = {BASE: job.recipe.base, ADAPTED: str(bundle)}
        pairs = [_act(job, part, models, folder) for part in PARTS]
        record = {"format": FORMAT, "comparisons": [to_json(found) for found in pairs]}
        write_atomic(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        return {"summary": in_words(pairs[0])}

    return run_stage(job.run_folder, STAGE, inputs, work).path


def read(folder: Path) -> "tuple[TrialPair, ...]":
    """What came of it.

    Raises:
        DataError: The record is damaged.
    """
    from adapt.evaluate.trial_pairs import read_pair

    path = folder / RECORD
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["comparisons"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: cannot be read ({error}). Delete {folder} and give the same command again."
        ) from error
    return tuple(read_pair(row, source=str(path)) for row in rows)


def table(folder: Path) -> "RenderableType":
    """What came of it, for people."""
    from rich import box
    from rich.console import Group
    from rich.constrain import Constrain
    from rich.table import Table
    from rich.text import Text

    from adapt.evaluate.trial_pairs import in_words
    from pipelines.scorecard_parts import WIDTH

    pairs = read(folder)
    view = Table(title="Acting in the simulator, episodes done", box=box.SIMPLE_HEAD, title_justify="left")
    view.title_style, view.width, view.padding = "bold", WIDTH, (0, 1, 0, 0)
    view.add_column("tasks", ratio=1)
    for heading in (BASE, ADAPTED):
        view.add_column(heading, justify="right", no_wrap=True)
    for found in pairs:
        view.add_row(found.tasks, *(_rate(trials.success) for trials in (found.base, found.adapted)))
    words = [Text.assemble((f"{found.tasks}: ", "bold"), in_words(found)) for found in pairs]
    return Constrain(Group(view, *words, Text(_NOTE, style="dim")), width=WIDTH)


def films(folder: Path) -> list[Path]:
    """What there is to look at: what happened beside what was imagined."""
    return sorted(folder.glob("*/rollouts.*"))


def _act(job: Job, part: Part, models: Mapping[str, str], folder: Path) -> "TrialPair":
    from adapt.evaluate.closed_loop import Pace
    from adapt.evaluate.trial_pairs import pair
    from adapt.models.bases import TINY
    from pipelines import sim_try

    trial = sim_try.Trial(tasks=part.tasks, episodes=part.episodes, seed=SEED, body=BODY, pace=Pace(steps=STEPS))
    done = {
        name: sim_try.run(
            sim_try.Question(
                model=model,
                policy=None,
                trial=trial,
                films=part.films if name == ADAPTED else 0,
                out=folder / f"{part.name}-{name}",
                base=None if job.recipe.base == TINY else Path(job.recipe.base),
            )
        ).trials
        for name, model in models.items()
    }
    return pair(part.title, done[BASE], done[ADAPTED])


def _rate(share: Any) -> str:
    return f"{share.successes}/{share.episodes}, {share.share:.2f} ({share.low:.2f} to {share.high:.2f})"
