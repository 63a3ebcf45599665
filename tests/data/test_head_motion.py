"""A hand's motion is told from the camera's: what hands cover does not count, at rest or turning, missed or not."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hand_builder import seen_hand
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor
from turning_builder import SIZE, STILL, place_of, seen_from

from adapt.data.head_motion import HeadMotion
from adapt.footage.camera_motion import CameraMotion
from adapt.footage.pairs import NO_PAIRS, Pairing, Pairs
from adapt.footage.picture import shrink
from adapt.geometry.cameras import from_field_of_view
from adapt.hands.landmarks import SeenHand
from adapt.hands.region import is_covered

PLACE, SKIN = place_of(0), place_of(7)
HEIGHT, WIDTH = SIZE
ASPECT = WIDTH / HEIGHT
CAMERA = from_field_of_view(float(WIDTH), float(HEIGHT), 70.0)
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH] + 0.5
SHARES = np.stack((COLUMNS / WIDTH, ROWS / HEIGHT), axis=-1).reshape(-1, 2)


def hands_at(step_m: float) -> list[SeenHand]:
    """Two hands at work near the camera, some centimetres to the side."""
    return [
        seen_hand((-0.13 + step_m, 0.03, 0.36), camera=CAMERA),
        seen_hand((0.13 + step_m, 0.03, 0.36), side="left", camera=CAMERA),
    ]


def filmed(turn_deg: Sequence[float], hands: Sequence[SeenHand], place: NDArray[np.float64] = PLACE) -> Tensor:
    """The place with hands before it, whose skin, sleeves and things move with them."""
    picture = seen_from(place, turn_deg).numpy().astype(np.float64)
    covered = is_covered(SHARES, hands, ASPECT).reshape(HEIGHT, WIDTH)
    by_px = round(float(hands[0].landmarks[0, 0]) * WIDTH) if hands else 0
    skin = np.roll(SKIN[:HEIGHT, :WIDTH], by_px, axis=1)
    soft = gaussian_filter(covered.astype(np.float64), 0.7)[..., None]
    return torch.from_numpy(np.clip((1 - soft) * picture + soft * skin, 0, 255).astype(np.uint8))


def motions(
    turns_deg: Sequence[Sequence[float]],
    hands: Sequence[Sequence[SeenHand]],
    *,
    place: NDArray[np.float64] = PLACE,
    told: bool = True,
) -> list[CameraMotion | None]:
    """What is found between looks, whose hands are told or kept from whoever looks."""
    pairing, head = Pairing(), HeadMotion()
    for turn_deg, seen in zip(turns_deg, hands, strict=True):
        pairs = pairing.look(shrink(filmed(turn_deg, seen, place)))
        head.look(pairs, seen if told else [], aspect=ASPECT)
    return list(head.motions)[1:]


def faint(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """A wall: it has little to be followed by, and hands before it have much."""
    return 120 + 0.35 * (place - 120)


@pytest.mark.parametrize("step_m", [0.015, 0.02, 0.05])
def test_hands_that_move_before_a_camera_at_rest_are_no_camera_motion(step_m: float) -> None:
    hands = [hands_at(0.0), hands_at(step_m), hands_at(0.0)]
    found = motions([STILL] * 3, hands, place=faint(PLACE))
    assert [motion is not None and motion.angle_deg(70.0) < 0.2 for motion in found] == [True, True]


def test_without_being_told_of_the_hands_their_motion_would_be_taken_for_the_cameras() -> None:
    hands = [hands_at(0.0), hands_at(0.02), hands_at(0.0)]
    found = motions([STILL] * 3, hands, place=faint(PLACE), told=False)
    assert [motion is not None and motion.angle_deg(70.0) > 2.5 for motion in found] == [True, True]


@pytest.mark.parametrize("turn_deg", [(0.0, 4.0, 0.0), (-3.0, 2.0, 2.0), (0.0, -10.0, 0.0)])
def test_the_cameras_motion_is_found_though_hands_move_with_it_or_against_it(turn_deg: Sequence[float]) -> None:
    for step_m in (-0.04, 0.0, 0.04):
        (found,) = motions([STILL, turn_deg], [hands_at(0.0), hands_at(step_m)])
        assert found is not None
        assert found.angle_deg(70.0) == pytest.approx(math.hypot(*turn_deg), abs=0.3)


@pytest.mark.parametrize("seen", ["before", "now"])
def test_spots_that_were_on_a_hand_or_are_on_one_now_do_not_count(seen: str) -> None:
    """As where the detector misses it in one of two looks."""
    draw, (hand, _) = np.random.default_rng(0), hands_at(0.0)
    wall = draw.uniform((0.0, 0.0), (1.0, 0.2), (25, 2))
    on = hand.landmarks[draw.integers(0, 21, 60), :2].double().numpy()
    there = on + np.array((0.2, 0.0) if seen == "before" else (-0.2, 0.0))
    skin = (on, there) if seen == "before" else (there, on)
    pairs = Pairs(before=np.concatenate((wall, skin[0])), now=np.concatenate((wall, skin[1])))
    head = HeadMotion()
    head.look(NO_PAIRS, [hand] if seen == "before" else [], aspect=ASPECT)
    head.look(pairs, [hand] if seen == "now" else [], aspect=ASPECT)
    found = head.motions[1]
    assert found is not None
    assert (found.angle_deg(70.0) < 0.01, found.share) == (True, 1.0)


def test_spots_so_near_to_a_hand_that_it_is_in_their_patch_do_not_count() -> None:
    draw, (hand, _) = np.random.default_rng(0), hands_at(0.0)
    spots = draw.uniform(size=(4000, 2))
    beside = is_covered(spots, [hand], ASPECT, margin=0.05) & ~is_covered(spots, [hand], ASPECT)
    edge, wall = spots[beside][:60], draw.uniform((0.0, 0.0), (1.0, 0.2), (25, 2))
    pairs = Pairs(before=np.concatenate((wall, edge)), now=np.concatenate((wall, edge + np.array((0.2, 0.0)))))
    head = HeadMotion()
    head.look(NO_PAIRS, [hand], aspect=ASPECT)
    head.look(pairs, [], aspect=ASPECT)
    found = head.motions[1]
    assert len(edge) == 60
    assert found is not None
    assert (found.angle_deg(70.0) < 0.01, found.share) == (True, 1.0)


def test_a_picture_full_of_hands_tells_nothing() -> None:
    near = [seen_hand((0.05 * place, 0.0, 0.16), camera=CAMERA) for place in (-2, -1, 0, 1, 2)]
    assert motions([STILL, (0.0, 3.0, 0.0)], [near, near]) == [None]


def test_the_first_look_has_no_motion() -> None:
    head = HeadMotion()
    head.look(Pairing().look(shrink(filmed(STILL, []))), [], aspect=ASPECT)
    assert head.motions == (None,)
