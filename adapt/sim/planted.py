"""Policies whose success is known beforehand, and one that is shown the future. They tell what is broken.

If the one that holds still succeeds, or the script that knows everything fails, it is the trial that is broken. And if
a model fails that is shown the true future, its imagination is not what holds it back.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from adapt.evaluate.closed_loop import Chooser, decision_seeds
from adapt.policy.many import Plans
from adapt.sim.expert import Expert
from adapt.sim.state import CONTROL_HZ, TOOL_LIMIT_M, TOOL_LOW_M, SceneState
from adapt.sim.trials import TabletopEpisode
from adapt.types import BaseGeometry

STILL, RANDOM, EXPERT = "still", "random", "expert"
PLAN_STEPS = 16

_LEG_STEPS = 8  # how long the random one wants the same
_LOW_M = 0.06  # and how high it goes at most: where blocks are


def still(episodes: Sequence[TabletopEpisode], decision: int) -> Plans:
    """Stay where you are, and leave the fingers as they are."""
    del decision
    return _plans([[_stay(episode.state)] * PLAN_STEPS for episode in episodes], episodes)


def at_random(episodes: Sequence[TabletopEpisode], decision: int) -> Plans:
    """Go to random places with the fingers open or closed, a new one every 0.8 s."""
    rows = []
    for seed in decision_seeds(episodes, decision):
        rng = np.random.default_rng(seed)
        legs = [_anywhere(rng) for _ in range(PLAN_STEPS // _LEG_STEPS)]
        rows.append([leg for leg in legs for _ in range(_LEG_STEPS)])
    return _plans(rows, episodes)


def by_script(episodes: Sequence[TabletopEpisode], decision: int) -> Plans:
    """Do as the scripted expert does, who knows where everything is."""
    del decision
    rows = []
    for episode in episodes:
        rehearsal = episode.rehearse(_expert(episode), PLAN_STEPS)
        # What a command means for the body may hang on the state it is given in.
        pairs = zip(rehearsal.commands, rehearsal.states, strict=False)
        rows.append([episode.body.action(command, state) for command, state in pairs])
    return Plans(actions=torch.from_numpy(np.array(rows)), frames=torch.zeros(len(rows), 0, 0, 0, 0))


PLANTED: Mapping[str, Chooser[TabletopEpisode]] = {STILL: still, RANDOM: at_random, EXPERT: by_script}


@runtime_checkable
class Reader(Protocol):
    """Reads actions from a future that it is shown, as `adapt.policy.many.Crowd` does."""

    @property
    def geometry(self) -> BaseGeometry:
        """Rates and chunk length."""
        ...

    def see(self, windows: Sequence[Sequence[object]]) -> Float[Tensor, "b l c h w"]:
        """Latents of windows of observations."""
        ...

    def read(
        self, frames: Float[Tensor, "b l c h w"], observations: Sequence[object], *, seeds: Sequence[int]
    ) -> Plans:
        """What brings the frames about."""
        ...


class TrueFuture:
    """A model that need not imagine: it is shown the pictures that the scripted expert would bring about from here.

    Args:
        reader: Encodes them, and reads actions from them.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._steps_per_frame = round(CONTROL_HZ / reader.geometry.video_hz)

    def __call__(self, episodes: Sequence[TabletopEpisode], decision: int) -> Plans:
        """What the head does to bring the true future about."""
        steps = self._reader.geometry.frames_per_chunk * self._steps_per_frame
        windows = []
        for episode in episodes:
            states = episode.rehearse(_expert(episode), steps).states
            windows.append([episode.seen_in(state) for state in states[:: self._steps_per_frame]])
        now = [window[0] for window in windows]
        return self._reader.read(self._reader.see(windows), now, seeds=decision_seeds(episodes, decision))


def _expert(episode: TabletopEpisode) -> Expert:
    """Made anew at every decision: it reads from the state how far things are. Its place in the zone stays the same."""
    return Expert(episode.task, np.random.default_rng(episode.seed))


def _stay(state: SceneState) -> NDArray[np.float64]:
    return np.array([*state.tool, state.yaw, state.grip])


def _anywhere(rng: np.random.Generator) -> NDArray[np.float64]:
    x, y = rng.uniform(-TOOL_LIMIT_M, TOOL_LIMIT_M, 2)
    return np.array([x, y, rng.uniform(TOOL_LOW_M, _LOW_M), 0.0, float(rng.random() < 0.5)])


def _plans(commands: Sequence[Sequence[NDArray[np.float64]]], episodes: Sequence[TabletopEpisode]) -> Plans:
    """Tool commands as the bodies' own actions, with nothing imagined."""
    rows = [
        [episode.body.action(command, episode.state) for command in row]
        for row, episode in zip(commands, episodes, strict=True)
    ]
    return Plans(actions=torch.from_numpy(np.array(rows)), frames=torch.zeros(len(rows), 0, 0, 0, 0))
