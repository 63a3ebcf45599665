"""A human right hand, drawn so that a hand detector trained on photographs finds it.

Skin-coloured capsules: a forearm from the near edge of the picture, palm, five fingers with nails. Thumb and index
finger close from two sides on the grasp point. In pictures of 320 px MediaPipe finds it in nine looks of ten at the
held-out tasks; least often near the right edge of the table, where fingers leave the picture.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from adapt.sim.gap import Gap
from adapt.sim.shapes import Capsule, Colour, Point, Solid, point
from adapt.sim.state import HELD_GRIP, SceneState

_LIGHT_SKIN, _DARK_SKIN = (0.93, 0.71, 0.57, 1.0), (0.46, 0.29, 0.2, 1.0)
_LIGHT_NAIL, _DARK_NAIL = (0.98, 0.84, 0.8, 1.0), (0.74, 0.55, 0.47, 1.0)
_SLEEVE: Colour = (0.16, 0.2, 0.36, 1.0)

# The arm comes from the middle of the near edge, so the hand turns as it goes to the sides: radians a metre.
_SWING = 0.9

# Metres: right, away, up. The wrist from the grasp point; what follows from the wrist.
_WRIST = (0.045, -0.182, 0.037)
_KNUCKLES = ((-0.0345, 0.099, -0.015), (-0.0105, 0.108, -0.012), (0.0135, 0.1035, -0.0135), (0.036, 0.09, -0.018))
_PALM_ROOTS = (-0.018, -0.006, 0.0075, 0.018)
_THUMB_ROOT = (-0.009, 0.025, 0.003)
_ELBOW = (0.14, -0.64, 0.1)
_CUFF = 0.225  # share of the way from wrist to elbow where the forearm begins to taper
# Where the tips of thumb and index finger are from the grasp point, besides their spread, which touches a held block;
# then the other fingertips from the index fingertip.
_GRASP_LOW = -0.0105
_THUMB_BACK = -0.009
# Of thumb and index finger from the grasp point: open, on a block, closed.
_SPREAD = (0.058, 0.0432, 0.016)
_TIPS = ((0.0, 0.0, 0.0), (0.0275, 0.034, 0.006), (0.053, 0.0275, 0.006), (0.072, -0.001, 0.006))
_LENGTHS, _THUMB_LENGTH = (0.12, 0.138, 0.126, 0.099), 0.126
# Radii at knuckle, middle and tip.
_RADII = ((0.015, 0.0135, 0.0117), (0.0153, 0.0138, 0.012), (0.0147, 0.0132, 0.0114), (0.0132, 0.0117, 0.0102))
_THUMB_RADII = (0.018, 0.0156, 0.0135)


@dataclass(frozen=True, slots=True)
class _Tints:
    skin: Colour
    nail: Colour


class HumanHand:
    """A body that is filmed and never commanded: it has no axes, and no embodiment of its own.

    Args:
        gap: How it differs from the tool; `looks` and `offset` act here.
    """

    name: str | None = None
    action_names: tuple[str, ...] = ()
    state_names: tuple[str, ...] = ()
    action_limits: tuple[tuple[float, float], ...] = ()
    state_limits: tuple[tuple[float, float], ...] = ()

    def __init__(self, gap: Gap | None = None) -> None:
        self.gap = Gap() if gap is None else gap
        share = self.gap.looks
        self._tints = _Tints(_mix(_LIGHT_SKIN, _DARK_SKIN, share), _mix(_LIGHT_NAIL, _DARK_NAIL, share))

    def solids(self, state: SceneState) -> list[Solid]:
        """Forearm, palm and fingers; thumb and index finger close on the grasp point."""
        grasp = state.tool + self.gap.offset_m
        turn = _about_vertical(state.yaw - _SWING * float(state.tool[0]))
        wrist = grasp + turn @ point(*_WRIST)
        spread = float(np.interp(state.grip, (0.0, HELD_GRIP, 1.0), _SPREAD))
        index_tip = point(spread, 0.0, _GRASP_LOW)
        tints = self._tints
        solids = self._forearm(wrist, turn) + _palm(wrist, turn, tints.skin)
        for finger, offset in enumerate(_TIPS):
            knuckle = wrist + turn @ point(*_KNUCKLES[finger])
            tip = grasp + turn @ (index_tip + point(*offset))
            solids += _digit(knuckle, tip, _LENGTHS[finger], _RADII[finger], tints)
        root = wrist + turn @ point(*_THUMB_ROOT)
        thumb_tip = grasp + turn @ point(-spread, _THUMB_BACK, _GRASP_LOW)
        return solids + _digit(root, thumb_tip, _THUMB_LENGTH, _THUMB_RADII, tints)

    def proprioception(self, state: SceneState) -> NDArray[np.float64]:
        """Nothing: a hand in a video measures nothing. Shape (0,)."""
        del state
        return np.zeros(0)

    def command(self, action: NDArray[np.float64], state: SceneState) -> NDArray[np.float64]:
        """Refused.

        Raises:
            ValueError: Always: a hand takes no commands.
        """
        del action, state
        raise ValueError("the human hand is filmed, not commanded; act with a body that has actions")

    def action(self, command: NDArray[np.float64], state: SceneState) -> NDArray[np.float64]:
        """No action at all, whatever the command. Shape (0,)."""
        del command, state
        return np.zeros(0)

    def _forearm(self, wrist: Point, turn: NDArray[np.float64]) -> list[Solid]:
        """Bare, and from the elbow on under a sleeve as far as the looks ask."""
        elbow = wrist + turn @ point(*_ELBOW)
        cuff = wrist + (elbow - wrist) * _CUFF
        skin = self._tints.skin
        solids: list[Solid] = [
            Capsule(a=elbow, b=cuff, radius=0.045, colour=skin, gloss=0.06),
            Capsule(a=cuff, b=wrist, radius=0.0315, colour=skin, gloss=0.06),
        ]
        if self.gap.looks > 0:
            end = elbow + (wrist - elbow) * 0.95 * self.gap.looks
            solids.append(Capsule(a=elbow, b=end, radius=0.05, colour=_SLEEVE))
        return solids


def _palm(wrist: Point, turn: NDArray[np.float64], skin: Colour) -> list[Solid]:
    """Back of the hand and the ball of the thumb."""
    roots = [wrist + turn @ point(right, 0.006, -0.006) for right in _PALM_ROOTS]
    knuckles = [wrist + turn @ point(*knuckle) for knuckle in _KNUCKLES]
    solids: list[Solid] = [
        Capsule(a=root, b=knuckle, radius=0.0204, colour=skin, gloss=0.06)
        for root, knuckle in zip(roots, knuckles, strict=True)
    ]
    thumb = wrist + turn @ point(*_THUMB_ROOT)
    for left, right in [*pairwise(knuckles), (thumb, knuckles[0])]:
        solids.append(Capsule(a=left, b=right, radius=0.0165, colour=skin, gloss=0.06))
    return solids


def _digit(root: Point, tip: Point, length: float, radii: tuple[float, float, float], tints: _Tints) -> list[Solid]:
    """Three bones from root to tip, arched upwards as far as their length allows, and a nail."""
    chord = tip - root
    arch = 0.42 * float(np.sqrt(max(length**2 - float(chord @ chord), 0.0)))
    up = point(0.0, 0.0, 1.0)
    middle, last = (root + chord * share + up * arch * rise for share, rise in ((0.45, 1.0), (0.76, 0.72)))
    points = [root, middle, last, tip]
    solids: list[Solid] = [
        Capsule(a=a, b=b, radius=radius, colour=tints.skin, gloss=0.06)
        for (a, b), radius in zip(pairwise(points), radii, strict=True)
    ]
    along = (tip - last) / np.linalg.norm(tip - last)
    back = up - along * float(up @ along)
    nail = tip + back / np.linalg.norm(back) * radii[2] * 0.45
    ends = nail - along * 0.006, nail + along * 0.0036
    solids.append(Capsule(a=ends[0], b=ends[1], radius=radii[2] * 0.66, colour=tints.nail, gloss=0.25))
    return solids


def _about_vertical(yaw: float) -> NDArray[np.float64]:
    """Rotation by `yaw` radians about the vertical. Shape (3, 3)."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _mix(start: Colour, end: Colour, share: float) -> Colour:
    r, g, b, opacity = ((1 - share) * a + share * z for a, z in zip(start, end, strict=True))
    return (r, g, b, opacity)
