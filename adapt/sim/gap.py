"""How far is the human hand from the robot: in looks, timing, path, habit, in where it takes hold?

A hand that moves exactly as the tool does differs from a gripper by its pixels alone. Five knobs widen the gap.
`looks` and `offset` change how `adapt.sim.human_hand` draws the hand; `timing`, `path` and `habit` change how
the expert of `adapt.sim.expert` moves.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from adapt.errors import RecipeError

_OFFSET_M = (0.018, -0.03, 0.0)  # at offset 1; the fingers still close on a block, at its near end


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Five knobs between hand and tool, each 0 for none to 1 for strong; `Gap()` differs by being a hand, no more.

    Args:
        looks: Darker skin, and a sleeve that comes down to the wrist.
        timing: A slower pace, and pauses before taking hold and before letting go.
        path: Ways that bend aside instead of going straight.
        offset: Where the fingers close, beside the tool's grasp point.
        habit: Each time a little otherwise: at another pace, another height, at another place in the zone. None of it
            can be foreseen from a picture, so that a model can only learn its mean.

    Raises:
        RecipeError: A knob is not a number in [0, 1].
    """

    looks: float = 0.0
    timing: float = 0.0
    path: float = 0.0
    offset: float = 0.0
    habit: float = 0.0

    def __post_init__(self) -> None:
        for knob in fields(self):
            value = getattr(self, knob.name)
            if not 0.0 <= value <= 1.0:
                raise RecipeError(f"gap.{knob.name} is {value}; choose a number from 0 (no gap) to 1 (a strong one).")

    @property
    def offset_m(self) -> NDArray[np.float64]:
        """Where the fingers close, from the tool's grasp point: right, away, up, in metres. Shape (3,)."""
        return np.array(_OFFSET_M) * self.offset
