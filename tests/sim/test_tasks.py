"""Tasks compose, are named in words, and are judged by what happened to the block."""

from dataclasses import replace

import numpy as np
import pytest

from adapt.errors import SimulatorError
from adapt.sim.state import BLOCK_HALF_M, SceneState
from adapt.sim.tasks import (
    ALL_TASKS,
    HELD_OUT_TASKS,
    SEEN_TASKS,
    ZONE_HALF_M,
    Task,
    in_zone,
    progress,
    succeeded,
    task_of,
)

PUT = task_of("put the green block middle right")
SLIDE = task_of("slide the green block middle right")


def scene(x: float, y: float, *, raised: float = 0.0, held: int = -1) -> SceneState:
    """Green at x, y, once raised so high; the others far away."""
    blocks = np.tile([0.0, -0.2, BLOCK_HALF_M, 1.0, 0, 0, 0], (3, 1))
    blocks[1, :2] = x, y
    return SceneState(blocks=blocks, tool=np.array([0, 0, 0.1]), highest=np.array([0, raised, 0]), held=held)


def test_54_instructions_name_54_tasks_and_words_lead_back_to_them() -> None:
    assert len({task.instruction for task in ALL_TASKS}) == 54
    assert all(task_of(task.instruction) == task for task in ALL_TASKS)
    assert task_of("  Put the RED  block far left ") == Task(verb="put", colour=0, row=2, column=0)


def test_the_far_left_and_the_far_centre_are_held_out_and_nothing_else() -> None:
    assert len(HELD_OUT_TASKS) == 12
    assert len(SEEN_TASKS) == 42
    assert all(("far left" in t.instruction) or ("far centre" in t.instruction) for t in HELD_OUT_TASKS)
    assert not any(("far left" in t.instruction) or ("far centre" in t.instruction) for t in SEEN_TASKS)


def test_unknown_words_are_refused_with_the_nearest_task() -> None:
    with pytest.raises(SimulatorError, match='Did you mean "put the red block far left"'):
        task_of("put the red block far leff")


def test_put_asks_for_a_lift_and_slide_for_none() -> None:
    carried, slid = scene(0.18, 0.015, raised=0.05), scene(0.18, 0.015, raised=0.001)

    assert succeeded(carried, PUT)
    assert not succeeded(slid, PUT)
    assert succeeded(slid, SLIDE)
    assert not succeeded(carried, SLIDE)


def test_a_lift_between_the_two_limits_counts_for_neither_verb() -> None:
    tilted = scene(0.18, 0.015, raised=0.02)

    assert not succeeded(tilted, PUT)
    assert not succeeded(tilted, SLIDE)


def test_a_block_counts_up_to_the_zones_edge_and_only_when_nothing_holds_it() -> None:
    goal, (half_x, half_y) = PUT.goal, ZONE_HALF_M
    inside = scene(goal[0] - half_x + 0.001, goal[1] + half_y - 0.001, raised=0.05)

    assert succeeded(inside, PUT)
    assert not succeeded(replace(inside, held=1), PUT)
    assert in_zone(replace(inside, held=1), PUT)
    assert succeeded(replace(inside, held=0), PUT)
    assert not succeeded(scene(goal[0] - half_x - 0.001, goal[1], raised=0.05), PUT)
    assert not succeeded(scene(goal[0], goal[1] + half_y + 0.001, raised=0.05), PUT)


def test_progress_grows_along_the_way_and_is_one_anywhere_in_the_zone() -> None:
    start = scene(-0.22, 0.015)
    along = [progress(scene(x, 0.015), start, PUT) for x in (-0.22, -0.12, -0.02, 0.08, 0.1, 0.25)]

    assert along[0] == 0
    assert along[1] == pytest.approx(0.25)
    assert along[2] == pytest.approx(0.5)
    assert along == sorted(along)
    assert along[4] == along[5] == 1
    assert progress(scene(-0.26, 0.015), start, PUT) == 0
