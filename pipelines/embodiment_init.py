"""Embodiment init: a robot's data set in, the beginnings of its spec out."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapt.data.episodes import EpisodeSource
from adapt.data.sources import open_source
from adapt.embodiment.spec import Embodiment
from adapt.errors import DataError, RecipeError, RunError
from adapt.quality.robot.drafting import About, Draft, draft_spec
from adapt.runs.atomic import write_atomic
from pipelines.doctor_robot import fitting_bodies
from pipelines.ingest import base_geometry
from pipelines.terminal import shown

_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_]+")
_RATE_OFF = 1e-3  # share
_NAMED = 6  # questions that are shown before the rest are only counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What shall be drafted.

    Attributes:
        source: The data set's folder or file.
        out: The spec's file; None for NAME-OF-DATA.yaml in this folder.
        rate_hz: Rows a second, where the data do not say.
        base: Whose canvas the cameras are placed on.
    """

    source: Path
    out: Path | None
    rate_hz: float | None
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """What came of it.

    Attributes:
        path: The spec.
        draft: What it says.
        fitting: Shipped specs that fit the data.
        next: What to type next.
    """

    path: Path
    draft: Draft
    fitting: tuple[str, ...]
    next: str


def run(question: Question) -> Drafted:
    """Look at the data and write the draft.

    Raises:
        DataError: The data set cannot be read, or has neither actions nor state.
        RecipeError: The rate is none, or the file is not called .yaml.
        RunError: The file is there already, or cannot be written.
    """
    if question.rate_hz is not None and not question.rate_hz > 0:
        raise RecipeError(f"--rate is {question.rate_hz:g}; give how many rows come a second, a number above 0")
    path = question.out or Path(f"{_NOT_A_NAME.sub('_', question.source.resolve().stem).strip('_') or 'robot'}.yaml")
    if path.suffix not in (".yaml", ".yml"):
        raise RecipeError(f"--out {path} is not called .yaml; name a file like my_robot.yaml")
    if path.exists():
        raise RunError(f"{path}: is there already, and may have been worked on; name another file with --out")
    source, told_hz = _open(question)
    geometry = base_geometry(question.base)
    episodes, _ = source.episodes([])
    about = About(
        name=path.stem,
        slots=tuple(geometry.canvas.slots),
        rate_hz=told_hz,
        absent=[camera for camera in source.cameras if not _is_there(source, camera)],
    )
    draft = draft_spec(source, episodes, about)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, draft.text)
    except OSError as error:
        raise RunError(f"--out {path} cannot be written ({error.strerror}); name another file") from error
    command = f"wam-adapt embodiment check {shlex.quote(shown(path))} {shlex.quote(shown(question.source))}"
    return Drafted(path=path, draft=draft, fitting=fitting_bodies(source, geometry), next=command)


def tell(drafted: Drafted) -> str:
    """What came of it, for people."""
    body, questions = drafted.draft.body, drafted.draft.questions
    lines = [f"{shown(drafted.path)}: {sizes(body)}"]
    if drafted.draft.left_out:
        lines.append(f"left out, since they never change: {', '.join(drafted.draft.left_out)}")
    if not body.cameras:
        lines.append("no camera: the data hold no pictures, and without them nothing can be learned")
    lines += [f"  ? {question}" for question in questions[:_NAMED]]
    if len(questions) > _NAMED:
        lines.append(f"  ? and {len(questions) - _NAMED} more")
    if drafted.fitting:
        lines.append(f"shipped specs that fit these data: {', '.join(drafted.fitting)}; give one by its name instead")
    todo = "answer every '?' in it, then:" if questions else "look at it, then:"
    return "\n".join([*lines, todo, f"  {drafted.next}"])


def sizes(body: Embodiment) -> str:
    """How many cameras and axes a body has, for people."""
    cameras = f"{len(body.cameras)} camera{'' if len(body.cameras) == 1 else 's'}"
    return f"{cameras}, {len(body.actions)} action axes, {len(body.state)} state axes"


def to_json(drafted: Drafted) -> dict[str, Any]:
    """As a JSON object."""
    return {
        "spec": str(drafted.path),
        "questions": list(drafted.draft.questions),
        "left_out": list(drafted.draft.left_out),
        "fitting": list(drafted.fitting),
        "next": drafted.next,
    }


def _open(question: Question) -> tuple[EpisodeSource, float | None]:
    """The data set; and the rate, where it is the user who says it."""
    try:
        source = open_source(question.source)
    except DataError:
        if question.rate_hz is None:
            raise
        return open_source(question.source, rate_hz=question.rate_hz), question.rate_hz
    if question.rate_hz is not None and abs(question.rate_hz / source.rate_hz - 1) > _RATE_OFF:
        raise RecipeError(
            f"--rate is {question.rate_hz:g}, but {source.where} says {source.rate_hz:g} rows a second itself; leave "
            "--rate out, or mend the data set"
        )
    return source, None


def _is_there(source: EpisodeSource, camera: str) -> bool:
    """Whether there is a single picture of a camera."""
    only = {*source.files([camera])} - {*source.files([])}
    return not only or any(path.is_file() for path in only)
