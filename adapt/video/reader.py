"""Which frame was being shown at a given time, on the video's own clock?"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from adapt.types import Clip
from adapt.video import decord_reader, pyav_reader

log = logging.getLogger(__name__)

BACKENDS = ("pyav", "decord")


def read_frames(
    path: Path, times_s: Sequence[float], *, size: tuple[int, int] | None = None, backend: str | None = None
) -> Clip:
    """For each asked time, the frame being shown then: the last that came on show at or before it.

    PyAV is the default for every pattern of times, by measurement (docs/results/video_readers.json): dense, windows and
    sparse reads cost less; only a lone frame costs more. One default also keeps a window's pixels the same however it
    is read, since the two convert 10-bit and some other colours to slightly different bytes.

    Args:
        path: Video file.
        times_s: Asked times in seconds, 0 at the first frame; any order, repeats allowed, at least one.
        size: (height, width) in px to scale to while decoding; None keeps the upright size.
        backend: "pyav" or "decord", which falls back to PyAV for what it cannot serve; None is PyAV.

    Returns:
        One frame per asked time, upright, with square pixels and an SDR screen's colours; `time_s` holds when each came
        on show, not when it was asked for.

    Raises:
        MediaError: Not a video, a time before its start or after its end, colours that cannot be converted, or decoding
            breaks on the way.
        ValueError: No time is asked for, or the backend is not one of the two.
    """
    if not times_s:
        raise ValueError("read_frames needs at least one time")
    if backend not in (None, *BACKENDS):
        raise ValueError(f"backend {backend!r} is not one of {BACKENDS}")
    order = sorted(range(len(times_s)), key=lambda i: times_s[i])
    ascending = [float(times_s[i]) for i in order]
    found = _read_ascending(path, ascending, size, backend or "pyav")
    place_of = {asked: row for row, asked in enumerate(order)}
    shown = [found[place_of[i]] for i in range(len(times_s))]
    return Clip(
        frames=torch.stack([frame for _, frame in shown]),
        time_s=torch.tensor([start_s for start_s, _ in shown], dtype=torch.float64),
    )


def frames_at(path: Path, times_s: Sequence[float]) -> Iterator[UInt8[Tensor, "h w 3"]]:
    """Walk through a video once, giving for each asked time the frame that `read_frames` gives.

    Memory does not grow with the number of times.

    Args:
        path: Video file.
        times_s: Asked times in seconds, 0 at the first frame, none before the one ahead of it.

    Yields:
        One frame per asked time.

    Raises:
        MediaError: As `read_frames`; the frames before what cannot be read were given.
    """
    for _, frame in pyav_reader.read(path, times_s, None):
        yield frame


def stream_frames(
    path: Path, rate_hz: float, *, long_side_px: int | None = None
) -> Iterator[tuple[float, UInt8[Tensor, "h w 3"]]]:
    """Walk a video once from its start, giving the frame on show at 0, 1/rate, 2/rate, ... seconds.

    Memory does not grow with the video's length.

    Args:
        path: Video file.
        rate_hz: Frames to give per second of video.
        long_side_px: Shrink so that the longer side is no longer than this; None keeps the size.

    Yields:
        (asked time in seconds, upright frame).

    Raises:
        MediaError: Not a video; or decoding breaks on the way, after the frames before the break were given.
    """
    yield from pyav_reader.walk(path, rate_hz, long_side_px)


def _read_ascending(
    path: Path, times_s: Sequence[float], size: tuple[int, int] | None, backend: str
) -> list[tuple[float, Tensor]]:
    if backend == "decord":
        try:
            return decord_reader.read(path, times_s, size)
        except decord_reader.DecordRefusalError as refusal:
            log.info("%s: decord cannot read it (%s); PyAV does", path.name, refusal)
    return list(pyav_reader.read(path, times_s, size))
