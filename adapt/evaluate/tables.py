"""Errors of several contenders on the same windows: how they become measures and verdicts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.evaluate.record import ADAPTED as ADAPTED
from adapt.evaluate.record import Measure, Verdict
from adapt.evaluate.verdict import Bootstrap, judge

# One contender's errors: for each window, one number a chunk.
Errors = Sequence[Float[Tensor, " _m"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """How a measure is called."""

    id: str
    group: str
    name: str
    unit: str = ""
    note: str = ""


def make_measure(label: Label, errors: Mapping[str, Errors], *, first_chunk: bool = False) -> Measure:
    """Average the errors of every contender over windows.

    Args:
        label: How the measure is called.
        errors: By contender, `ADAPTED` among them; the others become the baselines.
        first_chunk: Take the first chunk of each window, which is what acting uses, instead of all of them.
    """
    values = {name: window_errors(rows, first_chunk=first_chunk) for name, rows in errors.items()}
    means = {name: _mean(column) for name, column in values.items()}
    value = means.pop(ADAPTED)
    return Measure(
        id=label.id,
        group=label.group,
        name=label.name,
        unit=label.unit,
        windows=sum(math.isfinite(item) for item in values[ADAPTED]),
        value=value if math.isfinite(value) else None,
        baselines={name: mean for name, mean in means.items() if math.isfinite(mean)},
        by_chunk=by_chunk(errors[ADAPTED]),
        note=label.note if math.isfinite(value) else label.note or "no held-out window has anything to measure here",
    )


def make_verdicts(
    measure: str,
    errors: Mapping[str, Errors],
    references: Sequence[str],
    bootstrap: Bootstrap,
    *,
    first_chunk: bool,
    sessions: Sequence[str] | None = None,
) -> list[Verdict]:
    """Judge the adapted model against each reference that has errors for the same windows.

    Args:
        measure: Id of what was measured.
        errors: By contender, `ADAPTED` among them.
        references: Whom to judge it against.
        bootstrap: How to resample.
        first_chunk: Take the first chunk of each window instead of all of them.
        sessions: Recording session of each window; None where all are of one.
    """
    adapted = window_errors(errors[ADAPTED], first_chunk=first_chunk)
    found = (
        judge(
            measure,
            name,
            adapted,
            window_errors(errors[name], first_chunk=first_chunk),
            bootstrap,
            sessions=sessions,
        )
        for name in references
        if name in errors
    )
    return [verdict for verdict in found if verdict is not None]


def window_errors(errors: Errors, *, first_chunk: bool) -> list[float]:
    """One number a window; NaN where there was nothing to measure."""
    return [float(row[0]) if first_chunk else float(row.nanmean()) for row in errors]


def by_chunk(errors: Errors) -> tuple[float, ...]:
    """Mean error at each chunk of the horizon, over the windows that are that long."""
    longest = max((len(row) for row in errors), default=0)
    means = []
    for chunk in range(longest):
        column = [float(row[chunk]) for row in errors if len(row) > chunk]
        means.append(_mean(column))
    # Later chunks without a number would make a gap that reads as zero.
    return tuple(means) if all(math.isfinite(mean) for mean in means) else ()


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return float(torch.tensor(finite, dtype=torch.float64).mean()) if finite else math.nan
