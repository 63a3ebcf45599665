"""What would a robot's hand have done? A hand in metres becomes end-effector motion, with what it rests on.

The physical endpoint is the palm (`adapt.hands.palm`), not a fingertip or a tool. Motions are told in the axes of the
camera at the start of each step, so that where the head was looking before and after does not matter. What is not
asserted: that a robot's flange sits where the palm does, that it can reach there, or that the hand's size is the
robot's. Nothing here is used unless somebody asks for it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation, Slerp
from torch import Tensor

from adapt.geometry.frames import CAMERA, PALM, Pose
from adapt.geometry.rotations import to_vector
from adapt.hands.follow import BRIDGE_S
from adapt.hands.lift import LiftedHand

PROVENANCE = "hand_retarget"
NAMES = ("x", "y", "z", "turn_x", "turn_y", "turn_z", "closed")
UNITS = ("m", "m", "m", "rad", "rad", "rad", "share")

DWELL_S = 0.15  # No pinch and no letting go is shorter.
_CLOSE, _OPEN = 0.2, 0.35  # shares of an episode's range of apertures
_LEAST_RANGE = 0.3  # palm lengths: a hand that opens and closes by less has not pinched
_HALF_M, _HALF_RAD = 0.03, 0.35  # jitter at which half of the confidence is left


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandMotion:
    """End-effector motion read from a hand: k steps, axes as in `NAMES`, units as in `UNITS`.

    Args:
        values: Displacement and rotation vector from the step's start to its end, in the camera's axes at the start
            (x right, y down, z forward); then whether the hand is pinched at the end, 1 or 0.
        confidence: Of each number, in [0, 1]; 0 where it says nothing.
        start_s: Of each step, seconds.
        camera: "known" where its motion was given, "held still" where it was taken not to move.
        provenance: "hand_retarget".
    """

    values: Float[Tensor, "k 7"]
    confidence: Float[Tensor, "k 7"]
    start_s: Float[Tensor, " k"]
    camera: str
    provenance: str = PROVENANCE


def retarget(hand: LiftedHand, at_s: Float[Tensor, " k1"], camera: Pose | None = None) -> HandMotion:
    """Read steps of motion from a hand in metres.

    Args:
        hand: Of `adapt.hands.lift`.
        at_s: Ends of the steps, increasing, seconds; one more than there are steps.
        camera: Where the camera was at these times: poses of "camera" within any frame that does not move. Where
            None, it is taken to have stood still, and head motion counts as hand motion.

    Returns:
        One row per step. A step of which an end is not near two believed looks has confidence 0 and values 0.

    Raises:
        ValueError: There are fewer than 2 times, they do not increase, or the camera's poses are others.
    """
    if len(at_s) < 2 or not bool((at_s.diff() > 0).all()):
        raise ValueError("steps need two times or more, and times must increase")
    if camera is not None and (camera.of != CAMERA or camera.position_m.shape[:-1] != at_s.shape):
        raise ValueError(f"{len(at_s)} poses of 'camera' are needed, one a time; these are of '{camera.of}'")
    palm, jitter, sure = _at(hand, at_s.double())
    before, after = _picked(palm, slice(None, -1)), _picked(palm, slice(1, None))
    if camera is not None:
        now, then = _picked(camera, slice(None, -1)), _picked(camera, slice(1, None))
        after = now.inverse() @ then @ after
    turn = to_vector(after.rotation @ before.rotation.transpose(-1, -2))
    shut, told = _closed_at(hand, at_s[1:].double())
    values = torch.cat((after.position_m - before.position_m, turn, shut[:, None]), dim=1)
    both = torch.minimum(sure[:-1], sure[1:])
    worst = torch.maximum(jitter[:-1], jitter[1:])
    confidence = both[:, None] * _channels(worst, hand.scale_sigma, told=told)
    return HandMotion(
        values=torch.where(both[:, None] > 0, values, 0.0),
        confidence=confidence,
        start_s=at_s[:-1].double(),
        camera="held still" if camera is None else "known",
    )


def pinched(
    aperture_palms: Float[Tensor, " t"], time_s: Float[Tensor, " t"], believed: Bool[Tensor, " t"]
) -> Bool[Tensor, " t"] | None:
    """When the hand was pinched; None where it never opened and closed enough to tell.

    Closed below a fifth of the way from the episode's narrow to its wide apertures, open again above a third, and
    nothing shorter than `DWELL_S`.

    Args:
        aperture_palms: Thumb tip to index tip, in palm lengths; the episode's own range is its scale.
        time_s: Seconds.
        believed: Which looks count.

    Source:
        The fifth is Phantom's (Lepert et al. 2025, arXiv:2503.00779), of the least and the greatest; we take the 5th
        and 95th percentile, a second threshold against flicker, and a dwell.
    """
    if not bool(believed.any()):
        return None
    low, high = aperture_palms[believed].quantile(aperture_palms.new_tensor((0.05, 0.95))).tolist()
    if high - low < _LEAST_RANGE:
        return None
    states, state = [], bool(aperture_palms[believed][0] < low + _CLOSE * (high - low))
    for aperture, counts in zip(aperture_palms.tolist(), believed.tolist(), strict=True):
        if counts:
            state = aperture < low + (_OPEN if state else _CLOSE) * (high - low)
        states.append(state)
    return torch.tensor(_dwelling(states, time_s.tolist()))


def _dwelling(states: list[bool], times: list[float]) -> list[bool]:
    """Without changes that are undone within `DWELL_S`."""
    kept, start = list(states), 0
    for place in range(1, len(states) + 1):
        if place < len(states) and states[place] == states[start]:
            continue
        # The first and the last state may have lasted longer than was seen.
        if start > 0 and place < len(states) and times[place] - times[start] < DWELL_S:
            kept[start:place] = [kept[start - 1]] * (place - start)
        start = place
    return kept


def _closed_at(hand: LiftedHand, at_s: Tensor) -> tuple[Tensor, bool]:
    """Whether the hand is pinched at each time, by the look before it; and whether that could be told."""
    states = pinched(hand.aperture_palms, hand.time_s, hand.confidence > 0)
    if states is None:
        return torch.zeros(len(at_s), dtype=torch.float64), False
    place = torch.searchsorted(hand.time_s, at_s + 1e-6).sub(1).clamp(min=0)
    return states[place].double(), True


def _channels(jitter: Float[Tensor, "k 2"], scale: tuple[float, float], *, told: bool) -> Float[Tensor, "k 7"]:
    """What is left of each axis's confidence after its jitter and the error of its scale."""
    place = 1 / (1 + (jitter[:, 0] / _HALF_M) ** 2)
    turn = 1 / (1 + (jitter[:, 1] / _HALF_RAD) ** 2)
    sideways, ahead = (place * (1 - min(share, 1.0)) for share in scale)
    return torch.stack((sideways, sideways, ahead, turn, turn, turn, torch.full_like(turn, float(told))), dim=1)


