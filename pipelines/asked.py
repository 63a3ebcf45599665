"""What do the words of a command mean? Paths as the user means them, a job, and who shall work at it."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from adapt.errors import DataError, RecipeError, RunError

if TYPE_CHECKING:
    from pipelines.engines import Workers
    from pipelines.job import Job


def make_job(arguments: Namespace) -> "Job":
    """The run that is asked for.

    Raises:
        DataError: Its data is not there.
        RunError: Its folder is taken, or lies inside the data.
        RecipeError: A setting is unknown or impossible.
    """
    from pipelines.job import Job
    from pipelines.schema import compose

    source, run = place(arguments.source), place(arguments.out)
    if not source.exists():
        raise DataError(f"{arguments.source}: there is no such file or folder (looked for {source}); check the path")
    if source.is_dir() and run.resolve().is_relative_to(source.resolve()):
        raise RunError(
            f"--out {run} lies inside the data at {source}, where its own videos would be taken for data; "
            "name a folder outside"
        )
    if run.is_file() or (run.is_dir() and any(run.iterdir()) and not (run / "job.json").is_file()):
        raise RunError(f"--out {run} is there already and is not the folder of a run; name a new folder")
    _refuse_another_run(run, arguments.kind, source)
    if arguments.task is not None and not arguments.task.strip():
        raise RecipeError("--task is empty; say what is done in the videos, for example 'pour water into the cup'")
    recipe = compose(arguments.recipe, arguments.overrides)
    recipe.base = _name_or_place(arguments.base or recipe.base)
    return Job(
        kind=arguments.kind,
        source=str(source),
        run=str(run),
        task=arguments.task,
        embodiment=_name_or_place(arguments.embodiment),
        replay=arguments.replay if arguments.replay in ("base", "none") else str(place(arguments.replay)),
        recipe=recipe,
    )


def _refuse_another_run(run: Path, kind: str, source: Path) -> None:
    """A run keeps to its kind and its data; other data silently in its place would be published under its name."""
    from pipelines.job import NAME, load_job

    if not (run / NAME).is_file():
        return
    there = load_job(run)
    # Data that has been moved is the same data; stages find out by its bytes.
    if there.kind != kind or (there.source_path != source and there.source_path.exists()):
        raise RunError(
            f"--out {run} is the folder of another run, of {there.kind} data at {there.source}; name a new folder, or "
            "delete that one"
        )


def place(text: str) -> Path:
    """A path as the user means it: `~` is their home, and the rest is taken letter by letter."""
    return Path(text).expanduser().absolute()


def image_of(text: str) -> str:
    """PATH, or CAMERA=PATH, with the path made whole."""
    camera, equals, path = text.partition("=")
    if not equals or place(text).exists():
        return str(place(text))
    return f"{camera}={place(path)}"


def _name_or_place(text: str) -> str:
    """A name stays one; what lies on the disk becomes a path that holds from any folder."""
    there = place(text)
    is_place = "/" in text or text.endswith(".yaml")
    return str(there) if is_place and there.exists() else text


def workers_of(arguments: Namespace) -> "Workers":
    """Who shall read and encode.

    Raises:
        RunError: A number of processes is asked of a cluster.
    """
    from pipelines.engines import RAY, Workers

    # A study of a run that is encoded already is not asked who shall encode.
    given = {name: value for name in ("engine", "jobs") if (value := getattr(arguments, name, None)) is not None}
    workers = Workers(**given)
    if workers.engine == RAY and workers.jobs > 1:
        raise RunError(
            f"--jobs {workers.jobs}: says how many processes of this machine read and encode; with --engine ray the "
            f"cluster has as many as it was started with (`ray start --num-cpus {workers.jobs}`); leave one of them out"
        )
    return workers
