"""The tabletop: what a tool can and cannot do to the blocks, when a task counts as done, and its picture."""

from dataclasses import replace

import numpy as np
import pytest

from adapt.sim.scene import (
    ALL_TASKS,
    HELD_GRIP,
    MAX_STEP,
    SceneState,
    Task,
    gripper,
    placed,
    progress,
    proprioception,
    render,
    reset,
    step,
)

BLOCKS = np.array([[-0.6, -0.5], [0.0, 0.0], [0.6, 0.6]])
OPEN, CLOSED = 0.0, 1.0


def still(x: float, y: float, grip: float = OPEN) -> SceneState:
    return SceneState(blocks=BLOCKS.copy(), tool=np.array([x, y]), grip=grip)


def after(state: SceneState, x: float, y: float, grip: float, steps: int) -> SceneState:
    for _ in range(steps):
        state = step(state, np.array([x, y, grip]))
    return state


def test_the_tool_moves_no_faster_than_it_can() -> None:
    moved = step(still(0.0, 0.5), np.array([1.0, 0.5, OPEN]))

    assert moved.tool == pytest.approx([MAX_STEP, 0.5])


def test_the_tool_stops_at_a_place_it_can_reach_in_one_step() -> None:
    moved = step(still(0.0, 0.5), np.array([0.03, 0.46, OPEN]))

    assert moved.tool == pytest.approx([0.03, 0.46])


def test_closing_on_a_block_grasps_it_and_its_width_stops_the_grip() -> None:
    state = after(still(0.02, 0.01), 0.02, 0.01, CLOSED, 4)

    assert state.held == 1
    assert state.grip == HELD_GRIP


def test_closing_beside_every_block_grasps_nothing_and_closes_fully() -> None:
    state = after(still(-0.3, 0.5), -0.3, 0.5, CLOSED, 4)

    assert state.held == -1
    assert state.grip == 1.0


def test_a_tool_that_arrives_closed_does_not_grasp() -> None:
    state = after(still(-0.3, 0.0, CLOSED), 0.0, 0.0, CLOSED, 6)

    assert state.tool == pytest.approx([0.0, 0.0])
    assert state.held == -1


def test_a_held_block_goes_where_the_tool_goes_and_stays_where_it_opens() -> None:
    carried = after(after(still(0.0, 0.0), 0.0, 0.0, CLOSED, 4), 0.5, 0.0, CLOSED, 6)
    dropped = after(after(carried, 0.5, 0.0, OPEN, 3), 0.0, 0.6, OPEN, 8)

    assert carried.blocks[1] == pytest.approx([0.5, 0.0], abs=0.02)
    assert carried.lift == 1.0
    assert dropped.held == -1
    assert dropped.lift == 0.0
    assert dropped.blocks[1] == pytest.approx([0.5, 0.0], abs=0.02)


def test_carrying_one_block_leaves_the_others_where_they_were() -> None:
    carried = after(after(still(0.0, 0.0), 0.0, 0.0, CLOSED, 4), 0.6, 0.6, CLOSED, 12)

    assert (carried.blocks[[0, 2]] == BLOCKS[[0, 2]]).all()


def test_a_step_leaves_the_state_before_it_as_it_was() -> None:
    before = after(still(0.0, 0.0), 0.0, 0.0, CLOSED, 4)
    blocks = before.blocks.copy()

    step(before, np.array([0.5, 0.5, CLOSED]))

    assert (before.blocks == blocks).all()


def test_there_are_27_tasks_each_with_its_own_words() -> None:
    assert len({task.instruction for task in ALL_TASKS}) == 27
    assert Task(colour=0, row=2, column=0).instruction == "put the red block far left"


def test_a_block_counts_as_placed_only_in_its_zone_and_only_when_let_go() -> None:
    task = Task(colour=0, row=0, column=0)
    inside = still(0.0, 0.0)
    outside = replace(inside, blocks=BLOCKS + np.array([0.4, 0.0]))

    assert placed(inside, task)
    assert not placed(outside, task)
    assert not placed(replace(inside, held=0), task)
    assert placed(replace(inside, held=0), task, released=False)


def test_progress_is_the_share_of_the_way_to_the_zone() -> None:
    task = Task(colour=1, row=1, column=2)  # goal at (0.6, 0.05)
    start = replace(still(0.0, 0.0), blocks=np.array([[-0.6, -0.5], [-0.6, 0.05], [0.6, 0.6]]))
    half_way = replace(start, blocks=np.array([[-0.6, -0.5], [0.0, 0.05], [0.6, 0.6]]))

    assert progress(start, start, task) == 0.0
    assert progress(half_way, start, task) == pytest.approx(0.5)


def test_the_same_seed_gives_the_same_tabletop_and_another_seed_another() -> None:
    first, again, other = (reset(np.random.default_rng(seed)) for seed in (3, 3, 4))

    assert (first.blocks == again.blocks).all()
    assert (first.tool == again.tool).all()
    assert not (first.blocks == other.blocks).all()


def test_no_task_begins_done_and_no_blocks_overlap() -> None:
    for seed, task in enumerate(ALL_TASKS):
        blocks = reset(np.random.default_rng(seed), task).blocks

        assert not placed(SceneState(blocks=blocks, tool=np.zeros(2)), task)
        assert min(np.linalg.norm(blocks[a] - blocks[b]) for a, b in ((0, 1), (0, 2), (1, 2))) > 0.3


def test_a_body_feels_its_place_and_its_grip() -> None:
    assert proprioception(still(0.25, -0.5, 0.34)) == pytest.approx([0.25, -0.5, 0.34])


@pytest.mark.parametrize("size", [64, 320])
def test_the_picture_has_the_asked_size_and_the_same_state_gives_the_same_picture(size: int) -> None:
    picture = render(still(0.0, 0.3), gripper, size)

    assert picture.shape == (size, size, 3)
    assert (picture == render(still(0.0, 0.3), gripper, size)).all()


def test_a_block_further_right_and_farther_away_is_seen_further_right_and_higher_up() -> None:
    near_left, far_right = _red_place(np.array([-0.6, -0.5])), _red_place(np.array([0.6, 0.6]))

    assert far_right[0] < near_left[0]
    assert far_right[1] > near_left[1]


def test_the_gripper_shows_whether_it_is_open_and_whether_it_holds_a_block() -> None:
    opened, closed = (render(still(0.0, 0.0, grip), gripper, 64).astype(int) for grip in (0.0, 0.6))
    held = render(replace(still(0.0, 0.0, HELD_GRIP), held=1, lift=1.0), gripper, 64).astype(int)
    beside = render(replace(still(0.0, 0.0, HELD_GRIP)), gripper, 64).astype(int)

    assert np.abs(opened - closed).max() > 60
    assert np.abs(held - beside).max() > 60


def _red_place(at: np.ndarray) -> tuple[float, float]:
    """Mean row and column of the red block's pixels."""
    state = SceneState(blocks=np.stack([at, [0.0, 0.0], [0.3, -0.3]]), tool=np.array([0.9, -0.9]))
    picture = render(state, lambda _: [], 64).astype(int)
    rows, columns = np.nonzero((picture[..., 0] > 100) & (picture[..., 1] < 60))
    return float(rows.mean()), float(columns.mean())
