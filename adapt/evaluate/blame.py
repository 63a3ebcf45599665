"""Which part is at fault? The answer in words, and the figures that it was read from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

CODEC, PICTURE, ACTION_HEAD, NOTHING, CANNOT_TELL = "codec", "picture", "action head", "no single part", "cannot tell"
PARTS = (CODEC, PICTURE, ACTION_HEAD, NOTHING, CANNOT_TELL)

# What reading actions was tried from, in the order in which a reader wants them.
IMAGINED, ROUND_TRIP, TRUE_FUTURE, JOINT = "imagined", "codec round trip", "true future", "joint head"
RUNGS = (IMAGINED, ROUND_TRIP, TRUE_FUTURE, JOINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """Which of codec, picture (the video model) and action head keeps the adapted model from doing better.

    `ladder` is one error read from better and better pictures, beside what standing still would score: the rung where
    it jumps is at fault. Without action labels its rungs are those of the picture, and the head is not judged.
    """

    at_fault: str  # one of PARTS
    reason: str  # a sentence or two
    measure: str = ""  # id of the measure that the ladder shows: "actions.overall" or "video.motion_error"
    ladder: Mapping[str, float] = field(default_factory=dict)  # mean error by rung
    windows: int = 0  # that the decision rests on
    worst: tuple[str, ...] = ()  # ids of the windows that lose most at the rung at fault, worst first
