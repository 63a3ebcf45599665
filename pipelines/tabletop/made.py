"""How did a study's record come about? By which command and commit, on what machine, in how many minutes of a core."""

import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapt.evaluate.closed_loop_record import Made
from adapt.runs.atomic import write_atomic
from pipelines.tabletop.plan import StudyPlan

_FOLDER = "spent"


@contextmanager
def spent(out: Path, name: str) -> Iterator[None]:
    """Remember how long a piece of work took; what was killed under way is not counted."""
    started = time.monotonic()
    yield
    path = out / _FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    before = float(path.read_text(encoding="utf-8")) if path.is_file() else 0.0
    write_atomic(path, f"{before + time.monotonic() - started:.1f}\n")


def made(out: Path, plan: StudyPlan, command: str) -> Made:
    """What another machine, or another day, has otherwise."""
    names = {name for unit in plan.units for name in (unit.identity, unit.data)}
    paths = [out / _FOLDER / name for name in sorted(names)]
    seconds = sum(float(path.read_text(encoding="utf-8")) for path in paths if path.is_file())
    return Made(
        command=command,
        commit=commit(),
        minutes=round(seconds / 60, 1),
        hardware={"cpu": _processor(), "cores": os.cpu_count()},
    )


def commit() -> str:
    """The commit that this program is of; "uncommitted" where its files are changed, or in no repository."""
    home = Path(__file__).parents[1]
    answers = [_git(home, "rev-parse", "--short", "HEAD"), _git(home, "status", "--porcelain", "--", *_OURS)]
    if answers[0] is None or answers[1] is None or answers[1]:
        return "uncommitted"
    return answers[0]


_OURS = ("adapt", "pipelines", "recipes")


def _git(home: Path, *words: str) -> str | None:
    try:
        answer = subprocess.run(["git", "-C", str(home), *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return None if answer.returncode else answer.stdout.strip()


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
