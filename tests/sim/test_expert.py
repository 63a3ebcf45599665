"""Experts do every task from anywhere, their labels are clean, and play covers what the tool can do."""

from itertools import pairwise

import numpy as np
import pytest

from adapt.sim.expert import Episode, Expert, Manner, perform, play
from adapt.sim.gap import Gap
from adapt.sim.state import BLOCK_HALF_M, STEP_M, SceneState
from adapt.sim.tabletop import Tabletop
from adapt.sim.tasks import ALL_TASKS, SLID_M, progress, succeeded, task_of
from adapt.sim.wander import Play


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    with Tabletop() as tabletop:
        return [perform(tabletop, task, 1000 + i) for i, task in enumerate(ALL_TASKS)]


@pytest.fixture(scope="module")
def playing() -> list[SceneState]:
    with Tabletop() as tabletop:
        return [state for seed in range(10) for state in play(tabletop, seed).states]


def done_at(episode: Episode) -> int:
    """First step from which on the task stays done."""
    assert episode.task is not None
    good = [succeeded(state, episode.task) for state in episode.states]
    return len(good) - next((i for i, ok in enumerate(reversed(good)) if not ok), len(good))


def test_the_expert_does_every_task_most_in_three_seconds_and_all_in_an_episode(episodes: list[Episode]) -> None:
    failed = [e.instruction for e in episodes if e.task is not None and not succeeded(e.states[-1], e.task)]
    times = np.array([done_at(episode) for episode in episodes])

    assert failed == []
    assert np.median(times) < 30
    assert np.quantile(times, 0.95) < 45


def test_holding_still_does_no_task(tabletop: Tabletop) -> None:
    for seed, task in enumerate(ALL_TASKS):
        start = tabletop.reset(seed, task)
        for _ in range(5):
            state = tabletop.step(np.array([*start.tool, 0.0, 0.0]))
        assert not succeeded(state, task)
        assert progress(state, start, task) < 0.05


def test_put_goes_through_the_air_and_slide_along_the_table(episodes: list[Episode]) -> None:
    for episode in episodes:
        assert episode.task is not None
        highest = float(episode.states[-1].highest[episode.task.colour])
        assert highest > 0.06 if episode.task.verb == "put" else highest < SLID_M / 2


def test_after_the_task_the_gripper_is_open_away_from_the_block_and_rests(episodes: list[Episode]) -> None:
    for episode in episodes:
        assert episode.task is not None
        state, before = episode.states[-1], episode.states[-4]
        assert state.grip == 0
        assert np.linalg.norm(state.tool - state.blocks[episode.task.colour, :3]) > 0.07
        assert np.linalg.norm(state.tool - before.tool) < 0.03


def test_open_fingers_stay_then_rise_then_step_aside_to_where_there_is_room(episodes: list[Episode]) -> None:
    """So that a picture tells a block that was let go of from one that is held."""
    sides = set()
    for episode in episodes:
        assert episode.task is not None
        block = np.stack([state.blocks[episode.task.colour, :3] for state in episode.states])
        tool = np.stack([state.tool for state in episode.states])
        opened = [state.grip == 0 and state.held < 0 for state in episode.states]
        after = done_at(episode) + next(i for i, is_open in enumerate(opened[done_at(episode) :]) if is_open)
        off, up = np.linalg.norm((tool - block)[after:, :2], axis=1), (tool - block)[after:, 2]

        assert np.linalg.norm(tool[after : after + 4] - tool[after], axis=1).max() < 0.02  # but for a nudge
        low = up < 0.05
        assert off[low].max() < 0.025  # it does not drag open fingers past the block
        assert abs(tool[-1, 1] - block[-1, 1]) < 0.035  # nor does it come between the block and the camera
        right = tool[-1, 0] > block[-1, 0]
        assert right == (block[-1, 0] <= 0.09)
        sides.add(bool(right))
    assert sides == {True, False}


def test_the_same_seed_is_the_same_episode_and_another_seed_another(tabletop: Tabletop) -> None:
    first, again, other = (perform(tabletop, ALL_TASKS[0], seed) for seed in (5, 5, 6))
    assert first.commands.tobytes() == again.commands.tobytes()
    assert first.states[-1].blocks.tobytes() == again.states[-1].blocks.tobytes()
    assert not np.array_equal(first.commands, other.commands)

    wandering, same = (play(tabletop, 7, 50) for _ in range(2))
    assert wandering.commands.tobytes() == same.commands.tobytes()
    assert (wandering.instruction, wandering.task, len(wandering.states)) == ("play", None, 50)


def test_labels_are_within_one_step_and_nudges_are_small_and_rare(episodes: list[Episode]) -> None:
    off, reach = [], []
    for episode in episodes:
        came = np.stack([state.tool for state in episode.states])
        low = np.maximum(episode.commands[:-1, 2], came[1:, 2])  # pressing on the table does not count
        wanted = np.concatenate([episode.commands[:-1, :2], low[:, None]], axis=1)
        off.append(np.linalg.norm(came[1:] - wanted, axis=1))
        reach.append(np.linalg.norm(episode.commands[:, :2] - came[:, :2], axis=1))
    missed = np.concatenate(off)

    assert np.concatenate(reach).max() <= STEP_M + 1e-9
    assert np.mean(missed > 0.003) < 0.05
    assert np.mean(missed > 0.003) > 0.005
    assert missed.max() < 0.03


