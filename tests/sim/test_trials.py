"""The tabletop as something to act in: scenes hang on seeds, trying out leaves no trace, and endings are told."""

import numpy as np
import pytest

pytest.importorskip("mujoco")

from needs_gl import needs_gl
from numpy.typing import NDArray

from adapt.errors import SimulatorError
from adapt.sim.arm import Arm
from adapt.sim.expert import Expert
from adapt.sim.gripper import Gripper
from adapt.sim.state import SceneState
from adapt.sim.takes import episode_seed
from adapt.sim.tasks import ALL_TASKS, HELD_OUT_TASKS, SEEN_TASKS, task_of
from adapt.sim.trials import TabletopEpisode, TabletopWorld, trial_starts

PUT, SLIDE = "put the red block far left", "slide the blue block near right"


def act(episode: TabletopEpisode, instruction: str, steps: int) -> None:
    """Let the expert do something in an episode, whatever the episode itself asks for."""
    import torch

    expert = Expert(task_of(instruction), np.random.default_rng(0))
    for _ in range(steps):
        command = expert(episode.state)
        episode.step(torch.from_numpy(episode.body.action(command, episode.state)))


def same(one: SceneState, other: SceneState) -> bool:
    arrays = zip((one.blocks, one.tool, one.highest), (other.blocks, other.tool, other.highest), strict=True)
    rest = (one.yaw, one.grip, one.held, one.time_s) == (other.yaw, other.grip, other.held, other.time_s)
    return rest and all(np.array_equal(a, b) for a, b in arrays)


def test_the_same_seed_and_task_begin_in_the_same_scene() -> None:
    world = TabletopWorld(Gripper())
    first, again, other = (world.begin(PUT, seed) for seed in (3, 3, 4))
    assert same(first.state, again.state)
    assert not same(first.state, other.state)


def test_trying_things_out_leaves_no_trace() -> None:
    """With a block in the fingers, where most could be forgotten."""
    world = TabletopWorld(Gripper())
    disturbed, left_alone = world.begin(PUT, 1), world.begin(PUT, 1)
    for episode in (disturbed, left_alone):
        act(episode, PUT, 18)
    assert disturbed.holding
    tried = disturbed.rehearse(Expert(disturbed.task, np.random.default_rng(0)), 16)
    assert (len(tried.states), len(tried.commands)) == (17, 16)
    assert same(tried.states[0], disturbed.state)
    assert not same(tried.states[-1], disturbed.state)
    assert same(disturbed.state, left_alone.state)
    for episode in (disturbed, left_alone):
        act(episode, PUT, 40)
    assert same(disturbed.state, left_alone.state)


def test_what_was_tried_out_comes_true_when_it_is_done() -> None:
    episode = TabletopWorld(Gripper()).begin(PUT, 2)
    tried = episode.rehearse(Expert(episode.task, np.random.default_rng(0)), 20)
    act(episode, PUT, 20)
    np.testing.assert_allclose(episode.state.blocks, tried.states[-1].blocks, atol=1e-6)


@pytest.mark.parametrize("body", [Gripper(), Arm()], ids=["gripper", "arm"])
def test_an_ending_is_told_by_success_progress_and_what_it_fulfils(body: Gripper | Arm) -> None:
    world = TabletopWorld(body)
    obeyed, disobeyed, idle = (world.begin(PUT, 5) for _ in range(3))
    act(obeyed, PUT, 80)
    act(disobeyed, SLIDE, 80)
    ends = [episode.outcome() for episode in (obeyed, disobeyed, idle)]
    assert [end.success for end in ends] == [True, False, False]
    assert [end.done for end in ends] == [PUT, SLIDE, ""]
    assert ends[0].progress == 1.0
    assert ends[1].progress < 0.5
    assert ends[2].progress == 0.0


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(SimulatorError, match="no such task"):
        TabletopWorld(Gripper()).begin("put the kettle on", 0)


def test_fewer_episodes_are_the_first_of_more_and_every_task_has_its_turn() -> None:
    starts = trial_starts(SEEN_TASKS, 2 * len(SEEN_TASKS), 7)
    assert trial_starts(SEEN_TASKS, 50, 7) == starts[:50]
    first, second = starts[: len(SEEN_TASKS)], starts[len(SEEN_TASKS) :]
    tasks = sorted(task.instruction for task in SEEN_TASKS)
    assert sorted(start.instruction for start in first) == sorted(start.instruction for start in second) == tasks
    assert [start.instruction for start in first] != [start.instruction for start in second]
    assert not any(task_of(start.instruction).held_out for start in starts)


def test_no_scene_is_met_under_two_seeds_or_in_a_recording() -> None:
    scenes = {start.seed for seed in range(3) for start in trial_starts(HELD_OUT_TASKS, 300, seed)}
    assert len(scenes) == 900
    recorded = {episode_seed(seed, index, attempt) for seed in range(3) for index in range(300) for attempt in range(3)}
    assert not scenes & recorded
    assert max(scenes) < 2**48  # What JavaScript's numbers hold exactly.


@needs_gl
def test_an_observation_is_what_the_body_sees_and_feels() -> None:
    with TabletopWorld(Gripper()) as world:
        episode = world.begin(ALL_TASKS[0].instruction, 0)
        seen = episode.observe()
        picture: NDArray[np.uint8] = seen.images["main"].numpy()
        assert picture.shape == (128, 128, 3)
        assert seen.state is not None
        np.testing.assert_allclose(seen.state.numpy(), [*episode.state.tool, 0.0], rtol=1e-6)
        act(episode, ALL_TASKS[0].instruction, 5)
        assert not np.array_equal(episode.observe().images["main"].numpy(), picture)
        assert episode.picture(200).shape == (200, 200, 3)
