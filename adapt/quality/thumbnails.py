"""One small picture of each video, that says which one it is and where hands were found, and shows nobody's face."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import UInt8
from torch import Tensor

from adapt.data.films import Film, film_frames
from adapt.data.video_folder import VideoItem
from adapt.errors import DataError, MediaError
from adapt.hands.face_model import ensure_face_models
from adapt.hands.faces import Faces, hide, mosaic
from adapt.hands.landmarks import HandLandmarks, SeenHand
from adapt.hands.model_file import ensure_hand_model
from adapt.hands.quality import HandConfig
from adapt.quality import faults
from adapt.quality.files import FileReport
from adapt.runs.cache import Cache
from adapt.video.canvas import letterbox

if TYPE_CHECKING:
    from PIL import Image

WIDTH_PX = 320
_LOOKED_AT_PX = 1280  # Longest side of the picture in which faces and hands are looked for.
_CELLS = 12  # Along the shorter side where nobody can look for faces: enough to tell a table from a sky.
_QUALITY = 72
# Which landmarks of a hand are joined: five fingers from the wrist.
_FINGERS = ((0, 1, 2, 3, 4), (0, 5, 6, 7, 8), (0, 9, 10, 11, 12), (0, 13, 14, 15, 16), (0, 17, 18, 19, 20))
_COLOURS = {"left": (240, 160, 40), "right": (60, 200, 230)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A picture of a video.

    Attributes:
        jpeg: Its bytes.
        time_s: When in the video it was taken.
        width: In px.
        height: In px.
    """

    jpeg: bytes
    time_s: float
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnails:
    """The pictures of a folder.

    Attributes:
        by_file: By the video's name; those that cannot be read have none.
        hidden: What was done so that nobody is seen, in words.
    """

    by_file: Mapping[str, Thumbnail]
    hidden: str


def make_thumbnails(
    items: Sequence[VideoItem],
    files: Sequence[FileReport],
    config: HandConfig,
    cache: Cache,
    *,
    progress: Callable[[float, str], None] = lambda _share, _name: None,
) -> Thumbnails:
    """Take one picture of each video, from the middle of its longest kept stretch.

    Where the face networks cannot be had, the whole picture is coarsened.

    Args:
        items: The videos.
        files: What is known of them.
        config: With `min_hands_share` 0 no hands are looked for.
        cache: Where the networks are kept; no picture is.
        progress: Told the share done in [0, 1], and the name of the video.
    """
    paths = {item.name: item.path for item in items}
    shown = [file for file in files if file.info is not None and file.duration_s > 0 and file.name in paths]
    made = {}
    with hiding(cache) as hidden:
        hand_model = _hand_model(config, cache)
        for number, file in enumerate(shown):
            progress(number / len(shown), file.name)
            time_s = _moment(file)
            frame = _frame(Film(path=paths[file.name]), time_s)
            if frame is not None:
                made[file.name] = _thumbnail(frame, time_s, hidden, _hands(frame, hand_model, config))
    return Thumbnails(by_file=made, hidden=hidden.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """How faces are hidden.

    Attributes:
        faces: What finds them; None where that cannot be had, and pictures are coarse throughout.
        words: What was done so that nobody is seen.
    """

    faces: Faces | None
    words: str

    def apply(self, frame: UInt8[Tensor, "h w 3"]) -> UInt8[Tensor, "h w 3"]:
        """The picture, with nobody to be known in it."""
        return hide(frame, self.faces.find(frame)) if self.faces is not None else mosaic(frame, _CELLS)


@contextmanager
def hiding(cache: Cache) -> Iterator[Hidden]:
    """Load what finds faces; where it cannot be had, whole pictures are coarsened.

    Args:
        cache: Where the networks are kept.
    """
    try:
        models = ensure_face_models(cache.folder("models"))
    except DataError:
        yield Hidden(
            faces=None, words="Pictures are coarsened throughout, since the face detectors could not be fetched."
        )
        return
    with Faces(models) as faces:
        words = "Faces that MediaPipe's face detectors find are made unrecognisable; they do not find every face."
        yield Hidden(faces=faces, words=words)


def take_picture(film: Film, time_s: float, hidden: Hidden) -> Thumbnail | None:
    """One picture of a video, with nobody to be known in it; None where it cannot be read.

    Args:
        film: The video.
        time_s: When, on the film's own clock.
        hidden: Of `hiding`.
    """
    frame = _frame(film, time_s)
    return None if frame is None else _thumbnail(frame, time_s, hidden, ())


def _frame(film: Film, time_s: float) -> UInt8[Tensor, "_h _w 3"] | None:
    try:
        return _shrunk(next(film_frames(film, [time_s])), _LOOKED_AT_PX)
    except (MediaError, DataError):
        return None


def _moment(file: FileReport) -> float:
    kept = [stretch for stretch in file.stretches if stretch.code in (faults.KEPT, faults.UNTOLD)]
    readable = [stretch for stretch in file.stretches if stretch.code != faults.UNREAD]
    longest = max(kept or readable or file.stretches, key=lambda stretch: stretch.seconds)
    return (longest.start_s + longest.end_s) / 2


def _hand_model(config: HandConfig, cache: Cache) -> Path | None:
    """The model; None where no hands are asked for, or it is gone since hands were last looked for."""
    if config.min_hands_share <= 0:
        return None
    try:
        return ensure_hand_model(cache.folder("models"))
    except DataError:
        return None


def _hands(frame: UInt8[Tensor, "h w 3"], model: Path | None, config: HandConfig) -> list[SeenHand]:
    if model is None:
        return []
    with HandLandmarks(model, min_score=config.min_score) as landmarks:
        return landmarks.look(frame, 0.0)


def _thumbnail(frame: UInt8[Tensor, "h w 3"], time_s: float, hidden: Hidden, hands: Sequence[SeenHand]) -> Thumbnail:
    from PIL import Image

    picture = Image.fromarray(_shrunk(hidden.apply(frame), WIDTH_PX).numpy())
    _draw(picture, hands)
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=_QUALITY)
    return Thumbnail(jpeg=buffer.getvalue(), time_s=time_s, width=picture.width, height=picture.height)


def _shrunk(frame: UInt8[Tensor, "h w 3"], longest_px: int) -> UInt8[Tensor, "_h _w 3"]:
    height, width = frame.shape[:2]
    scale = min(1.0, longest_px / max(height, width))
    if scale == 1.0:
        return frame
    return letterbox(frame[None], max(1, round(height * scale)), max(1, round(width * scale)))[0]


def _draw(picture: "Image.Image", hands: Sequence[SeenHand]) -> None:
    """The landmarks of hands as lines from the wrist to the fingertips."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(picture)
    size = torch.tensor([picture.width, picture.height])
    for hand in hands:
        points = [tuple(point) for point in (hand.landmarks[:, :2] * size).tolist()]
        for finger in _FINGERS:
            draw.line([points[joint] for joint in finger], fill=_COLOURS[hand.side], width=3)
