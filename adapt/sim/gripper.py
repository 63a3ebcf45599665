"""Robot A: a grey two-finger gripper that hangs from above and is told where its grasp point shall be."""

import numpy as np
from numpy.typing import NDArray

from adapt.sim.shapes import Box, Capsule, Colour, Solid, point, yaw_turn
from adapt.sim.state import TOOL_HIGH_M, TOOL_LIMIT_M, SceneState, finger_gap_m

METAL: Colour = (0.84, 0.86, 0.88, 1.0)
DARK: Colour = (0.2, 0.2, 0.23, 1.0)
TIP: Colour = (1.0, 0.83, 0.08, 1.0)  # unlike blocks, table and shadows, so that the opening shows in small pictures


_ACROSS, _HEIGHT, _SHARE = (-TOOL_LIMIT_M, TOOL_LIMIT_M), (0.0, TOOL_HIGH_M), (0.0, 1.0)


class Gripper:
    """The body `tabletop_gripper`: actions are the wanted x, y, z (m) and grip; the yaw stays 0."""

    name = "tabletop_gripper"
    action_names = ("x", "y", "z", "grip")
    state_names = ("x", "y", "z", "grip")
    action_limits = (_ACROSS, _ACROSS, _HEIGHT, _SHARE)
    state_limits = action_limits

    def solids(self, state: SceneState) -> list[Solid]:
        """Two fingers on a bar that is high enough not to hide what they hold, and the post it hangs from."""
        x, y, z = (float(v) for v in state.tool)
        turn = yaw_turn(state.yaw)
        along = np.array([np.cos(state.yaw), np.sin(state.yaw), 0.0])
        gap = finger_gap_m(state.grip)
        solids: list[Solid] = []
        for side in (-1.0, 1.0):
            foot = state.tool + side * gap * along
            tip, shaft = foot + point(0, 0, 0.006), foot + point(0, 0, 0.076)
            solids.append(Box(centre=tip, half=point(0.012, 0.016, 0.024), turn=turn, colour=TIP))
            solids.append(Box(centre=shaft, half=point(0.010, 0.013, 0.046), turn=turn, colour=METAL))
        solids.append(Box(centre=point(x, y, z + 0.13), half=point(0.098, 0.016, 0.012), turn=turn, colour=METAL))
        post = point(x, y, z + 0.14)
        solids.append(Capsule(a=post, b=post + point(0, 0.03, 0.3), radius=0.014, colour=DARK, gloss=0.1))
        return solids

    def proprioception(self, state: SceneState) -> NDArray[np.float64]:
        """Tool x, y, z (m) and grip. Shape (4,)."""
        return np.array([*state.tool, state.grip])

    def command(self, action: NDArray[np.float64], state: SceneState) -> NDArray[np.float64]:
        """The tool command of an action of shape (4,). Shape (5,)."""
        del state
        return np.array([*action[:3], 0.0, action[3]])

    def action(self, command: NDArray[np.float64], state: SceneState) -> NDArray[np.float64]:
        """The action of a tool command of shape (5,): the same without the yaw. Shape (4,)."""
        del state
        return np.array([*command[:3], command[4]])
