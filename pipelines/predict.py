"""Ask a bundle: one picture and one instruction in, the imagined video and the actions out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapt.errors import DataError, MediaError
from adapt.runs.atomic import write_atomic
from adapt.runs.documents import brief, parse_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from adapt.embodiment.spec import Embodiment
    from adapt.policy.policy import Policy
    from adapt.types import ActionChunk, Prediction

VIDEO, PICTURE, ACTIONS = "prediction.mp4", "prediction.png", "actions.json"
_SPREAD_NOTE = (
    "give or take: one standard deviation, if this imagined future comes true; whether it does, it cannot say"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a bundle.

    Attributes:
        bundle: The folder of a bundle, or of a base, such as one that a bundle was merged into.
        images: The pictures: PATH for a body with one camera, CAMERA=PATH for each camera of others. None at all asks
            about the picture, and the state, that the bundle brings with it.
        task: The instruction; None for the one the bundle brings with it.
        state: A JSON file with the body's state: a list of numbers, or an object by axis name. None for none: then
            the bundle's own stands in for it, which the answer says.
        out: Folder for the video, a picture and the actions; None writes nothing.
        seed: Seed of the noise the imagined future starts from.
        base: Folder of the base that the bundle names, where that does not ship with this package.
    """

    bundle: Path
    images: Sequence[str] = ()
    task: str | None = None
    state: Path | None = None
    out: Path | None = None
    seed: int = 0
    base: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the bundle says, for which body, which files tell it, and what to bear in mind."""

    body: str
    prediction: "Prediction"
    video_hz: float
    written: tuple[Path, ...]
    note: str = ""


def run(question: Question) -> Answer:
    """Load the bundle, imagine, act, and write down what came of it.

    Raises:
        BundleError: The bundle is not sound, or belongs to another base.
        DataError: The observation does not fit the body.
        MediaError: A picture cannot be read.
    """
    policy = _open(question)
    observation, task, note = _asked(question, policy)
    prediction = policy.predict(observation, task, seed=question.seed, with_spread=True)
    video_hz = policy.geometry.video_hz
    written = () if question.out is None else _write(question.out, prediction, video_hz)
    return Answer(body=policy.body.name, prediction=prediction, video_hz=video_hz, written=written, note=note)


def _open(question: Question) -> "Policy":
    from adapt.policy import load
    from adapt.policy.bundle_files import BASE, BUNDLE

    # Both have a base.json; a bundle's says which base it belongs to, a base's what it is.
    if (question.bundle / BASE).is_file() and not (question.bundle / BUNDLE).exists():
        from adapt.policy.opening import open_policy

        return open_policy(str(question.bundle))
    return load(question.bundle, bases={} if question.base is None else _named(question.base))


def to_json(answer: Answer) -> dict[str, Any]:
    """The answer for machines."""
    actions = answer.prediction.actions
    return {
        "body": answer.body,
        "actions": None if actions is None else _actions_json(actions),
        "files": [str(path) for path in answer.written],
        "note": answer.note,
    }


def table(answer: Answer) -> "RenderableType":
    """The answer for people: one row an action axis, with its first and last value, its range and how sure it is."""
    from rich import box
    from rich.table import Table

    actions = answer.prediction.actions
    if actions is None:
        return f"{answer.body} has no action axes: video only."
    steps = len(actions.values)
    title = f"{answer.body}: {steps} actions in {steps / actions.rate_hz:g} s ({actions.rate_hz:g} a second)"
    notes = [answer.note] if answer.note else []
    notes += [] if actions.spread is None else [_SPREAD_NOTE]
    view = Table(
        title=title, caption="\n".join(notes) or None, box=box.SIMPLE_HEAD, title_justify="left", caption_justify="left"
    )
    view.add_column("axis")
    view.add_column("unit")
    for heading in ("first", "last", "lowest", "highest", *(() if actions.spread is None else ("give or take",))):
        view.add_column(heading, justify="right")
    for place, (name, unit) in enumerate(zip(actions.names, actions.units, strict=True)):
        column = actions.values[:, place]
        figures = [column[0], column[-1], column.min(), column.max()]
        if actions.spread is not None:
            figures.append(actions.spread[:, place].square().mean().sqrt())
        view.add_row(name, unit, *(f"{float(figure):.4g}" for figure in figures))
    return view


def _asked(question: Question, policy: "Policy") -> tuple[Any, str, str]:
    """The observation, the instruction and a note: what the user leaves out comes from the bundle's golden question."""
    golden = policy.golden
    task = question.task if question.task is not None or golden is None else golden.instruction
    if task is None:
        raise DataError("--task is missing, and this policy has no instruction of its own. Say what is to be done.")
    state, own = _read_state(question.state), None if golden is None else golden.observation
    if question.images:
        note = ""
        if state is None and own is not None and own.state is not None:
            state, note = own.state, "no --state given: a usual one stands in, so only the changes mean something"
        return {"images": _read_images(question.images, policy.body), "state": state}, task, note
    if own is None or state is not None:
        raise DataError(f"--image is missing; {policy.body.name} needs a picture to go with it. Give --image FRAME.")
    return own, task, "no --image given: asked about the picture and the state that the bundle brings"


def _named(base: Path) -> dict[str, Path]:
    from adapt.models.bases import read_identity

    return {read_identity(str(base))[0].name: base}


def _read_images(images: Sequence[str], body: "Embodiment") -> object:
    names = [camera.name for camera in body.cameras]
    if len(images) == 1 and (Path(images[0]).is_file() or "=" not in images[0]):
        return _read_image(Path(images[0]))
    found: dict[str, object] = {}
    for entry in images:
        name, _, path = entry.partition("=")
        if not path:
            raise DataError(
                f"--image {entry}: {body.name} has the cameras {', '.join(names)}; give --image CAMERA=PATH for each."
            )
        found[name] = _read_image(Path(path))
    return found


def _read_image(path: Path) -> object:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except FileNotFoundError as error:
        raise MediaError(f"{path}: there is no such picture. Check --image.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError(f"{path}: is not a picture that can be read ({error}). Give a PNG or a JPEG.") from error


def _read_state(path: Path | None) -> object:
    if path is None:
        return None
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}). Write a list of numbers, one an axis.") from error
    if not isinstance(value, list | Mapping):
        raise DataError(
            f"{path}: holds {brief(value)}. Write a list of numbers, or an object of axis names and numbers."
        )
    return value


def _write(out: Path, prediction: "Prediction", video_hz: float) -> tuple[Path, ...]:
    from adapt.evaluate.pictures import draw_film, to_png
    from adapt.video.writer import write_video

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"--out {out}: cannot be made a folder ({error.strerror}). Name another.") from error
    written = []
    if prediction.frames is not None:
        write_video(out / VIDEO, prediction.frames, video_hz)
        write_atomic(out / PICTURE, to_png(draw_film(prediction.frames)))
        written += [out / VIDEO, out / PICTURE]
    if prediction.actions is not None:
        write_atomic(out / ACTIONS, json.dumps(_actions_json(prediction.actions), indent=2) + "\n")
        written.append(out / ACTIONS)
    return tuple(written)


def _actions_json(actions: "ActionChunk") -> dict[str, Any]:
    return {
        "names": list(actions.names),
        "units": list(actions.units),
        "rate_hz": actions.rate_hz,
        "values": actions.values.tolist(),
        "spread": None if actions.spread is None else actions.spread.tolist(),
    }
