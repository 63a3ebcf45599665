from pathlib import Path

import pytest
import torch
import yaml
from train_builder import adapted_model, training

from adapt.data.samples import generator
from adapt.errors import RunError
from adapt.models.adapters import add_lora
from adapt.models.bases import random_tiny
from adapt.models.lora import LoraConfig
from adapt.models.noise import draw_noise
from adapt.train.loop import fit
from adapt.train.losses import Objective
from adapt.train.settings import TrainConfig
from adapt.train.trained import choose_trained
from adapt.types import Sample

RECIPES = Path(__file__).parents[2] / "recipes"
SEEN = torch.Generator().manual_seed(1)
WINDOW = Sample(
    window_id="w",
    embodiment="human_hand",
    latents=torch.randn(5, 16, 8, 8, generator=SEEN),
    text=torch.randn(4, 16, generator=SEEN),
)


def test_only_adapters_and_heads_receive_a_gradient(tmp_path):
    plan = training(tmp_path, joint=True)
    objective = plan.objective
    before = {name: value.clone() for name, value in objective.model.named_parameters()}
    for value in plan.trained.adapters.values():  # B starts at zero, where A has no gradient.
        value.data.normal_(generator=generator("fill"))
    samples = plan.mixture.batch(0)
    for sums in objective.sums(samples, objective.imagined(samples, 0), 0):
        torch.stack([value.mean() for value in sums.values()]).sum().backward()
    given = {name for name, value in objective.model.named_parameters() if value.grad is not None}
    assert given == set(plan.trained.tensors)
    moved = {name for name in given if objective.model.get_parameter(name).grad.abs().max() > 0}
    assert all(name.endswith("null_state") for name in given - moved)  # needed only where a state is missing
    untouched = set(before) - given
    assert untouched
    assert all(torch.equal(before[name], objective.model.get_parameter(name)) for name in untouched)


def test_heads_stay_the_bases_when_they_are_not_trained():
    trained = choose_trained(adapted_model(), bodies={"arm"}, heads=False, joint=False)
    assert trained.heads == {}
    assert all("lora_" in name for name in trained.adapters)


def test_bodies_without_data_keep_their_projections():
    model = adapted_model()
    model.add_body("other", 3, 0, seed=1)
    trained = choose_trained(model, bodies={"other"}, heads=True, joint=False)
    assert any(".bodies.other." in name for name in trained.heads)
    assert not any(".bodies.arm." in name or "joint" in name for name in trained.heads)


def test_summary_counts_what_is_trained():
    model = adapted_model()
    trained = choose_trained(model, bodies={"arm"}, heads=True, joint=False)
    summary = trained.summary()
    assert summary["adapters"]["parameters"] == sum(value.numel() for value in trained.adapters.values())
    counted = summary["adapters"]["parameters"] + summary["heads"]["parameters"]
    assert summary["share"] == counted / sum(value.numel() for value in model.parameters())
    assert f"{summary['adapters']['parameters']:,} parameters" in trained.describe()


def test_a_tensor_of_the_base_that_is_unfrozen_by_mistake_stops_the_training(tmp_path):
    plan = training(tmp_path / "data", steps=2)
    (tmp_path / "scratch").mkdir()
    plan.objective.model.dit.proj_out.weight.requires_grad = True
    with pytest.raises(RunError, match=r"dit\.proj_out\.weight would be trained too"):
        fit(plan, scratch=tmp_path / "scratch", logs=None)


def test_a_tensor_that_was_listed_and_is_frozen_stops_the_training(tmp_path):
    plan = training(tmp_path / "data", steps=2)
    (tmp_path / "scratch").mkdir()
    name = sorted(plan.trained.adapters)[0]
    plan.trained.adapters[name].requires_grad = False
    with pytest.raises(RunError, match="is frozen, which is not as was listed"):
        fit(plan, scratch=tmp_path / "scratch", logs=None)


def test_training_moves_what_is_listed_and_not_a_bit_of_anything_else(tmp_path):
    plan = training(tmp_path / "data", steps=4, joint=True, head_learning_rate=1e-2, adapter_learning_rate=1e-2)
    (tmp_path / "scratch").mkdir()
    before = {name: value.detach().clone() for name, value in plan.objective.model.named_parameters()}
    fit(plan, scratch=tmp_path / "scratch", logs=None)
    after = dict(plan.objective.model.named_parameters())
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved <= set(plan.trained.tensors)
    assert set(plan.trained.adapters) <= moved
    assert len(moved) > len(plan.trained.adapters)


@pytest.mark.parametrize("path", sorted((RECIPES / "lora").glob("*.yaml")), ids=lambda path: path.stem)
def test_fresh_adapters_of_every_recipe_change_nothing_and_can_learn(path):
    config = LoraConfig(**yaml.safe_load(path.read_text()))
    base, model = random_tiny(0).model, random_tiny(0).model
    add_lora(model.dit, config, base_id="random-tiny", revision="0", seed=3)
    batch = Objective(model=model, config=TrainConfig(), heads=False, joint=False, seed=0).batch([WINDOW])
    noise = draw_noise(batch, torch.Generator().manual_seed(0), shift=3.0)
    losses = [part.losses(batch, noise).video for part in (base, model)]
    assert torch.equal(losses[0].sum, losses[1].sum)
    losses[1].sum.backward()
    trained = {name: value for name, value in model.dit.named_parameters() if value.requires_grad}
    assert {name.partition("lora_")[0].rstrip(".").endswith(tuple(config.targets)) for name in trained} == {True}
    assert {min(value.shape) for value in trained.values()} == {config.rank}
    # B starts at zero: it is what learns first, and A gets a gradient as soon as it has.
    assert all((value.grad.abs().max() > 0) == ("lora_B" in name) for name, value in trained.items())
