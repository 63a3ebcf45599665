"""What was forgotten? The same windows of the base's own data, before and after adapting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.evaluate.held_out import Imagined
from adapt.evaluate.metrics import latent_error
from adapt.evaluate.record import NOT_MEASURED, ZERO_SHOT, Measure, Verdict
from adapt.evaluate.tables import Errors, Label, make_measure, make_verdicts
from adapt.evaluate.verdict import Bootstrap
from adapt.types import BaseGeometry, Sample

LATENT, ACTION = "retention.latent_error", "retention.action_error"
_LATENT_NAME = "imagined video of the base's own data, latents"
_ACTION_NAME = "action error on the base's own data, as a share of range"
_NORMAL_RANGE = 2.0  # Normalised actions run from -1 to 1.


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionScore:
    """Measures and verdicts about what was forgotten, and what they were made of."""

    measures: tuple[Measure, ...]
    verdicts: tuple[Verdict, ...]
    errors: Mapping[str, Mapping[str, Errors]]  # by measure and contender


def score_retention(
    samples: Sequence[Sample],
    futures: Mapping[str, Sequence[Imagined]],
    geometry: BaseGeometry,
    bootstrap: Bootstrap,
    *,
    sessions: Sequence[str] | None = None,
    note: str = "",
) -> RetentionScore:
    """Measure what adapting did to the base's own data.

    Args:
        samples: Windows of it.
        futures: For `ADAPTED` and `ZERO_SHOT`, each model's answers; their actions normalised, as the samples' are.
        geometry: The base's chunk lengths.
        bootstrap: How to resample for the intervals.
        sessions: Recording session of each window; None where all are of one.
        note: Said beside the measures.
    """
    errors = retention_errors(samples, futures, geometry)
    measures, verdicts = [], []
    for id_, name in ((LATENT, _LATENT_NAME), (ACTION, _ACTION_NAME)):
        if id_ in errors:
            first = id_ == ACTION  # What acting uses.
            label = Label(id=id_, group="retention", name=name, note=note)
            measures.append(make_measure(label, errors[id_], first_chunk=first))
            verdicts += make_verdicts(id_, errors[id_], (ZERO_SHOT,), bootstrap, first_chunk=first, sessions=sessions)
    return RetentionScore(measures=tuple(measures), verdicts=tuple(verdicts), errors=errors)


def retention_errors(
    samples: Sequence[Sample], futures: Mapping[str, Sequence[Imagined]], geometry: BaseGeometry
) -> dict[str, dict[str, Errors]]:
    """Errors by measure and contender, for each window one number a chunk; NaN where a window has no actions.

    Args:
        samples: Windows of the base's own data.
        futures: What each contender made of them, in the same order; any names; actions normalised.
        geometry: The base's chunk lengths.

    Returns:
        `LATENT`, and `ACTION` where some window has actions that every contender told.
    """
    errors: dict[str, dict[str, Errors]] = {
        LATENT: {
            name: [_latents(s, a, geometry) for s, a in zip(samples, answers, strict=True)]
            for name, answers in futures.items()
        }
    }
    labelled = [
        sample.actions is not None and all(answers[place].actions is not None for answers in futures.values())
        for place, sample in enumerate(samples)
    ]
    if any(labelled):
        errors[ACTION] = {
            name: [
                _actions(sample, answer, geometry) if known else torch.full((1,), torch.nan)
                for sample, answer, known in zip(samples, answers, labelled, strict=True)
            ]
            for name, answers in futures.items()
        }
    return errors


def no_retention(reason: str) -> Measure:
    """What was forgotten where that was not measured, and why."""
    return Measure(id=LATENT, group="retention", name=_LATENT_NAME, unit="", note=f"{NOT_MEASURED}: {reason}")


def _latents(sample: Sample, answer: Imagined, geometry: BaseGeometry) -> Float[Tensor, " m"]:
    error = latent_error(answer.latents, sample.latents[1:])
    return error.view(-1, geometry.latent_frames_per_chunk).mean(dim=1)


def _actions(sample: Sample, answer: Imagined, geometry: BaseGeometry) -> Float[Tensor, " m"]:
    assert sample.actions is not None
    assert answer.actions is not None
    valid = torch.ones_like(sample.actions, dtype=torch.bool) if sample.action_valid is None else sample.action_valid
    off = (answer.actions - sample.actions).abs() / _NORMAL_RANGE
    off = torch.where(valid, off, torch.nan)
    return off.view(-1, geometry.action_steps * off.shape[-1]).nanmean(dim=1)
