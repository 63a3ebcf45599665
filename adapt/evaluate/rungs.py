"""What is blame read from? The rungs of one ladder, gathered from what was scored."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from adapt.embodiment.resample import to_relative
from adapt.evaluate import blame
from adapt.evaluate.actions import ActionScore, Body
from adapt.evaluate.blaming import Following, Rungs, follow
from adapt.evaluate.bootstrap import Bootstrap
from adapt.evaluate.calibration import Calibration
from adapt.evaluate.held_out import HeldOut, Imagined
from adapt.evaluate.inside import share_inside
from adapt.evaluate.record import CODEC_CEILING, COPY_LAST, HOLD_LAST, JOINT_HEAD, MEAN, ROUND_TRIP, TRUE_FUTURE
from adapt.evaluate.tables import ADAPTED, window_errors
from adapt.evaluate.video import MOTION, VideoScore

# Contenders by the rung they stand on.
_ACTIONS = {
    HOLD_LAST: HOLD_LAST,
    MEAN: MEAN,
    blame.TRUE_FUTURE: TRUE_FUTURE,
    blame.ROUND_TRIP: ROUND_TRIP,
    blame.IMAGINED: ADAPTED,
    blame.JOINT: JOINT_HEAD,
}
_PIXELS = {COPY_LAST: COPY_LAST, CODEC_CEILING: CODEC_CEILING, blame.IMAGINED: ADAPTED}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """The held-out windows that have actions, what the adapted model told for them, and how that was scored."""

    places: Sequence[int]  # among all held-out windows
    windows: Sequence[HeldOut]
    answers: Sequence[Imagined]
    score: ActionScore
    body: Body


def rungs_of(held_out: Sequence[HeldOut], video: VideoScore, labelled: Labelled | None) -> Rungs:
    """The ladder of errors, over the windows with actions where there are any, else over all."""
    places = range(len(held_out)) if labelled is None else labelled.places
    motion = {rung: video.errors[MOTION][name] for rung, name in _PIXELS.items() if name in video.errors[MOTION]}
    actions: dict[str, Sequence[float]] = {}
    # Without what is read from the true future nothing can be told apart; the pictures still can.
    if labelled is not None and TRUE_FUTURE in labelled.score.errors:
        known = {rung: name for rung, name in _ACTIONS.items() if name in labelled.score.errors}
        actions = {rung: window_errors(labelled.score.errors[name], first_chunk=True) for rung, name in known.items()}
    return Rungs(
        windows=[held_out[place].window.window_id for place in places],
        sessions=[held_out[place].window.session for place in places],
        pixels={rung: window_errors([rows[p] for p in places], first_chunk=False) for rung, rows in motion.items()},
        actions=actions,
        following=_following(labelled) if actions and labelled is not None else None,
        axes={} if labelled is None else _axes(labelled),
    )


def _axes(labelled: Labelled) -> dict[str, tuple[float, float]]:
    """Errors of each axis that moves, as a share of its range: read from the true future, and holding still."""
    found = {}
    spans = labelled.body.span.tolist()
    for measure, name, span in zip(labelled.score.measures[1:], labelled.body.spec.action_names, spans, strict=True):
        if span > 0 and TRUE_FUTURE in measure.baselines and HOLD_LAST in measure.baselines:
            found[name] = (measure.baselines[TRUE_FUTURE] / span, measure.baselines[HOLD_LAST] / span)
    return found


def calibration_of(labelled: Labelled, bootstrap: Bootstrap) -> Calibration | None:
    """Of the first chunk, which is what acting uses; None where the head tells no spread."""
    first = slice(labelled.body.action_steps)
    true, mean, deviation, sessions = [], [], [], []
    for item, answer in zip(labelled.windows, labelled.answers, strict=True):
        if item.window.actions is not None and answer.actions is not None and answer.spread is not None:
            true.append(item.window.actions[first].float())
            mean.append(answer.actions[first])
            deviation.append(answer.spread[first])
            sessions.append(item.window.session)
    found = share_inside(true, mean, deviation, sessions, bootstrap)
    if found is None:
        return None
    by_axis = {}
    for axis, name in enumerate(labelled.body.spec.action_names):
        one = slice(axis, axis + 1)
        told = ([row[:, one] for row in mean], [row[:, one] for row in deviation])
        of_axis = share_inside([row[:, one] for row in true], *told, sessions, bootstrap)
        if of_axis is not None:
            by_axis[name] = of_axis.inside
    return Calibration(
        wanted=found.wanted,
        inside=found.inside,
        low=found.low,
        high=found.high,
        windows=found.windows,
        sessions=found.sessions,
        stretch=found.stretch if math.isfinite(found.stretch) else None,
        by_axis=by_axis,
    )


def _following(labelled: Labelled) -> Following | None:
    """How the first chunk read from the true future goes along with the truth, as the model is trained on it."""

    def relative(item: HeldOut, actions: Tensor | None) -> Tensor:
        """A window's actions as the model is trained on them, of its first chunk; shape (steps, axes)."""
        assert actions is not None  # The windows are labelled, and what is told has an answer for each.
        steps = labelled.body.action_steps
        scaled = to_relative(actions.double(), item.window.state, labelled.body.spec, action_steps=steps)
        return scaled[:steps]

    told = labelled.score.guesses[TRUE_FUTURE]
    true = [relative(item, item.window.actions) for item in labelled.windows]
    return follow(
        torch.cat(true), torch.cat([relative(item, row) for item, row in zip(labelled.windows, told, strict=True)])
    )
