"""How is a task done? A scripted expert that reads the state and says what the tool shall do next.

It decides from the state alone, apart from pauses, so it can begin anywhere: with the wrong block in the fingers, with
the right one half-way, or with everything done.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapt.sim.astray import Astray
from adapt.sim.gap import Gap
from adapt.sim.moves import PRESS_M, command_towards, distance_m, grasp_height_m, height_m
from adapt.sim.state import BLOCK_HALF_M, CONTROL_HZ, HELD_GRIP, SceneState
from adapt.sim.tabletop import Tabletop
from adapt.sim.tasks import LIFTED_M, Task, in_zone
from adapt.sim.wander import Play

_NEAR_M = 0.012  # near enough to close, or to open
_RESTING_M = 0.006  # a block no higher than this stands on the table
_STOPPED_M = 0.004  # a block that sinks less than this in a control step stands on something
_FREE_M = 0.085  # "put" keeps so far from other blocks, if its zone has room
_CORNER_M, _CORNERS = 0.06, ((-1, -1), (-1, 1), (1, -1), (1, 1))
_STAYS = 3  # so many control steps do open fingers stay round what they let go of, which a picture can tell from held
_ASIDE_M = 0.085  # from the block to where the tool then steps, to the right,
_RIGHTMOST_M = 0.09  # or to the left of a block that lies farther right than this,
_APART_M = 0.08  # unless it is farther away anyway,
_REST_M = 0.10  # and at this height,
_RISEN_M = 0.005  # or nearly

_STRONG_DETOUR_M = 0.1
_SCATTER_M = 0.03
_NUDGED_SHARE = 0.04  # of the steps
_NUDGE_M = 0.006
_PLAYED_SHARE = 0.25  # of what goes wrong before an episode


Chooser = Callable[[SceneState], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Episode:
    """What happened, at the control rate: `commands[i]` was wanted in `states[i]`; whatever body shows it.

    Attributes:
        states: n states.
        commands: Wanted tool x, y, z (m), yaw (rad), grip (0 open .. 1 closed). Shape (n, 5).
        instruction: What was asked for, or "play".
        task: The same as a task; None for play.
    """

    states: tuple[SceneState, ...]
    commands: NDArray[np.float64]
    instruction: str
    task: Task | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How something is done, not what; by default always alike, so that a picture tells what comes next.

    Attributes:
        pace: Share of the tool's top speed, in (0, 1].
        pause_s: Rest so long at the block before closing, and at the place before opening.
        detour_m: How far ways bend aside from the straight line; the sign says to which side.
        carry_m: How high "put" raises the block.
        scatter_m: How far from the zone's middle, along each axis, the block is brought at most.
        astray_steps: Control steps for which something goes wrong before the expert begins; they are not kept.
    """

    pace: float = 0.95
    pause_s: float = 0.0
    detour_m: float = 0.0
    carry_m: float = 0.1
    scatter_m: float = 0.0
    astray_steps: int = 0


