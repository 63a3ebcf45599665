"""Which part of the picture do hands cover, with their forearms and what they hold?"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from adapt.hands.follow import palm_length, spots
from adapt.hands.landmarks import SeenHand
from adapt.hands.palm import INDEX_TIP, KNUCKLES, THUMB_TIP, WRIST

_DIGITS = ((0, 1, 2, 3, 4), (0, 5, 6, 7, 8), (0, 9, 10, 11, 12), (0, 13, 14, 15, 16), (0, 17, 18, 19, 20))
_ACROSS = ((1, 5), (5, 9), (9, 13), (13, 17))
_BONES = np.array([*(pair for digit in _DIGITS for pair in pairwise(digit)), *_ACROSS])
# In lengths of the palm.
_FLESH = 0.35  # on either side of a bone
_FOREARM, _FOREARM_HALF = 4.0, 0.5  # as far as it is in the picture, and its sleeve
_HELD = 0.8  # around where thumb and index finger meet; larger things stick out


def is_covered(
    points: Float[np.ndarray, "n 2"], hands: Sequence[SeenHand], aspect: float, *, margin: float = 0.0
) -> Bool[np.ndarray, " n"]:
    """Which points lie on a hand, its forearm or what it holds.

    Args:
        points: x, y as shares of width and height.
        hands: All hands that are seen, whosesoever.
        aspect: Width of the picture over its height.
        margin: How near to them counts, too, as a share of the picture's longer side.
    """
    covered = np.zeros(len(points), np.bool_)
    heights = points * (aspect, 1.0)
    for hand in hands:
        joints = spots(hand, aspect)
        palm = palm_length(joints)
        starts, ends, reach = _limbs(joints, palm)
        near = _distance(heights, starts, ends) <= reach + margin * max(aspect, 1.0)
        covered |= near.any(1)
    return covered


def _limbs(
    joints: NDArray[np.float64], palm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Lines (n, 2) from, (n, 2) to, and how far (n,) from them flesh, sleeve or a held thing reaches."""
    wrist, held = joints[WRIST], joints[[THUMB_TIP, INDEX_TIP]].mean(0)
    arm = wrist - joints[list(KNUCKLES)].mean(0)
    # A hand seen end on has its forearm behind it.
    elbow = wrist + _FOREARM * palm * arm / max(float(np.linalg.norm(arm)), palm / 2)
    starts = np.concatenate((joints[_BONES[:, 0]], [wrist, held]))
    ends = np.concatenate((joints[_BONES[:, 1]], [elbow, held]))
    reach = np.array([_FLESH] * len(_BONES) + [_FOREARM_HALF, _HELD]) * palm
    return starts, ends, reach


def _distance(
    points: NDArray[np.float64], starts: NDArray[np.float64], ends: NDArray[np.float64]
) -> NDArray[np.float64]:
    """From points (n, 2) to the nearest spot of each line; shape (n, lines)."""
    along = ends - starts
    square = np.maximum((along**2).sum(1), 1e-12)
    share = np.clip(((points[:, None] - starts) * along).sum(2) / square, 0, 1)
    nearest = starts + share[..., None] * along
    return np.asarray(np.linalg.norm(points[:, None] - nearest, axis=2))
