"""Who moves the tool? Scripted experts that do a task, and play that does whatever comes.

Labels are clean, motion is not: a label is what the expert wanted from where the tool really was, while the tool is
nudged off its path now and then, so that recorded states lie around the expert's path and not only on it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from adapt.sim.scene import MAX_STEP, TOOL_LIMIT, SceneState, Task, proprioception, reset, step

# Compositions of object and place that neither body ever shows before adaptation: far left with any block, and two
# more whose block and whose place are each seen apart.
HELD_OUT = frozenset({(0, 2, 0), (1, 2, 0), (2, 2, 0), (2, 0, 2), (0, 1, 1)})  # (colour, row, column)

_NEAR_ENOUGH = 0.04
_AWAY = np.array([0.0, -0.22])  # where the tool withdraws to after releasing, from the block


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """What happened, at the control rate.

    Row i of `actions` is the command given in `states[i]`.
    """

    states: tuple[SceneState, ...]
    actions: NDArray[np.float64]  # n x 3: wanted tool x, y, grip; absolute
    instruction: str
    task: Task | None

    @property
    def proprioception(self) -> NDArray[np.float64]:
        """Tool x, y and grip in each state. Shape (n, 3)."""
        return np.stack([proprioception(state) for state in self.states])


Policy = Callable[[SceneState], NDArray[np.float64]]


class Expert:
    """Goes to the block, closes, carries it to a place, opens, withdraws, rests.

    Args:
        colour: Index of the block.
        place: Where to bring it: x, y in table units.
        pace: Share of the tool's top speed, in (0, 1].
    """

    def __init__(self, colour: int, place: NDArray[np.float64], pace: float = 1.0) -> None:
        self._colour = colour
        self._place = place
        self._pace = pace
        self._rest: NDArray[np.float64] | None = None

    def __call__(self, state: SceneState) -> NDArray[np.float64]:
        """The command for this state. Shape (3,)."""
        if self._rest is not None:
            return self._towards(state, self._rest, 0.0)
        block = state.blocks[self._colour]
        if state.held == self._colour:
            if np.linalg.norm(self._place - state.tool) > _NEAR_ENOUGH:
                return self._towards(state, self._place, 1.0)
            self._rest = state.tool + _AWAY
            return np.array([*state.tool, 0.0])
        if np.linalg.norm(block - state.tool) > _NEAR_ENOUGH:
            return self._towards(state, block, 0.0)
        # Opened first when an empty grip is still closed, so that closing can grasp.
        closing = 1.0 if state.grip < 0.66 else 0.0
        return np.array([*block, closing])

    def _towards(self, state: SceneState, place: NDArray[np.float64], grip: float) -> NDArray[np.float64]:
        move = place - state.tool
        length = float(np.linalg.norm(move))
        move = move * min(1.0, self._pace * MAX_STEP / max(length, 1e-9))
        return np.array([*np.clip(state.tool + move, -TOOL_LIMIT, TOOL_LIMIT), grip])


class Play:
    """Wanders without a task: goes places, closes and opens anywhere, carries blocks to random spots."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._goal = np.zeros(2)
        self._grip = 0.0
        self._left = 0
        self._expert: Expert | None = None

    def __call__(self, state: SceneState) -> NDArray[np.float64]:
        """The command for this state. Shape (3,)."""
        if self._left <= 0:
            self._choose()
        self._left -= 1
        if self._expert is not None:
            return self._expert(state)
        move = self._goal - state.tool
        length = float(np.linalg.norm(move))
        if length < _NEAR_ENOUGH:
            self._left = min(self._left, 3)
        move = move * min(1.0, self._pace * MAX_STEP / max(length, 1e-9))
        return np.array([*np.clip(state.tool + move, -TOOL_LIMIT, TOOL_LIMIT), self._grip])

    def _choose(self) -> None:
        """What to do for the next while: mostly carry a block somewhere, else roam or squeeze."""
        rng = self._rng
        self._pace = float(rng.uniform(0.4, 1.0))
        self._goal = rng.uniform((-0.95, -0.9), (0.95, 0.9))
        self._expert = None
        if rng.random() < 0.6:
            self._expert = Expert(int(rng.integers(3)), self._goal, self._pace)
            self._left = int(rng.integers(18, 45))
        else:
            self._grip = float(rng.random() < 0.4)
            self._left = int(rng.integers(4, 16))


def perform(task: Task, seed: int, *, pace: float | None = None, steps: int = 48) -> Episode:
    """One expert episode of a task, from a random tabletop.

    Args:
        task: What to do.
        seed: Same seed, same episode.
        pace: Share of top speed; drawn from [0.7, 1] when None.
        steps: Length at 10 Hz.
    """
    rng = np.random.default_rng(seed)
    start = reset(rng, task)
    drawn = float(rng.uniform(0.7, 1.0))
    place = task.goal + rng.uniform(-0.08, 0.08, 2)
    expert = Expert(task.colour, place, drawn if pace is None else pace)
    return _record(start, expert, rng, steps, task)


def play(seed: int, *, steps: int = 160) -> Episode:
    """Play without a task from a random tabletop: same seed, same episode."""
    rng = np.random.default_rng(seed)
    start = reset(rng)
    start = replace(start, tool=rng.uniform((-0.95, -0.9), (0.95, 0.9)))
    return _record(start, Play(rng), rng, steps, None)


def seen_tasks(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    """Those of `tasks` whose composition is not held out."""
    return tuple(task for task in tasks if (task.colour, task.row, task.column) not in HELD_OUT)


def _record(start: SceneState, policy: Policy, rng: np.random.Generator, steps: int, task: Task | None) -> Episode:
    """Let the policy act, nudging the tool off its path in about one step of twelve."""
    states, actions = [], []
    state = start
    for _ in range(steps):
        command = policy(state)
        states.append(state)
        actions.append(command)
        nudge = rng.normal(0, 0.05, 2) * (rng.random() < 0.08)
        state = step(state, command + np.array([*nudge, 0.0]))
    instruction = task.instruction if task is not None else "play"
    return Episode(states=tuple(states), actions=np.stack(actions), instruction=instruction, task=task)
