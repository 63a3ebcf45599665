"""Whose hands are these, and which? Tracks with a side, the wearer told from others, and a confidence per look."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from adapt.geometry.cameras import Pinhole
from adapt.geometry.outliers import MOST_ACCELERATION_M_S2, is_outlier
from adapt.hands.follow import BRIDGE_S, PALM, Trail, follow, palm_length, spots, stacked
from adapt.hands.landmarks import SIDES, SeenHand
from adapt.hands.sides import of_one_side, vote
from adapt.hands.sureness import look_sureness
from adapt.types import HandTrack

FEWEST_LOOKS = 3  # A hand seen less often is more likely none.
PALM_M = 0.09  # wrist to middle knuckle of everybody, in MediaPipe's world landmarks; medians of clips: 0.078 to 0.096
REACH_M = 1.0  # No wrist of the wearer's is farther from a camera on head or chest.

_OFF_PALMS = 0.4  # from the median of its neighbours: below it nothing is an outlier
_DOWNWARD, _BEYOND, _PER_REACH = 4.0, 4.0, 0.25
_MOMENT = 0.2  # of the shorter of two tracks
_BRIDGED = 0.3  # confidence at the edge of a bridged gap


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FollowedHand:
    """One hand through a video, from where it appears to where it is lost.

    Args:
        side: "left" or "right", voted over the whole track.
        side_share: How sure, in [0.5, 1].
        wearer: How likely it is the hand of the one who wears the camera, in [0, 1].
        track: One row per look of the video. `seen` where it was found and is believed; landmarks and world landmarks
            are filled in, on a straight line, where `confidence` is above 0 and `seen` is not.
        confidence: That a row is right, in [0, 1]; 0 where nothing is known.
        outliers: Found, and not believed.
        arm: Direction from knuckles to wrist in the picture, x right and y down, averaged; length in [0, 1].
        distance_m: About how far it is, from its apparent size.
    """

    side: str
    side_share: float
    wearer: float
    track: HandTrack
    confidence: Float[Tensor, " t"]
    outliers: Bool[Tensor, " t"]
    arm: tuple[float, float]
    distance_m: float

    @property
    def known(self) -> Bool[Tensor, " t"]:
        """Where the hand was seen, or a short gap bridged."""
        return self.confidence > 0


def follow_hands(looks: Sequence[Sequence[SeenHand]], time_s: Sequence[float], camera: Pinhole) -> list[FollowedHand]:
    """Make tracks of one video's detections.

    Args:
        looks: Of `HandLandmarks.look_at_all`, in order of time.
        time_s: Time of each look, seconds; 5 looks a second will do, 15 or more follow better.
        camera: What took it, for the picture's shape and for distances; an assumed one will do.

    Returns:
        Tracks of at least `FEWEST_LOOKS` looks, in order of appearance. Of those that have `wearer` of one half or
        more, at most one left and one right hand are there at a time, but for a moment when one takes over.

    Raises:
        ValueError: There are not as many times as looks, or they do not increase.
    """
    aspect = camera.width_px / camera.height_px
    trails = [trail for trail in follow(looks, time_s, aspect) if len(trail.at) >= FEWEST_LOOKS]
    clock = torch.tensor(list(time_s), dtype=torch.float64)
    return _one_wearer([_judged(trail, clock, camera) for trail in trails])


def side_agreement(hands: Sequence[FollowedHand]) -> float | None:
    """Whether the wearer's hands come in on their own sides, from -1 (each on the other's) to 1; None without evidence.

    Clearly below 0 means that the detector's words for the sides are swapped, as some of its versions do on pictures
    that are not mirrored; then swap them (`SeenHand.side`) and follow again. A mirrored video cannot be told so: in it
    the wearer's right hand is a left one, on the left.
    """
    votes = [(_own_side(hand), float(hand.track.seen.sum())) for hand in hands if hand.wearer >= 0.5]
    weight = sum(abs(way) * looks for way, looks in votes)
    if weight < 1.0:
        return None
    return sum(way * looks for way, looks in votes) / weight


def _judged(trail: Trail, clock: Tensor, camera: Pinhole) -> FollowedHand:
    aspect = camera.width_px / camera.height_px
    at = torch.tensor(trail.at)
    points = np.stack([spots(hand, aspect) for hand in trail.hands])
    off = _off(points, clock[at])
    good = ~off.numpy() if not bool(off.all()) else np.ones(len(off), dtype=bool)
    arm = _arm(points[good])
    distance_m = _distance_m(trail, points, good, camera)
    side, share = vote([hand for hand, fine in zip(trail.hands, good, strict=True) if fine], arm)
    sure = look_sureness(trail.hands, side, camera)
    track, confidence = _rows(Trail(trail.at, of_one_side(trail.hands, side)), clock, ~off, sure)
    outliers = torch.zeros(len(clock), dtype=torch.bool)
    outliers[at[off]] = True
    return FollowedHand(
        side=side,
        side_share=share,
        wearer=_wearer(arm, distance_m),
        track=track,
        confidence=confidence,
        outliers=outliers,
        arm=arm,
        distance_m=distance_m,
    )


def _off(points: NDArray[np.float64], time_s: Tensor) -> Bool[Tensor, " n"]:
    """Looks at which the palm jumps away and back, or is of another size; in palm lengths."""
    length = float(np.median([palm_length(each) for each in points]))
    middle = torch.from_numpy(points[:, list(PALM)].mean(axis=1) / length)
    size = torch.tensor([[palm_length(each) / length] for each in points], dtype=torch.float64)
    motion = MOST_ACCELERATION_M_S2 / PALM_M
    return is_outlier(middle, time_s, floor=_OFF_PALMS, acceleration=motion) | is_outlier(
        size, time_s, floor=_OFF_PALMS, acceleration=motion / 2
    )


def _arm(points: NDArray[np.float64]) -> tuple[float, float]:
    """Mean direction from the knuckles to the wrist, along which the forearm leaves."""
    way = points[:, 0] - points[:, list(PALM[1:])].mean(axis=1)
    x, y = (way / np.linalg.norm(way, axis=1, keepdims=True).clip(min=1e-9)).mean(axis=0)
    return float(x), float(y)


def _distance_m(trail: Trail, points: NDArray[np.float64], good: NDArray[np.bool_], camera: Pinhole) -> float:
    """Metres over heights, spread over spread: both are foreshortened alike, however the hand is held."""
    world = stacked(trail, "world_m").double().numpy()[:, :, :2]
    metres, heights = (np.linalg.norm(each - each.mean(1, keepdims=True), axis=(1, 2)) for each in (world, points))
    focal = camera.fy_px / camera.height_px
    return float(np.median((focal * metres / heights.clip(min=1e-6))[good]))


def _wearer(arm: tuple[float, float], distance_m: float) -> float:
    """How likely a hand is the wearer's: whose arms come from below, and are no longer than arms.

    On the footage at hand the arm's downward share is 0.8 or more for wearers and -0.5 or less for those who stand
    or sit opposite; who sits beside the wearer may come from below as well, but from farther away.
    """
    odds = _DOWNWARD * arm[1] - _BEYOND * max(0.0, distance_m - REACH_M) / _PER_REACH
    return 1 / (1 + float(np.exp(-max(min(odds, 50.0), -50.0))))


def _rows(
    trail: Trail, clock: Tensor, believed: Bool[Tensor, " n"], sure: Float[Tensor, " n"]
) -> tuple[HandTrack, Tensor]:
    """The track over all looks of the video, its short gaps bridged, and how much each row is believed."""
    count, at = len(clock), torch.tensor(trail.at)[believed]
    landmarks, world_m = (torch.zeros(count, 21, 3) for _ in range(2))
    score, confidence = torch.zeros(count), torch.zeros(count)
    seen = torch.zeros(count, dtype=torch.bool)
    landmarks[at], world_m[at] = stacked(trail, "landmarks")[believed], stacked(trail, "world_m")[believed]
    score[at] = torch.tensor([hand.score for hand in trail.hands])[believed]
    confidence[at], seen[at] = sure[believed], True
    for start, stop in zip(at[:-1].tolist(), at[1:].tolist(), strict=True):
        if stop - start == 1 or float(clock[stop] - clock[start]) > BRIDGE_S + 1e-6:
            continue
        share = ((clock[start + 1 : stop] - clock[start]) / (clock[stop] - clock[start])).float()
        for rows in (landmarks, world_m):
            rows[start + 1 : stop] = torch.lerp(rows[start], rows[stop], share[:, None, None])
        edge = _BRIDGED * torch.minimum(confidence[start], confidence[stop])
        confidence[start + 1 : stop] = edge * (1 - torch.minimum(share, 1 - share))
    return HandTrack(landmarks=landmarks, world_m=world_m, seen=seen, score=score), confidence


def _own_side(hand: FollowedHand) -> float:
    """How clearly its arm comes from its own side of the picture, in [-1, 1]; below 0 from the other."""
    return hand.arm[0] if hand.side == "right" else -hand.arm[0]


def _side_by_side(one: FollowedHand, other: FollowedHand) -> bool:
    """Whether two tracks are of two hands; when one takes over from another, both may be there for a moment."""
    both = int((one.known & other.known).sum())
    return both > _MOMENT * min(int(one.known.sum()), int(other.known.sum()))


def _one_wearer(hands: Sequence[FollowedHand]) -> list[FollowedHand]:
    """See that the wearer has at most one left and one right hand at a time.

    Where two tracks of one side overlap, the less certain side gives way if the other side is free; else the hand
    that is less likely the wearer's is another's.
    """
    settled: list[FollowedHand] = []
    for hand in sorted(hands, key=lambda each: -each.wearer * each.side_share * float(each.known.sum())):
        mine = [other for other in settled if other.wearer >= 0.5 and _side_by_side(hand, other)]
        taken = {other.side for other in mine}
        if hand.wearer < 0.5 or hand.side not in taken:
            settled.append(hand)
        elif len(taken) == 1 and hand.side_share < max(o.side_share for o in mine):
            free = next(side for side in SIDES if side not in taken)
            settled.append(replace(hand, side=free, side_share=0.5))
        else:
            settled.append(replace(hand, wearer=min(1 - hand.wearer, 0.49)))
    order = {id(hand.track): place for place, hand in enumerate(hands)}
    return sorted(settled, key=lambda each: order[id(each.track)])
