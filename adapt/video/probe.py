"""What is in this video file: size, length, rate, rotation? Or is it no video at all?"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from adapt.errors import MediaError
from adapt.video.colour import ColourError, gamut_of, has_alpha, transfer_of
from adapt.video.opening import BROKEN, open_video, plain, videos_in
from adapt.video.sniff import bytes_missing
from adapt.video.upright import orientation, square_size, upright_rgb, upright_size

_EVEN = 1.5  # A step between frames this much longer than the middle one makes the rate variable.
_CUT_SHORT_S = 0.5  # Pictures that end so long before the promised end were cut off; less is rounding.


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What a video promises before all its pictures are decoded."""

    path: Path
    width: int  # upright, square pixels, px
    height: int  # upright, square pixels, px
    duration_s: float  # from the first frame's beginning to the last one's end
    average_hz: float
    codec: str
    rotation_deg: int  # anticlockwise turn that makes the stored picture upright: 0, 90, 180 or 270
    mirrored: bool  # left and right are swapped after that turn
    variable_rate: bool
    frames: int
    stream: int  # which of the file's streams is read
    treatment: tuple[str, ...]  # what is done to show it as a player would; () where nothing out of the ordinary
    problem: str  # what is wrong though it can be read; "" where nothing is


def probe(path: Path) -> VideoInfo:
    """Read a video's first picture and the times of all its packets; no other picture is decoded.

    Container headers are not believed: some lack a duration, some lie about it.

    Raises:
        MediaError: The file is missing, empty, a Git LFS pointer, not a video, or its first picture cannot be shown.
    """
    with open_video(path) as (container, stream):
        first = _first(path, container, stream)
        ticks, broken = _ticks(container, stream, first)
        assert stream.time_base is not None
        steps = [b[0] - a[0] for a, b in pairwise(ticks)]
        usual = median(steps) if steps else ticks[0][1]
        duration_s = float((ticks[-1][0] + (ticks[-1][1] or usual) - ticks[0][0]) * stream.time_base)
        height, width = upright_size(first, stream.sample_aspect_ratio)
        turn = orientation(first)
        return VideoInfo(
            path=path,
            width=width,
            height=height,
            duration_s=duration_s,
            average_hz=_per_second(len(ticks), duration_s, float(sum(steps) * stream.time_base)),
            codec=stream.codec_context.codec.canonical_name,
            rotation_deg=turn.turn_deg,
            mirrored=turn.mirrored,
            variable_rate=bool(steps) and max(steps) > _EVEN * usual,
            frames=len(ticks),
            stream=stream.index,
            treatment=_treatment(container, stream, first),
            problem=broken or _cut_short(path, container, stream, duration_s),
        )


def _first(path: Path, container: InputContainer, stream: VideoStream) -> VideoFrame:
    """The first picture that is whole."""
    try:
        first = next((frame for frame in container.decode(stream) if not frame.is_corrupt), None)
        if first is None:
            raise MediaError(f"{path.name}: holds a video stream without a single frame; leave it out.")
        if first.pts is None or stream.time_base is None:
            raise MediaError(f"{path.name}: its frames carry no times; convert it to MP4 first.")
        upright_rgb(first, (16, 16))  # Colours that cannot be shown had better be known now.
        container.seek(0, backward=True)
    except ColourError as error:
        raise MediaError(f"{path.name}: its pictures cannot be shown: {error}.") from error
    except BROKEN as error:
        raise MediaError(
            f"{path.name}: no picture can be decoded ({plain(error)}); check that the file is whole and plays."
        ) from error
    return first


def _ticks(container: InputContainer, stream: VideoStream, first: VideoFrame) -> tuple[list[tuple[int, int]], str]:
    """(time, duration) in ticks of the first picture and all later ones; and what broke the list off, if anything."""
    assert first.pts is not None
    ticks, problem = [], ""
    try:
        for packet in container.demux(stream):
            when = packet.dts if packet.pts is None else packet.pts
            # Packets before the first picture were coded from others that are not in the file.
            if when is None or when < first.pts or not packet.size or packet.is_discard or packet.is_corrupt:
                continue
            ticks.append((when, packet.duration or 0))
    except BROKEN as error:
        problem = (
            f"the file is damaged ({plain(error)}); what comes before is used; copy it again if the rest is wanted"
        )
    return sorted(ticks) or [(first.pts, first.duration or 0)], problem


def _per_second(frames: int, duration_s: float, between_s: float) -> float:
    """Frames a second between the first and the last; of a single frame, by how long it is on show."""
    if between_s > 0:
        return (frames - 1) / between_s
    return frames / duration_s if duration_s > 0 else 0.0


def _treatment(container: InputContainer, stream: VideoStream, first: VideoFrame) -> tuple[str, ...]:
    """What is done to show this video as a player would, in words."""
    videos, coded, turn = len(videos_in(container)), stream.codec_context, orientation(first)
    pixels = stream.sample_aspect_ratio
    done = {
        f"{videos} videos in one file: stream {stream.index} ({coded.width}x{coded.height}) is read": videos > 1,
        f"HDR ({transfer_of(first)}) is tone-mapped": transfer_of(first) != "SDR",
        f"colours of {gamut_of(first)} are narrowed to BT.709": gamut_of(first) != "BT.709",
        "interlaced: the upper field is shown": first.interlaced_frame,
        f"turned by {turn.turn_deg} degrees": turn.turn_deg != 0,
        "mirrored": turn.mirrored,
        f"pixels of {pixels} made square": square_size(first, pixels) != (first.height, first.width),
        "transparent parts are black": has_alpha(first),
    }
    return tuple(words for words, needed in done.items() if needed)


def _cut_short(path: Path, container: InputContainer, stream: VideoStream, duration_s: float) -> str:
    """What tells that the file is not whole though its beginning can be read."""
    promised_s = 0.0
    if stream.duration is not None and stream.time_base is not None:
        promised_s = float(stream.duration * stream.time_base)
    elif container.duration is not None and len(container.streams) == 1:
        promised_s = container.duration / 1e6
    if duration_s < promised_s - _CUT_SHORT_S:
        lost = f"its pictures end at {duration_s:.1f} s of a promised {promised_s:.1f} s"
    elif missing := bytes_missing(path):
        lost = f"{missing} bytes are missing at its end"
    else:
        return ""
    return f"{lost}, so it was cut off; what is there is used; copy the file again if the rest is wanted"
