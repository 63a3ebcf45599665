"""How does a held block sit between the fingers? At first as it was grasped, then it slides into their middle.

Quaternions are wxyz.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from adapt.sim.state import BLOCK_HALF_M

_SETTLED = 1e-4  # metres, or radians: no more to be seen
_SETTLING = 0.5  # share of the way into the middle that is left after a control step


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grasp:
    """The held block's pose as seen from the tool.

    Attributes:
        held: Index of the block, -1 for none.
        offset: Of its centre from the grasp point, in the tool's frame, in metres. Shape (3,).
        turn: Its quaternion in the tool's frame. Shape (4,).
        square: The turn it settles to: the nearest at which two faces are parallel to the fingers. Shape (4,).
    """

    held: int
    offset: NDArray[np.float64]
    turn: NDArray[np.float64]
    square: NDArray[np.float64]

    @classmethod
    def of(cls, held: int, block: NDArray[np.float64], tool: NDArray[np.float64], yaw: float) -> "Grasp":
        """The grasp of a block of pose (7,) at the moment when a tool at (3,) closes round it."""
        tool_turn = Rotation.from_euler("z", yaw)
        turn = tool_turn.inv() * Rotation.from_quat(block[3:], scalar_first=True)
        square = _squares()[int((_squares() * turn.inv()).magnitude().argmin())]
        return cls(
            held=held,
            offset=tool_turn.inv().apply(block[:3] - tool),
            turn=turn.as_quat(scalar_first=True),
            square=square.as_quat(scalar_first=True),
        )

    @property
    def lowest_m(self) -> float:
        """Height of the grasp point at which the held block stands on the table; minus infinity when none is held."""
        return BLOCK_HALF_M - float(self.offset[2]) if self.held >= 0 else -np.inf

    def settled(self) -> "Grasp":
        """The grasp one control step later: nearer to the middle and to parallel faces; the height stays."""
        if self.held < 0 or self._in_the_middle():
            return self
        offset = self.offset * np.array([_SETTLING, _SETTLING, 1.0])
        return self._turned(offset, _between(self.turn, self.square, 1 - _SETTLING))

    def towards(self, other: "Grasp", share: float) -> "Grasp":
        """A grasp between this one (share 0) and another (1)."""
        offset = self.offset + share * (other.offset - self.offset)
        return self._turned(offset, _between(self.turn, other.turn, share))

    def _in_the_middle(self) -> bool:
        off = float(np.abs(self.offset[:2]).max())
        return off < _SETTLED and 1 - abs(float(self.turn @ self.square)) < _SETTLED**2

    def _turned(self, offset: NDArray[np.float64], turn: NDArray[np.float64]) -> "Grasp":
        return Grasp(held=self.held, offset=offset, turn=turn, square=self.square)


def free_grasp() -> Grasp:
    """Nothing is held."""
    upright = np.array([1.0, 0.0, 0.0, 0.0])
    return Grasp(held=-1, offset=np.zeros(3), turn=upright, square=upright)


@lru_cache(maxsize=1)
def _squares() -> Rotation:
    """The 24 turns that map a cube onto itself."""
    matrices = [
        np.eye(3)[list(order)] * np.array(signs)[:, None]
        for order in permutations(range(3))
        for signs in product((-1.0, 1.0), repeat=3)
    ]
    return Rotation.from_matrix([matrix for matrix in matrices if np.linalg.det(matrix) > 0])


def _between(start: NDArray[np.float64], end: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """The quaternion that is `share` of the shorter way from one to another (straight, then normalised)."""
    mixed = (1 - share) * start + share * (end if start @ end >= 0 else -end)
    return np.asarray(mixed / np.linalg.norm(mixed))
