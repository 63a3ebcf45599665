"""Who goes astray closes on nothing beside the block; the expert finds back from there."""

import numpy as np
import pytest

from adapt.sim.astray import Astray
from adapt.sim.expert import Episode, Manner, perform
from adapt.sim.state import BLOCK_HALF_M, SceneState
from adapt.sim.tabletop import Tabletop
from adapt.sim.tasks import SEEN_TASKS, succeeded

_STEPS = 30


def gone(tabletop: Tabletop, seed: int) -> list[SceneState]:
    """What happens when somebody goes astray."""
    task = SEEN_TASKS[seed % len(SEEN_TASKS)]
    states = [tabletop.reset(seed, task)]
    astray = Astray(task, states[0], np.random.default_rng(seed))
    for _ in range(_STEPS):
        states.append(tabletop.step(astray(states[-1])))
    return states


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    with Tabletop() as tabletop:
        return [
            perform(tabletop, task, seed, manner=Manner(astray_steps=8 + seed % 24), steps=49)
            for seed, task in enumerate(SEEN_TASKS)
        ]


def test_it_closes_on_nothing_and_moves_on_as_if_it_held_the_block(tabletop: Tabletop) -> None:
    missed = 0
    for seed in range(24):
        states = gone(tabletop, seed)
        task = SEEN_TASKS[seed % len(SEEN_TASKS)]
        closed = [state for state in states if state.grip >= 1 and state.held < 0]
        if not closed:
            continue
        missed += 1
        far = [float(np.linalg.norm(state.tool[:2] - task.goal)) for state in (closed[0], states[-1])]
        assert far[1] < max(0.03, 0.6 * far[0])
        assert states[-1].grip >= 1
    assert missed >= 16


def test_some_close_above_the_block_and_none_far_from_it(tabletop: Tabletop) -> None:
    heights, beside = [], []
    for seed in range(24):
        states = gone(tabletop, seed)
        first = next((state for state in states if state.grip >= 1), None)
        if first is not None:
            heights.append(float(first.tool[2]) - BLOCK_HALF_M)
            block = states[0].blocks[SEEN_TASKS[seed % len(SEEN_TASKS)].colour, :2]
            beside.append(float(np.linalg.norm(first.tool[:2] - block)))
    assert max(heights) > 0.02 > min(heights)
    assert max(beside) < 0.13


def test_the_expert_finds_back_from_wherever_it_went_wrong(episodes: list[Episode]) -> None:
    done = [episode.task is not None and succeeded(episode.states[-1], episode.task) for episode in episodes]
    empty = [episode.states[0].grip >= 1 and episode.states[0].held < 0 for episode in episodes]

    assert sum(empty) >= len(episodes) // 6
    assert sum(done) >= 0.9 * len(done)


def test_what_went_wrong_is_not_kept_and_the_same_seed_goes_wrong_alike(
    tabletop: Tabletop, episodes: list[Episode]
) -> None:
    plain = perform(tabletop, SEEN_TASKS[0], 0, manner=Manner(), steps=49)
    again = perform(tabletop, SEEN_TASKS[0], 0, manner=Manner(astray_steps=8), steps=49)

    assert len(again.states) == len(again.commands) == 49
    assert np.array_equal(again.commands, episodes[0].commands)
    assert not np.allclose(again.states[0].tool, plain.states[0].tool)
