"""What is in this video file: size, length, rate, rotation? Or is it no video at all?"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import av

from adapt.errors import MediaError
from adapt.video.opening import open_video, plain
from adapt.video.upright import upright_size

_EVEN = 1.5  # A step between frames this much longer than the middle one makes the rate variable.


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What a video promises before all its pictures are decoded."""

    path: Path
    width: int  # upright, px
    height: int  # upright, px
    duration_s: float  # from the first frame's beginning to the last one's end
    average_hz: float
    codec: str
    rotation_deg: int  # anticlockwise turn that makes the stored picture upright: 0, 90, 180 or 270
    variable_rate: bool
    frames: int


def probe(path: Path) -> VideoInfo:
    """Read a video's first picture and the times of all its packets; no other picture is decoded.

    Container headers are not believed: some lack a duration, some lie about it.

    Raises:
        MediaError: The file is missing, empty, a Git LFS pointer, not a video, or its first picture cannot be decoded.
    """
    with open_video(path) as (container, stream):
        try:
            first = next(container.decode(stream), None)
            if first is None:
                raise MediaError(f"{path.name}: holds a video stream without a single frame; leave it out.")
            container.seek(0, backward=True)
            ticks = sorted(
                (packet.pts, packet.duration or 0)
                for packet in container.demux(stream)
                if packet.pts is not None and packet.size and not packet.is_discard
            )
        except av.FFmpegError as error:
            raise MediaError(
                f"{path.name}: no picture can be decoded ({plain(error)}); check that the file is whole and plays."
            ) from error
        if not ticks or stream.time_base is None:
            raise MediaError(f"{path.name}: its frames carry no times; convert it to MP4 first.")
        steps = [b[0] - a[0] for a, b in pairwise(ticks)]
        usual = median(steps) if steps else ticks[0][1]
        last = ticks[-1][1] or usual
        duration_s = float((ticks[-1][0] + last - ticks[0][0]) * stream.time_base)
        height, width = upright_size(first)
        return VideoInfo(
            path=path,
            width=width,
            height=height,
            duration_s=duration_s,
            average_hz=_per_second(len(ticks), duration_s, float(sum(steps) * stream.time_base)),
            codec=stream.codec_context.name,
            rotation_deg=first.rotation % 360,
            variable_rate=bool(steps) and max(steps) > _EVEN * usual,
            frames=len(ticks),
        )


def _per_second(frames: int, duration_s: float, between_s: float) -> float:
    """Frames a second between the first and the last; of a single frame, by how long it is on show."""
    if between_s > 0:
        return (frames - 1) / between_s
    return frames / duration_s if duration_s > 0 else 0.0