class Expert:
    """Goes to the block, closes, brings it to its zone, opens, stays, rises, steps aside, rests.

    Args:
        task: What to do.
        rng: Draws where in the zone the block shall lie.
        manner: How it moves.
    """

    def __init__(self, task: Task, rng: np.random.Generator, manner: Manner | None = None) -> None:
        self._task = task
        self._manner = manner or Manner()
        self._place = task.goal + rng.uniform(-self._manner.scatter_m, self._manner.scatter_m, 2)
        self._paused = self._stayed = 0
        self._last_height_m = np.inf

    def __call__(self, state: SceneState) -> NDArray[np.float64]:
        """The command for this state: wanted tool x, y, z (m), yaw (rad) and grip. Shape (5,)."""
        if state.held >= 0:
            return self._bring(state) if state.held == self._task.colour else self._put_back(state)
        if self._done(state):
            return self._withdraw(state)
        return self._fetch(state)

    def _done(self, state: SceneState) -> bool:
        """Whether the block lies where it shall; a slid block that was raised on the way cannot do better."""
        as_asked = self._task.verb == "slide" or float(state.highest[self._task.colour]) >= LIFTED_M
        return as_asked and in_zone(state, self._task)

    def _fetch(self, state: SceneState) -> NDArray[np.float64]:
        """Go to the block, sinking on the way, and close round it."""
        block = state.blocks[self._task.colour]
        across = distance_m(block[:2], state.tool[:2])
        there = across < _NEAR_M and float(state.tool[2] - block[2]) < PRESS_M
        # Fingers that closed on nothing open again first.
        closing = there and state.grip < HELD_GRIP and (state.grip > 0 or self._rested())
        wanted = grasp_height_m(state, self._task.colour, across)
        return self._towards(state, block[:2], wanted, 1.0 if closing else 0.0)

    def _bring(self, state: SceneState) -> NDArray[np.float64]:
        """Carry or drag the held block to its place and let go there."""
        height = height_m(state, state.held)
        place = self._free_place(state) if self._task.verb == "put" else self._place
        across = distance_m(place, state.tool[:2])
        wanted = 0.0
        if self._task.verb == "put":
            risen = float(state.highest[state.held]) > LIFTED_M + 0.015
            wanted = float(np.clip(1.2 * (across - 0.02), 0, self._manner.carry_m)) if risen else self._manner.carry_m
        if across < _NEAR_M and wanted == 0 and self._landed(height) and self._rested():
            return self._release(state)
        slow = 0.4 if wanted > 0.03 and height < 0.02 else 1.0
        rise = wanted - height if wanted > 0 else -height - PRESS_M
        return self._towards(state, place, float(state.tool[2]) + rise, 1.0, slow)

    def _free_place(self, state: SceneState) -> NDArray[np.float64]:
        """The place, or the nearest one to it in the zone where no other block is in the way."""
        others = np.delete(state.blocks[:, :2], self._task.colour, axis=0)
        around = [self._place, *(self._task.goal + np.array(corner) * _CORNER_M for corner in _CORNERS)]
        free = [p for p in around if min(distance_m(p, other) for other in others) > _FREE_M]
        return min(free or around[:1], key=lambda p: distance_m(p, self._place))

    def _put_back(self, state: SceneState) -> NDArray[np.float64]:
        """Set down a block that should not have been taken."""
        height = height_m(state, state.held)
        if self._landed(height):
            return self._release(state)
        return self._towards(state, state.tool[:2], float(state.tool[2]) - height - PRESS_M, 1.0)

    def _release(self, state: SceneState) -> NDArray[np.float64]:
        self._last_height_m, self._stayed = np.inf, 0
        return np.array([*state.tool, 0.0, 0.0])

    def _withdraw(self, state: SceneState) -> NDArray[np.float64]:
        """Stay a moment with open fingers, rise, step aside from the block, rest."""
        block, height = state.blocks[self._task.colour], float(state.tool[2])
        if distance_m(block[:2], state.tool[:2]) >= _APART_M:
            return self._towards(state, state.tool[:2], max(_REST_M, height), 0.0)
        if distance_m(block[:3], state.tool) < BLOCK_HALF_M and self._stayed < _STAYS:
            self._stayed += state.grip == 0
            return np.array([*state.tool, 0.0, 0.0])
        if height < _REST_M - _RISEN_M:
            return self._towards(state, state.tool[:2], _REST_M, 0.0)
        side = _ASIDE_M if block[0] <= _RIGHTMOST_M else -_ASIDE_M
        return self._towards(state, block[:2] + np.array([side, 0.0]), max(_REST_M, height), 0.0)

    def _landed(self, height: float) -> bool:
        """Whether the held block stands on something: the table, or whatever stops it from sinking further."""
        stopped = abs(height - self._last_height_m) < _STOPPED_M
        self._last_height_m = height
        return height < _RESTING_M or stopped

    def _rested(self) -> bool:
        """Whether this pause is over."""
        if self._paused < round(self._manner.pause_s * CONTROL_HZ):
            self._paused += 1
            return False
        self._paused = 0
        return True

    def _towards(
        self, state: SceneState, place: NDArray[np.float64], z: float, grip: float, slow: float = 1.0
    ) -> NDArray[np.float64]:
        """One step of the way there, at this expert's pace."""
        return command_towards(state, self._bent(place - state.tool[:2]), z, grip, slow * self._manner.pace)

    def _bent(self, way: NDArray[np.float64]) -> NDArray[np.float64]:
        """The way, leaning aside; the nearer the goal, the less."""
        far = float(np.hypot(*way))
        lean = self._manner.detour_m * min(1.0, far / 0.15)
        return way if far < _NEAR_M else way + lean * np.array([-way[1], way[0]]) / far


