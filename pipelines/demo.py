"""Demo: the main job on what ships with the package. A hand is filmed at a task that the base has never seen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapt.errors import RunError
from adapt.runs.stage import run_stage
from pipelines.job import NAME, Job, save_job
from pipelines.schema import compose

VIDEOS = 20
SESSIONS = 10
SEED = 20


def run(out: Path) -> Path:
    """Draw the videos and write the job that adapts to them.

    Args:
        out: The run's folder; made, or gone on with.

    Returns:
        The run's folder, with a job in it.

    Raises:
        RunError: `out` is there already and is no run, or cannot be written.
    """
    begun = (out / NAME).is_file() or (out / "footage").is_dir()
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not begun):
        raise RunError(f"--out {out} is there already and is not the folder of a demo; name a new folder")
    footage = run_stage(out, "footage", {"videos": VIDEOS, "sessions": SESSIONS, "seed": SEED}, _film).path
    save_job(Job(kind="human", source=str(footage), run=str(out), recipe=compose("demo")))
    return out


def _film(folder: Path) -> Mapping[str, Any]:
    # Drawing takes its libraries with it; a demo that is done already does not need them.
    from adapt.sim.record import held_out_tasks, record_human

    task = held_out_tasks()[-1]
    record_human(folder, [task], videos=VIDEOS, seed=SEED, sessions=SESSIONS, rate_hz=5.0)
    return {"summary": f"{VIDEOS} videos", "videos": VIDEOS}
