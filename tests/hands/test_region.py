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
