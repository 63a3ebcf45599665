"""What does the file itself tell, before its pictures are judged? Rate, size, turn: findings that cost nothing."""

from collections.abc import Iterator

from adapt.quality.findings import HINT, Finding
from adapt.types import Slot
from adapt.video.probe import VideoInfo

_RATE_SLACK = 0.95  # 29.97 is 30, and a phone that says 10 Hz records 9.9.


def container_findings(info: VideoInfo, *, video_hz: float, slot: Slot) -> tuple[Finding, ...]:
    """What is out of the ordinary in how a video was recorded.

    Args:
        info: What its container tells.
        video_hz: Frames a second that the base sees.
        slot: The place in the base's canvas that the picture is shrunk to, px.
    """
    return (*_rate(info, video_hz), *_picture(info, slot))


def _rate(info: VideoInfo, video_hz: float) -> Iterator[Finding]:
    if info.average_hz < _RATE_SLACK * video_hz:
        yield Finding(
            code="low_rate",
            weight=HINT,
            found=f"{info.average_hz:.3g} frames a second, of which the base sees {video_hz:g}, so frames are repeated",
            remedy="record at 30 frames a second",
        )
    if info.variable_rate:
        yield Finding(
            code="variable_rate",
            weight=HINT,
            found=f"the rate varies, {info.average_hz:.3g} Hz on average; frames are taken at their own times",
            remedy="nothing need be done",
        )


def _picture(info: VideoInfo, slot: Slot) -> Iterator[Finding]:
    size = f"{info.width} x {info.height} px"
    if info.rotation_deg:
        yield Finding(
            code="rotated",
            weight=HINT,
            found=f"stored turned by {info.rotation_deg} degrees, and shown upright as its flag says",
            remedy="nothing need be done where the thumbnail is upright; else rotate it and export it again",
        )
    if info.mirrored:
        yield Finding(
            code="mirrored",
            weight=HINT,
            found="marked as mirrored, as selfie cameras do; it is mirrored back",
            remedy="check that writing in the thumbnail reads the right way round",
        )
    if info.height < slot.height or info.width < slot.width:
        yield Finding(
            code="tiny",
            weight=HINT,
            found=f"{size}, less than the {slot.width} x {slot.height} px that the base sees",
            remedy="export it at its full size, at best 640 x 480 px or more",
        )
    elif info.height % 2 or info.width % 2:
        yield Finding(
            code="odd_size",
            weight=HINT,
            found=f"{size}: an odd number of rows or columns, which other tools may cut off",
            remedy="nothing need be done here",
        )
