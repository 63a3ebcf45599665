"""Frames by time through PyAV: seek to a key frame, decode forward, keep what was on show."""

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import UInt8
from torch import Tensor

from adapt.errors import MediaError
from adapt.video.colour import ColourError
from adapt.video.opening import BROKEN, open_video, plain
from adapt.video.upright import upright_rgb, upright_size

SLACK_S = 1e-4  # Asked times carry rounding; no camera's frames are this short.
_SEEK_S = 1.0  # A shorter jump is decoded through.


def read(
    path: Path, times_s: Iterable[float], size: tuple[int, int] | None
) -> Iterator[tuple[float, UInt8[Tensor, "h w 3"]]]:
    """(when it came on show, frame) at ascending times; one that is asked for twice is the same tensor."""
    with open_video(path) as (container, stream):
        timeline = Timeline(path, container, stream)
        size = size or timeline.size
        shown: tuple[float, Tensor] | None = None
        for time_s in times_s:
            frame = timeline.at(time_s)
            start_s = timeline.start_s(frame)
            if shown is None or shown[0] != start_s:
                shown = start_s, timeline.picture(frame, size)
            yield shown


def walk(path: Path, rate_hz: float, long_side_px: int | None) -> Iterator[tuple[float, UInt8[Tensor, "h w 3"]]]:
    """(time, frame on show then) at 0, 1/rate, 2/rate, ... seconds to the end; two frames are in memory at a time."""
    with open_video(path) as (container, stream):
        timeline = Timeline(path, container, stream)
        size = _fit(timeline.size, long_side_px)
        for step in count():
            if not timeline.shows(step / rate_hz):
                return
            yield step / rate_hz, timeline.picture(timeline.at(step / rate_hz), size)


