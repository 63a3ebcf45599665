"""Blocks that are computed again for their gradients give the same gradients, and keep little meanwhile."""

import math

import pytest
import torch
from torch import Tensor
from train_builder import training

from adapt.models.row_dropout import dropping_as_here
from adapt.train.loop import fit
from adapt.train.module import Training


def gradients(plan: Training) -> dict[str, Tensor]:
    """Of a step's losses, each part's backward pass after its `dropping` was left, as in training."""
    samples = plan.mixture.batch(0)
    plan.objective.model.train()
    for sums in plan.objective.sums(plan.objective.prepare(samples, 0), plan.objective.imagined(samples, 0), 0):
        torch.stack([value.over(7) for value in sums.values()]).sum().backward()
    return {name: value.grad for name, value in plan.trained.tensors.items() if value.grad is not None}


@pytest.mark.parametrize("settings", [{}, {"dropout": 0.4}, {"dropout": 0.4, "joint": True, "accumulation": 3}])
def test_gradients_are_equal_bit_by_bit(tmp_path, settings):
    plain, again = (training(tmp_path, **settings) for _ in range(2))
    again.objective.model.dit.checkpointing = True
    wanted, found = gradients(plain), gradients(again)
    assert wanted.keys() == found.keys()
    assert all(torch.equal(found[name], value) for name, value in wanted.items())
    assert sum(float(value.abs().sum()) for name, value in wanted.items() if "lora_" in name) > 0


def test_a_dropout_drawn_anew_would_be_noticed(tmp_path, monkeypatch):
    """What is dropped the second time must be what was dropped the first."""
    plain, again = (training(tmp_path, dropout=0.4) for _ in range(2))
    again.objective.model.dit.checkpointing = True
    monkeypatch.setattr("adapt.models.wan.transformer.dropping_as_here", lambda: None)
    wanted, found = gradients(plain), gradients(again)
    assert not all(torch.equal(found[name], value) for name, value in wanted.items())


def test_nothing_is_dropped_as_here_where_nothing_drops():
    assert dropping_as_here() is None


def kept_bytes(plan: Training) -> int:
    """What the forward pass of a step leaves for the backward pass, weights apart."""
    known = {value.untyped_storage().data_ptr() for value in plan.objective.model.parameters()}
    kept: dict[int, int] = {}

    def pack(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return value

    plan.objective.model.train()
    batch = plan.objective.batch(plan.mixture.batch(0)[:1])
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        held = plan.objective.video_sums(batch, torch.Generator().manual_seed(0), joint=False)
    assert held["video"] is not None
    return sum(kept.values())


def test_a_small_part_is_kept(tmp_path):
    plain, again = (training(tmp_path) for _ in range(2))
    again.objective.model.dit.checkpointing = True
    assert kept_bytes(again) < 0.2 * kept_bytes(plain)


def test_the_recipe_switches_it_on_and_the_result_stays(tmp_path):
    ends, passes = [], []
    for checkpointing in (False, True):
        plan = training(tmp_path / "data", steps=2, validate_every=2, checkpointing=checkpointing)
        count: list[int] = []
        # Before: what is computed again stops as soon as all is there that is needed.
        plan.objective.model.dit.blocks[0].register_forward_pre_hook(lambda *_, count=count: count.append(1))
        (tmp_path / f"{checkpointing}").mkdir()
        record = fit(plan, scratch=tmp_path / f"{checkpointing}", logs=None)
        assert math.isfinite(record.validation[-1]["video"])
        ends.append(plan.trained.tensors)
        passes.append(len(count))
    assert all(torch.equal(ends[1][name], value) for name, value in ends[0].items())
    assert passes[1] > passes[0]
