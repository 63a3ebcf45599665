"""Does it do what it was told? Episodes in which a policy looks, acts for a while, and looks again.

What is acted in is anything that keeps `World`: a simulator, or a robot with somebody who resets the scene. Episodes
run side by side, so that a model decides for many of them in one pass.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from adapt.errors import RecipeError
from adapt.evaluate.trials import EpisodeRecord
from adapt.policy.many import Crowd, Plans
from adapt.types import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How things stand in an episode."""

    success: bool
    progress: float  # share of the way, in [0, 1]
    done: str = ""  # the instruction that the ending fulfils; empty for none, or where nobody can tell


@runtime_checkable
class Episode(Protocol):
    """One episode that runs."""

    @property
    def instruction(self) -> str:
        """What is to be done."""
        ...

    @property
    def seed(self) -> int:
        """What decided the scene it began with."""
        ...

    @property
    def holding(self) -> bool:
        """Whether the body feels something in its grip."""
        ...

    def observe(self) -> Observation:
        """What the body sees and feels now."""
        ...

    def step(self, action: Float[Tensor, " d"]) -> None:
        """Act for one control step: an absolute action in the body's own units."""
        ...

    def outcome(self) -> Outcome:
        """How things stand now."""
        ...

    def close(self) -> None:
        """Let go of whatever the episode holds."""
        ...


E = TypeVar("E", bound=Episode)
E_co = TypeVar("E_co", bound=Episode, covariant=True)
E_contra = TypeVar("E_contra", bound=Episode, contravariant=True)


@runtime_checkable
class World(Protocol[E_co]):
    """Where episodes take place."""

    def begin(self, instruction: str, seed: int) -> E_co:
        """A new episode; the same seed and instruction begin in the same scene."""
        ...


@runtime_checkable
class Chooser(Protocol[E_contra]):
    """Decides what each episode does next."""

    def __call__(self, episodes: Sequence[E_contra], decision: int) -> Plans:
        """Plans of one row an episode.

        Args:
            episodes: All that run now.
            decision: How often was decided in them before.
        """
        ...


@runtime_checkable
class Watcher(Protocol[E_contra]):
    """Is told what happens, to make a film of it, say.

    Episodes come in the order of their starts, a group at a time; `first` is the number of a group's first one.
    """

    def decided(self, first: int, episodes: Sequence[E_contra], plans: Plans) -> None:
        """Plans have been made; nothing has been done yet."""
        ...

    def stepped(self, first: int, episodes: Sequence[E_contra], step: int) -> None:
        """So many control steps have been taken in every episode that runs; 0 is the beginning."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One episode to be run."""

    instruction: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long episodes last and how often is decided.

    Args:
        steps: Control steps of an episode.
        executed: Control steps of each plan that are carried out before looking again; the last plan may be cut short.
        together: Episodes that run side by side. It decides speed and memory; results agree up to the last digits.

    Raises:
        RecipeError: A number is below 1.
    """

    steps: int = 80
    executed: int = 8
    together: int = 64

    def __post_init__(self) -> None:
        for name in ("steps", "executed", "together"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} is {getattr(self, name)}; give at least 1.")


class Acting:
    """A model as the one who chooses.

    Args:
        crowd: The policy, for many at once.
    """

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd

    def __call__(self, episodes: Sequence[Episode], decision: int) -> Plans:
        """What the model would do; its noise hangs on the episode's seed and the decision alone."""
        return self._crowd.act(
            [episode.observe() for episode in episodes],
            [episode.instruction for episode in episodes],
            seeds=decision_seeds(episodes, decision),
            holding=[episode.holding for episode in episodes],
        )


def run_episodes(
    world: World[E],
    chooser: Chooser[E],
    starts: Sequence[Start],
    pace: Pace,
    *,
    watcher: Watcher[E] | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> tuple[EpisodeRecord, ...]:
    """Run every episode to its end, and note how it ended. An episode is not cut short by success: it can be undone.

    Args:
        world: Where.
        chooser: Who decides.
        starts: Which episodes.
        pace: How long, and how often is decided.
        watcher: Is told what happens.
        tell: Is told how many more control steps have been taken, over all episodes.

    Returns:
        One record an episode, in the order of `starts`.

    Raises:
        RecipeError: A plan is shorter than what is to be carried out of it.
    """
    records: list[EpisodeRecord] = []
    for first in range(0, len(starts), pace.together):
        episodes: list[E] = []
        try:
            # Added as they come, so that those that have begun are closed where the next one cannot begin.
            episodes.extend(
                world.begin(start.instruction, start.seed) for start in starts[first : first + pace.together]
            )
            _run_together(episodes, chooser, pace, (first, watcher), tell)
            records += [_record(episode, pace.steps) for episode in episodes]
        finally:
            for episode in episodes:
                episode.close()
    return tuple(records)


def decision_seeds(episodes: Sequence[Episode], decision: int) -> list[int]:
    """A seed an episode, that neither its neighbours nor its place among them change."""
    names = [f"{episode.seed}/{decision}/{episode.instruction}" for episode in episodes]
    return [int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") for name in names]


def _run_together(
    episodes: Sequence[E],
    chooser: Chooser[E],
    pace: Pace,
    watching: tuple[int, Watcher[E] | None],
    tell: Callable[[int], None],
) -> None:
    first, watcher = watching
    if watcher is not None:
        watcher.stepped(first, episodes, 0)
    for decision, begun in enumerate(range(0, pace.steps, pace.executed)):
        plans = chooser(episodes, decision)
        todo = min(pace.executed, pace.steps - begun)
        if plans.actions.shape[1] < todo:
            raise RecipeError(
                f"executed is {pace.executed}, but a plan has {plans.actions.shape[1]} steps. Take at most that many."
            )
        if watcher is not None:
            watcher.decided(first, episodes, plans)
        for step in range(todo):
            for episode, action in zip(episodes, plans.actions[:, step], strict=True):
                episode.step(action)
            if watcher is not None:
                watcher.stepped(first, episodes, begun + step + 1)
            tell(len(episodes))


def _record(episode: Episode, steps: int) -> EpisodeRecord:
    end = episode.outcome()
    return EpisodeRecord(
        instruction=episode.instruction,
        seed=episode.seed,
        success=end.success,
        progress=end.progress,
        steps=steps,
        done=end.done,
    )
