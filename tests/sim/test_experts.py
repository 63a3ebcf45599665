"""Experts do every task, their labels are clean, and held-out compositions stay out of the seen tasks."""

import numpy as np
import pytest

from adapt.sim.experts import HELD_OUT, perform, play, seen_tasks
from adapt.sim.scene import ALL_TASKS, MAX_STEP, placed, step


def test_the_expert_does_every_task_in_the_time_of_an_episode() -> None:
    failed = [
        task.instruction for seed, task in enumerate(ALL_TASKS) if not placed(perform(task, seed).states[-1], task)
    ]

    assert failed == []


def test_holding_still_does_no_task() -> None:
    for seed, task in enumerate(ALL_TASKS):
        state = perform(task, seed).states[0]
        for _ in range(48):
            state = step(state, np.array([*state.tool, state.grip]))

        assert not placed(state, task)


def test_the_same_seed_is_the_same_episode_and_another_seed_another() -> None:
    task = ALL_TASKS[0]
    first, again, other = perform(task, 5), perform(task, 5), perform(task, 6)

    assert (first.actions == again.actions).all()
    assert (first.proprioception == again.proprioception).all()
    assert not np.array_equal(first.actions, other.actions)


def test_a_label_is_what_was_wanted_from_where_the_tool_was_even_when_it_was_nudged() -> None:
    episode = perform(ALL_TASKS[4], 11)
    wanted = episode.actions[:-1, :2]
    came = episode.proprioception[1:, :2]
    off = np.linalg.norm(came - wanted, axis=1)

    assert (np.linalg.norm(wanted - episode.proprioception[:-1, :2], axis=1) <= MAX_STEP + 1e-9).all()
    assert 0 < (off > 1e-9).mean() < 0.3


def test_a_row_of_actions_stands_beside_every_state() -> None:
    episode = perform(ALL_TASKS[0], 0, steps=33)

    assert len(episode.states) == 33
    assert episode.actions.shape == (33, 3)
    assert episode.instruction == "put the red block near left"


def test_play_grasps_carries_and_lets_go_at_places_no_task_asks_for() -> None:
    episodes = [play(seed) for seed in range(8)]
    held = np.array([[state.held >= 0 for state in episode.states] for episode in episodes])
    places = np.concatenate([episode.proprioception[:, :2] for episode in episodes])

    assert 0.1 < held.mean() < 0.6
    assert (held[:, :-1] & ~held[:, 1:]).sum() >= 8
    assert places.min() < -0.85
    assert places.max() > 0.85
    assert {episode.task for episode in episodes} == {None}


def test_held_out_compositions_leave_every_block_and_every_word_among_the_seen_tasks() -> None:
    seen = seen_tasks(ALL_TASKS)

    assert len(seen) == 27 - len(HELD_OUT)
    assert {task.colour for task in seen} == {0, 1, 2}
    assert {task.row for task in seen} == {0, 1, 2}
    assert {task.column for task in seen} == {0, 1, 2}
    assert not any((task.row, task.column) == (2, 0) for task in seen)


def test_a_slower_pace_takes_longer_to_arrive() -> None:
    task = ALL_TASKS[8]
    arrival = {pace: _first_placed(pace) for pace in (0.5, 1.0)}

    assert arrival[0.5] > arrival[1.0]
    assert task.instruction == "put the red block far right"


def _first_placed(pace: float) -> int:
    task = ALL_TASKS[8]
    states = perform(task, 3, pace=pace, steps=80).states
    found = [index for index, state in enumerate(states) if placed(state, task)]
    return found[0] if found else pytest.fail(f"never placed at pace {pace}")
