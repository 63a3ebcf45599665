"""Which pixels is a window? Its cameras' frames at its own times, placed on the base's canvas."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from adapt.data.films import Film, film_frames
from adapt.data.made_ahead import made_ahead
from adapt.embodiment.spec import Embodiment
from adapt.errors import DataError, MediaError
from adapt.runs.cache import Cache
from adapt.types import BaseGeometry, Slot, Window
from adapt.video.canvas import letterbox, place

_AHEAD = 4  # Frames that are decoded while those before them are shrunk: full size, so no more than it takes.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowFrames:
    """One window's canvas, or why it cannot be had."""

    window: Window
    frames: UInt8[Tensor, "t h w 3"] | None
    problem: str = ""


def read_windows(
    windows: Iterable[Window], body: Embodiment, geometry: BaseGeometry, cache: Cache
) -> Iterator[WindowFrames]:
    """Read windows of one body, each video in one pass as long as nothing is wrong with it.

    No more is held than the windows that are being read, and a few frames of each camera.

    Args:
        windows: Windows in order of video and time, as ingest lists them.
        body: Says which camera fills which slot.
        geometry: The base's canvas and rates.
        cache: Remembers digests, by which a video that changed since it was ingested is noticed.

    Yields:
        Every window once, in the same order; those that cannot be read with the reason.
    """
    for _, same in groupby(windows, key=lambda window: window.videos):
        left, alone = list(same), False
        while left:
            read = 0
            try:
                for reading in _pass(left[:1] if alone else left, body, geometry, cache):
                    yield reading
                    read += 1
                alone = False
            except (MediaError, DataError) as error:
                if alone:
                    yield WindowFrames(window=left[0], frames=None, problem=str(error))
                    read = 1
                # Where a pass breaks, one window is tried by itself: a bad stretch costs itself alone, and says why.
                alone = not alone
            left = left[read:]


def times_of(window: Window, geometry: BaseGeometry) -> list[float]:
    """When each frame of a window is, in seconds on its video's clock."""
    return [window.start_s + number / geometry.video_hz for number in range(geometry.frames(window.chunks))]


def _pass(windows: Sequence[Window], body: Embodiment, geometry: BaseGeometry, cache: Cache) -> Iterator[WindowFrames]:
    """Read windows of the same videos, as far as they are in order of time, walking through each video once.

    Raises:
        MediaError: A video cannot be read at the window that would be next.
        DataError: A video cannot be read at all, or changed.
    """
    slots = {camera.name: camera.slot for camera in body.cameras}
    for video in windows[0].videos:
        if cache.file_digest(Path(video.path)) != video.digest:
            raise DataError(f"{video.path}: changed since it was ingested; run ingest again.")
    ordered = windows[: _in_order(windows)]
    times_s = [times_of(window, geometry) for window in ordered]
    with ExitStack() as walks:
        views = {}
        for video in windows[0].videos:
            slot = slots[video.camera]
            walk = _view(Film.of(video), times_s, geometry.canvas.slots[slot])
            views[slot] = walks.enter_context(closing(walk))
        for window in ordered:
            part = {slot: next(view) for slot, view in views.items()}
            yield WindowFrames(window=window, frames=place(part, geometry.canvas))


def _view(
    film: Film, windows_s: Sequence[Sequence[float]], slot: Slot
) -> Generator[UInt8[Tensor, "t _h _w 3"], None, None]:
    """One camera's frames of each window, shrunk to their slot as they come: full-size ones would fill the memory."""
    ascending = sorted({time_s for times_s in windows_s for time_s in times_s})
    held: dict[float, Tensor] = {}
    with made_ahead(film_frames(film, ascending), most=_AHEAD) as frames:
        coming = zip(ascending, frames, strict=True)
        for times_s in windows_s:
            held = {time_s: frame for time_s, frame in held.items() if time_s >= times_s[0]}
            while times_s[-1] not in held:
                time_s, frame = next(coming)
                held[time_s] = letterbox(frame[None], slot.height, slot.width)[0]
            yield torch.stack([held[time_s] for time_s in times_s])


def _in_order(windows: Sequence[Window]) -> int:
    """How many windows from the first on begin no earlier than the one before."""
    backwards = (place for place, (one, two) in enumerate(pairwise(windows), 1) if two.start_s < one.start_s)
    return next(backwards, len(windows))
