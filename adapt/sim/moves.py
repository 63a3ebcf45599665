"""What is one step of the way? Pieces of motion that the expert and play share."""

import numpy as np
from numpy.typing import NDArray

from adapt.sim.state import BLOCK_HALF_M, STEP_M, SceneState

HOVER_M = 0.08  # an open gripper passes so high above what it would grasp
PRESS_M = 0.01  # a command below the table by so much presses a block on it


def height_m(state: SceneState, block: int) -> float:
    """How high a block is raised above the table, in metres."""
    return float(state.blocks[block, 2]) - BLOCK_HALF_M


def distance_m(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Between two points of equal shape, in metres."""
    return float(np.linalg.norm(one - other))


def grasp_height_m(state: SceneState, block: int, across: float) -> float:
    """Where the grasp point shall be on the way to a block: high until near (`across` metres away), then sinking."""
    return height_m(state, block) + PRESS_M + float(np.clip(across - 0.02, 0, HOVER_M))


def command_towards(
    state: SceneState, way: NDArray[np.float64], z: float, grip: float, pace: float
) -> NDArray[np.float64]:
    """One step of the way.

    Args:
        state: Where the tool is.
        way: What is left to go in x and y, in metres. Shape (2,).
        z: Wanted height of the grasp point, in metres.
        grip: Wanted grip.
        pace: Share of the tool's top speed.

    Returns:
        The tool command: x, y, z, yaw, grip. Shape (5,).
    """
    fastest = pace * STEP_M
    move = way * min(1.0, fastest / max(float(np.hypot(way[0], way[1])), 1e-9))
    rise = float(np.clip(z - state.tool[2], -fastest, fastest))
    return np.array([*(state.tool[:2] + move), state.tool[2] + rise, 0.0, grip])
