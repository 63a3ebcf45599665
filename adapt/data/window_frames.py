"""Which pixels is a window? Its cameras' frames at its own times, placed on the base's canvas."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jaxtyping import UInt8
from torch import Tensor

from adapt.embodiment.spec import Embodiment
from adapt.errors import DataError, MediaError
from adapt.runs.cache import Cache
from adapt.types import BaseGeometry, VideoRef, Window
from adapt.video.canvas import place
from adapt.video.probe import probe
from adapt.video.reader import read_frames

_PASS_BYTES = 256 << 20  # Decoded frames held at once; consecutive windows are read in one pass up to this.


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFrames:
    """One window's canvas, or why it cannot be had."""

    window: Window
    frames: UInt8[Tensor, "t h w 3"] | None
    problem: str = ""


def read_windows(
    windows: Iterable[Window], body: Embodiment, geometry: BaseGeometry, cache: Cache
) -> Iterator[WindowFrames]:
    """Read windows of one body, each video in as few passes as memory allows.

    Args:
        windows: Windows in order of video and time, as ingest lists them.
        body: Says which camera fills which slot.
        geometry: The base's canvas and rates.
        cache: Remembers digests, by which a video that changed since it was ingested is noticed.

    Yields:
        Every window once, in the same order; those that cannot be read with the reason.
    """
    held: list[Window] = []
    room = 0  # Frames that may still join this pass.
    for window in windows:
        frames = geometry.frames(window.chunks)
        if held and (window.videos != held[0].videos or window.start_s < held[-1].start_s or frames > room):
            yield from _read_pass(held, body, geometry, cache)
            held = []
        if not held:
            room = _frames_at_once(window.videos)
        held.append(window)
        room -= frames
    if held:
        yield from _read_pass(held, body, geometry, cache)


def times_of(window: Window, geometry: BaseGeometry) -> list[float]:
    """When each frame of a window is, in seconds on its video's clock."""
    return [window.start_s + number / geometry.video_hz for number in range(geometry.frames(window.chunks))]


@lru_cache(maxsize=64)
def _frames_at_once(videos: tuple[VideoRef, ...]) -> int:
    """How many frames of these videos fit in a pass; 0 (one window a pass) where a video cannot be opened."""
    try:
        sizes = [probe(Path(video.path)) for video in videos]
    except MediaError:
        return 0  # The pass itself will say what is wrong.
    return _PASS_BYTES // sum(3 * size.height * size.width for size in sizes)


def _read_pass(
    windows: Sequence[Window], body: Embodiment, geometry: BaseGeometry, cache: Cache
) -> Iterator[WindowFrames]:
    """Read neighbouring windows together; where that fails, one by one, so that one bad stretch costs itself alone."""
    try:
        views = _views(windows, body, geometry, cache)
    except (MediaError, DataError) as error:
        if len(windows) > 1:
            for window in windows:
                yield from _read_pass([window], body, geometry, cache)
        else:
            yield WindowFrames(window=windows[0], frames=None, problem=str(error))
        return
    start = 0
    for window in windows:
        stop = start + geometry.frames(window.chunks)
        part = {slot: frames[start:stop] for slot, frames in views.items()}
        yield WindowFrames(window=window, frames=place(part, geometry.canvas))
        start = stop


def _views(
    windows: Sequence[Window], body: Embodiment, geometry: BaseGeometry, cache: Cache
) -> dict[str, UInt8[Tensor, "t h w 3"]]:
    slots = {camera.name: camera.slot for camera in body.cameras}
    times_s = [time_s for window in windows for time_s in times_of(window, geometry)]
    views = {}
    for video in windows[0].videos:
        path = Path(video.path)
        if cache.file_digest(path) != video.digest:
            raise DataError(f"{path}: changed since it was ingested; run ingest again.")
        views[slots[video.camera]] = read_frames(path, times_s).frames
    return views