def perform(
    tabletop: Tabletop,
    task: Task,
    seed: int,
    *,
    gap: Gap | None = None,
    manner: Manner | None = None,
    steps: int = 64,
) -> Episode:
    """An expert does a task on a random tabletop.

    Commands are clean, motion is not: a command is what the expert wanted from where the tool really was, while the
    tool is nudged off its path now and then, so that states lie around the path and not only on it.

    Args:
        tabletop: Where; it is reset.
        task: What to do.
        seed: Same seed, same episode.
        gap: Whose `timing` makes it slower, with pauses, whose `path` bends its ways, and whose `habit` varies them;
            none when None.
        manner: How it moves; drawn from the seed, and changed by the gap, when None.
        steps: Length at 10 Hz.
    """
    rng = np.random.default_rng((seed, 1))
    state = tabletop.reset(seed, task)
    drawn = _manner(rng, gap or Gap())
    manner = manner or drawn
    expert = Expert(task, rng, manner)
    if manner.astray_steps:
        state = _gone_astray(tabletop, state, task, manner.astray_steps, np.random.default_rng((seed, 3)))
    return _record(tabletop, state, expert, rng, steps, task)


def play(tabletop: Tabletop, seed: int, steps: int = 161) -> Episode:
    """Play without a task from a random tabletop: same seed, same episode."""
    rng = np.random.default_rng((seed, 2))
    return _record(tabletop, tabletop.reset(seed), Play(rng), rng, steps, None)


def _manner(rng: np.random.Generator, gap: Gap) -> Manner:
    steady = Manner()
    pace, carry_m, pause_s = rng.uniform(0.7, 1.0), rng.uniform(0.075, 0.1), rng.uniform(0.3, 1.0)
    side = rng.choice((-1.0, 1.0))
    pace, carry_m = (own + gap.habit * (drawn - own) for own, drawn in ((steady.pace, pace), (steady.carry_m, carry_m)))
    return Manner(
        pace=float(pace * (1 - 0.5 * gap.timing)),
        pause_s=float(pause_s * gap.timing),
        detour_m=float(side * _STRONG_DETOUR_M * gap.path),
        carry_m=float(carry_m),
        scatter_m=_SCATTER_M * gap.habit,
    )


def _gone_astray(tabletop: Tabletop, state: SceneState, task: Task, steps: int, rng: np.random.Generator) -> SceneState:
    """Where somebody leaves off who reached beside the block, or who played."""
    chooser = Play(rng) if rng.random() < _PLAYED_SHARE else Astray(task, state, rng)
    for _ in range(steps):
        state = tabletop.step(chooser(state))
    return state


def _record(
    tabletop: Tabletop, state: SceneState, chooser: Chooser, rng: np.random.Generator, steps: int, task: Task | None
) -> Episode:
    states, commands = [], []
    for _ in range(steps):
        command = chooser(state)
        states.append(state)
        commands.append(command)
        nudge = rng.normal(0, _NUDGE_M, 3) * (rng.random() < _NUDGED_SHARE)
        state = tabletop.step(command + np.array([*nudge, 0.0, 0.0]))
    instruction = task.instruction if task is not None else "play"
    return Episode(states=tuple(states), commands=np.stack(commands), instruction=instruction, task=task)
