"""What does a robot do that has no task? Play: it goes places, opens and closes, moves blocks and leaves them anywhere.

Play is made of legs: a place, or a block, to go to, and a grip to have meanwhile. A handful of legs make a turn of
play; turns are drawn at random, so that positions, heights and grips cover all that the tool can do.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapt.sim.moves import command_towards, distance_m, grasp_height_m, height_m
from adapt.sim.state import BLOCK_HALF_M, COLOURS, SceneState

_FAR_M = 0.26  # places are drawn within +-this in x and y
_NEAR_M = 0.008
_PATIENCE = 25  # control steps that a leg takes at most
_DOWN_M = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Leg:
    """Go somewhere with a grip: to `place` (m), or, given a block, to its centre plus `place`."""

    place: NDArray[np.float64]
    grip: float
    block: int = -1
    steps: int = 0  # stay at least so long
    most: int = _PATIENCE


class Play:
    """Wanders without a task, for ever.

    Args:
        rng: What draws every turn.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._legs: deque[_Leg] = deque()
        self._elapsed = 0
        self._pace = 1.0

    def __call__(self, state: SceneState) -> NDArray[np.float64]:
        """The command for this state: wanted tool x, y, z (m), yaw (rad) and grip. Shape (5,)."""
        while not self._legs or self._over(state, self._legs[0]):
            if self._legs:
                self._legs.popleft()
            else:
                self._legs.extend(self._turn(state))
            self._elapsed = 0
        self._elapsed += 1
        leg = self._legs[0]
        place = _aim(state, leg)
        return command_towards(state, place[:2] - state.tool[:2], float(place[2]), leg.grip, self._pace)

    def _over(self, state: SceneState, leg: _Leg) -> bool:
        if self._elapsed >= max(leg.most, leg.steps):
            return True
        place = _aim(state, leg)
        level = abs(max(float(place[2]), BLOCK_HALF_M) - max(float(state.tool[2]), BLOCK_HALF_M))
        return self._elapsed >= leg.steps and distance_m(place[:2], state.tool[:2]) < _NEAR_M and level < _NEAR_M

    def _turn(self, state: SceneState) -> list[_Leg]:
        """What to do next."""
        rng = self._rng
        self._pace = float(rng.uniform(0.4, 1.0))
        kind = rng.random()
        if kind < 0.55:
            return self._take(int(rng.integers(len(COLOURS))))
        if kind < 0.75:
            return [_Leg(place=self._spot(), grip=self._any_grip()) for _ in range(int(rng.integers(1, 4)))]
        if kind < 0.9:
            spot = self._spot()
            return [_Leg(place=spot, grip=self._any_grip()), *self._squeezes(spot)]
        block = int(rng.integers(len(COLOURS)))
        above = state.blocks[block, :3] + np.array([*rng.normal(0, 0.02, 2), rng.uniform(0.0, 0.09)])
        return [_Leg(place=above, grip=0.0), *self._squeezes(above)]

    def _take(self, block: int) -> list[_Leg]:
        """Grasp a block, or miss it; raise or slide it about; let go somewhere; sometimes take it again."""
        rng = self._rng
        aside = rng.uniform(0.03, 0.08) if rng.random() < 0.12 else rng.uniform(0, 0.015)
        turn = rng.uniform(0, 2 * np.pi)
        beside = np.array([aside * np.cos(turn), aside * np.sin(turn), 0.0])
        here = np.array([0.0, 0.0, -0.02])
        legs = [_Leg(place=beside, grip=0.0, block=block)]
        for _ in range(int(rng.choice((1, 2, 3), p=(0.75, 0.15, 0.1)))):
            legs.append(_Leg(place=here, grip=1.0, block=block, steps=int(rng.integers(2, 6)), most=2))
            legs += self._about()
            legs.append(self._leave(legs[-1]))
        return legs

    def _about(self) -> list[_Leg]:
        """Where the closed fingers go: along the table, or through the air."""
        rng = self._rng
        spots = [self._spot() for _ in range(int(rng.integers(1, 3)))]
        if rng.random() < 0.4:
            return [_Leg(place=np.array([*spot[:2], _DOWN_M]), grip=1.0) for spot in spots]
        up = _Leg(place=np.array([*spots[0][:2], rng.uniform(0.04, 0.2)]), grip=1.0, most=int(rng.integers(2, 8)))
        legs = [up, *(_Leg(place=np.array([*spot[:2], rng.uniform(0.03, 0.2)]), grip=1.0) for spot in spots)]
        if rng.random() < 0.7:
            low = rng.uniform(_DOWN_M, 0.03)
            legs.append(_Leg(place=np.array([*spots[-1][:2], low]), grip=1.0, steps=1))
        return legs

    def _leave(self, last: _Leg) -> _Leg:
        return _Leg(place=last.place, grip=0.0, steps=int(self._rng.integers(1, 5)), most=2)

    def _squeezes(self, spot: NDArray[np.float64]) -> list[_Leg]:
        """Close and open a few times, drifting a little."""
        rng = self._rng
        grips = (1.0, 0.0) * int(rng.integers(1, 4))
        return [
            _Leg(place=spot + rng.normal(0, 0.02, 3), grip=grip, steps=int(rng.integers(2, 6)), most=6)
            for grip in grips
        ]

    def _spot(self) -> NDArray[np.float64]:
        return self._rng.uniform((-_FAR_M, -_FAR_M, _DOWN_M), (_FAR_M, _FAR_M, 0.2))

    def _any_grip(self) -> float:
        """Open, closed, or anything between."""
        rng = self._rng
        return float(rng.choice((0.0, 1.0))) if rng.random() < 0.7 else float(rng.random())


def _aim(state: SceneState, leg: _Leg) -> NDArray[np.float64]:
    """Where the grasp point shall be. Shape (3,)."""
    if leg.block < 0:
        return leg.place
    spot = state.blocks[leg.block, :2] + leg.place[:2]
    if state.held == leg.block:
        return np.array([*state.tool[:2], state.tool[2] - height_m(state, leg.block)])
    return np.array([*spot, grasp_height_m(state, leg.block, distance_m(spot, state.tool[:2]))])
