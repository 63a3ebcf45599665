"""What is recorded, how much of it, and in which order."""

from itertools import islice

import numpy as np
import pytest

from adapt.errors import SimulatorError
from adapt.sim.gap import Gap
from adapt.sim.takes import REST_STEPS, Takes, episode_seed
from adapt.sim.tasks import ALL_TASKS, HELD_OUT_TASKS, succeeded

pytest.importorskip("mujoco", reason="needs the extra: pip install 'wam-adapt[sim]'")
FEW = HELD_OUT_TASKS[:3]


def seen(takes: Takes) -> list[tuple[str, bytes]]:
    """What is asked for in each take, and every place of the blocks in it."""
    return [
        (take.episode.instruction, np.stack([state.blocks for state in take.episode.states]).tobytes())
        for take in takes.perform()
    ]


def test_every_task_is_done_once_a_round_in_an_order_that_changes():
    asked = [instruction for instruction, _ in seen(Takes(tasks=FEW, count=12))]
    rounds = [asked[start : start + 3] for start in range(0, 12, 3)]
    assert all(sorted(one) == sorted(task.instruction for task in FEW) for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1


def test_what_is_shown_is_what_is_asked_for_and_ends_with_a_moment_of_rest():
    for take in Takes(tasks=ALL_TASKS, count=12, seed=3, gap=Gap(timing=1.0, path=1.0)).perform():
        episode = take.episode
        assert episode.task is not None
        assert succeeded(episode.states[-1], episode.task)
        assert len(episode.states) == len(episode.commands)
        assert len(episode.states) % 16 == 1
        assert {state.held for state in episode.states[-REST_STEPS:]} == {-1}
        tools = np.stack([state.tool for state in episode.states])
        wanted = np.abs(episode.commands[:, :3] - tools).max(axis=1) > 0.002
        # A nudge now and then moves the tool though nothing is wanted of it.
        assert np.median(wanted[-REST_STEPS:]) == 0
        assert wanted[-(REST_STEPS + 17) :].any()


def test_the_moment_that_open_fingers_stay_is_not_taken_for_the_end():
    for take in Takes(tasks=FEW, count=6, seed=5).perform():
        task, end = take.episode.task, take.episode.states[-1]
        assert task is not None
        assert np.linalg.norm(end.tool - end.blocks[task.colour, :3]) > 0.07


def test_a_take_that_goes_wrong_is_done_again(monkeypatch: pytest.MonkeyPatch):
    from adapt.sim import takes as module

    tried: list[int] = []
    real = module.perform

    def clumsy(tabletop, task, seed, **more):
        tried.append(seed)
        episode = real(tabletop, task, seed, **more)
        if len(tried) % 2:
            return type(episode)(states=episode.states[:5], commands=episode.commands[:5], instruction="", task=task)
        return episode

    monkeypatch.setattr(module, "perform", clumsy)
    takes = Takes(tasks=FEW[:1], count=2, seed=4)
    assert [take.episode.instruction for take in takes.perform()] == [FEW[0].instruction] * 2
    assert tried == [episode_seed(4, 0), episode_seed(4, 0, 1), episode_seed(4, 1), episode_seed(4, 1, 1)]
    monkeypatch.setattr(module, "succeeded", lambda *_: False)
    with pytest.raises(SimulatorError, match="went wrong 20 times"):
        next(takes.perform())


def test_less_is_the_beginning_of_more_and_another_seed_is_something_else():
    for tasks in (FEW, ()):
        much = seen(Takes(tasks=tasks, minutes=0.4, seed=5))
        little = seen(Takes(tasks=tasks, minutes=0.1, seed=5))
        assert 0 < len(little) < len(much)
        assert much[: len(little)] == little
        other = seen(Takes(tasks=tasks, minutes=0.1, seed=6))
        assert {places for _, places in other}.isdisjoint(places for _, places in much)


@pytest.mark.parametrize("tasks", [FEW, ()])
def test_minutes_are_what_is_asked_for_and_the_last_episode_is_finished(tasks):
    found = list(Takes(tasks=tasks, minutes=0.5).perform())
    lengths = [len(take.episode.states) for take in found]
    assert sum(lengths[:-1]) < 300 <= sum(lengths)
    assert [take.share for take in found] == [sum(lengths[:index]) / 300 for index in range(len(found))]


def test_play_lasts_sixteen_seconds_and_has_no_task():
    (take,) = Takes(count=1).perform()
    assert (len(take.episode.states), take.episode.task) == (161, None)


def test_seeds_of_sets_episodes_and_attempts_never_meet():
    seeds = {episode_seed(seed, index, attempt) for seed in range(20) for index in range(50) for attempt in range(3)}
    assert len(seeds) == 20 * 50 * 3
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize(
    "wrong", [{}, {"minutes": 1.0, "count": 1}, {"minutes": 0.0}, {"minutes": float("inf")}, {"count": 0}]
)
def test_an_amount_that_is_none_is_refused(wrong):
    with pytest.raises(SimulatorError, match=r"minutes|count"):
        Takes(**wrong)
    with pytest.raises(SimulatorError, match="seed is -1"):
        Takes(minutes=1.0, seed=-1)


def test_nothing_is_performed_before_it_is_asked_for():
    assert len(list(islice(Takes(tasks=FEW, minutes=1e9).perform(), 2))) == 2
