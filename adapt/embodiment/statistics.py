"""How are a body's actions and state scaled for training, and back again for the robot?

Ordinary axes go from their 1st..99th percentile to -1..1, grippers from their smallest..largest value. Nothing is
ever clipped, so `denormalise` undoes `normalise` for every number, seen in training or not. An axis that never moved
is only shifted to 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from adapt.embodiment.entries import take_mapping, take_text, take_texts, take_whole
from adapt.embodiment.resample import to_relative
from adapt.embodiment.spec import Axis, Embodiment
from adapt.errors import EmbodimentError
from adapt.runs.documents import brief
from adapt.types import Window

SOURCES = ("data", "base")
FIGURES = ("q01", "q99", "min", "max", "mean", "std")
_MOST = 1e300  # What is beyond it overflows when squared or scaled; so do NaN and infinity, which compare to nothing.
_CONSTANT = 1e-6  # A range below this, in any unit, is rounding: 1 micrometre, 1 microradian.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AxisStatistics:
    """Figures of every action axis, or of every state axis, in the order of the body's spec.

    Actions are measured as they are trained: relative axes already relative to the state.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    relative: tuple[bool, ...]
    gripper: tuple[bool, ...]
    count: int  # rows measured
    q01: Float[Tensor, " d"]
    q99: Float[Tensor, " d"]
    min: Float[Tensor, " d"]
    max: Float[Tensor, " d"]
    mean: Float[Tensor, " d"]
    std: Float[Tensor, " d"]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON that `from_json` reads back bit for bit."""
        return {
            "names": list(self.names),
            "units": list(self.units),
            "relative": list(self.relative),
            "gripper": list(self.gripper),
            "count": self.count,
            **{key: getattr(self, key).tolist() for key in FIGURES},
        }

    @classmethod
    def from_json(cls, value: object, *, source: str) -> "AxisStatistics":
        """Read what `to_json` wrote; `source` names the file in messages.

        Raises:
            EmbodimentError: A key is unknown or missing, or a list's length is not the number of axes.
        """
        entry = take_mapping(value, ("names", "units", "relative", "gripper", "count", *FIGURES), source)
        names, units = take_texts(entry, "names", source), take_texts(entry, "units", source)
        if len(units) != len(names):
            raise EmbodimentError(f"{source}: {len(names)} names but {len(units)} units; give one unit per axis.")
        figures = {key: _take_numbers(entry, key, len(names), source) for key in FIGURES}
        return cls(
            names=tuple(names),
            units=tuple(units),
            relative=_take_switches(entry, "relative", len(names), source),
            gripper=_take_switches(entry, "gripper", len(names), source),
            count=take_whole(entry, "count", source),
            **figures,
        )

    @property
    def low(self) -> Float[Tensor, " d"]:
        """What becomes -1: a gripper's smallest value, else the 1st percentile."""
        return torch.where(torch.tensor(self.gripper), self.min, self.q01)

    @property
    def high(self) -> Float[Tensor, " d"]:
        """What becomes 1: a gripper's largest value, else the 99th percentile."""
        return torch.where(torch.tensor(self.gripper), self.max, self.q99)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyStatistics:
    """Figures of one body's actions and state, and where they come from."""

    actions: AxisStatistics | None  # None where the body has no action axes
    state: AxisStatistics | None
    source: str  # "data": measured on the training windows; "base": the base's own

    def to_json(self) -> dict[str, Any]:
        """Plain JSON that `from_json` reads back bit for bit."""
        return {
            "actions": None if self.actions is None else self.actions.to_json(),
            "state": None if self.state is None else self.state.to_json(),
            "source": self.source,
        }

    @classmethod
    def from_json(cls, value: object, *, source: str) -> "BodyStatistics":
        """Read what `to_json` wrote; `source` names the file in messages.

        Raises:
            EmbodimentError: A key is unknown or missing, or the parts are not what they should be.
        """
        entry = take_mapping(value, ("actions", "state", "source"), source)
        origin = take_text(entry, "source", source)
        if origin not in SOURCES:
            raise EmbodimentError(f"{source}: 'source' is {origin!r}; give one of {', '.join(SOURCES)}.")
        parts = {
            key: None if entry.get(key) is None else AxisStatistics.from_json(entry[key], source=f"{source}: {key}")
            for key in ("actions", "state")
        }
        return cls(source=origin, **parts)

    def scales_like(self, other: "BodyStatistics") -> bool:
        """Whether both turn the same numbers into the same; where they were measured, and on how much, is no matter."""
        pairs = ((self.actions, other.actions), (self.state, other.state))
        return all(
            (mine is None and yours is None)
            or (
                mine is not None
                and yours is not None
                and torch.equal(mine.low, yours.low)
                and torch.equal(mine.high, yours.high)
            )
            for mine, yours in pairs
        )

    def check_fits(self, spec: Embodiment, *, where: str) -> None:
        """Refuse statistics that were not measured for these axes.

        Raises:
            EmbodimentError: Names, units, or what is relative or a gripper differ from the spec's.
        """
        for kind, figures, axes in (("action", self.actions, spec.actions), ("state", self.state, spec.state)):
            found = () if figures is None else zip(figures.names, figures.units, figures.relative, strict=True)
            wanted = [(axis.name, axis.unit, axis.relative) for axis in axes]
            for had, asked in zip_longest(found, wanted):
                if had != asked:
                    raise EmbodimentError(
                        f"{where}: the {kind} statistics do not belong to embodiment '{spec.name}': found {had}, "
                        f"wanted {asked} (name, unit, relative). Measure them again with this embodiment."
                    )


