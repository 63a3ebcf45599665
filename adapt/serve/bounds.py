"""What limits has a body, axis by axis, as numbers? Read from its spec here, or from what a server tells its client."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adapt.errors import ServeError
from adapt.runs.documents import brief

if TYPE_CHECKING:
    from adapt.embodiment.limits import Limit
    from adapt.embodiment.spec import Embodiment

Array = NDArray[np.float64]

_FIGURES = ("low", "high", "speed", "acceleration")
_COLUMNS = ("felt", "increment", "flowing", "gripper")
_PER_SECOND = "/s"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bounds:
    """Limits of d action axes; infinite where there are none.

    Attributes:
        names: Of the axes.
        low: Least value, in the axis's own unit. Shape (d,).
        high: Greatest value. Shape (d,).
        speed: Fastest change per second. Shape (d,).
        acceleration: Fastest change of speed per second. Shape (d,).
        felt: Place of the state axis that tells where each axis is, -1 where none does. Shape (d,).
        increment: Whether an axis is told as a way per step rather than as a place; limits are then those of the place
            it adds up to. Shape (d,).
        flowing: Whether an axis is told as a speed ("rad/s"), so that holding still is 0. Shape (d,).
        gripper: Whether an axis opens and closes, so that half-way between two commands is a third one. Shape (d,).
    """

    names: tuple[str, ...]
    low: Array
    high: Array
    speed: Array
    acceleration: Array
    felt: NDArray[np.int64]
    increment: NDArray[np.bool_]
    flowing: NDArray[np.bool_]
    gripper: NDArray[np.bool_]

    @property
    def unlimited(self) -> tuple[str, ...]:
        """Axes that nothing limits."""
        free = np.isinf(self.low) & np.isinf(self.high) & np.isinf(self.speed) & np.isinf(self.acceleration)
        return tuple(name for name, is_free in zip(self.names, free, strict=True) if is_free)

    @property
    def needs_state(self) -> bool:
        """Whether somebody has to say where the body is before limits can be kept."""
        tied = np.isfinite(self.speed) | np.isfinite(self.acceleration)
        tied |= self.increment & (np.isfinite(self.low) | np.isfinite(self.high))
        return bool((tied & (self.felt >= 0)).any())

    def to_json(self) -> dict[str, Any]:
        """As plain numbers, for the client; None for no limit."""
        figures = {name: [_plain(value) for value in getattr(self, name)] for name in _FIGURES}
        switches = {name: getattr(self, name).tolist() for name in _COLUMNS}
        return {"names": list(self.names), **figures, **switches}


def bounds_of(body: "Embodiment", limits: Sequence["Limit"]) -> Bounds:
    """A body's limits as numbers.

    Args:
        body: Its action and state axes.
        limits: Of some or all action axes.

    Raises:
        ServeError: How fast an axis goes is limited, but no state axis of its name and unit tells where it begins.
    """
    by_axis = {limit.axis: limit for limit in limits}
    units = {axis.name: axis.unit for axis in body.state}
    columns: dict[str, list[float]] = {figure: [] for figure in _FIGURES}
    felt = []
    for axis in body.actions:
        limit = by_axis.get(axis.name)
        for figure, column in columns.items():
            given = None if limit is None else getattr(limit, figure)
            column.append((-math.inf if figure == "low" else math.inf) if given is None else float(given))
        felt.append(body.state_names.index(axis.name) if units.get(axis.name) == axis.unit else -1)
    bounds = Bounds(
        names=body.action_names,
        **{figure: np.array(column, np.float64) for figure, column in columns.items()},
        felt=np.array(felt, np.int64),
        increment=np.array([axis.increment for axis in body.actions], np.bool_),
        flowing=np.array([axis.unit.endswith(_PER_SECOND) for axis in body.actions], np.bool_),
        gripper=np.array([axis.gripper for axis in body.actions], np.bool_),
    )
    return _check_felt(bounds)


def bounds_from_json(value: object) -> Bounds:
    """Read what `Bounds.to_json` wrote, as a server tells it.

    Raises:
        ServeError: It is something else.
    """
    try:
        if not isinstance(value, Mapping):
            raise TypeError("no map")
        figures = {name: np.array([_number(each, name) for each in value[name]], np.float64) for name in _FIGURES}
        bounds = Bounds(
            names=tuple(str(name) for name in value["names"]),
            **figures,
            felt=np.array(value["felt"], np.int64),
            increment=np.array(value["increment"], np.bool_),
            flowing=np.array(value["flowing"], np.bool_),
            gripper=np.array(value["gripper"], np.bool_),
        )
        sizes = {getattr(bounds, name).shape for name in (*_FIGURES, *_COLUMNS)}
        if sizes != {(len(bounds.names),)} or any(np.isnan(column).any() for column in figures.values()):
            raise ValueError("lists of different lengths")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ServeError(
            f"limits: the server told {brief(value)} ({error}). Use client and server of one version."
        ) from error
    return _check_felt(bounds)


def _check_felt(bounds: Bounds) -> Bounds:
    moving = np.isfinite(bounds.speed) | np.isfinite(bounds.acceleration)
    adding = bounds.increment & (np.isfinite(bounds.low) | np.isfinite(bounds.high))
    # A speed is 0 where nothing moves, and ways without a range may be counted from anywhere.
    known = (bounds.felt >= 0) | bounds.flowing | (bounds.increment & ~adding)
    for place in np.flatnonzero((moving | adding) & ~known):
        raise ServeError(
            f"limits: how '{bounds.names[place]}' may move is limited, but no state axis of that name and unit tells "
            "where it begins. Add that state axis to the body, or leave out its speed and acceleration."
        )
    return bounds


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _number(value: object, figure: str) -> float:
    if value is None:
        return -math.inf if figure == "low" else math.inf
    if not isinstance(value, int | float):
        raise TypeError(f"'{figure}' holds {brief(value)}")
    return float(value)
