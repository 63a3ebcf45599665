"""Which side is a hand of, when single looks get it wrong?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adapt.geometry.rotations import geodesic_rad
from adapt.hands.landmarks import SIDES, SeenHand
from adapt.hands.palm import palm_rotation

_SURE_LOGIT = 4.0  # A side's score near 1 counts no more than this.
_ENTRY = 1.0  # log-odds that an arm from the right is the wearer's right
_INDEPENDENT = 5  # looks; the others of a track repeat their mistakes


def vote(hands: Sequence[SeenHand], arm: tuple[float, float]) -> tuple[str, float]:
    """The side of a track, and how sure, in [0.5, 1].

    Each look counts by the log-odds of its score, so that a look that cannot tell says nothing; and the arm of a
    camera's wearer mostly comes from its own side.

    Args:
        hands: The track's detections, at least one.
        arm: Mean direction from knuckles to wrist in the picture, x right and y down.
    """
    odds = sum(_logit(hand.score) * (1 if hand.side == "right" else -1) for hand in hands) / len(hands)
    odds = odds * min(len(hands), _INDEPENDENT) ** 0.5 + _ENTRY * arm[0] * max(arm[1], 0.0)
    return SIDES[int(odds >= 0)], 1 / (1 + float(np.exp(-abs(odds))))


def _logit(score: float) -> float:
    share = min(max(score, 0.5), 1 - 1e-9)
    return min(float(np.log(share / (1 - share))), _SURE_LOGIT)


def of_one_side(hands: Sequence[SeenHand], side: str) -> list[SeenHand]:
    """All detections of a track as of the given side, in the same order.

    The back of a right hand looks like the palm of a left one, with near and far swapped. Where a look has the side
    wrong, its depths are often reversed, and its palm seems turned by a right angle or more; but not always, since the
    model tells side and shape apart. So depths are put back where that brings the palm nearer to the nearest look
    that has the side right.
    """
    right = [place for place, hand in enumerate(hands) if hand.side == side]
    return [hand if hand.side == side else _nearer(hand, hands, place, right, side) for place, hand in enumerate(hands)]


def _nearer(hand: SeenHand, hands: Sequence[SeenHand], place: int, right: Sequence[int], side: str) -> SeenHand:
    flip = hand.world_m.new_tensor((1.0, 1.0, -1.0))
    as_is = replace(hand, side=side)
    back = replace(as_is, landmarks=hand.landmarks * flip, world_m=hand.world_m * flip)
    if not right:
        return back
    guide = palm_rotation(hands[min(right, key=lambda other: abs(other - place))].world_m.double(), side)
    apart, apart_back = (
        float(geodesic_rad(palm_rotation(each.world_m.double(), side), guide)) for each in (as_is, back)
    )
    return back if apart_back < apart else as_is
