"""The drawn hand looks like a hand to a detector trained on photographs, and holds what the tool holds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from needs_gl import needs_gl

from adapt.errors import DataError
from adapt.hands.landmarks import HandLandmarks
from adapt.hands.model_file import ensure_hand_model
from adapt.runs.cache import Cache
from adapt.sim.arm import Arm
from adapt.sim.body import Body
from adapt.sim.camera import Camera
from adapt.sim.expert import perform
from adapt.sim.gap import Gap
from adapt.sim.gripper import Gripper
from adapt.sim.human_hand import HumanHand
from adapt.sim.shapes import Capsule
from adapt.sim.state import BLOCK_HALF_M, HELD_GRIP, SceneState
from adapt.sim.tabletop import Tabletop
from adapt.sim.tasks import ALL_TASKS, HELD_OUT_TASKS, SEEN_TASKS, VERBS, Task
from adapt.types import Clip

EVERY = 2  # looks at five of ten frames a second, as ingest does


@pytest.fixture(scope="module")
def hand_model() -> Path:
    """The detector's model file; the test is skipped where it can neither be found nor fetched."""
    try:
        return ensure_hand_model(Cache.default().root)
    except DataError as error:
        pytest.skip(f"needs the hand model: {error}")


def holding(x: float = 0.0, y: float = 0.0, *, grip: float = HELD_GRIP) -> SceneState:
    """The red block between the fingers, the others out of the way."""
    places = [[*place, BLOCK_HALF_M, 1.0, 0.0, 0.0, 0.0] for place in ((x, y), (-0.25, 0.25), (0.25, 0.25))]
    tool = np.array([x, y, BLOCK_HALF_M])
    return SceneState(blocks=np.array(places), tool=tool, grip=grip, held=0, highest=np.zeros(3))


@needs_gl
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("column", [0, 1])
def test_the_detector_finds_the_hand_in_videos_of_held_out_tasks(hand_model: Path, verb: str, column: int) -> None:
    tasks = [task for task in HELD_OUT_TASKS if task.verb == verb and task.column == column]

    assert _share_seen(hand_model, HumanHand(), tasks[:2]) >= 0.85


@needs_gl
def test_the_detector_finds_the_hand_all_over_the_table(hand_model: Path) -> None:
    tasks = [task for task in ALL_TASKS if task.colour == (task.row + task.column) % 3 and task.verb == "put"]

    assert _share_seen(hand_model, HumanHand(), tasks) >= 0.85


@needs_gl
@pytest.mark.parametrize("body", [Gripper(), Arm()])
def test_a_robot_is_not_taken_for_a_hand(hand_model: Path, body: Body) -> None:
    assert _share_seen(hand_model, body, SEEN_TASKS[:3]) == 0


@needs_gl
def test_the_strongest_gap_of_looks_is_still_a_hand(hand_model: Path) -> None:
    assert _share_seen(hand_model, HumanHand(Gap(looks=1.0)), HELD_OUT_TASKS[::4]) >= 0.85


def test_thumb_and_index_finger_lie_against_a_held_block_from_both_sides() -> None:
    thumb, index = _pinch(holding())

    assert thumb.b[0] < -BLOCK_HALF_M < BLOCK_HALF_M < index.b[0]
    for tip in (thumb, index):
        assert abs(tip.b[0]) - tip.radius == pytest.approx(BLOCK_HALF_M, abs=0.003)


def test_the_fingers_close_with_the_grip() -> None:
    apart = [
        float(index.b[0] - thumb.b[0]) for thumb, index in (_pinch(holding(grip=grip)) for grip in (0.0, 0.5, 1.0))
    ]

    assert apart[0] > apart[1] > apart[2] > 0


def test_the_offset_moves_the_fingertips_beside_the_grasp_point() -> None:
    gap = Gap(offset=1.0)
    plain, moved = _pinch(holding()), _pinch(holding(), gap)

    for before, after in zip(plain, moved, strict=True):
        np.testing.assert_allclose(after.b - before.b, gap.offset_m, atol=1e-12)


def test_the_hand_goes_where_the_tool_goes() -> None:
    here, there = _pinch(holding(0.1, -0.1)), _pinch(holding(0.1, 0.05))

    for before, after in zip(here, there, strict=True):
        np.testing.assert_allclose(after.b - before.b, [0.0, 0.15, 0.0], atol=1e-12)


def test_a_hand_has_no_axes_and_takes_no_commands() -> None:
    hand, state = HumanHand(), holding()

    assert hand.name is None
    assert hand.action_names == hand.state_names == ()
    assert hand.proprioception(state).shape == hand.action(np.zeros(5), state).shape == (0,)
    with pytest.raises(ValueError, match="filmed, not commanded"):
        hand.command(np.zeros(0), state)


def _pinch(state: SceneState, gap: Gap | None = None) -> tuple[Capsule, Capsule]:
    """The last bones of thumb and index finger: of those that end in the open, the two nearest to the grasp point."""
    limbs = [solid for solid in HumanHand(gap).solids(state) if isinstance(solid, Capsule) and solid.gloss < 0.1]
    grasp = state.tool + (gap or Gap()).offset_m
    tips = [limb for limb in limbs if not any(np.array_equal(limb.b, other.a) for other in limbs)]
    first, second = sorted(tips, key=lambda tip: float(np.linalg.norm(tip.b - grasp)))[:2]
    return (first, second) if first.b[0] < second.b[0] else (second, first)


def _share_seen(model: Path, body: Body, tasks: Sequence[Task]) -> float:
    """Share of the frames, over one video of each task, in which the detector sees a hand."""
    shares = []
    with Tabletop() as tabletop, Camera(320) as camera:
        for seed, task in enumerate(tasks):
            states = perform(tabletop, task, seed).states[::EVERY]
            frames = np.stack([camera.picture(state, body.solids(state)) for state in states])
            clip = Clip(frames=torch.from_numpy(frames), time_s=torch.arange(len(frames)) * EVERY * 0.1)
            with HandLandmarks(model) as detector:
                tracks = detector.detect(clip)
            shares.append(float(torch.stack([track.seen for track in tracks]).any(0).float().mean()))
    return float(np.mean(shares))
