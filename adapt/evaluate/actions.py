"""How well are actions read from the imagined video? Per axis in its unit, beside what standing still would score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.embodiment.resample import to_absolute
from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import AxisStatistics
from adapt.evaluate.baselines import hold_last, mean_action
from adapt.evaluate.held_out import HeldOut, Imagined
from adapt.evaluate.metrics import action_error, share_of_range
from adapt.evaluate.record import HOLD_LAST, MEAN, NOT_APPLICABLE, TRUE_FUTURE, ZERO_SHOT, Measure, Verdict
from adapt.evaluate.tables import ADAPTED, Label, make_measure, make_verdicts
from adapt.evaluate.verdict import Bootstrap

OVERALL = "actions.overall"
REFERENCES = (ZERO_SHOT, HOLD_LAST, MEAN)
OVERALL_NAME = "action error, all axes, as a share of each axis's range"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is needed to judge a body's actions."""

    spec: Embodiment
    statistics: AxisStatistics  # of its actions, by which the model was trained
    action_steps: int  # per chunk


def score_actions(
    held_out: Sequence[HeldOut],
    futures: Mapping[str, Sequence[Imagined]],
    body: Body,
    bootstrap: Bootstrap,
    *,
    note: str = "",
) -> tuple[tuple[Measure, ...], tuple[Verdict, ...]]:
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
    guesses = _guesses(held_out, futures, body)
    errors = {name: _axis_errors(held_out, rows, body) for name, rows in guesses.items()}
    span = (body.statistics.high - body.statistics.low).float()
    overall = {
        name: [torch.tensor([share_of_range(chunk, span) for chunk in row]) for row in rows]
        for name, rows in errors.items()
    }
    label = Label(id=OVERALL, group="actions", name=OVERALL_NAME, note=note)
    measures = [make_measure(label, overall, first_chunk=True)]
    for axis, (name, unit) in enumerate(zip(body.spec.action_names, body.spec.action_units, strict=True)):
        of_axis = {who: [row[:, axis] for row in rows] for who, rows in errors.items()}
        label = Label(id=f"actions.{name}", group="actions", name=f"action error, {name}", unit=unit)
        measures.append(make_measure(label, of_axis, first_chunk=True))
    verdicts = make_verdicts(OVERALL, overall, REFERENCES, bootstrap, first_chunk=True)
    return tuple(measures), tuple(verdicts)


def no_actions(reason: str) -> Measure:
    """The action error where there is none, and why."""
    return Measure(id=OVERALL, group="actions", name=OVERALL_NAME, unit="", note=f"{NOT_APPLICABLE}: {reason}")


def _guesses(
    held_out: Sequence[HeldOut], futures: Mapping[str, Sequence[Imagined]], body: Body
) -> dict[str, list[Float[Tensor, "_k d"]]]:
    """Absolute actions in physical units, by contender and window."""
    guesses: dict[str, list[Tensor]] = {}
    for name, answers in futures.items():
        guesses[name] = [_known(answer.actions) for answer in answers]
    guesses[TRUE_FUTURE] = [_known(answer.actions_true_future) for answer in futures[ADAPTED]]
    guesses[HOLD_LAST] = [_hold(item, body) for item in held_out]
    guesses[MEAN] = [_mean(item, body) for item in held_out]
    return guesses


def _axis_errors(held_out: Sequence[HeldOut], guesses: Sequence[Tensor], body: Body) -> list[Float[Tensor, "_m d"]]:
    rows = []
    for item, guess in zip(held_out, guesses, strict=True):
        true = _known(item.window.actions).float()
        chunks = zip(*(torch.split(part.float(), body.action_steps) for part in (guess, true)), strict=True)
        rows.append(torch.stack([action_error(told, done, done.isfinite()) for told, done in chunks]))
    return rows


def _hold(item: HeldOut, body: Body) -> Float[Tensor, "k d"]:
    """Stay where you are: increments 0, an axis with a state holds it, any other repeats its last command."""
    axes = body.spec.actions
    names = body.spec.state_names
    previous = body.statistics.mean.float() if item.previous is None else item.previous.float()
    still = torch.tensor([axis.increment for axis in axes])
    columns = [names.index(axis.name) if axis.name in names and not axis.increment else None for axis in axes]
    return hold_last(
        item.window.state, torch.where(still, 0.0, previous), columns, (item.window.chunks, body.action_steps)
    )


def _mean(item: HeldOut, body: Body) -> Float[Tensor, "k d"]:
    steps = item.window.chunks * body.action_steps
    mean = mean_action(body.statistics.mean.float(), steps)
    return to_absolute(mean, item.window.state, body.spec, action_steps=body.action_steps).float()


def _known(value: Tensor | None) -> Tensor:
    assert value is not None, "score_actions takes windows and answers with actions only"
    return value