def require_one_scale(found: Sequence[tuple[str, Mapping[str, BodyStatistics]]]) -> None:
    """Refuse to mix data in which one body is scaled in two ways: a model can only know one of them.

    Args:
        found: What each source is called in messages, and its statistics by body.

    Raises:
        EmbodimentError: Two sources scale a body differently; both are named.
    """
    first: dict[str, tuple[str, BodyStatistics]] = {}
    for name, statistics in found:
        for body, figures in statistics.items():
            before, known = first.setdefault(body, (name, figures))
            if not known.scales_like(figures):
                raise EmbodimentError(
                    f"embodiment '{body}': {before} and {name} scale its actions or state differently, and a model can "
                    "know one scale only. Encode both with a base that knows the body, or give yours another name."
                )


def measure(values: Float[Tensor, "n d"], axes: Sequence[Axis]) -> AxisStatistics:
    """Measure the figures of every axis.

    Args:
        values: n rows, one column per axis.
        axes: What each column is, at least one.

    Returns:
        Figures in float64; `std` is the population's, so that one row has 0.

    Raises:
        EmbodimentError: There are no rows, or a value is NaN or infinite (the axis is named).
    """
    if not len(values):
        raise EmbodimentError("statistics: no rows to measure. Keep at least one window with actions.")
    finite = values.isfinite().all(dim=0)
    if not bool(finite.all()):
        place = int((~finite).nonzero()[0])
        raise EmbodimentError(
            f"statistics: axis '{axes[place].name}' holds NaN or infinity. Leave out the rows where the robot "
            "reported none."
        )
    rows = values.double().numpy()
    figures = {
        "q01": np.quantile(rows, 0.01, axis=0),
        "q99": np.quantile(rows, 0.99, axis=0),
        "min": rows.min(axis=0),
        "max": rows.max(axis=0),
        "mean": rows.mean(axis=0),
        "std": rows.std(axis=0),
    }
    return AxisStatistics(
        names=tuple(axis.name for axis in axes),
        units=tuple(axis.unit for axis in axes),
        relative=tuple(axis.relative for axis in axes),
        gripper=tuple(axis.gripper for axis in axes),
        count=len(rows),
        **{key: torch.from_numpy(figure) for key, figure in figures.items()},
    )


def measure_body(windows: Iterable[Window], spec: Embodiment, *, action_steps: int) -> BodyStatistics:
    """Measure a body's statistics on windows; give it the training windows only.

    Args:
        windows: Windows of this body, actions absolute in physical units. Windows without actions are passed over.
        spec: The body.
        action_steps: Action steps per chunk of the base.

    Returns:
        Figures with the source "data"; a part is None where the body has no such axes.

    Raises:
        EmbodimentError: The body has axes but no window has values for them, or a value is not finite.
    """
    actions: list[Tensor] = []
    states: list[Tensor] = []
    for window in windows:
        if window.actions is not None:
            actions.append(to_relative(window.actions.double(), window.state, spec, action_steps=action_steps))
        if window.state is not None:
            states.append(window.state.double())
    return BodyStatistics(
        actions=measure(_rows(actions, len(spec.actions)), spec.actions) if spec.actions else None,
        state=measure(_rows(states, len(spec.state)), spec.state) if spec.state else None,
        source="data",
    )


def normalise(values: Float[Tensor, "*n d"], statistics: AxisStatistics) -> Float[Tensor, "*n d"]:
    """Physical units to about [-1, 1]; computed in float64, returned in the dtype of `values`.

    Source:
        Percentiles to [-1, 1]: DreamZero's `q99` normalisation (arXiv:2602.15922). Ours clips nothing, scales grippers
        by their whole range (percentiles lose the fully open hand), and shifts constant axes to 0.
    """
    centre, half = _scale(statistics, values)
    return ((values.double() - centre) / half).to(values.dtype)


def denormalise(values: Float[Tensor, "*n d"], statistics: AxisStatistics) -> Float[Tensor, "*n d"]:
    """Undo `normalise`."""
    centre, half = _scale(statistics, values)
    return (values.double() * half + centre).to(values.dtype)


def _scale(statistics: AxisStatistics, values: Tensor) -> tuple[Tensor, Tensor]:
    low, high = statistics.low, statistics.high
    span = high - low
    half = torch.where(span > _CONSTANT, span / 2, torch.ones_like(span))
    return ((low + high) / 2).to(values.device), half.to(values.device)


def _rows(parts: list[Tensor], width: int) -> Tensor:
    return torch.cat(parts) if parts else torch.zeros(0, width, dtype=torch.float64)


def _take_numbers(entry: Mapping[str, object], key: str, count: int, where: str) -> Tensor:
    value = entry.get(key)
    if not isinstance(value, list) or len(value) != count or not all(_is_number(item) for item in value):
        raise EmbodimentError(
            f"{where}: '{key}' is {brief(value)}; wanted {count} numbers, finite and one per axis. Measure anew."
        )
    return torch.tensor([float(item) for item in value], dtype=torch.float64)


def _is_number(item: object) -> bool:
    return type(item) in (int, float) and -_MOST <= item <= _MOST  # type: ignore[operator]


def _take_switches(entry: Mapping[str, object], key: str, count: int, where: str) -> tuple[bool, ...]:
    value = entry.get(key)
    if not isinstance(value, list) or len(value) != count or not all(isinstance(item, bool) for item in value):
        raise EmbodimentError(
            f"{where}: '{key}' is {brief(value)}; wanted {count} times true or false, one per axis. Measure anew."
        )
    return tuple(value)