def test_the_expert_takes_over_from_any_state(tabletop: Tabletop) -> None:
    """Blocks moved, fallen, stacked, the wrong one in the fingers: it does what can still be done."""
    rng = np.random.default_rng(0)
    done, held = [], 0
    for seed in range(36):
        state, chooser = tabletop.reset(seed), Play(np.random.default_rng(seed))
        for _ in range(int(rng.integers(5, 80))):
            state = tabletop.step(chooser(state))
        task = ALL_TASKS[int(rng.integers(54))]
        if task.verb == "slide" and state.highest[task.colour] > SLID_M:
            continue  # what was raised cannot be slid any more
        held += state.held >= 0
        expert = Expert(task, rng)
        for _ in range(80):
            state = tabletop.step(expert(state))
        done.append(succeeded(state, task))

    assert held > 6
    assert np.mean(done) >= 0.97


def test_a_done_task_is_left_alone(tabletop: Tabletop, episodes: list[Episode]) -> None:
    task = task_of("put the red block far left")
    state = tabletop.reset(3, task)
    expert = Expert(task, np.random.default_rng(0))
    for _ in range(60):
        state = tabletop.step(expert(state))
    fresh = Expert(task, np.random.default_rng(1))
    for _ in range(20):
        after = tabletop.step(fresh(state))

    assert succeeded(state, task)
    assert np.abs(after.blocks - state.blocks).max() < 1e-4
    assert np.linalg.norm(after.tool - state.tool) < 0.02


def test_timing_makes_it_slower_and_path_bends_the_way(tabletop: Tabletop) -> None:
    def length(episode: Episode) -> float:
        tools = np.stack([state.tool[:2] for state in episode.states])
        return float(np.linalg.norm(np.diff(tools, axis=0), axis=1).sum())

    tasks = ALL_TASKS[::9]
    plain, slow, bent = (
        [perform(tabletop, task, i, gap=gap, steps=120) for i, task in enumerate(tasks)]
        for gap in (Gap(), Gap(timing=1.0), Gap(path=1.0))
    )
    for episode in (*plain, *slow, *bent):
        assert episode.task is not None
        assert succeeded(episode.states[-1], episode.task)
    assert np.median([done_at(e) for e in slow]) > 1.8 * np.median([done_at(e) for e in plain])
    assert np.mean([length(e) for e in bent]) > 1.1 * np.mean([length(e) for e in plain])


def test_a_pause_is_taken_before_closing_and_before_opening(tabletop: Tabletop) -> None:
    task = task_of("slide the blue block near right")

    def still(pause_s: float) -> int:
        state, count = tabletop.reset(8, task), 0
        expert = Expert(task, np.random.default_rng(0), Manner(pause_s=pause_s))
        for _ in range(70):
            after = tabletop.step(expert(state))
            count += not succeeded(after, task) and bool(np.abs(after.tool[:2] - state.tool[:2]).max() < 1e-3)
            state = after
        assert succeeded(state, task)
        return count

    assert 14 <= still(0.8) - still(0.0) <= 18


@pytest.mark.parametrize(("scatter_m", "near_m"), [(0.0, (0.0, 0.02)), (0.03, (0.02, 0.06))])
def test_blocks_are_brought_as_near_the_middle_as_the_manner_says(
    tabletop: Tabletop, scatter_m: float, near_m: tuple[float, float]
) -> None:
    task, manner = task_of("slide the red block middle centre"), Manner(scatter_m=scatter_m)
    ends = [perform(tabletop, task, seed, manner=manner).states[-1].blocks[task.colour, :2] for seed in range(6)]
    farthest = max(float(np.abs(end - task.goal).max()) for end in ends)
    assert near_m[0] <= farthest <= near_m[1]


def test_play_covers_table_heights_and_grips(playing: list[SceneState]) -> None:
    tools = np.stack([state.tool for state in playing])
    zones = np.digitize(tools[:, 0], (-0.09, 0.09)) + 3 * np.digitize(tools[:, 1], (-0.0705, 0.1005))
    held = np.array([state.held for state in playing])
    grips = np.array([state.grip for state in playing])
    raised = np.array([s.blocks[s.held, 2] - BLOCK_HALF_M for s in playing if s.held >= 0])

    assert np.bincount(zones, minlength=9).min() > 0.03 * len(zones)
    assert np.quantile(tools[:, 2], (0.1, 0.9))[0] < 0.03
    assert np.quantile(tools[:, 2], (0.1, 0.9))[1] > 0.12
    assert 0.25 < np.mean(held >= 0) < 0.6
    assert all(np.mean(held == block) > 0.05 for block in range(3))
    assert np.mean(raised < 0.005) > 0.2
    assert np.mean(raised > 0.06) > 0.15
    assert np.mean(grips > 0.9) > 0.04
    assert np.mean((grips > 0.05) & (grips < 0.5)) > 0.04


def test_play_grasps_and_releases_everywhere(playing: list[SceneState]) -> None:
    pairs = [(a, b) for a, b in pairwise(playing) if b.time_s > a.time_s]
    released = np.array([a.blocks[a.held, :3] for a, b in pairs if a.held >= 0 > b.held])
    minutes = len(playing) / 600

    assert sum(a.held < 0 <= b.held for a, b in pairs) > 8 * minutes
    assert sum(a.grip < 0.8 <= b.grip for a, b in pairs) > 6 * minutes  # on nothing
    assert (np.abs(released[:, :2]).max(axis=0) > 0.2).all()
    assert np.mean(released[:, 2] > BLOCK_HALF_M + 0.02) > 0.1
    held_out = (released[:, 0] < 0.09) & (released[:, 1] > 0.1005)
    assert held_out.sum() >= 3
