"""How does a film travel inside a page? All frames side by side in one WebP, moved behind a window of one frame."""

import base64
import io
from dataclasses import dataclass

from jaxtyping import UInt8
from markupsafe import Markup
from torch import Tensor

from adapt.report.svg import tag

MOST_WIDTH_PX = 320
_LOSSLESS_WIDTH_PX = 128  # small frames are shown enlarged, where every pixel counts
_LOSSY_QUALITY = 80
_MOST_SHEET_PX = 16000  # WebP ends at 16383


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """Frames as one picture, ready to be put into a page."""

    uri: str  # data:image/webp;base64,...
    frames: int
    width: int  # of one frame
    height: int
    small: bool  # to be enlarged without smoothing


def make_film(frames: UInt8[Tensor, "t h w 3"]) -> Film:
    """Put frames side by side; the same bytes for the same frames.

    Args:
        frames: In order of time. Frames of at most 128 pixels' width keep every bit; larger ones are made at most 320
            pixels wide (less for very long films) and compressed.
    """
    from PIL import Image

    t, h, w = frames.shape[:3]
    width = min(w, MOST_WIDTH_PX, max(1, _MOST_SHEET_PX // t))
    height = max(1, round(h * width / w))
    sheet = Image.new("RGB", (width * t, height))
    for place, frame in enumerate(frames):
        picture = Image.fromarray(frame.numpy())
        if width < w:
            picture = picture.resize((width, height), Image.Resampling.BOX)
        sheet.paste(picture, (place * width, 0))
    small = width <= _LOSSLESS_WIDTH_PX
    buffer = io.BytesIO()
    if small:
        sheet.save(buffer, format="WEBP", lossless=True, quality=80, method=4)
    else:
        sheet.save(buffer, format="WEBP", quality=_LOSSY_QUALITY, method=4)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Film(uri=f"data:image/webp;base64,{data}", frames=t, width=width, height=height, small=small)


def screen(film: Film, who: str, label: str) -> Markup:
    """A film behind a window of one frame, at its last; the page's player moves it.

    Args:
        film: Which.
        who: Whose it is, for the player.
        label: What it shows, for those who do not see it.
    """
    sheet = tag(
        "image",
        href=film.uri,
        x=-film.width * (film.frames - 1),
        y=0,
        width=film.width * film.frames,
        height=film.height,
        preserveAspectRatio="none",
    )
    return tag(
        "svg",
        sheet,
        class_="film small" if film.small else "film",
        viewBox=f"0 0 {film.width} {film.height}",
        role="img",
        aria_label=label,
        data_who=who,
        data_step=film.width,
        data_frames=film.frames,
    )
