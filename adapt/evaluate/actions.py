"""How well are actions read from the imagined video? Per axis in its unit, beside what standing still would score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.embodiment.resample import to_absolute
from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import AxisStatistics
from adapt.evaluate.baselines import hold_last, mean_action
from adapt.evaluate.held_out import HeldOut, Imagined
from adapt.evaluate.metrics import action_error, mean_by_step, share_of_range, step_errors
from adapt.evaluate.record import (
    HOLD_LAST,
    JOINT_HEAD,
    MEAN,
    NOT_APPLICABLE,
    ROUND_TRIP,
    TRUE_FUTURE,
    ZERO_SHOT,
    Measure,
    Verdict,
)
from adapt.evaluate.tables import ADAPTED, Errors, Label, make_measure, make_verdicts
from adapt.evaluate.verdict import Bootstrap

OVERALL = "actions.overall"
REFERENCES = (ZERO_SHOT, HOLD_LAST, MEAN)
OVERALL_NAME = "action error, all axes, as a share of each axis's range"

# Absolute actions of each window, in physical units; a guess may end before its window does.
Guesses = Sequence[Float[Tensor, "_k d"]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Body:
    """What is needed to judge a body's actions."""

    spec: Embodiment
    statistics: AxisStatistics  # of its actions, by which the model was trained
    action_steps: int  # per chunk
    mean: Float[Tensor, " d"] | None = None  # action of the run's own training windows; None: that of `statistics`

    @property
    def usual(self) -> Float[Tensor, " d"]:
        """The average action of the training data, as it is trained: relative axes relative."""
        return (self.statistics.mean if self.mean is None else self.mean).float()

    @property
    def span(self) -> Float[Tensor, " d"]:
        """The range in which each axis usually moves, in its unit."""
        return (self.statistics.high - self.statistics.low).float()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionScore:
    """Measures and verdicts about actions, and what they were made of."""

    measures: tuple[Measure, ...]
    verdicts: tuple[Verdict, ...]
    errors: Mapping[str, Errors]  # of all axes together, by contender
    guesses: Mapping[str, Guesses]


def score_actions(
    held_out: Sequence[HeldOut],
    futures: Mapping[str, Sequence[Imagined]],
    body: Body,
    bootstrap: Bootstrap,
    *,
    note: str = "",
) -> ActionScore:
    """Measure actions on held-out windows that have labels.

    The values and verdicts are those of the first chunk, which is what acting uses; later chunks, read from an
    imagined video that nothing corrects, are in `by_chunk`.

    Args:
        held_out: The windows, all with actions.
        futures: For `ADAPTED`, and for `ZERO_SHOT` where the base knows the body, each model's answers.
        body: Axes, their ranges, and steps a chunk.
        bootstrap: How to resample for the intervals.
        note: Said beside the overall error, for example why there is no zero-shot base.
    """
    guesses = action_guesses(held_out, futures, body)
    by_axis = {name: _axis_errors(held_out, rows, body) for name, rows in guesses.items()}
    overall = {name: _overall(rows, body) for name, rows in by_axis.items()}
    steps = {name: _by_step(held_out, rows, body) for name, rows in guesses.items()}
    shares = {name: _share(rows, body) for name, rows in steps.items()}
    label = Label(id=OVERALL, group="actions", name=OVERALL_NAME, note=note)
    measures = [replace(make_measure(label, overall, first_chunk=True), by_step=_finite(shares))]
    for axis, (name, unit) in enumerate(zip(body.spec.action_names, body.spec.action_units, strict=True)):
        of_axis = {who: [row[:, axis] for row in rows] for who, rows in by_axis.items()}
        label = Label(id=f"actions.{name}", group="actions", name=f"action error, {name}", unit=unit)
        # Of each axis only these two: all contenders of all axes would be most of the file.
        by_step = _finite({who: steps[who][:, axis] for who in (ADAPTED, HOLD_LAST)})
        measures.append(replace(make_measure(label, of_axis, first_chunk=True), by_step=by_step))
    sessions = [item.window.session for item in held_out]
    verdicts = make_verdicts(OVERALL, overall, REFERENCES, bootstrap, first_chunk=True, sessions=sessions)
    return ActionScore(measures=tuple(measures), verdicts=tuple(verdicts), errors=overall, guesses=guesses)


