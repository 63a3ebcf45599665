"""What do the numbers of a robot say about its axes, in words that can stand beside them in a spec?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adapt.embodiment.spec import Axis, Embodiment
from adapt.quality.robot.rows import CONSTANT, EpisodeRows, channels, together

_TURN = re.compile(
    r"joint|shoulder|elbow|wrist|waist|neck|head|hip|knee|ankle|torso|arm|pan|flex|roll|pitch|yaw|rotat|motor|qpos",
    re.IGNORECASE,
)
_LIFTS = re.compile(r"lift", re.IGNORECASE)
_LIFTING_JOINT = re.compile(r"shoulder_lift", re.IGNORECASE)  # of the SO-100 and SO-101, which turns
_STRAIGHT = re.compile(r"(^|[_ .])(x|y|z|height)([_ .]|$)", re.IGNORECASE)
_RAD = 2 * np.pi  # Joints of arms stay within a turn of their middle.
_MOST_RAD = 4 * np.pi
_MOST_M = 2.5
_SHARE = 1.05
_PERCENT = 101.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """From where to where one axis goes in all rows."""

    low: float
    high: float

    @property
    def furthest(self) -> float:
        """The largest size of any value."""
        return max(abs(self.low), abs(self.high))

    @property
    def is_constant(self) -> bool:
        """Whether it never changes."""
        return self.high - self.low <= CONSTANT

    @property
    def words(self) -> str:
        """For a comment."""
        return f"{self.low:.3g} to {self.high:.3g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit with what speaks for it; or a question with what an answer could be."""

    unit: str  # "?" for a question
    why: str


def reaches(body: Embodiment, rows: Sequence[EpisodeRows]) -> dict[tuple[str, int], Reach]:
    """Of every axis, by its place in the data."""
    found = {}
    for channel in channels(body):
        values = together(channel, rows)
        reach = Reach(low=float(values.min()), high=float(values.max())) if len(values) else Reach(low=0.0, high=0.0)
        found[channel.axis.column, channel.axis.index] = reach
    return found


def unit_of(axes: Sequence[Axis], names: Sequence[str], found: Sequence[Reach]) -> Unit:
    """What unit a run of neighbours is in, as far as their names and sizes tell.

    Args:
        axes: Neighbours in one column, all grippers or none, all increments or none.
        names: What they are called, without what they are called because nobody named them.
        found: From where to where each goes.
    """
    furthest = max(reach.furthest for reach in found)
    span = f"{min(reach.low for reach in found):.3g} to {max(reach.high for reach in found):.3g}"
    if axes[0].gripper:
        return _of_gripper(furthest, min(reach.low for reach in found), span)
    if axes[0].increment:
        return Unit(
            unit="?", why=f"displacements a row, from {span}: of metres (m), radians (rad), or of a range (share)?"
        )
    if all(_is_straight(name) for name in names):
        if furthest <= _MOST_M:
            return Unit(unit="m", why=f"by their names places, and {span} is within an arm's reach in metres")
        return Unit(unit="?", why=f"by their names places, from {span}: in cm, mm, or another unit?")
    if not all(_TURN.search(name) for name in names):
        return Unit(unit="?", why=f"their names do not tell; they go from {span}: rad, deg, m or share?")
    return _of_joints(furthest, span)


def _of_joints(furthest: float, span: str) -> Unit:
    if furthest <= _RAD:
        words = f"by their names joints; {span} as degrees would be next to no motion"
        return Unit(unit="rad", why=words)
    if furthest <= _MOST_RAD:
        return Unit(unit="?", why=f"by their names joints, from {span}: rad if one turns more than once, else deg?")
    if furthest <= _PERCENT:
        return Unit(
            unit="?",
            why=f"by their names joints, from {span}: deg, or percent of each joint's range (LeRobot's -100 to 100)?",
        )
    return Unit(unit="deg", why=f"by their names joints; {span} is too far for radians and for a percentage")


def _of_gripper(furthest: float, low: float, span: str) -> Unit:
    if furthest <= _SHARE and low >= -_SHARE + 1:
        small = furthest < 0.2
        if small:
            return Unit(
                unit="?", why=f"opens and closes from {span}: metres between fingers (m), or a share of its range?"
            )
        return Unit(unit="share", why=f"opens and closes, {span}: a share of its range")
    if 2 * _SHARE < furthest <= _PERCENT and low >= -1:
        return Unit(unit="percent", why=f"opens and closes, {span}: per cent of its range")
    return Unit(unit="unknown", why=f"opens and closes, {span}; its unit is only a name, since its own range scales it")


def _is_straight(name: str) -> bool:
    if _LIFTING_JOINT.search(name):
        return False
    return bool(_STRAIGHT.search(name) or _LIFTS.search(name))
