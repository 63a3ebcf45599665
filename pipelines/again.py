"""Which words make this run go on? The command that its job was made with, or one that asks for the same."""

import shlex
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from adapt.errors import RecipeError
from pipelines.job import Job
from pipelines.schema import AdaptConfig, compose
from pipelines.stages import STAGES
from pipelines.strict import to_plain
from pipelines.terminal import shown

FOOTAGE = "footage"  # What the demo films for itself, in the folder of its run.


def is_demo(run: Path) -> bool:
    """Whether a run is one that `wam-adapt demo` made."""
    return (run / FOOTAGE).is_dir()


def adapt_command(job: Job) -> str:
    """The command that brings a whole run up to date, ready to be copied.

    It is made of the job, so a setting that came from a recipe of the user's own is told by --set. Where words cannot
    say what the job says, it is the stages one after the other, which read the job itself.
    """
    run = _quoted(job.run_folder)
    if is_demo(job.run_folder):
        return f"wam-adapt demo --out {run}"
    changed = _changed(job)
    if changed is None:
        return " && ".join(f"wam-adapt {stage} --run {run}" for stage in STAGES)
    words = ["wam-adapt", "adapt", job.kind, _quoted(job.source_path)]
    if job.task is not None:
        words.append(f"--task {shlex.quote(job.task)}" if not job.task.startswith("-") else _joined("task", job.task))
    if job.kind == "play" or job.embodiment != "human_hand":
        words.append(f"--embodiment {shlex.quote(job.embodiment)}")
    others = [each for each in changed if not each.startswith("base=")]
    if len(others) < len(changed):
        words.append(f"--base {shlex.quote(job.recipe.base)}")
    if job.replay != "base":
        words.append(f"--replay {shlex.quote(job.replay)}")
    words.append(f"--out {run}")
    if others:
        words.append(f"--set {' '.join(shlex.quote(each) for each in others)}")
    return " ".join(words)


def _changed(job: Job) -> list[str] | None:
    """What --set has to say so that the kind's own recipe becomes the job's; None where it cannot."""
    shipped = dict(flat(to_plain(compose(job.kind))))
    wanted = dict(flat(to_plain(job.recipe)))
    changed = [f"{key}={_text(value)}" for key, value in wanted.items() if value != shipped[key]]
    try:
        asked: AdaptConfig = compose(job.kind, changed)
    except RecipeError:
        return None
    return changed if asked == job.recipe else None


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a tree of settings, by full name."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return str(value.value) if isinstance(value, Enum) else str(value)


def _joined(name: str, text: str) -> str:
    """For a text that begins like an option."""
    return shlex.quote(f"--{name}={text}")


def _quoted(path: Path) -> str:
    return shlex.quote(shown(path))
