"""The drawn hand looks like a hand to a detector trained on photographs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from adapt.errors import DataError
from adapt.hands.landmarks import HandLandmarks
from adapt.hands.model_file import ensure_hand_model
from adapt.runs.cache import Cache
from adapt.sim.experts import perform
from adapt.sim.hand import SKIN, hand
from adapt.sim.raycast import Capsule
from adapt.sim.scene import ALL_TASKS, SceneState, gripper, render
from adapt.types import Clip


@pytest.fixture(scope="module")
def hand_model() -> Path:
    """The detector's model file; the test is skipped where it can neither be found nor fetched."""
    try:
        return ensure_hand_model(Cache.default().root)
    except DataError as error:
        pytest.skip(f"needs the hand model: {error}")


def test_most_frames_of_a_recorded_task_show_a_hand_to_the_detector(hand_model: Path) -> None:
    shares = []
    for seed in (500, 501):
        states = perform(ALL_TASKS[7 * (seed - 500)], seed).states[::5]
        shares.append(_share_seen(hand_model, [render(state, hand, 320) for state in states]))

    assert np.mean(shares) >= 0.6


def test_the_gripper_is_not_taken_for_a_hand(hand_model: Path) -> None:
    states = perform(ALL_TASKS[5], 500).states[::8]

    assert _share_seen(hand_model, [render(state, gripper, 320) for state in states]) == 0


def test_thumb_and_index_finger_close_from_both_sides_of_the_grasp_point() -> None:
    state = SceneState(blocks=np.full((3, 2), 0.9), tool=np.array([0.1, 0.0]), grip=0.65)
    tips = [solid.b for solid in hand(state) if isinstance(solid, Capsule) and solid.colour == SKIN]
    near = sorted(float(tip[0]) - 0.1 for tip in tips if abs(tip[1]) < 0.06 and tip[2] < 0.15)

    assert near[0] < -0.08
    assert near[-1] > 0.08


def _share_seen(model: Path, frames: list[np.ndarray]) -> float:
    """Share of the frames in which the detector sees a hand."""
    clip = Clip(frames=torch.from_numpy(np.stack(frames)), time_s=torch.arange(len(frames)) * 0.2)
    with HandLandmarks(model) as detector:
        tracks = detector.detect(clip)
    seen = torch.stack([track.seen for track in tracks]).any(0) if tracks else torch.zeros(len(frames))
    return float(seen.float().mean())
