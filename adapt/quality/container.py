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
        found = f"{info.average_hz:.3g} frames a second, of which the base sees {video_hz:g}, so frames are repeated"
        yield _hint(code="low_rate", found=found, remedy="record at 30 frames a second")
    if info.variable_rate:
        found = f"the rate varies, {info.average_hz:.3g} Hz on average; frames are taken at their own times"
        yield _hint(code="variable_rate", found=found, remedy="nothing need be done")


def _picture(info: VideoInfo, slot: Slot) -> Iterator[Finding]:
    size = f"{info.width} x {info.height} px"
    if info.rotation_deg:
        found = f"stored turned by {info.rotation_deg} degrees, and shown upright as its flag says"
        mend = "nothing need be done where the thumbnail is upright; else rotate it and export it again"
        yield _hint(code="rotated", found=found, remedy=mend)
    if info.mirrored:
        found = "marked as mirrored, as selfie cameras do; it is mirrored back"
        yield _hint(
            code="mirrored", found=found, remedy="check that writing in the thumbnail reads the right way round"
        )
    if info.height < slot.height or info.width < slot.width:
        found = f"{size}, less than the {slot.width} x {slot.height} px that the base sees"
        yield _hint(code="tiny", found=found, remedy="export it at its full size, at best 640 x 480 px or more")
    elif info.height % 2 or info.width % 2:
        found = f"{size}: an odd number of rows or columns, which other tools may cut off"
        yield _hint(code="odd_size", found=found, remedy="nothing need be done here")


def _hint(*, code: str, found: str, remedy: str) -> Finding:
    return Finding(code=code, weight=HINT, found=found, remedy=remedy)
