"""What is recorded? Takes: tasks performed in shuffled rounds, or play, until there is enough."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adapt.errors import SimulatorError
from adapt.sim.expert import Episode, perform, play
from adapt.sim.gap import Gap
from adapt.sim.state import CONTROL_HZ
from adapt.sim.tabletop import Tabletop
from adapt.sim.tasks import Task, succeeded

CHUNK_STEPS = 16  # 1.6 s; films last a whole number of these and one more frame, so that whole windows fit
SHORTEST_CHUNKS, LONGEST_CHUNKS = 2, 8
PLAY_CHUNKS = 10
REST_STEPS = 5  # how long the end of a task is shown at least
ATTEMPTS = 20
_STILL_M = 0.002  # less than this is no motion


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One episode, and what share of all that is wanted was recorded before it, in [0, 1)."""

    episode: Episode
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """What is to be recorded, and how much. Less of the same is the beginning of more of it.

    Every task is done once before any is done again, in an order that is shuffled anew each round. A take in which the
    expert fails is done again on another tabletop, as a person would, so that a video shows what its text says.

    Args:
        tasks: What is done; empty for play without a task.
        minutes: How long; the episode that passes this mark is finished. Or:
        count: How many episodes.
        seed: Another one gives other tabletops.
        gap: How far the one who does it is from the robot in timing and path.

    Raises:
        SimulatorError: Not exactly one of `minutes` and `count` is given, or it is not above 0; the seed is
            negative.
    """

    tasks: Sequence[Task] = ()
    minutes: float | None = None
    count: int | None = None
    seed: int = 0
    gap: Gap = Gap()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        if (self.minutes is None) == (self.count is None):
            raise SimulatorError(f"minutes is {self.minutes} and count is {self.count}; give one of them")
        amount = self.minutes if self.count is None else self.count
        if amount is None or not 0 < amount < math.inf:
            raise SimulatorError(f"{'minutes' if self.count is None else 'count'} is {amount}; give more than 0")
        if self.seed < 0:
            raise SimulatorError(f"seed is {self.seed}; give 0 or more")

    @property
    def expected_frames(self) -> int:
        """About how many frames there will be, at the control rate."""
        if self.minutes is not None:
            return math.ceil(self.minutes * 60 * CONTROL_HZ)
        assert self.count is not None  # One of the two is given.
        return self.count * (CHUNK_STEPS * (SHORTEST_CHUNKS if self.tasks else PLAY_CHUNKS) + 1)

    def perform(self) -> Generator[Take]:
        """The takes, one after the other.

        Raises:
            SimulatorError: The simulator is not there.
        """
        frames = index = 0
        with Tabletop() as tabletop:
            while (share := self._share(index, frames)) < 1:
                episode = self._episode(tabletop, index)
                yield Take(episode=episode, share=share)
                frames += len(episode.states)
                index += 1

    def _share(self, episodes: int, frames: int) -> float:
        if self.count is not None:
            return episodes / self.count
        assert self.minutes is not None  # One of the two is given.
        return frames / (self.minutes * 60 * CONTROL_HZ)

    def _episode(self, tabletop: Tabletop, index: int) -> Episode:
        if not self.tasks:
            return play(tabletop, episode_seed(self.seed, index), PLAY_CHUNKS * CHUNK_STEPS + 1)
        turn, place = divmod(index, len(self.tasks))
        order = np.random.default_rng([self.seed, turn]).permutation(len(self.tasks))
        task = self.tasks[order[place]]
        for attempt in range(ATTEMPTS):
            seed = episode_seed(self.seed, index, attempt)
            episode = perform(tabletop, task, seed, gap=self.gap, steps=LONGEST_CHUNKS * CHUNK_STEPS + 1)
            if succeeded(episode.states[-1], task):
                return _without_waiting(episode)
        raise SimulatorError(
            f'"{task.instruction}" went wrong {ATTEMPTS} times from seed {self.seed}; give another seed, or less gap'
        )


def episode_seed(seed: int, index: int, attempt: int = 0) -> int:
    """The seed of an episode: 63 bits made of the set's seed and its place, so that no two sets share a tabletop."""
    return int(np.random.SeedSequence([seed, index, attempt]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _without_waiting(episode: Episode) -> Episode:
    """The episode without the time in which nothing happens any more, but for a moment of rest."""
    blocks = np.stack([state.blocks[:, :3] for state in episode.states])
    moving = np.flatnonzero(np.abs(blocks - blocks[-1]).max(axis=(1, 2)) > _STILL_M)
    # The tool is nudged even at rest, so what counts is that nothing is wanted of it any more.
    tools = np.stack([[*state.tool, state.grip] for state in episode.states])
    resting = np.abs(episode.commands[:, [0, 1, 2, 4]] - tools).max(axis=1) < _STILL_M
    resting[: moving[-1] + 1 if len(moving) else 0] = False
    # Rest is what lasts: the expert also stays a moment before it rises.
    lasting = np.lib.stride_tricks.sliding_window_view(resting, REST_STEPS).all(axis=1)
    needed = int(lasting.argmax()) + REST_STEPS if lasting.any() else len(tools)
    chunks = max(SHORTEST_CHUNKS, math.ceil(needed / CHUNK_STEPS))
    kept = min(chunks * CHUNK_STEPS + 1, len(episode.states))
    return replace(episode, states=episode.states[:kept], commands=episode.commands[:kept])
