"""The action head learns from recorded, from noised and from imagined futures; each that is turned off is missed."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cosine_similarity
from train_builder import training

from adapt.models.heads.inverse_dynamics import InverseDynamics
from adapt.types import Sample

EVERY_KIND = {"recorded", "noised", "imagined"}


def chunks(samples: list[Sample]) -> list[torch.Tensor]:
    """The futures of all chunks of these windows."""
    return [part for sample in samples for part in sample.latents[1:].split(2)]


def kind_of(future: torch.Tensor, recorded: list[torch.Tensor], imagined: list[torch.Tensor]) -> str:
    """What a future is that was shown to the head."""
    if any(torch.equal(future, one) for one in recorded):
        return "recorded"
    if any(torch.equal(future, one) for one in imagined):
        return "imagined"
    nearest = max(float(cosine_similarity(future.flatten(), one.flatten(), dim=0)) for one in recorded)
    assert nearest > 0.5, "a future that is neither recorded, nor imagined, nor either of them noised"
    return "noised"


def futures_shown(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: float) -> Counter[str]:
    """Kinds of the futures from which the head's trained tensors get a gradient, over the steps of a training."""
    plan = training(folder, **{"predicted_future_every": 2, **settings})
    shown: list[torch.Tensor] = []
    forward = InverseDynamics.forward

    def spy(self, seen, noisy, sigma, *, member=0):
        told = forward(self, seen, noisy, sigma, member=member)
        assert told[0].requires_grad
        shown.extend(seen.future.clone())
        return told

    monkeypatch.setattr(InverseDynamics, "forward", spy)
    kinds: Counter[str] = Counter()
    for step in range(6):
        samples = plan.objective.prepare(plan.mixture.batch(step), step)
        imagined = plan.objective.imagined(samples, step)
        shown.clear()
        list(plan.objective.sums(samples, imagined, step))
        acting = [sample for sample in samples if sample.actions is not None]
        kinds.update(kind_of(future, chunks(acting), chunks(imagined)) for future in shown)
    return kinds


def test_every_kind_of_future_reaches_the_head(tmp_path, monkeypatch):
    kinds = futures_shown(tmp_path, monkeypatch)
    assert set(kinds) == EVERY_KIND
    assert min(kinds.values()) >= 3


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"noised_future_share": 0.0}, {"noised"}),
        ({"noised_future_sigma": 0.0}, {"noised"}),
        ({"noised_future_share": 1.0}, {"recorded"}),
        ({"predicted_future_every": 0}, {"imagined"}),
    ],
)
def test_a_kind_that_is_turned_off_is_missed(tmp_path, monkeypatch, settings, missing):
    kinds = futures_shown(tmp_path, monkeypatch, **settings)
    assert EVERY_KIND - set(kinds) == missing


def test_imagined_futures_are_those_of_the_model_in_training_not_the_recorded_ones(tmp_path):
    """And the actions to be read from them are the recorded ones of the same chunk."""
    plan = training(tmp_path, predicted_future_every=1)
    samples = plan.objective.prepare(plan.mixture.batch(0), 0)
    recorded = {sample.window_id: sample for sample in samples}

    imagined = plan.objective.imagined(samples, 0)

    assert imagined
    for sample in imagined:
        truth = recorded[sample.window_id]
        steps = len(sample.actions)
        places = [
            place
            for place in range(0, len(truth.actions), steps)
            if torch.equal(truth.actions[place : place + steps], sample.actions)
        ]
        assert len(places) == 1
        start = 2 * places[0] // steps
        assert torch.equal(sample.latents[0], truth.latents[start])
        assert not torch.equal(sample.latents[1:], truth.latents[start + 1 : start + 3])
    for value in plan.trained.adapters.values():
        torch.nn.init.normal_(value, std=0.5)
    other = plan.objective.imagined(samples, 0)
    assert not torch.equal(other[0].latents, imagined[0].latents)
