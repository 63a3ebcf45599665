"""How does a policy go wrong? It reaches beside the block, closes on nothing and goes on as if it held it.

An expert never gets there, so whoever learns from experts alone does not know how to go on from there either.
"""

import numpy as np
from numpy.typing import NDArray

from adapt.sim.moves import HOVER_M, PRESS_M, command_towards, distance_m
from adapt.sim.state import TOOL_LOW_M, SceneState
from adapt.sim.tasks import Task

_BESIDE_M = (0.02, 0.09)  # so far from the block it closes
_TOO_HIGH_SHARE, _TOO_HIGH_M = 0.4, 0.06  # some of the time also above it, at most so high
_NEAR_M = 0.012
_CARRY_M = 0.08


class Astray:
    """Means to do the task and takes the block to lie elsewhere.

    Args:
        task: What it means to do.
        state: Where it begins.
        rng: Draws where it takes the block to be.
    """

    def __init__(self, task: Task, state: SceneState, rng: np.random.Generator) -> None:
        radius, angle = rng.uniform(*_BESIDE_M), rng.uniform(0, 2 * np.pi)
        self._place = state.blocks[task.colour, :2] + radius * np.array([np.cos(angle), np.sin(angle)])
        self._above_m = rng.uniform(0, _TOO_HIGH_M) if rng.random() < _TOO_HIGH_SHARE else 0.0
        self._task = task
        self._closed = False

    def __call__(self, state: SceneState) -> NDArray[np.float64]:
        """The command for this state: wanted tool x, y, z (m), yaw (rad) and grip. Shape (5,)."""
        self._closed = self._closed or state.grip >= 1 or state.held >= 0
        if self._closed:
            height = _CARRY_M if self._task.verb == "put" else 0.0
            return command_towards(state, self._task.goal - state.tool[:2], TOOL_LOW_M + height, 1.0, 1.0)
        across = distance_m(self._place, state.tool[:2])
        lowest = TOOL_LOW_M + self._above_m
        there = across < _NEAR_M and float(state.tool[2]) < lowest + PRESS_M
        wanted = lowest + float(np.clip(across - 0.02, 0, HOVER_M))
        return command_towards(state, self._place - state.tool[:2], wanted, 1.0 if there else 0.0, 1.0)
