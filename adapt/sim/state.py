"""What is there to know about the tabletop at one moment?

Metres, seconds, radians; x to the right, y away from the camera, z up; the table top is z = 0 and spans +-0.30 m.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COLOURS = ("red", "green", "blue")
TABLE_HALF_M = 0.30
BLOCK_HALF_M = 0.0315  # half edge of a block

CONTROL_HZ = 10.0
SPEED_M_S = 0.3  # the tool's top speed in the plane, and again up and down
STEP_M = SPEED_M_S / CONTROL_HZ  # farthest the tool moves in one control step
TURN_STEP_RAD = 0.2
GRIP_STEP = 0.34
TOOL_LIMIT_M = 0.27  # the grasp point stays within +-this in x and y
TOOL_LOW_M, TOOL_HIGH_M = 0.02, 0.22  # and within these heights

HELD_GRIP = 0.58  # a block between the fingers stops them here
RELEASE_GRIP = 0.4  # fingers wider than this have let go


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SceneState:
    """Everything that can be seen, felt or judged on the tabletop. Arrays are the state's own: do not write to them.

    Attributes:
        blocks: Red, green, blue: position of the centre (m) and quaternion wxyz. Shape (3, 7).
        tool: The grasp point between the fingertips: x, y, z in metres. Shape (3,).
        yaw: Turn of the tool about the vertical, in radians; the fingers close along x at 0.
        grip: 0 open .. 1 closed; a block between the fingers stops them at `HELD_GRIP`.
        held: Index of the held block, -1 for none.
        highest: How high each block was raised above the table since the reset, in metres. Shape (3,).
        time_s: Since the reset.
    """

    blocks: NDArray[np.float64]
    tool: NDArray[np.float64]
    yaw: float = 0.0
    grip: float = 0.0
    held: int = -1
    highest: NDArray[np.float64]
    time_s: float = 0.0


def finger_gap_m(grip: float) -> float:
    """Distance of a finger's middle from the grasp point: 0.086 m open, 0.0434 when held, 0.0125 m closed."""
    return 0.086 - 0.0735 * grip
