"""What was a body's state or command at a time between two rows of its data?"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.embodiment.spec import Axis, Embodiment
from adapt.errors import DataError, EmbodimentError

_DUST = 0.01  # Share of a source period by which rounded time stamps may disagree.


def resample(
    time_s: Float[Tensor, " t"],
    values: Float[Tensor, "t d"],
    at_s: Float[Tensor, " k"],
    axes: Sequence[Axis],
    *,
    step_s: float,
) -> Float[Tensor, "k d"]:
    """Read rows at other times than their own.

    An ordinary axis is interpolated in a straight line. A gripper keeps the last row's value, since half-way between
    open and closed is a third command. An increment (a displacement per row) is added up over the step that begins at
    the asked time, so that the steps still add up to the same way. Just outside the rows, the first or last is kept.

    Args:
        time_s: Time of each row, increasing, in seconds; need not be even. At least 2.
        values: One column per axis, in the order of `axes`.
        at_s: Times asked for, in seconds.
        axes: What each column is.
        step_s: Seconds from one asked time to the next, over which an increment adds up.

    Returns:
        One row per asked time, computed in float64, in the dtype of `values`.

    Raises:
        DataError: There are fewer than 2 rows, time does not increase, or a time is asked for that lies more than one
            source period outside the rows.
    """
    clock, rows, asked = time_s.double(), values.double(), at_s.double()
    period_s = _period(clock)
    _refuse_outside(clock, asked, period_s)
    columns = []
    for place, axis in enumerate(axes):
        column = rows[:, place]
        if axis.gripper:
            columns.append(_hold(clock, column, asked, period_s))
        elif axis.increment:
            columns.append(_add_up(clock, column, asked, step_s=step_s, period_s=period_s))
        else:
            columns.append(_line(clock, column, asked))
    return torch.stack(columns, dim=1).to(values.dtype) if columns else values.new_zeros(len(at_s), 0)


def to_relative(
    actions: Float[Tensor, "k d"], state: Float[Tensor, "m s"] | None, spec: Embodiment, *, action_steps: int
) -> Float[Tensor, "k d"]:
    """Subtract from each relative axis the state of that name at its chunk's start; leave the others.

    Args:
        actions: Absolute actions, physical units; k = m * action_steps.
        state: State at the start of each chunk; None only where the body has no relative axis.
        spec: The body.
        action_steps: Action steps per chunk.

    Raises:
        EmbodimentError: The state is missing, or its chunks are not those of the actions.

    Source:
        Actions relative to the state at the chunk's first step: Ye et al. 2026 (DreamZero), arXiv:2602.15922. Which
        axes are relative is ours to say per axis, so that hands and grippers can stay absolute.
    """
    return actions - _chunk_starts(actions, state, spec, action_steps)


def to_absolute(
    actions: Float[Tensor, "k d"], state: Float[Tensor, "m s"] | None, spec: Embodiment, *, action_steps: int
) -> Float[Tensor, "k d"]:
    """Undo `to_relative`; same arguments.

    Raises:
        EmbodimentError: The state is missing, or its chunks are not those of the actions.
    """
    return actions + _chunk_starts(actions, state, spec, action_steps)


def _period(clock: Tensor) -> float:
    if len(clock) < 2:
        raise DataError(f"time stamps: resampling needs at least 2 rows, found {len(clock)}. Leave this episode out.")
    gaps = clock.diff()
    if not bool((gaps > 0).all()):
        row = int((~(gaps > 0)).nonzero()[0]) + 1
        raise DataError(
            f"time stamps: they must increase, but row {row} is at {float(clock[row]):.3f} s after "
            f"{float(clock[row - 1]):.3f} s. Mend the time stamps, or leave this episode out."
        )
    return float(gaps.median())


def _refuse_outside(clock: Tensor, asked: Tensor, period_s: float) -> None:
    slack_s = period_s * (1 + _DUST)
    outside = (asked < clock[0] - slack_s) | (asked > clock[-1] + slack_s)
    if bool(outside.any()):
        raise DataError(
            f"asked for the row at {float(asked[outside][0]):.3f} s, but rows run from {float(clock[0]):.3f} to "
            f"{float(clock[-1]):.3f} s, one every {period_s:.3f} s. Cut shorter windows from this episode."
        )


def _hold(clock: Tensor, column: Tensor, asked: Tensor, period_s: float) -> Tensor:
    last = torch.searchsorted(clock, asked + _DUST * period_s, right=True) - 1
    return column[last.clamp(0, len(clock) - 1)]


def _line(clock: Tensor, column: Tensor, asked: Tensor) -> Tensor:
    after = torch.searchsorted(clock, asked).clamp(1, len(clock) - 1)
    share = ((asked - clock[after - 1]) / (clock[after] - clock[after - 1])).clamp(0, 1)
    return torch.lerp(column[after - 1], column[after], share)


def _add_up(clock: Tensor, column: Tensor, asked: Tensor, *, step_s: float, period_s: float) -> Tensor:
    """Displacement from each asked time to `step_s` later, each row's own being spread evenly up to the next row."""
    edges = torch.cat([clock, clock[-1:] + period_s])
    way = torch.cat([column.new_zeros(1), column.cumsum(0)])
    return _line(edges, way, asked + step_s) - _line(edges, way, asked)


def _chunk_starts(actions: Tensor, state: Tensor | None, spec: Embodiment, action_steps: int) -> Tensor:
    """What to subtract from each action: its chunk's state on relative axes, 0 on others. Shape (k, d)."""
    offset = torch.zeros_like(actions)
    relative = [(place, axis.name) for place, axis in enumerate(spec.actions) if axis.relative]
    if not relative:
        return offset
    chunks = len(actions) // action_steps
    if state is None or len(state) != chunks or len(actions) != chunks * action_steps:
        found = "none" if state is None else f"{len(state)}"
        raise EmbodimentError(
            f"embodiment '{spec.name}': relative actions need a state per chunk; found {found} for {len(actions)} "
            f"action steps of {action_steps} a chunk. Give the state at the start of each chunk."
        )
    names = spec.state_names
    per_step = state.to(actions.dtype).repeat_interleave(action_steps, dim=0)
    for place, name in relative:
        offset[:, place] = per_step[:, names.index(name)]
    return offset
