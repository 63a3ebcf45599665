"""How far, how fast and how suddenly may each axis of a body be told to move?

Limits stand in a body's file, or in a file of their own for a body whose file has none:

    limits:
      - {names: [x, y], low: -0.27, high: 0.27, speed: 0.3, acceleration: 3.0}
      - {names: [shoulder, elbow], low: [-2.6, 0.0], high: [0.5, 2.9], speed: 1.5}

`low` and `high` are in the axis's own unit, `speed` in that unit per second, `acceleration` per second squared. One
number stands for every axis that is named, a list gives one each, and what is left out is not limited. For axes that
say where the tool is to be (x, y, z in metres), `low` and `high` are the workspace.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeGuard

from adapt.embodiment.entries import nearest, take_items, take_mapping, take_texts
from adapt.errors import EmbodimentError
from adapt.runs.documents import LARGEST_YAML, brief, in_short, parse_yaml

LIMITS = "limits"
_FIGURES = ("low", "high", "speed", "acceleration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one action axis may be told; None for what is not limited.

    Args:
        axis: Its name.
        low: Least value, in the axis's own unit.
        high: Greatest value.
        speed: Fastest change, in that unit per second.
        acceleration: Fastest change of speed, in that unit per second squared.
    """

    axis: str
    low: float | None = None
    high: float | None = None
    speed: float | None = None
    acceleration: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As one entry of a body's file; `read_limits` reads it back."""
        told = asdict(self)
        return {"names": [told.pop("axis")]} | {name: value for name, value in told.items() if value is not None}


def load_limits(path: Path) -> tuple[Limit, ...]:
    """Read a file that holds nothing but `limits`.

    Raises:
        EmbodimentError: It cannot be read, or an entry is wrong; the message names it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            value = parse_yaml(file.read(LARGEST_YAML + 1))
    except OSError as error:
        raise EmbodimentError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    except ValueError as error:
        raise EmbodimentError(f"{path}: not valid YAML: {in_short(error)}. Mend that line.") from error
    return read_limits(take_mapping(value, (LIMITS,), str(path)), str(path))


def read_limits(entry: Mapping[str, object], source: str) -> tuple[Limit, ...]:
    """Read the key `limits` of a parsed file, one limit an axis.

    Args:
        entry: The file.
        source: Its name, for messages.

    Raises:
        EmbodimentError: An entry is wrong, or an axis is limited twice; the message names it.
    """
    found = [limit for item, where in take_items(entry, LIMITS, source) for limit in _read_entry(item, where)]
    for name, count in Counter(limit.axis for limit in found).items():
        if count > 1:
            raise EmbodimentError(f"{source}: the axis '{name}' is limited twice. Take one of them out.")
    return tuple(found)


def check_axes(limits: Sequence[Limit], names: Sequence[str], source: str) -> None:
    """Refuse limits of axes that a body does not have.

    Raises:
        EmbodimentError: An axis is unknown; the message tells the nearest names.
    """
    for limit in limits:
        if limit.axis not in names:
            raise EmbodimentError(
                f"{source}: limits: there is no action axis '{limit.axis}'.{nearest(limit.axis, names)} "
                f"Name some of {', '.join(names) or 'none'}."
            )


def _read_entry(value: object, where: str) -> list[Limit]:
    entry = take_mapping(value, ("names", *_FIGURES), where)
    names = take_texts(entry, "names", where)
    columns = {figure: _read_figure(entry, figure, len(names), where) for figure in _FIGURES}
    limits = [
        Limit(axis=name, **{figure: column[place] for figure, column in columns.items()})
        for place, name in enumerate(names)
    ]
    for limit in limits:
        _check(limit, where)
    return limits


def _read_figure(entry: Mapping[str, object], figure: str, count: int, where: str) -> list[float | None]:
    value = entry.get(figure)
    if value is None:
        return [None] * count
    column = value if isinstance(value, list) else [value] * count
    numbers = [float(number) for number in column if _is_number(number)]
    if not len(numbers) == len(column) == count:
        raise EmbodimentError(
            f"{where}: '{figure}' is {brief(value)}; give one finite number, or a list of {count}, one per name."
        )
    return [*numbers]


def _is_number(value: object) -> TypeGuard[float]:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # A whole number that no float can hold.
        return False


def _check(limit: Limit, where: str) -> None:
    if limit.low is not None and limit.high is not None and limit.low >= limit.high:
        raise EmbodimentError(
            f"{where}: '{limit.axis}' may go from {limit.low:g} to {limit.high:g}, which is no range. Change them."
        )
    for figure in ("speed", "acceleration"):
        value = getattr(limit, figure)
        if value is not None and value <= 0:
            raise EmbodimentError(f"{where}: '{figure}' of '{limit.axis}' is {value:g}; give a number above 0.")
