"""Which detections are the same hand? Association from look to look, by where a hand should be by now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from adapt.hands.landmarks import SeenHand

BRIDGE_S = 0.4  # A hand unseen for longer begins a new track. Phantom bridges 10 frames at most.
PALM = (0, 5, 9, 13, 17)  # wrist and knuckles, which fingers do not move

_GATE = 1.0  # palm lengths from where a hand should be
_GATE_PER_S = 8.0  # more of them for each second since it was seen: 0.7 m/s that nobody foresaw
_OTHER_SIDE = 0.5  # palm lengths that a detection counts as farther away because it is called the other side's
_TWIN_POINTS, _TWIN_SHARE, _TWIN_OVERLAP = 10, 0.2, 0.2
_RECENT = 30  # detections that say what side a trail leans to
_STEPS = 3
_NEVER = 1e6


@dataclass(slots=True, eq=False)
class Trail:
    """One hand, look by look: at which looks it was seen, and as what."""

    at: list[int] = field(default_factory=list)
    hands: list[SeenHand] = field(default_factory=list)


def follow(looks: Sequence[Sequence[SeenHand]], time_s: Sequence[float], aspect: float) -> list[Trail]:
    """Join the detections of one video into trails, each of one hand.

    Every look's detections and the trails that are still warm are paired so that the summed distance is least, with
    each hand expected where its last speed has carried it. A detection of the other side may continue a trail, since
    single looks get the side wrong, but a nearer one of the right side goes first.

    Args:
        looks: Detections per look, in order of time.
        time_s: Time of each look, increasing, seconds.
        aspect: Width of the picture over its height.

    Returns:
        Trails in order of their first look. A detection is in one trail, or was another's twin and is in none.

    Raises:
        ValueError: There are not as many times as looks, or they do not increase.
    """
    if len(looks) != len(time_s) or any(b <= a for a, b in pairwise(time_s)):
        raise ValueError("every look needs a time of its own, and times must increase")
    trails: list[Trail] = []
    for place, seen in enumerate(looks):
        hands = without_twins(seen, aspect)
        warm = [trail for trail in trails if time_s[place] - time_s[trail.at[-1]] <= BRIDGE_S + 1e-6]
        for trail, hand in _paired(warm, hands, time_s, place, aspect):
            trail.at.append(place)
            trail.hands.append(hand)
        taken = {id(trail.hands[-1]) for trail in trails if trail.at[-1] == place}
        trails += [Trail([place], [hand]) for hand in hands if id(hand) not in taken]
    return trails


def without_twins(hands: Sequence[SeenHand], aspect: float) -> list[SeenHand]:
    """Leave out the less sure one of two detections that are the same hand.

    Source:
        Two are one where 10 of 21 landmarks are within a fifth of the palm's length and their boxes overlap by more
        than a fifth (MediaPipe's own rule between its detector and its tracker).
    """
    kept: list[SeenHand] = []
    for hand in sorted(hands, key=lambda each: -each.score):
        if not any(_twins(hand, other, aspect) for other in kept):
            kept.append(hand)
    return kept


def spots(hand: SeenHand, aspect: float) -> NDArray[np.float64]:
    """A hand's landmarks in heights of the picture, shape (21, 2)."""
    points: NDArray[np.float64] = hand.landmarks[:, :2].double().numpy() * np.array((aspect, 1.0))
    return points


def palm_length(points: NDArray[np.float64]) -> float:
    """Of landmarks (21, 2): the longer of wrist to middle knuckle and, for a hand seen end on, the knuckles' width."""
    length, width = np.linalg.norm(points[[9, 17]] - points[[0, 5]], axis=1)
    return max(float(length), float(width), 1e-6)


def _twins(one: SeenHand, other: SeenHand, aspect: float) -> bool:
    a, b = spots(one, aspect), spots(other, aspect)
    near = np.linalg.norm(a - b, axis=1) < _TWIN_SHARE * max(palm_length(a), palm_length(b))
    low, high = np.maximum(a.min(0), b.min(0)), np.minimum(a.max(0), b.max(0))
    both = float(np.prod(np.clip(high - low, 0, None)))
    either = float(np.prod(np.ptp(a, axis=0)) + np.prod(np.ptp(b, axis=0))) - both
    return int(near.sum()) >= _TWIN_POINTS and both > _TWIN_OVERLAP * either


def _paired(
    trails: Sequence[Trail], hands: Sequence[SeenHand], time_s: Sequence[float], place: int, aspect: float
) -> list[tuple[Trail, SeenHand]]:
    if not trails or not hands:
        return []
    costs = np.array([_costs(trail, hands, time_s, place, aspect) for trail in trails])
    rows, columns = linear_sum_assignment(costs)
    pairs = zip(rows, columns, strict=True)
    return [(trails[row], hands[column]) for row, column in pairs if costs[row, column] < _NEVER]


def _costs(trail: Trail, hands: Sequence[SeenHand], time_s: Sequence[float], place: int, aspect: float) -> list[float]:
    """Palm lengths between each detection and where the trail should be by now; `_NEVER` beyond the gate."""
    palm = list(PALM)
    last = spots(trail.hands[-1], aspect)
    unseen_s = time_s[place] - time_s[trail.at[-1]]
    expected = last[palm] + _carried(trail, time_s, unseen_s, aspect)
    leaning, costs = _leaning(trail), []
    for hand in hands:
        found = spots(hand, aspect)
        length = max(palm_length(last), palm_length(found))
        apart = float(np.linalg.norm(found[palm] - expected, axis=1).mean()) / length
        near = apart <= _GATE + _GATE_PER_S * unseen_s
        costs.append(apart + (_OTHER_SIDE * hand.score if leaning != hand.side else 0.0) if near else _NEVER)
    return costs


def _carried(trail: Trail, time_s: Sequence[float], unseen_s: float, aspect: float) -> NDArray[np.float64]:
    """How far a hand's last speed has carried it, shape (2,); not for longer than between the looks before.

    One speed for the whole palm, the median of the last steps: landmarks jitter, and one wrong look must not throw
    the trail off.
    """
    if len(trail.at) < 2:
        return np.zeros(2)
    places = np.stack([spots(hand, aspect)[list(PALM)].mean(axis=0) for hand in trail.hands[-_STEPS - 1 :]])
    steps_s = np.diff([time_s[at] for at in trail.at[-_STEPS - 1 :]])
    speed: NDArray[np.float64] = np.median(np.diff(places, axis=0) / steps_s[:, None], axis=0)
    return speed * min(unseen_s, float(steps_s[-1]))


def _leaning(trail: Trail) -> str:
    """The side that most of a trail's last detections were called by, each counted by its score."""
    right = sum(hand.score if hand.side == "right" else -hand.score for hand in trail.hands[-_RECENT:])
    return "right" if right >= 0 else "left"


def stacked(trail: Trail, name: str) -> torch.Tensor:
    """One field of all of a trail's detections: `landmarks` or `world_m`, shape (n, 21, 3)."""
    return torch.stack([getattr(hand, name) for hand in trail.hands])
