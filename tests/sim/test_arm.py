"""An arm that reaches the whole table, whose joints say exactly where its fingers are."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs_gl import needs_gl

from adapt.embodiment.spec import load_embodiment
from adapt.sim.arm import BASE_M, FORE_M, JOINTS, LIMITS, ORANGE, UPPER_M, WHITE, Arm, joints_of, tool_of
from adapt.sim.camera import Camera
from adapt.sim.expert import Expert
from adapt.sim.gripper import Gripper
from adapt.sim.human_hand import HumanHand
from adapt.sim.shapes import Capsule
from adapt.sim.state import BLOCK_HALF_M, TOOL_HIGH_M, TOOL_LIMIT_M, TOOL_LOW_M, SceneState
from adapt.sim.tabletop import Tabletop
from adapt.sim.tasks import HELD_OUT_TASKS, SEEN_TASKS, Task, succeeded

EMBODIMENTS = Path(__file__).parents[2] / "recipes" / "embodiment"
EDGES = np.linspace(-TOOL_LIMIT_M, TOOL_LIMIT_M, 19)
ON_TABLE = st.floats(-TOOL_LIMIT_M, TOOL_LIMIT_M)


def standing(tool: tuple[float, float, float], *, yaw: float = 0.0, grip: float = 0.0) -> SceneState:
    """Blocks in a row in the middle, and the tool anywhere."""
    places = [[x, 0.0, BLOCK_HALF_M, 1.0, 0.0, 0.0, 0.0] for x in (-0.15, 0.0, 0.15)]
    return SceneState(blocks=np.array(places), tool=np.array(tool), yaw=yaw, grip=grip, highest=np.zeros(3))


@given(ON_TABLE, ON_TABLE, st.floats(TOOL_LOW_M, TOOL_HIGH_M), st.floats(-1.5, 1.5), st.floats(0, 1))
def test_the_joints_lead_back_to_where_the_tool_is(x: float, y: float, z: float, yaw: float, grip: float) -> None:
    tool = np.array([x, y, z, yaw, grip])

    np.testing.assert_allclose(tool_of(joints_of(tool)), tool, rtol=0, atol=1e-9)


def test_all_joints_stay_within_their_limits_over_the_whole_table() -> None:
    low, high = np.array(LIMITS).T
    joints = np.array(
        [joints_of(np.array([x, y, 0.1, yaw, 0.5])) for x, y, yaw in product(EDGES, EDGES, (-1.5, 0, 1.5))]
    )

    assert (joints >= low).all()
    assert (joints <= high).all()


def test_no_joint_jumps_while_the_tool_moves_over_the_table() -> None:
    joints = np.array([[joints_of(np.array([x, y, 0.1, 0.0, 0.0])) for y in EDGES] for x in EDGES])
    apart_m = EDGES[1] - EDGES[0]

    assert np.abs(np.diff(joints, axis=0)).max() < 8 * apart_m
    assert np.abs(np.diff(joints, axis=1)).max() < 8 * apart_m


def test_a_point_out_of_reach_is_taken_for_the_nearest_within_it() -> None:
    far = tool_of(joints_of(np.array([0.0, -3.0, 0.1, 0.0, 0.0])))

    np.testing.assert_allclose(far[:2], [BASE_M[0], BASE_M[1] - UPPER_M - FORE_M], atol=1e-9)


def test_straight_joints_point_at_the_camera_and_the_shoulder_turns_to_the_right() -> None:
    straight, right = tool_of(np.array([0.0, 0.0, 0.0, 0.1, 0.0])), tool_of(np.array([0.3, 0.0, 0.0, 0.1, 0.0]))

    np.testing.assert_allclose(straight, [BASE_M[0], BASE_M[1] - UPPER_M - FORE_M, 0.1, 0.0, 0.0], atol=1e-12)
    assert right[0] > 0.1
    assert right[3] == pytest.approx(0.3)


def test_actions_and_tool_commands_turn_into_each_other() -> None:
    body, state = Arm(), standing((0.0, 0.0, 0.1))
    command = np.array([-0.2, 0.13, 0.04, 0.2, 1.0])
    action = body.action(command, state)

    assert action.shape == (len(JOINTS),)
    np.testing.assert_allclose(body.command(action, state), command, atol=1e-9)
    np.testing.assert_allclose(body.action(body.command(action, state), state), action, atol=1e-9)


def test_a_command_beyond_the_limits_is_brought_within_them() -> None:
    body, state = Arm(), standing((0.0, 0.0, 0.1))

    told = body.command(np.array([-9.0, 9.0, 0.0, 9.0, 9.0]), state)

    np.testing.assert_allclose(told, tool_of(np.array([LIMITS[0][0], LIMITS[1][1], 0.0, TOOL_HIGH_M, 1.0])))


@pytest.mark.parametrize("task", [HELD_OUT_TASKS[0], SEEN_TASKS[-1]])
def test_an_expert_that_speaks_in_joints_does_the_task(task: Task) -> None:
    body, expert = Arm(), Expert(task, np.random.default_rng(0))
    with Tabletop() as tabletop:
        state = tabletop.reset(3, task)
        for _ in range(64):
            state = tabletop.step(body.command(body.action(expert(state), state), state))

    assert succeeded(state, task)


def test_what_it_feels_is_where_its_joints_are() -> None:
    state = standing((0.1, -0.2, 0.07), yaw=0.3, grip=0.4)

    np.testing.assert_allclose(tool_of(Arm().proprioception(state)), [0.1, -0.2, 0.07, 0.3, 0.4], atol=1e-9)


def test_the_drawn_links_keep_their_lengths_and_end_above_the_tool() -> None:
    for x, y in product(EDGES[::6], EDGES[::6]):
        limbs = [solid for solid in Arm().solids(standing((x, y, 0.05))) if isinstance(solid, Capsule)]
        (upper,) = (limb for limb in limbs if limb.colour == ORANGE)
        (fore,) = (limb for limb in limbs if limb.colour == WHITE)

        np.testing.assert_allclose(np.linalg.norm(upper.b - upper.a), UPPER_M, atol=1e-9)
        np.testing.assert_allclose(np.linalg.norm(fore.b - fore.a), FORE_M, atol=1e-9)
        np.testing.assert_allclose(fore.a[:2], upper.b[:2], atol=1e-12)
        np.testing.assert_allclose(fore.b[:2], [x, y], atol=1e-9)


def test_the_links_pass_above_standing_blocks_even_when_the_tool_is_lowest() -> None:
    limbs = [solid for solid in Arm().solids(standing((0.2, -0.2, TOOL_LOW_M))) if isinstance(solid, Capsule)]

    for limb in limbs:
        if limb.colour in (ORANGE, WHITE):
            assert min(limb.a[2], limb.b[2]) - limb.radius > 2 * BLOCK_HALF_M


@pytest.mark.parametrize("body", [Arm(), Gripper()])
def test_the_shipped_embodiment_has_the_axes_of_the_body(body: Arm | Gripper) -> None:
    spec = load_embodiment(body.name, [EMBODIMENTS])

    assert (spec.action_names, spec.state_names) == (body.action_names, body.state_names)
    assert [axis.index for axis in spec.actions] == list(range(len(body.action_names)))
    assert [axis.name for axis in spec.actions if not axis.relative] == ["grip"]


@needs_gl
def test_the_three_bodies_look_different() -> None:
    state = standing((0.05, -0.05, 0.05))
    with Camera(64) as camera:
        bare = camera.picture(state, []).astype(float)
        pictures = [camera.picture(state, body.solids(state)) for body in (Arm(), Gripper(), HumanHand())]

    for picture in pictures:
        assert np.abs(picture - bare).mean() > 2
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(pictures[one].astype(float) - pictures[other]).mean() > 4


@needs_gl
def test_the_arm_hides_little_of_the_blocks() -> None:
    hidden = []
    with Camera(128) as camera:
        for x, y in product(EDGES[::6], EDGES[::6]):
            state = standing((x, y, 0.05))
            free, seen = (camera.picture(state, solids) for solids in ([], Arm().solids(state)))
            hidden.append(1 - (_block_pixels(free) & _block_pixels(seen)).sum() / _block_pixels(free).sum())

    assert np.mean(hidden) < 0.1
    assert np.max(hidden) < 0.45


@needs_gl
@pytest.mark.parametrize("body", [Arm(), Gripper()])
def test_the_opening_of_the_fingers_shows_in_a_small_picture(body: Arm | Gripper) -> None:
    with Camera(64) as camera:
        pictures = [
            camera.picture(state, body.solids(state)).astype(float)
            for state in (standing((0.05, -0.15, 0.05), grip=grip) for grip in (0.0, 0.58, 1.0))
        ]

    for one, other in ((0, 1), (1, 2)):
        changed = np.abs(pictures[one] - pictures[other]).max(axis=-1) > 40
        assert changed.sum() >= 6


def _block_pixels(picture: np.ndarray) -> np.ndarray:
    """Where one colour is far stronger than another: nothing else on the table is red, green or blue."""
    strongest, weakest = picture.max(-1).astype(int), picture.min(-1).astype(int)
    return strongest - weakest > 90
