"""Robot A: actions are the tool's own places, looks follow the state."""

import numpy as np
import pytest

from adapt.sim.body import Body
from adapt.sim.gripper import TIP, Gripper
from adapt.sim.shapes import Box
from adapt.sim.state import BLOCK_HALF_M, HELD_GRIP
from adapt.sim.tabletop import Tabletop
from adapt.sim.wander import Play

BODY: Body = Gripper()


def test_an_action_and_its_command_say_the_same(tabletop: Tabletop) -> None:
    state = tabletop.reset(0)
    command = np.array([0.1, -0.2, 0.07, 0.0, 0.4])
    action = BODY.action(command, state)

    assert action.tolist() == [0.1, -0.2, 0.07, 0.4]
    assert BODY.command(action, state).tolist() == command.tolist()


def test_names_limits_and_vectors_agree_and_play_stays_within_them(tabletop: Tabletop) -> None:
    state, chooser = tabletop.reset(1), Play(np.random.default_rng(1))
    low, high = np.array(BODY.state_limits).T
    for _ in range(300):
        command = chooser(state)
        felt = BODY.proprioception(state)
        assert felt.shape == (len(BODY.state_names),)
        assert BODY.action(command, state).shape == (len(BODY.action_names),)
        assert (felt >= low - 1e-9).all()
        assert (felt <= high + 1e-9).all()
        state = tabletop.step(command)
    assert len(BODY.action_limits) == len(BODY.action_names)


@pytest.mark.parametrize(("grip", "apart"), [(0.0, 0.172), (1.0, 0.025)])
def test_the_tips_stand_on_either_side_of_the_grasp_point(tabletop: Tabletop, grip: float, apart: float) -> None:
    state = tabletop.reset(2)
    for _ in range(5):
        state = tabletop.step(np.array([0.0, 0.0, 0.2, 0.0, grip]))
    left, right = [s for s in BODY.solids(state) if isinstance(s, Box) and s.colour == TIP]

    assert right.centre[0] - left.centre[0] == pytest.approx(apart)
    assert (left.centre + right.centre) / 2 == pytest.approx(state.tool + np.array([0, 0, 0.006]))


def test_fingers_touch_the_block_they_hold(tabletop: Tabletop) -> None:
    at = tabletop.reset(3).blocks[1, :3]
    for grip in [0.0] * 25 + [1.0] * 10:
        state = tabletop.step(np.array([at[0], at[1], 0.0, 0.0, grip]))
    left, right = [s for s in BODY.solids(state) if isinstance(s, Box) and s.colour == TIP]

    assert (state.held, state.grip) == (1, HELD_GRIP)
    assert left.centre[0] + left.half[0] == pytest.approx(state.blocks[1, 0] - BLOCK_HALF_M, abs=0.001)
    assert right.centre[0] - right.half[0] == pytest.approx(state.blocks[1, 0] + BLOCK_HALF_M, abs=0.001)


def test_the_gripper_turns_with_the_tools_yaw(tabletop: Tabletop) -> None:
    tabletop.reset(2)
    for _ in range(10):
        state = tabletop.step(np.array([0.0, 0.0, 0.2, np.pi / 2, 0.0]))
    left, right = [s for s in BODY.solids(state) if isinstance(s, Box) and s.colour == TIP]

    assert right.centre - left.centre == pytest.approx([0, 0.172, 0], abs=1e-6)
