"""What is a body? Looks, senses and actions for the one tool that the world moves.

The physics knows a tool, which holds a block or does not. A body says what that looks like, what is felt, and what its
own actions mean for the tool; so every body does the same things in the same world.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from adapt.sim.shapes import Solid
from adapt.sim.state import SceneState


@runtime_checkable
class Body(Protocol):
    """Turns states into solids and senses, and its own actions into tool commands and back.

    A tool command is the wanted x, y, z (m), yaw (rad) and grip (0 open .. 1 closed) at the end of a control step.
    """

    @property
    def name(self) -> str | None:
        """Name of its embodiment; None for a body that is only ever filmed."""

    @property
    def action_names(self) -> tuple[str, ...]:
        """Names of the d action axes."""

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the s state axes."""

    @property
    def action_limits(self) -> tuple[tuple[float, float], ...]:
        """Least and greatest sensible value of each action axis."""

    @property
    def state_limits(self) -> tuple[tuple[float, float], ...]:
        """Least and greatest value that each state axis can reach."""

    def solids(self, state: SceneState) -> list[Solid]:
        """What is drawn of the body in this state."""

    def proprioception(self, state: SceneState) -> NDArray[np.float64]:
        """What the body feels. Shape (s,)."""

    def command(self, action: NDArray[np.float64], state: SceneState) -> NDArray[np.float64]:
        """The tool command that an action of shape (d,) means in this state. Shape (5,)."""

    def action(self, command: NDArray[np.float64], state: SceneState) -> NDArray[np.float64]:
        """The action that asks for a tool command of shape (5,) in this state. Shape (d,)."""
