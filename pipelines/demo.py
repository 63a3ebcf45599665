"""Demo: the main job on what ships with the package. A hand is filmed at a task that the base has never seen done."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapt.errors import RunError
from adapt.runs.stage import run_stage
from pipelines.bar import bar
from pipelines.job import NAME, Job, save_job
from pipelines.schema import compose

VERSION = 4  # Raise by hand when the same numbers would be filmed otherwise.
TASKS = ("put the red block far left",)
VIDEOS = 24
SESSIONS = 12
SEED = 20


def run(out: Path) -> Path:
    """Film the videos and write the job that adapts to them.

    Args:
        out: The run's folder; made, or gone on with.

    Returns:
        The run's folder, with a job in it.

    Raises:
        RunError: `out` is there already and is no run, or cannot be written.
        SimulatorError: The simulator is not installed, or this machine cannot draw.
    """
    begun = (out / NAME).is_file() or (out / "footage").is_dir()
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not begun):
        raise RunError(f"--out {out} is there already and is not the folder of a demo; name a new folder")
    inputs = {"tasks": list(TASKS), "videos": VIDEOS, "sessions": SESSIONS, "seed": SEED, "version": VERSION}
    footage = run_stage(out, "footage", inputs, _film).path
    save_job(Job(kind="human", source=str(footage / "hand"), run=str(out), recipe=compose("demo")))
    return out


def _film(folder: Path) -> Mapping[str, Any]:
    # Drawing takes its libraries with it; a demo that is done already does not need them.
    from adapt.sim.choices import choose_tasks
    from adapt.sim.recording import record_human
    from adapt.sim.takes import Takes

    takes = Takes(tasks=choose_tasks(TASKS), count=VIDEOS, seed=SEED)
    with bar("filming", takes.expected_frames) as tell:
        recorded = record_human(folder / "hand", takes, sessions=SESSIONS, tell=tell)
    return {"summary": f"{recorded.episodes} videos, {recorded.minutes:.1f} minutes", "videos": recorded.episodes}
