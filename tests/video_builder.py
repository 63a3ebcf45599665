"""Videos made by the tests themselves: every frame its own shade of grey, shown when the test says."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

CLOCK_HZ = 90_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """How a video is to be made; times in seconds, one frame each."""

    times_s: Sequence[float]
    height: int = 48
    width: int = 64
    rotation_deg: int = 0  # anticlockwise turn that a player must make
    codec: str = "libx264"
    pixels: str = "yuv420p"
    key_every: int = 250


def even_times(frames: int, rate_hz: float, *, first_s: float = 0.0) -> list[float]:
    """Times of so many frames at a constant rate."""
    return [first_s + frame / rate_hz for frame in range(frames)]


def shade(frame: int) -> int:
    """Grey of a frame, told apart from its neighbours after lossy coding."""
    return 20 + (37 * frame) % 200


def make_video(path: Path, film: Film) -> Path:
    """Write the video: frame n is grey `shade(n)`, its upper left quarter white to tell which way is up."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        options = {"g": str(film.key_every), "threads": "1"}
        if film.codec == "libx264":
            options |= {"crf": "12", "bf": "2", "sc_threshold": "0"}
        stream = container.add_stream(film.codec, rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = film.width, film.height, film.pixels
        stream.codec_context.time_base = Fraction(1, CLOCK_HZ)
        stream.time_base = Fraction(1, CLOCK_HZ)
        if film.rotation_deg:
            stream.set_display_rotation(film.rotation_deg)
        for number, time_s in enumerate(film.times_s):
            picture = np.full((film.height, film.width, 3), shade(number), np.uint8)
            picture[: film.height // 2, : film.width // 2] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time_s * CLOCK_HZ), Fraction(1, CLOCK_HZ)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