def action_errors(
    held_out: Sequence[HeldOut], futures: Mapping[str, Sequence[Imagined]], body: Body
) -> dict[str, Errors]:
    """Errors of all axes together, as a share of each axis's range, by contender: for each window one number a chunk.

    Args:
        held_out: The windows, all with actions.
        futures: Each contender's answers for them, in the same order; any names. `HOLD_LAST` and `MEAN` are added, and
            what `ADAPTED`, if it is there, read from better futures.
        body: Axes, their ranges, and steps a chunk.
    """
    guesses = action_guesses(held_out, futures, body)
    return {name: _overall(_axis_errors(held_out, rows, body), body) for name, rows in guesses.items()}


def no_actions(reason: str) -> Measure:
    """The action error where there is none, and why."""
    return Measure(id=OVERALL, group="actions", name=OVERALL_NAME, unit="", note=f"{NOT_APPLICABLE}: {reason}")


def action_guesses(
    held_out: Sequence[HeldOut], futures: Mapping[str, Sequence[Imagined]], body: Body
) -> dict[str, Guesses]:
    """Absolute actions in physical units, by contender and window; arguments as of `action_errors`."""
    guesses: dict[str, Guesses] = {name: _all([row.actions for row in rows]) for name, rows in futures.items()}
    adapted = futures.get(ADAPTED, ())
    better = {
        TRUE_FUTURE: [answer.actions_true_future for answer in adapted],
        ROUND_TRIP: [answer.actions_round_trip for answer in adapted],
        JOINT_HEAD: [answer.actions_joint for answer in adapted],
    }
    guesses |= {name: _all(rows) for name, rows in better.items() if rows and None not in rows}
    guesses[HOLD_LAST] = [_hold(item, body) for item in held_out]
    guesses[MEAN] = [_mean(item, body) for item in held_out]
    return guesses


def _axis_errors(held_out: Sequence[HeldOut], guesses: Guesses, body: Body) -> list[Float[Tensor, "_m d"]]:
    rows = []
    for item, guess in zip(held_out, guesses, strict=True):
        true = _known(item.window.actions).float()[: len(guess)]
        chunks = zip(*(torch.split(part.float(), body.action_steps) for part in (guess, true)), strict=True)
        rows.append(torch.stack([action_error(told, done, done.isfinite()) for told, done in chunks]))
    return rows


def _overall(rows: Sequence[Float[Tensor, "_m d"]], body: Body) -> Errors:
    return [torch.tensor([share_of_range(chunk, body.span) for chunk in row]) for row in rows]


def _by_step(held_out: Sequence[HeldOut], guesses: Guesses, body: Body) -> Float[Tensor, "k d"]:
    """Mean error over windows at each step of the first chunk."""
    first = slice(body.action_steps)
    rows = []
    for item, guess in zip(held_out, guesses, strict=True):
        true = _known(item.window.actions).float()[first]
        rows.append(step_errors(guess.float()[first], true, true.isfinite()))
    return mean_by_step(rows)


def _share(by_step: Float[Tensor, "k d"], body: Body) -> Float[Tensor, " k"]:
    return torch.tensor([share_of_range(row, body.span) for row in by_step])


def _finite(rows: Mapping[str, Float[Tensor, " k"]]) -> dict[str, tuple[float, ...]]:
    """Rows as numbers; those with a gap, which would read as zero, are left out."""
    return {name: tuple(row.tolist()) for name, row in rows.items() if bool(row.isfinite().all())}


def _hold(item: HeldOut, body: Body) -> Float[Tensor, "k d"]:
    """Stay where you are: increments 0, an axis with a state holds it, any other repeats its last command."""
    axes = body.spec.actions
    names = body.spec.state_names
    previous = body.usual if item.previous is None else item.previous.float()
    still = torch.tensor([axis.increment for axis in axes])
    columns = [names.index(axis.name) if axis.name in names and not axis.increment else None for axis in axes]
    return hold_last(
        item.window.state, torch.where(still, 0.0, previous), columns, (item.window.chunks, body.action_steps)
    )


def _mean(item: HeldOut, body: Body) -> Float[Tensor, "k d"]:
    mean = mean_action(body.usual, item.window.chunks * body.action_steps)
    return to_absolute(mean, item.window.state, body.spec, action_steps=body.action_steps).float()


def _all(rows: Sequence[Tensor | None]) -> list[Tensor]:
    return [_known(row) for row in rows]


def _known(value: Tensor | None) -> Tensor:
    assert value is not None, "actions are judged on windows and answers with actions only"
    return value
