"""Status: how far has a run come, is what it holds still what its job asks for, and what goes on with it?

Looks and writes nothing; loads neither torch nor any video.
"""

import shlex
from dataclasses import replace
from pathlib import Path

from adapt.errors import DataError, RunError
from adapt.runs.cache import Cache
from adapt.runs.published import Published, read_published
from adapt.runs.results import find_run, find_runs
from pipelines.again import FOOTAGE, adapt_command, is_demo
from pipelines.job import NAME, Job, load_job
from pipelines.left_out import why_withheld
from pipelines.stages import STAGES
from pipelines.status_others import look, look_at_study
from pipelines.status_stages import DONE, Status, look_at
from pipelines.terminal import shown

ACT = "act"  # Where the demo's models act, after the bundle.
_NAMED = 3  # runs of a folder in a message


def run(folder: Path) -> Status:
    """Look at a folder.

    Args:
        folder: Of a run, of a pretraining, or of a study on the tabletop.

    Raises:
        RunError: It is none of these; the message says what it is, as far as that can be told.
        RecipeError: The run's job has a setting that this version does not know.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "there is no such folder"
        raise RunError(f"{folder}: {what}; give the folder that was named with --out")
    if (folder / NAME).is_file():
        return _of_run(load_job(folder))
    found = look(folder)
    if found is None:
        raise RunError(_describe_other(folder))
    return found


def _of_run(job: Job) -> Status:
    folder = job.run_folder
    demo = is_demo(folder)
    notes = _notes(job)
    study = look_at_study(job)
    about = {"data": job.source, "task": job.task or "", "base": job.recipe.base, "body": job.embodiment}
    status = Status(
        folder=folder,
        what="demo" if demo else f"{job.kind} run",
        stages=[*look_at(folder, (FOOTAGE, *STAGES, ACT) if demo else STAGES, job), *([study] if study else [])],
        about={name: told for name, told in about.items() if told},
        notes=notes,
        published=_published(folder, notes),
    )
    return replace(status, next=_next(job, status))


def _next(job: Job, status: Status) -> list[str]:
    """What to type; nothing while a process is at it."""
    if status.working is not None:
        return []
    begun = {stage.stage: stage for stage in status.stages}
    if any(stage.state != DONE for name, stage in begun.items() if name != "study"):
        return [adapt_command(job)]
    from pipelines.adapt_all import Outcome, next_commands

    results = {name: job.run_folder / name / stage.key for name, stage in begun.items() if name in STAGES}
    commands = next_commands(Outcome(run=job.run_folder, results=results, worked=()), job)
    if "study" in begun and begun["study"].state != DONE:
        commands.insert(0, f"wam-adapt study --run {shlex.quote(shown(job.run_folder))}")
    return commands


def _notes(job: Job) -> list[str]:
    notes = []
    if not job.source_path.exists():
        notes.append(f"Its data is not at {job.source} any more; what is done stays, but no stage can read it again.")
    try:
        if reason := why_withheld(job.run_folder, Cache.default()):
            notes.append(f"It cannot be published: {reason}.")
    except DataError as error:
        notes.append(f"Whether it may be published cannot be told: {error}")
    return notes


def _published(folder: Path, notes: list[str]) -> list[Published]:
    try:
        return read_published(folder)
    except RunError as error:
        notes.append(f"{error}.")
        return []


def _describe_other(folder: Path) -> str:
    """What a folder is that is no run, and what to give instead."""
    head = f"{folder} is not the folder of a run: it has no {NAME}"
    if (above := find_run(folder)) is not None:
        return f"{head}, but lies within one; give: wam-adapt status {shlex.quote(shown(above))}"
    if below := find_runs(folder):
        named = ", ".join(shown(run) for run in below[:_NAMED]) + (", ..." if len(below) > _NAMED else "")
        return f"{head}; it holds {len(below)} of them: {named}; give one"
    if any((folder / stage).is_dir() for stage in STAGES):
        return f"{head}, though it has stages of one; put its {NAME} back, or begin anew with another --out"
    if (folder / "bundle.json").is_file():
        return f"{head}; it is a bundle: try wam-adapt predict --bundle {shlex.quote(shown(folder))}"
    return f"{head}; give the folder that was named with --out, or start one: wam-adapt adapt human VIDEOS --out RUN"
