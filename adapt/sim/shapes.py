"""What can be drawn on the tabletop? Plain solids, in metres; they have looks and no physics."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Point = NDArray[np.float64]  # x, y, z in metres
Colour = tuple[float, float, float, float]  # red, green, blue, opacity; each in [0, 1]

UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])  # a quaternion wxyz that turns nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Capsule:
    """All points within `radius` of the segment from `a` to `b`: a limb with round ends."""

    a: Point
    b: Point
    radius: float
    colour: Colour
    gloss: float = 0.0  # 0 matt .. 1 shining


@dataclass(frozen=True, slots=True, kw_only=True)
class Cylinder:
    """All points within `radius` of the axis from `a` to `b`, with flat ends: a disc when the axis is short."""

    a: Point
    b: Point
    radius: float
    colour: Colour
    gloss: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Box:
    """A box of half edges `half` round `centre`, turned by the quaternion `turn` (wxyz)."""

    centre: Point
    half: Point
    colour: Colour
    turn: NDArray[np.float64] = field(default_factory=lambda: UPRIGHT)
    gloss: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ellipsoid:
    """An ellipsoid of half axes `half` round `centre`, turned by the quaternion `turn` (wxyz)."""

    centre: Point
    half: Point
    colour: Colour
    turn: NDArray[np.float64] = field(default_factory=lambda: UPRIGHT)
    gloss: float = 0.0


Solid = Capsule | Cylinder | Box | Ellipsoid


def point(x: float | int, y: float | int, z: float | int) -> Point:
    """A point or vector in metres. Shape (3,)."""
    return np.array([x, y, z], np.float64)


def yaw_turn(yaw: float) -> NDArray[np.float64]:
    """The quaternion (wxyz) that turns by `yaw` radians about the vertical. Shape (4,)."""
    return np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])
