"""How did the camera turn from one look to the next? The one motion that most spots of the picture agree on.

The camera is taken to turn about its own place, which also tells what it is worth where it moves a little: things at
half a metre then move as if it had turned by a degree a centimetre. What moves otherwise, as other people do, is left
out as long as it is in the minority; hands, which need not be, are left out by whoever calls.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from adapt.footage.pairs import Pairs
from adapt.geometry.cameras import ASSUMED_FOV_DEG

_FOCAL = 0.5 / math.tan(math.radians(ASSUMED_FOV_DEG) / 2)  # longer sides; it decides how straight lines bend
_SPREAD = 1 / 14  # Squared longer sides that spots lie from the middle along the motion, on average.
_NEAR = 0.015  # Longer sides; five pixels of 320.
_APART = 0.1  # Longer sides between two spots whose motion is tried for all.
_MOST_ZOOM = 0.4  # By so much, as a logarithm, nothing grows from one look to the next.
_FEWEST = 6
_LEAST_SHARE = 0.3
_ROUNDS = 4
_DIGITS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraMotion:
    """How the background moved in the picture since the look before; a camera that turns right moves it left.

    Args:
        right: By how much the middle of the picture moved, as a share of the picture's longer side.
        down: The same downwards.
        roll_deg: By how much the picture turned clockwise about its middle, degrees.
        zoom: How much larger it became; 1 for not at all.
        share: Of the spots beside hands, how many move so, in [0, 1].
    """

    right: float
    down: float
    roll_deg: float
    zoom: float
    share: float

    def angle_deg(self, fov_deg: float) -> float:
        """By how much the camera turned, degrees.

        Args:
            fov_deg: Angle of view along the picture's longer side, degrees.
        """
        focal = 0.5 / math.tan(math.radians(fov_deg) / 2)
        turn_deg = math.degrees(math.atan(math.hypot(self.right, self.down) / _FOCAL))
        # It was found as that turn through another lens which moves all spots, near the middle or not, as far.
        turn_deg *= (_FOCAL + _SPREAD / _FOCAL) / (focal + _SPREAD / focal)
        return math.hypot(turn_deg, self.roll_deg)

    def to_json(self) -> list[float]:
        """As a JSON list, in the order of the fields."""
        return [self.right, self.down, self.roll_deg, self.zoom, self.share]

    @classmethod
    def from_json(cls, value: Sequence[float]) -> "CameraMotion":
        """Read what `to_json` wrote."""
        right, down, roll_deg, zoom, share = map(float, value)
        return cls(right=right, down=down, roll_deg=roll_deg, zoom=zoom, share=share)


def camera_motion(pairs: Pairs, hidden: Bool[np.ndarray, " n"], aspect: float) -> CameraMotion | None:
    """The motion of the background between two looks.

    Args:
        pairs: Spots that both share.
        hidden: Which of them hands may have moved.
        aspect: Width of the picture over its height.

    Returns:
        None where that cannot be told: too few spots, or no motion that three in ten of them agree on.
    """
    before, now = (_slopes(spots[~hidden], aspect) for spots in (pairs.before, pairs.now))
    if len(before) < _FEWEST:
        return None
    guess = _best_guess(before, now)
    if guess is None:
        return None
    turn, zoom = _refined(guess, before, now)
    share = float((_off(turn, zoom, before, now) < _NEAR / _FOCAL).mean())
    if share * len(before) < _FEWEST or share < _LEAST_SHARE:
        return None
    ahead = turn[:, 2]
    # As it is read again later: a window must not be judged otherwise the first time.
    return CameraMotion(
        right=round(float(_FOCAL * ahead[0] / ahead[2]), _DIGITS),
        down=round(float(_FOCAL * ahead[1] / ahead[2]), _DIGITS),
        roll_deg=round(math.degrees(Rotation.from_matrix(turn).as_rotvec()[2]), _DIGITS),
        zoom=round(zoom, _DIGITS),
        share=round(share, _DIGITS),
    )


def _slopes(spots: Float[np.ndarray, "n 2"], aspect: float) -> NDArray[np.float64]:
    """Where the rays through spots meet the plane one unit ahead: x / z and y / z."""
    sides = np.array((aspect, 1.0)) / max(aspect, 1.0)
    return np.asarray((spots - 0.5) * sides / _FOCAL)


def _best_guess(before: NDArray[np.float64], now: NDArray[np.float64]) -> tuple[NDArray[np.float64], float] | None:
    """Of the motions that two pairs make out, the one that most pairs follow."""
    first, second = _couples(before)
    way, way_now = (np.linalg.norm(spots[second] - spots[first], axis=1) for spots in (before, now))
    # Two spots that fell into one, or flew apart, were found wrongly; and make out no turn.
    alike = np.abs(np.log(np.maximum(way_now, 1e-9) / way)) < _MOST_ZOOM
    if not alike.any():
        return None
    first, second, zooms = first[alike], second[alike], (way_now / way)[alike]
    axes = _axes(_rays(before[first] * zooms[:, None]), _rays(before[second] * zooms[:, None]))
    turns = _axes(_rays(now[first]), _rays(now[second])) @ axes.transpose(0, 2, 1)
    off = _off(turns, zooms, before, now)
    follow = np.clip(1 - (off * _FOCAL / _NEAR) ** 2, 0, None).sum(1)
    best = int(follow.argmax())
    return turns[best], float(zooms[best])


def _couples(spots: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs to be tried, some five with each, and always the same: those far enough from each other."""
    count = len(spots)
    steps = sorted({max(1, round(count * share)) for share in (0.1, 0.2, 0.3, 0.4, 0.5)})
    first = np.tile(np.arange(count), len(steps))
    second = (first + np.repeat(steps, count)) % count
    apart = np.linalg.norm(spots[second] - spots[first], axis=1) * _FOCAL >= _APART
    return first[apart], second[apart]


