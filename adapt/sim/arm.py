"""Robot B: an orange and white arm behind the table, commanded in the angles of its joints.

A column whose lift raises the whole arm, a shoulder, an elbow that always bends to the same side, a wrist that turns
the fingers. None of its five joints is an x or a y: whoever reads its actions from pictures has to know the arm.

The tabletop moves its tool, not joints: a command in joints becomes the place of the grasp point they lead to, and the
arm is drawn wherever the tool is.
"""

import numpy as np
from numpy.typing import NDArray

from adapt.sim.shapes import Box, Capsule, Colour, Cylinder, Solid, point, yaw_turn
from adapt.sim.state import TOOL_HIGH_M, TOOL_LOW_M, SceneState, finger_gap_m

Array = NDArray[np.float64]

BASE_M = (0.0, 0.4)  # x, y of the shoulder
UPPER_M, FORE_M = 0.39, 0.39  # lengths of upper arm and forearm
JOINTS = ("shoulder", "elbow", "wrist", "lift", "grip")
# Shoulder 0 points the upper arm at the camera, angles turn it to the right; elbow 0 is a straight arm. Lift is the
# height of the grasp point.
LIMITS = ((-2.6, 0.5), (0.0, 2.9), (-4.0, 1.8), (TOOL_LOW_M, TOOL_HIGH_M), (0.0, 1.0))

ORANGE: Colour = (0.98, 0.48, 0.08, 1.0)
WHITE: Colour = (0.95, 0.95, 0.93, 1.0)
DARK: Colour = (0.2, 0.2, 0.23, 1.0)
TIP: Colour = (0.15, 0.9, 0.95, 1.0)

_FORE_ABOVE_M, _UPPER_ABOVE_M = 0.125, 0.155  # heights of the links above the grasp point
_FINGER_TOP_M = 0.095
_FOOT, _CAP = point(0.0, 0.0, 0.04), point(0.0, 0.0, 0.024)


class Arm:
    """The body `tabletop_arm`: actions are the wanted joints `JOINTS`, the state is where they are."""

    name = "tabletop_arm"
    action_names = JOINTS
    state_names = JOINTS
    action_limits = LIMITS
    state_limits = LIMITS

    def solids(self, state: SceneState) -> list[Solid]:
        """Column, two links and two round fingers; the links pass above blocks and what is carried."""
        shoulder, elbow = np.array([*BASE_M, 0.0]), np.array([*elbow_of(self.proprioception(state)), 0.0])
        wrist = state.tool + point(0.0, 0.0, _FORE_ABOVE_M)
        fore, upper = point(0.0, 0.0, float(wrist[2])), point(0.0, 0.0, float(state.tool[2]) + _UPPER_ABOVE_M)
        solids: list[Solid] = [
            Cylinder(a=shoulder - _FOOT, b=shoulder + upper + _CAP, radius=0.045, colour=DARK),
            Capsule(a=shoulder + upper, b=elbow + upper, radius=0.022, colour=ORANGE, gloss=0.2),
            Cylinder(a=elbow + fore - _CAP, b=elbow + upper + _CAP, radius=0.028, colour=DARK),
            Capsule(a=elbow + fore, b=wrist, radius=0.017, colour=WHITE, gloss=0.2),
        ]
        return solids + _hand(state)

    def proprioception(self, state: SceneState) -> Array:
        """The joints: shoulder, elbow, wrist (rad), lift (m), grip. Shape (5,)."""
        return joints_of(np.array([*state.tool, state.yaw, state.grip]))

    def command(self, action: Array, state: SceneState) -> Array:
        """The tool command of wanted joints, which are first brought within `LIMITS`. Shapes (5,), (5,)."""
        del state
        low, high = np.array(LIMITS).T
        return tool_of(np.clip(action, low, high))

    def action(self, command: Array, state: SceneState) -> Array:
        """The joints that a tool command asks for. Shapes (5,), (5,)."""
        del state
        return joints_of(command)


def joints_of(tool: Array) -> Array:
    """Inverse kinematics, with the elbow on the left as the camera sees it.

    Args:
        tool: x, y, z of the grasp point in metres, yaw in radians, grip. Shape (5,). A point out of the arm's reach is
            taken for the nearest one within it.

    Returns:
        Shoulder, elbow, wrist in radians, lift in metres, grip. Shape (5,).
    """
    across, ahead = tool[0] - BASE_M[0], BASE_M[1] - tool[1]
    reach = np.clip(np.hypot(across, ahead), abs(UPPER_M - FORE_M), UPPER_M + FORE_M)
    bend = (reach**2 - UPPER_M**2 - FORE_M**2) / (2 * UPPER_M * FORE_M)
    elbow = np.arccos(np.clip(bend, -1.0, 1.0))
    inner = np.arctan2(FORE_M * np.sin(elbow), UPPER_M + FORE_M * np.cos(elbow))
    shoulder = np.arctan2(across, ahead) - inner
    low = LIMITS[2][0]
    wrist = low + np.mod(tool[3] - shoulder - elbow - low, 2 * np.pi)
    return np.array([shoulder, elbow, wrist, tool[2], tool[4]])


def tool_of(joints: Array) -> Array:
    """Forward kinematics.

    Args:
        joints: Shoulder, elbow, wrist in radians, lift in metres, grip. Shape (5,).

    Returns:
        x, y, z of the grasp point in metres, yaw in [-pi, pi) radians, grip. Shape (5,).
    """
    shoulder, elbow, wrist, lift, grip = joints
    at = elbow_of(joints) + FORE_M * _heading(shoulder + elbow)
    yaw = np.mod(shoulder + elbow + wrist + np.pi, 2 * np.pi) - np.pi
    return np.array([*at, lift, yaw, grip])


def elbow_of(joints: Array) -> Array:
    """Where the elbow is: x, y in metres. Shape (2,)."""
    return np.array(BASE_M) + UPPER_M * _heading(float(joints[0]))


def _heading(angle: float) -> Array:
    """The direction of an angle: 0 towards the camera, growing to the right."""
    return np.array([np.sin(angle), -np.cos(angle)])


def _hand(state: SceneState) -> list[Solid]:
    """A palm that turns with the wrist, and two rods that close on the grasp point."""
    along = np.array([np.cos(state.yaw), np.sin(state.yaw), 0.0])
    reach, turn = finger_gap_m(state.grip), yaw_turn(state.yaw)
    palm = state.tool + point(0, 0, _FINGER_TOP_M)
    solids: list[Solid] = [
        Cylinder(a=palm, b=state.tool + point(0, 0, _FORE_ABOVE_M + 0.02), radius=0.024, colour=ORANGE),
        Box(centre=palm, half=point(reach + 0.01, 0.011, 0.008), turn=turn, colour=DARK),
    ]
    for side in (-1.0, 1.0):
        foot = state.tool + side * reach * along
        top, tip = foot + point(0, 0, _FINGER_TOP_M), foot + point(0, 0, 0.026)
        solids.append(Capsule(a=top, b=tip, radius=0.008, colour=DARK))
        solids.append(Capsule(a=tip, b=foot - point(0, 0, 0.004), radius=0.0145, colour=TIP))
    return solids
