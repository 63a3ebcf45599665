"""What a hand covers moves with it: flesh, forearm and what it holds; nothing else."""

import numpy as np
import pytest
import torch
from hand_builder import CAMERA, seen_hand
from hypothesis import given, settings
from hypothesis import strategies as st

from adapt.hands.landmarks import SeenHand
from adapt.hands.region import is_covered

ASPECT = CAMERA.width_px / CAMERA.height_px
HAND = seen_hand((0.0, 0.05, 0.5))


PALM = 0.1  # heights of the picture


def plain_hand(across: float = PALM) -> SeenHand:
    """Thumb and fingers straight up from the knuckles, in a line above the wrist; pinching to the left of them.

    Args:
        across: From the wrist up to the knuckles; less for a hand seen end on, whose knuckles are a palm wide.
    """
    joints = np.full((21, 2), (0.0, -across))
    joints[0] = 0.0
    joints[5], joints[17] = (-PALM / 2, -across), (PALM / 2, -across)
    joints[[4, 8]] = (-2 * PALM, -across)
    shares = np.zeros((21, 3))
    shares[:, :2] = joints / (ASPECT, 1.0) + np.array((0.5, 0.4))
    return SeenHand(side="right", score=1.0, landmarks=torch.from_numpy(shares).float(), world_m=HAND.world_m)


def covers(hand: SeenHand, right: float, down: float, *, margin: float = 0.0) -> bool:
    """Whether a point is covered that lies so many palms from the wrist; `margin` in palms."""
    point = np.array([[0.5 + right * PALM / ASPECT, 0.4 + down * PALM]])
    return bool(is_covered(point, [hand], ASPECT, margin=margin * PALM / ASPECT)[0])


@pytest.mark.parametrize(
    ("right", "down", "covered"),
    [
        (0.0, 3.9, True),  # A forearm is four palms long,
        (0.0, 4.6, False),
        (0.45, 2.0, True),  # and a palm wide with its sleeve.
        (-0.45, 2.0, True),
        (0.55, 2.0, False),
        (-2.75, -1.0, True),  # What is held is less than a palm beyond where the fingers meet,
        (-2.0, -1.75, True),
        (-2.85, -1.0, False),
        (0.8, -1.0, True),  # and flesh a third of one around the bones.
        (0.9, -1.0, False),
        (0.3, -0.3, True),
        (0.45, -0.25, True),  # from the wrist to the little finger's knuckle
    ],
)
def test_how_far_flesh_sleeve_and_what_is_held_reach_is_told_in_palms(
    right: float, down: float, *, covered: bool
) -> None:
    assert covers(plain_hand(), right, down) == covered


def test_a_hand_seen_end_on_has_its_forearm_behind_it() -> None:
    end_on = plain_hand(across=0.1 * PALM)
    assert covers(end_on, 0.0, 0.8)
    assert covers(end_on, 0.0, 1.2)
    assert not covers(end_on, 0.0, 1.5)


def test_a_margin_is_a_share_of_the_longer_side() -> None:
    assert ASPECT > 1
    assert covers(plain_hand(), 0.55, 2.0, margin=0.06)
    assert not covers(plain_hand(), 0.65, 2.0, margin=0.12)
    assert covers(plain_hand(), 0.65, 2.0, margin=0.16)


def shifted(hand: SeenHand, right: float, down: float) -> SeenHand:
    moved = hand.landmarks + torch.tensor([right, down, 0.0])
    return SeenHand(side=hand.side, score=hand.score, landmarks=moved, world_m=hand.world_m)


def test_joints_forearm_and_what_is_held_are_covered_and_the_rest_of_the_picture_is_not() -> None:
    joints = HAND.landmarks[:, :2].double().numpy()
    wrist, knuckles = joints[0], joints[[5, 9, 13, 17]].mean(0)
    assert is_covered(joints, [HAND], ASPECT).all()
    assert is_covered(wrist + 2.0 * (wrist - knuckles)[None], [HAND], ASPECT).all()
    assert is_covered(joints[[4, 8]].mean(0)[None] - np.array((0.0, 0.02)), [HAND], ASPECT).all()
    beside = knuckles + np.array([[0.35, 0.0], [-0.35, 0.0], [0.0, -0.5], [0.3, 0.3]])
    assert not is_covered(beside, [HAND], ASPECT).any()
    assert not is_covered(joints, [], ASPECT).any()


@given(right=st.floats(-0.4, 0.4), down=st.floats(-0.4, 0.4), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_it_moves_with_the_hand_and_mirrors_with_the_picture(right: float, down: float, seed: int) -> None:
    points = np.random.default_rng(seed).uniform(size=(200, 2))
    there = is_covered(points, [HAND], ASPECT, margin=0.02)
    moved = is_covered(points + np.array((right, down)), [shifted(HAND, right, down)], ASPECT, margin=0.02)
    mirrored = HAND.landmarks * torch.tensor([-1.0, 1.0, 1.0]) + torch.tensor([1.0, 0.0, 0.0])
    other = SeenHand(side="left", score=1.0, landmarks=mirrored, world_m=HAND.world_m)
    swapped = is_covered(points * (-1, 1) + (1, 0), [other], ASPECT, margin=0.02)
    # A point on the very edge may fall to either side by rounding.
    assert (there != moved).sum() <= 1
    assert (there != swapped).sum() <= 1
    assert there.any()


@pytest.mark.parametrize("margin", [0.05, 0.1, 0.3])
def test_a_margin_only_adds_and_hands_add_up(margin: float) -> None:
    points = np.random.default_rng(0).uniform(size=(500, 2))
    other = shifted(HAND, 0.25, 0.0)
    plain, wide = is_covered(points, [HAND], ASPECT), is_covered(points, [HAND], ASPECT, margin=margin)
    assert (wide >= plain).all()
    assert wide.sum() > plain.sum()
    both = is_covered(points, [HAND, other], ASPECT)
    assert (both == (plain | is_covered(points, [other], ASPECT))).all()
