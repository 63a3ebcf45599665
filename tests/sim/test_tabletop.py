"""The physics keeps its promises: exact seeds, a tool with limits, firm grasps, clean releases, blocks on the table."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from adapt.errors import SimulatorError
from adapt.sim.state import BLOCK_HALF_M, HELD_GRIP, STEP_M, TABLE_HALF_M, SceneState
from adapt.sim.tabletop import APART_M, REACH_M, Tabletop
from adapt.sim.tasks import ALL_TASKS, in_zone
from adapt.sim.wander import Play


def same(one: SceneState, other: SceneState) -> bool:
    arrays = ("blocks", "tool", "highest")
    numbers = (one.yaw, one.grip, one.held, one.time_s) == (other.yaw, other.grip, other.held, other.time_s)
    return numbers and all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in arrays)


def go(tabletop: Tabletop, place: tuple[float, float, float], grip: float, steps: int) -> list[SceneState]:
    return [tabletop.step(np.array([*place, 0.0, grip])) for _ in range(steps)]


def grasp(tabletop: Tabletop, seed: int = 3, aside: float = 0.0, low: float = 0.01) -> tuple[NDArray[np.float64], int]:
    """Close round the green block, `aside` to its right; where it lay, and what is held."""
    at = tabletop.reset(seed).blocks[1, :3]
    go(tabletop, (at[0] + aside, at[1], low), 0.0, 25)
    return at, go(tabletop, (at[0] + aside, at[1], low), 1.0, 5)[-1].held


def test_one_seed_is_one_history_to_the_byte_in_any_tabletop(tabletop: Tabletop) -> None:
    commands = (
        np.random.default_rng(0).uniform((-0.3, -0.3, 0, -1, 0), (0.3, 0.3, 0.2, 1, 1), (60, 5)).repeat(4, axis=0)
    )
    with Tabletop() as other:
        for one in (tabletop, other):
            one.step(commands[0])  # what happened before a reset leaves no trace
        assert same(tabletop.reset(11, ALL_TASKS[7]), other.reset(11, ALL_TASKS[7]))
        assert all(same(tabletop.step(command), other.step(command)) for command in commands)

    assert not same(tabletop.reset(11), tabletop.reset(12))


def test_from_a_snapshot_the_same_follows_to_the_byte_even_while_holding(tabletop: Tabletop) -> None:
    chooser = Play(np.random.default_rng(4))
    state = tabletop.reset(4)
    while state.held < 0:
        state = tabletop.step(chooser(state))
    taken = tabletop.snapshot()
    commands = np.random.default_rng(1).uniform((-0.2, -0.2, 0, 0, 0), (0.2, 0.2, 0.2, 0, 1), (30, 5))
    commands[:10, 4] = 1.0
    first = [tabletop.step(command) for command in commands]
    with Tabletop() as other:
        for one in (tabletop, other):
            assert same(one.restore(taken), state)
            assert all(same(one.step(command), was) for command, was in zip(commands, first, strict=True))


def test_a_reset_sets_blocks_apart_and_keeps_the_tasks_zone_empty(tabletop: Tabletop) -> None:
    for seed, task in enumerate(ALL_TASKS * 2):
        state = tabletop.reset(seed, task)
        places = state.blocks[:, :2]
        gaps = [np.linalg.norm(places[i] - places[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
        zone = [(np.abs(place - task.goal) < 0.0855 + BLOCK_HALF_M).all() for place in places]

        assert min(gaps) > APART_M
        assert not any(zone)
        assert not in_zone(state, task)
        assert (state.held, state.grip, state.time_s) == (-1, 0.0, 0.0)
        assert (state.highest == 0).all()


def test_the_tool_moves_no_faster_than_it_can_and_stays_in_its_room(tabletop: Tabletop) -> None:
    before = tabletop.reset(0)
    for corner in ((1.0, 1.0, 1.0), (-1.0, -1.0, -1.0), (0.0, 0.0, 0.1)):
        for state in go(tabletop, corner, 0.0, 25):
            moved = state.tool - before.tool
            assert np.hypot(moved[0], moved[1]) <= STEP_M + 1e-9
            assert abs(moved[2]) <= STEP_M + 1e-9
            before = state
        assert np.abs(state.tool[:2]).max() <= 0.27 + 1e-9
        assert 0.02 - 1e-9 <= state.tool[2] <= 0.22 + 1e-9
    assert state.tool == pytest.approx([0, 0, 0.1])


def test_fingers_closing_on_nothing_close_and_a_block_stops_them(tabletop: Tabletop) -> None:
    place = tabletop.reset(0).tool
    empty = go(tabletop, (place[0], place[1], 0.2), 1.0, 8)
    assert [round(state.grip, 2) for state in empty[:3]] == [0.34, 0.68, 1.0]

    assert grasp(tabletop)[1] == 1
    assert tabletop.state.grip == HELD_GRIP


@pytest.mark.parametrize(("aside", "low", "held"), [(0.0, 0.01, 1), (0.04, 0.01, 1), (0.05, 0.01, -1), (0, 0.08, -1)])
def test_a_block_is_grasped_within_reach_only(tabletop: Tabletop, aside: float, low: float, held: int) -> None:
    assert REACH_M == (0.045, 0.04)
    assert grasp(tabletop, aside=aside, low=low)[1] == held


def test_a_block_that_the_closed_tool_comes_to_is_not_grasped(tabletop: Tabletop) -> None:
    at = tabletop.reset(3).blocks[1, :3]
    assert go(tabletop, (at[0], at[1], 0.01), 1.0, 30)[-1].held == -1


def test_a_held_block_comes_to_the_middle_turns_to_the_fingers_and_follows_without_jitter(tabletop: Tabletop) -> None:
    grasp(tabletop, aside=0.03)
    go(tabletop, (0.0, 0.0, 0.1), 1.0, 20)
    resting = go(tabletop, (0.0, 0.0, 0.1), 1.0, 10)
    moving = go(tabletop, (0.27, 0.0, 0.1), 1.0, 8)

    block = resting[-1].blocks[1]
    assert np.abs(block[:2] - resting[-1].tool[:2]).max() < 0.002
    assert np.abs(np.abs(block[3:]).max() - 1) < 1e-3
    assert max(np.ptp([state.blocks[1, :3] for state in resting], axis=0)) < 0.001
    lags = np.array([state.tool[0] - state.blocks[1, 0] for state in moving[1:]])
    assert lags.max() < 0.01
    assert np.ptp(lags) < 0.001


def test_a_block_is_set_down_and_released_where_the_tool_is(tabletop: Tabletop) -> None:
    grasp(tabletop)
    go(tabletop, (0.05, 0.0, 0.1), 1.0, 15)
    go(tabletop, (0.05, 0.0, 0.0), 1.0, 6)
    after = go(tabletop, (0.05, 0.0, 0.1), 0.0, 6)

    assert after[0].held == -1
    assert after[-1].blocks[1, :3] == pytest.approx([0.05, 0.0, BLOCK_HALF_M], abs=0.002)
    assert np.abs(after[-1].blocks[1] - after[1].blocks[1]).max() < 0.001
    assert after[-1].highest[1] > 0.07
    assert after[-1].highest[0] < 0.001


def test_a_dragged_block_stays_down_and_pushes_another_one_out_of_its_way(tabletop: Tabletop) -> None:
    with Tabletop() as crowded:
        grasp(crowded)
        others = crowded.state.blocks[0, :2].copy()
        for _ in range(30):
            state = crowded.step(np.array([*others, 0.0, 0.0, 1.0]))

    assert np.linalg.norm(state.blocks[0, :2] - others) > 0.03
    assert np.linalg.norm(state.blocks[0, :2] - state.blocks[1, :2]) > 2 * BLOCK_HALF_M - 0.003
    assert state.highest.max() < 0.01


def test_a_block_pressed_into_the_edge_stalls_the_tool_and_stays_on_the_table(tabletop: Tabletop) -> None:
    grasp(tabletop)
    at = tabletop.state.blocks[0, :2]
    go(tabletop, (at[0], at[1], 0.15), 1.0, 20)
    state = go(tabletop, (at[0], at[1], 0.0), 1.0, 15)[-1]

    assert state.tool[2] > 0.05  # red lies below: the tool waits on it instead of pressing it into the table
    assert state.blocks[:, 2].min() > BLOCK_HALF_M - 0.002


@pytest.mark.parametrize("seed", range(6))
def test_whatever_play_does_blocks_stay_whole_on_the_table_and_slow(tabletop: Tabletop, seed: int) -> None:
    chooser, state = Play(np.random.default_rng(seed)), tabletop.reset(seed)
    before = state
    for _ in range(200):
        state = tabletop.step(chooser(state))
        assert np.abs(state.blocks[:, :2]).max() < TABLE_HALF_M - BLOCK_HALF_M + 0.01
        assert state.blocks[:, 2].min() > BLOCK_HALF_M - 0.012  # a fall may dent for an instant
        assert np.linalg.norm(state.blocks[:, 3:], axis=1) == pytest.approx(np.ones(3), abs=1e-6)
        assert np.abs(state.blocks[:, :3] - before.blocks[:, :3]).max() < 0.25
        before = state


def test_states_are_values_that_later_steps_do_not_change(tabletop: Tabletop) -> None:
    state = tabletop.reset(2)
    kept = state.blocks.copy(), state.tool.copy(), state.highest.copy()
    go(tabletop, (0.1, 0.1, 0.01), 1.0, 20)

    assert np.array_equal(state.blocks, kept[0])
    assert np.array_equal(state.tool, kept[1])
    assert np.array_equal(state.highest, kept[2])


def test_without_the_extra_everything_imports_and_a_tabletop_says_what_to_install() -> None:
    program = """
import sys
sys.modules["mujoco"] = None
from adapt.errors import SimulatorError
from adapt.sim import camera, expert, gripper, tabletop, tasks, wander
for make in (tabletop.Tabletop, lambda: camera.Camera(64)):
    try:
        make()
    except SimulatorError as refused:
        assert "pip install 'wam-adapt[sim]'" in str(refused), refused
    else:
        raise AssertionError("made without MuJoCo")
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_engine_that_does_not_load_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str, *rest: object) -> object:
        if name == "mujoco":
            raise AttributeError("'NoneType' object has no attribute 'glGetError'")
        return real(name, *rest)

    real = __import__
    monkeypatch.setattr("builtins.__import__", broken)
    with pytest.raises(SimulatorError, match="apt install libosmesa6"):
        Tabletop()
