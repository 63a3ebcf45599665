"""What is this run to do? One value, written into its folder, that every stage is given."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapt.errors import RunError
from adapt.runs.atomic import write_atomic
from adapt.runs.disk import is_full
from adapt.runs.documents import brief, in_short, is_text, parse_object
from pipelines.schema import AdaptConfig
from pipelines.strict import build, to_plain

FORMAT = 1
NAME = "job.json"
KINDS = ("human", "play")
_TEXTS = ("kind", "source", "embodiment", "replay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One adaptation: what it learns from, for which body, by which recipe, and where its results go.

    Attributes:
        kind: "human" (videos without actions) or "play" (a robot's recordings).
        source: The folder, or single file, of videos; or the data set's folder. Absolute.
        run: The run's folder.
        task: The instruction of all videos, or None where the folder tells them.
        embodiment: The body the data shows: a name from recipes/embodiment, or the path of a YAML file.
        replay: "base" for the replay data that ships with the base, "none", or the folder of an encode stage.
        recipe: Every setting.
    """

    kind: str
    source: str
    run: str
    task: str | None = None
    embodiment: str = "human_hand"
    replay: str = "base"
    recipe: AdaptConfig = field(default_factory=AdaptConfig)

    @property
    def run_folder(self) -> Path:
        """The run's folder as a path."""
        return Path(self.run)

    @property
    def source_path(self) -> Path:
        """The source as a path."""
        return Path(self.source)


def save_job(job: Job) -> Path:
    """Write the job into its run's folder, unless the same job is there already.

    Args:
        job: The job.

    Returns:
        RUN/job.json.

    Raises:
        RunError: The folder cannot be made or written.
    """
    path = job.run_folder / NAME
    record = {key: getattr(job, key) for key in (*_TEXTS, "task")}
    text = json.dumps({"format": FORMAT, **record, "recipe": to_plain(job.recipe)}, indent=2) + "\n"
    try:
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            job.run_folder.mkdir(parents=True, exist_ok=True)
            write_atomic(path, text)
    except OSError as error:
        why = "the disk is full" if is_full(error) else error.strerror
        raise RunError(
            f"{path} cannot be written ({why}); free the disk or name another folder with --out, then give the same "
            "command again"
        ) from error
    return path


def load_job(run: Path) -> Job:
    """Read the job of a run, as strictly as a recipe.

    Args:
        run: The run's folder; it may have been moved or copied.

    Returns:
        The job, with `run` as given.

    Raises:
        RunError: There is no job there, or it is damaged, or a later version wrote it.
        RecipeError: A setting in it is unknown or impossible.
    """
    path = run / NAME
    if not path.is_file():
        raise RunError(
            f"{run} is not the folder of a run: it has no {NAME}; start one with: "
            f"wam-adapt adapt human VIDEOS --out {run}"
        )
    try:
        record: dict[str, Any] = parse_object(path.read_text(encoding="utf-8"))
        form = record.pop("format")
        if form != FORMAT:
            raise RunError(
                f"{path} has format {brief(form)}, this version reads {FORMAT}; use the version that wrote it"
            )
        recipe = record.pop("recipe")
        wrong = set(record) ^ {*_TEXTS, "task"}
        # A path may be no text that UTF-8 can hold, but no path holds NUL.
        whole = all(isinstance(record[key], str) and "\0" not in record[key] for key in _TEXTS)
        whole = whole and record["kind"] in KINDS
        whole = whole and (record["task"] is None or is_text(record["task"]))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise RunError(
            f"{path} is damaged ({in_short(error)}); give the whole `wam-adapt adapt` command again"
        ) from error
    if wrong or not whole:
        what = f"keys {sorted(wrong)}" if wrong else "a value of the wrong type"
        raise RunError(f"{path} is damaged ({what}); give the whole `wam-adapt adapt` command again")
    return Job(run=str(run), recipe=build(AdaptConfig, recipe, lambda _: str(path)), **record)
