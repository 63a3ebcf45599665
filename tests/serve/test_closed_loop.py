"""On the tabletop, a model behind server and client does what it does when it is called."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

pytest.importorskip("mujoco")

from needs_gl import needs_gl

from adapt.policy.opening import open_policy
from adapt.policy.policy import Policy
from adapt.serve.background import serving
from adapt.serve.bounds import bounds_of
from adapt.serve.client import Client
from adapt.serve.guard import Guard, Motion
from adapt.serve.playback import Playback
from adapt.serve.settings import ServeSettings
from adapt.sim.gripper import Gripper
from adapt.sim.trials import TabletopEpisode, TabletopWorld

TASK, SCENE, DECISIONS = "put the red block far left", 5, 3


@pytest.fixture(scope="module")
def policy() -> Policy:
    return open_policy("tiny", "tabletop_gripper", video_steps=1)


def run(choose: Callable[[TabletopEpisode, int], np.ndarray]) -> np.ndarray:
    """Where the tool was after each step of an episode, and the blocks at its end."""
    with TabletopWorld(Gripper()) as world:
        episode = world.begin(TASK, SCENE)
        places = []
        for decision in range(DECISIONS):
            for action in choose(episode, decision):
                episode.step(torch.from_numpy(action))
                places.append(episode.state.tool)
        found = np.concatenate([np.array(places).ravel(), episode.state.blocks.ravel()])
        episode.close()
    return found


@needs_gl
def test_the_same_scene_goes_the_same_way_to_the_last_bit(policy: Policy) -> None:
    def called(episode: TabletopEpisode, decision: int) -> np.ndarray:
        return policy.act(episode.observe(), episode.instruction, seed=decision).values.double().numpy()

    with (
        serving(policy, ServeSettings(port=0, deadline_s=0.0)) as address,
        Client(address.host, address.port) as client,
    ):

        def served(episode: TabletopEpisode, decision: int) -> np.ndarray:
            seen = episode.observe()
            assert seen.state is not None
            images = {name: picture.numpy() for name, picture in seen.images.items()}
            asked = {"images": images, "state": seen.state.numpy(), "prompt": episode.instruction, "seed": decision}
            return client.infer(asked).actions

        through = run(served)
    assert np.array_equal(through, run(called))


@needs_gl
def test_with_100_ms_of_delay_every_step_but_the_first_has_a_command(policy: Policy) -> None:
    """One control step late: the robot asks while it moves, and what comes is played from its second row."""
    guard = Guard(bounds_of(policy.body, ()), policy.geometry.action_hz)
    with TabletopWorld(Gripper()) as world:
        episode = world.begin(TASK, SCENE)
        start = episode.body.proprioception(episode.state)
        player = Playback(guard, Motion.at_rest(start), blend_steps=2)
        holds, waiting = [], None
        for step in range(16):
            if waiting is None and player.remaining <= 2:
                asked = policy.act(episode.observe(), TASK, seed=step).values.double().numpy()
                waiting = (asked, step, player.motion)
            command = player.next()
            holds.append(command.hold)
            episode.step(torch.from_numpy(command.action))
            if waiting is not None:
                player.offer(*waiting)
                waiting = None
        moved = np.abs(episode.body.proprioception(episode.state) - start).max()
        episode.close()
    assert holds == [True] + [False] * 15
    assert player.dropped == 0
    assert moved > 0.01
