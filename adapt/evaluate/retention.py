"""What was forgotten? The same windows of the base's own data, before and after adapting."""

from collections.abc import Mapping, Sequence

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
_NORMAL_RANGE = 2.0  # Normalised actions run from -1 to 1.


def score_retention(
    samples: Sequence[Sample],
    futures: Mapping[str, Sequence[Imagined]],
    geometry: BaseGeometry,
    bootstrap: Bootstrap,
    *,
    note: str = "",
) -> tuple[tuple[Measure, ...], tuple[Verdict, ...]]:
    """Measure what adapting did to the base's own data.

    Args:
        samples: Windows of it.
        futures: For `ADAPTED` and `ZERO_SHOT`, each model's answers; their actions normalised, as the samples' are.
        geometry: The base's chunk lengths.
        bootstrap: How to resample for the intervals.
        note: Said beside the measures.
    """
    video = {
        name: [_latents(s, a, geometry) for s, a in zip(samples, answers, strict=True)]
        for name, answers in futures.items()
    }
    measures = [make_measure(Label(id=LATENT, group="retention", name=_LATENT_NAME, note=note), video)]
    verdicts = make_verdicts(LATENT, video, (ZERO_SHOT,), bootstrap, first_chunk=False)
    labelled = [
        place
        for place, sample in enumerate(samples)
        if sample.actions is not None and all(answers[place].actions is not None for answers in futures.values())
    ]
    if labelled:
        actions: dict[str, Errors] = {
            name: [_actions(samples[place], answers[place], geometry) for place in labelled]
            for name, answers in futures.items()
        }
        label = Label(id=ACTION, group="retention", name="action error on the base's own data, as a share of range")
        measures.append(make_measure(label, actions, first_chunk=True))
        verdicts += make_verdicts(ACTION, actions, (ZERO_SHOT,), bootstrap, first_chunk=True)
    return tuple(measures), tuple(verdicts)


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