def _at(hand: LiftedHand, at_s: Tensor) -> tuple[Pose, Tensor, Tensor]:
    """Palm, jitter (k+1, 2) and confidence at times between looks; confidence 0 where no two looks are near."""
    known = (hand.confidence > 0).nonzero().flatten()
    if len(known) < 2:
        count = len(at_s)
        still = Pose(
            rotation=torch.eye(3, dtype=torch.float64).expand(count, 3, 3),
            position_m=torch.zeros(count, 3, dtype=torch.float64),
            of=PALM,
            within=CAMERA,
        )
        return still, torch.zeros(count, 2, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    times = hand.time_s[known]
    after = torch.searchsorted(times, at_s).clamp(1, len(times) - 1)
    first, last = known[after - 1], known[after]
    reach = hand.time_s[last] - hand.time_s[first]
    share = (at_s - hand.time_s[first]) / reach
    inside = (share >= -1e-6) & (share <= 1 + 1e-6) & (reach <= BRIDGE_S + 1e-6)
    way = share.clamp(0, 1)[:, None]
    position = torch.lerp(hand.palm.position_m[first], hand.palm.position_m[last], way)
    turns = Slerp(times.numpy(), Rotation.from_matrix(hand.palm.rotation[known].numpy()))
    rotation = torch.from_numpy(turns(at_s.clamp(times[0], times[-1]).numpy()).as_matrix())
    jitter = torch.stack((hand.jitter_m, hand.jitter_rad), dim=1)
    sure = torch.minimum(hand.confidence[first], hand.confidence[last])
    return (
        Pose(rotation=rotation, position_m=position, of=PALM, within=CAMERA),
        torch.maximum(jitter[first], jitter[last]),
        torch.where(inside, sure, 0.0),
    )


def _picked(pose: Pose, rows: slice) -> Pose:
    return Pose(rotation=pose.rotation[rows], position_m=pose.position_m[rows], of=pose.of, within=pose.within)
