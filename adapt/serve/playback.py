"""Which command is due now, while the next chunk is being computed? Late chunks are cut, blended in, or dropped.

A chunk answers what was seen when it was asked for, so its first row was due then. Rows whose time has gone by are
left out; over the next few the old chunk fades into the new one; a chunk that comes after its whole time is dropped.
When there is nothing to play the body is brought to a stop. Every command passes the guard, last of all.

Source:
    Chunks that overlap and are averaged: Zhao et al. 2023 (ACT), arXiv:2304.13705; asking while the last chunk plays:
    Black et al. 2025 (real-time chunking), arXiv:2506.07339, whose inpainting by the model itself is not done here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapt.serve.guard import Guard, Motion

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Command:
    """What to do for one control step.

    Attributes:
        action: In the body's own units, within its limits. Shape (d,).
        hold: Whether this is a stop, since there is nothing to play.
        step: Which one since the beginning, from 0.
    """

    action: Array
    hold: bool
    step: int


class Playback:
    """Plays chunks one command at a time.

    Args:
        guard: The body's limits.
        start: Where the body is.
        blend_steps: Over how many steps an old chunk fades into a new one; 0 to change over at once.

    Raises:
        ValueError: A number is negative.
    """

    def __init__(self, guard: Guard, start: Motion, *, blend_steps: int = 4) -> None:
        if blend_steps < 0:
            raise ValueError(f"blend_steps is {blend_steps}; give 0 or more")
        self._guard, self._blend = guard, blend_steps
        self._rows: Array = np.empty((0, len(guard.bounds.names)))  # places due from now on
        self._flow: Array = np.full(len(guard.bounds.names), np.nan)  # how fast what is played goes on
        self.motion = start
        self.step = 0
        self.dropped = 0

    @property
    def remaining(self) -> int:
        """Commands that there are to play."""
        return len(self._rows)

    def offer(self, actions: Array, asked_step: int, begun: Motion) -> bool:
        """A chunk has come.

        Args:
            actions: In the body's own units. Shape (k, d).
            asked_step: `step` when it was asked for.
            begun: `motion` when it was asked for; increments are counted from there.

        Returns:
            Whether any of it is played.
        """
        late = self.step - asked_step
        if late < 0 or late >= len(actions) or not np.isfinite(actions).all():
            self.dropped += 1
            return False
        fresh = self._guard.to_places(actions, begun)[late:]
        both = min(self._blend, len(self._rows), len(fresh))
        share = (np.arange(1, both + 1) / (both + 1))[:, None]
        mixed = (1 - share) * self._rows[:both] + share * fresh[:both]
        fresh[:both] = np.where(self._guard.bounds.gripper, fresh[:both], mixed)
        self._rows = fresh
        return True

    def stop(self) -> None:
        """Forget what there was to play."""
        self._rows = self._rows[:0]

    def next(self) -> Command:
        """The command that is due now."""
        before, hold = self.motion, not len(self._rows)
        if hold:
            self.motion = self._guard.brake(before, 1).after(1)
        else:
            if len(self._rows) > 1:
                self._flow = (self._rows[1] - self._rows[0]) * self._guard.rate_hz
            self.motion = self._guard.step(self._rows[0], before, self._flow)
        self._rows = self._rows[1:]
        action = self._guard.to_told(self.motion.position[None], before)[0]
        self.step += 1
        return Command(action=action, hold=hold, step=self.step - 1)