class Timeline:
    """One open video, asked for times in ascending order."""

    def __init__(self, path: Path, container: InputContainer, stream: VideoStream) -> None:
        self._path, self._container, self._stream = path, container, stream
        self._frames = self._decode()
        self._shown_s = -1.0  # Start of the frame on show, before the zero is known.
        first = self._first_whole()
        if first is None:
            raise MediaError(f"{path.name}: holds a video stream without a single frame; leave it out.")
        self._zero_s = self._clock_s(first)
        self._show(first)
        self._coming = self._next()
        self.size = upright_size(first, stream.sample_aspect_ratio)

    def at(self, time_s: float) -> VideoFrame:
        """The frame on show at a time, in seconds from the first frame.

        Raises:
            MediaError: The time lies before the first frame or after the last, or decoding breaks on the way.
        """
        if time_s < -SLACK_S:
            raise MediaError(f"{self._path.name}: asked for the frame at {time_s:.2f} s, but a video begins at 0 s.")
        self._advance(time_s)
        if self._coming is None and time_s > self._end_s() + SLACK_S:
            raise MediaError(
                f"{self._path.name}: asked for the frame at {time_s:.2f} s, but the video ends at "
                f"{self._end_s():.2f} s; ask for earlier frames, or read the folder again with `wam-adapt ingest`."
            )
        return self._shown

    def shows(self, time_s: float) -> bool:
        """Whether a frame is on show at a time: False from the last frame's end on."""
        self._advance(time_s)
        return self._coming is not None or time_s < self._end_s() - SLACK_S

    def start_s(self, frame: VideoFrame) -> float:
        """When a frame came on show, in seconds from the first frame."""
        return self._clock_s(frame) - self._zero_s

    def picture(self, frame: VideoFrame, size: tuple[int, int]) -> UInt8[Tensor, "h w 3"]:
        """A frame upright, in an ordinary screen's colours, scaled to (height, width).

        Raises:
            MediaError: Its colours cannot be converted.
        """
        try:
            return upright_rgb(frame, size)
        except ColourError as error:
            raise MediaError(f"{self._path.name}: its pictures cannot be shown: {error}.") from error
        except BROKEN as error:
            raise MediaError(
                f"{self._path.name}: its pictures cannot be shown ({plain(error)}); convert it to H.264 first."
            ) from error

    def _advance(self, time_s: float) -> None:
        if self._coming is not None and self._seek_pays(self._coming, time_s):
            self._seek(time_s)
        while self._coming is not None and self.start_s(self._coming) <= time_s + SLACK_S:
            self._show(self._coming)
            self._coming = self._next()

    def _seek_pays(self, coming: VideoFrame, time_s: float) -> bool:
        """Whether a key frame lies between here and there; where the container has no index, a long jump decides."""
        if time_s - self.start_s(coming) <= _SEEK_S:
            return False
        entries = self._stream.index_entries
        place = entries.search_timestamp(self._ticks(time_s), backward=True) if len(entries) else -1
        return place < 0 or entries[place].timestamp > (coming.pts or 0)

    def _seek(self, time_s: float) -> None:
        """Continue from a key frame at or before a time; further back where the container's index is off."""
        back_s = 0.0
        while True:
            target_s = max(0.0, time_s - back_s)
            try:
                self._container.seek(self._ticks(target_s), stream=self._stream, backward=True)
            except BROKEN as error:
                raise MediaError(
                    f"{self._path.name}: cannot be wound to {time_s:.2f} s ({plain(error)}); convert it to MP4 first."
                ) from error
            self._frames = self._decode()
            first = self._first_whole()
            if first is not None and self.start_s(first) <= time_s + SLACK_S:
                self._show(first)
                self._coming = self._next()
                return
            if target_s == 0.0:
                raise MediaError(
                    f"{self._path.name}: no key frame was found before {time_s:.2f} s; convert it to MP4 first."
                )
            back_s = 2 * back_s + 1.0

    def _ticks(self, time_s: float) -> int:
        assert self._stream.time_base is not None
        return int((time_s + self._zero_s) / self._stream.time_base)

    def _show(self, frame: VideoFrame) -> None:
        self._shown = frame
        self._shown_s = self.start_s(frame)

    def _decode(self) -> Iterator[VideoFrame]:
        frames = self._container.decode(self._stream)
        return _with_times_in_order(frames) if self._container.format.name == "avi" else frames

    def _first_whole(self) -> VideoFrame | None:
        """The next frame that refers to none before it: after a jump, some miss those that they were coded from."""
        frame = self._decoded()
        while frame is not None and frame.is_corrupt:
            frame = self._decoded()
        return frame

    def _next(self) -> VideoFrame | None:
        frame = self._decoded()
        if frame is not None and frame.is_corrupt:
            raise MediaError(
                f"{self._path.name}: the picture after {self._shown_s:.2f} s is damaged; "
                "copy the file again, or cut it before that point."
            )
        return frame

    def _decoded(self) -> VideoFrame | None:
        try:
            return next(self._frames, None)
        except BROKEN as error:
            where = f"after {self._shown_s:.2f} s" if self._shown_s >= 0 else "at its first frame"
            raise MediaError(
                f"{self._path.name}: decoding breaks {where} ({plain(error)}); "
                "copy the file again, or cut it before that point."
            ) from error

    def _clock_s(self, frame: VideoFrame) -> float:
        if frame.pts is None:
            raise MediaError(f"{self._path.name}: its frames carry no times; convert it to MP4 first.")
        return frame.time

    def _end_s(self) -> float:
        last = self._shown
        length_s = float((last.duration or 0) * (last.time_base or 0))
        if not length_s and self._stream.average_rate:
            length_s = float(1 / self._stream.average_rate)
        return self.start_s(last) + length_s


def _with_times_in_order(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Frames come in the order of showing; AVI stores no times, and those guessed for it may swap two neighbours."""
    held: VideoFrame | None = None
    try:
        for frame in frames:
            if held is not None:
                if held.pts is not None and frame.pts is not None and frame.pts < held.pts:
                    held.pts, frame.pts = frame.pts, held.pts
                yield held
            held = frame
    except BROKEN:
        if held is not None:
            yield held
        raise
    if held is not None:
        yield held


def _fit(size: tuple[int, int], long_side_px: int | None) -> tuple[int, int]:
    """The same shape with its longer side no longer than asked."""
    height, width = size
    scale = min(1.0, (long_side_px or max(size)) / max(size))
    return max(1, round(height * scale)), max(1, round(width * scale))