def _rays(slopes: NDArray[np.float64]) -> NDArray[np.float64]:
    rays = np.concatenate((slopes, np.ones_like(slopes[:, :1])), axis=1)
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))


def _axes(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axes as columns, shape (n, 3, 3): the middle of two rays, from one to the other, and across."""
    middle, along = one + other, other - one  # at right angles, both rays being of length 1
    middle, along = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (middle, along))
    return np.stack((middle, along, np.cross(middle, along)), axis=2)


def _off(
    turn: NDArray[np.float64], zoom: NDArray[np.float64] | float, before: NDArray[np.float64], now: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far each spot is from where motions (..., 3, 3) would have brought it, as a slope; shape (..., n)."""
    return np.asarray(np.linalg.norm(_moved(turn, zoom, before) - now, axis=-1))


def _moved(
    turn: NDArray[np.float64], zoom: NDArray[np.float64] | float, before: NDArray[np.float64]
) -> NDArray[np.float64]:
    larger = before * np.asarray(zoom)[..., None, None]
    rays = np.concatenate((larger, np.ones_like(larger[..., :1])), axis=-1) @ np.swapaxes(turn, -1, -2)
    # Nothing that was in the picture is seen from behind: a guess that says so is wrong, and far off.
    return np.asarray(rays[..., :2] / np.maximum(rays[..., 2:], 1e-3))


def _refined(
    guess: tuple[NDArray[np.float64], float], before: NDArray[np.float64], now: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Least squares over the spots that follow, again and again: turn and zoom."""
    turn, zoom = guess
    for _ in range(_ROUNDS):
        near = _off(turn, zoom, before, now) < _NEAR / _FOCAL
        if int(near.sum()) < _FEWEST:
            break
        rays, wider = _turned(turn, zoom, before[near])
        # What a little more of each does to the rays: a turn about right, down or ahead, and zoom.
        more = np.concatenate((np.cross(np.eye(3)[:, None], rays), wider[None]))
        seen, ahead = rays[:, :2] / rays[:, 2:], rays[:, 2:]
        slope = ((more[..., :2] - seen * more[..., 2:]) / ahead).reshape(4, -1).T
        step = np.linalg.lstsq(slope, (now[near] - seen).reshape(-1), rcond=None)[0]
        turn, zoom = Rotation.from_rotvec(step[:3]).as_matrix() @ turn, zoom * (1 + float(step[3]))
    return turn, zoom


def _turned(
    turn: NDArray[np.float64], zoom: float, before: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The rays to which a motion brings spots, and what of them grows with the zoom; each of shape (n, 3)."""
    wider = zoom * before @ turn[:, :2].T
    return wider + turn[:, 2], wider
