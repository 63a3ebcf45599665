import json
from pathlib import Path

import peft
import pytest
import torch
from model_builder import batch_of, small_model, window

from adapt.errors import CheckpointError, RecipeError
from adapt.models.adapters import (
    Adapter,
    adapter_parameters,
    add_lora,
    load_adapter,
    read_adapter,
    save_adapter,
    without_adapter,
)
from adapt.models.bases import random_tiny
from adapt.models.checkpoint import write_tensors
from adapt.models.lora import LoraConfig
from adapt.models.noise import draw_noise
from adapt.models.world_action import WorldActionModel

BATCH = batch_of(window("a", 2, "arm"), window("b", 1))


def outputs(model: WorldActionModel) -> torch.Tensor:
    """Velocities of video and actions, in one row."""
    out = model.joint_velocity(BATCH, draw_noise(BATCH, torch.Generator().manual_seed(0), shift=3.0))
    return torch.cat([out.video.flatten(), out.action.flatten()]).detach()


def adapted(seed: int = 0, *, trained: bool) -> WorldActionModel:
    """A model with an adapter, its weights away from zero if `trained`."""
    model = small_model()
    add_lora(model.dit, LoraConfig(rank=2, alpha=4.0), base_id="org/base", revision="c0ffee", seed=seed)
    if trained:
        generator = torch.Generator().manual_seed(9)
        with torch.no_grad():
            for parameter in adapter_parameters(model.dit):
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


def test_a_fresh_adapter_changes_nothing():
    assert torch.equal(outputs(adapted(trained=False)), outputs(small_model()))


def test_only_the_adapter_of_the_transformer_is_trained():
    model = adapted(trained=False)
    trained = {name for name, parameter in model.dit.named_parameters() if parameter.requires_grad}

    assert trained
    assert all("lora_" in name for name in trained)
    # 2 blocks, each 2 attentions of 4 layers of 24 x 24 and a feed-forward of 24 x 32 and 32 x 24; rank 2.
    assert model.trainable_report().by_part["dit"] == 2 * 2 * (8 * (24 + 24) + 2 * (24 + 32))


def test_fresh_weights_come_from_the_seed():
    first, second, third = (read_adapter(adapted(seed, trained=False).dit).tensors for seed in (1, 1, 2))

    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], third[name]) for name in first)


def test_a_stored_adapter_gives_the_same_outputs_when_read_back(tmp_path: Path):
    model = adapted(trained=True)
    save_adapter(model.dit, tmp_path)
    other = small_model()

    adapter = load_adapter(other.dit, tmp_path)

    assert torch.equal(outputs(other), outputs(model))
    assert not torch.equal(outputs(other), outputs(small_model()))
    assert (adapter.base_id, adapter.revision) == ("org/base", "c0ffee")


def test_peft_itself_reads_the_stored_adapter(tmp_path: Path):
    model = adapted(trained=True)
    save_adapter(model.dit, tmp_path)
    other = small_model()

    peft.PeftModel.from_pretrained(other.dit, tmp_path)

    assert torch.equal(outputs(other), outputs(model))


def test_the_same_weights_are_stored_as_the_same_bytes(tmp_path: Path):
    for name in ("one", "two"):
        save_adapter(adapted(trained=True).dit, tmp_path / name)

    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["adapter_config.json", "adapter_model.safetensors"]
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)
    config = json.loads((tmp_path / "one" / "adapter_config.json").read_text())
    assert config["target_modules"] == sorted(config["target_modules"])
    assert (config["r"], config["lora_alpha"]) == (2, 4.0)


def test_an_adapter_of_another_base_is_refused_by_shape(tmp_path: Path):
    adapter = read_adapter(adapted(trained=True).dit)
    name = next(iter(adapter.tensors))
    save_adapter(adapted(trained=True).dit, tmp_path)
    write_tensors(tmp_path / "adapter_model.safetensors", {**adapter.tensors, name: torch.zeros(2, 5)})

    with pytest.raises(CheckpointError, match=r"does not fit this base: 1 reshaped .*org/base"):
        load_adapter(small_model().dit, tmp_path)


def test_a_missing_tensor_is_refused_by_name(tmp_path: Path):
    adapter = read_adapter(adapted(trained=True).dit)
    name = sorted(adapter.tensors)[0]
    save_adapter(adapted(trained=True).dit, tmp_path)
    write_tensors(tmp_path / "adapter_model.safetensors", {k: v for k, v in adapter.tensors.items() if k != name})

    with pytest.raises(CheckpointError, match=f"1 missing \\({name}\\)"):
        load_adapter(small_model().dit, tmp_path)


def test_without_adapter_is_the_base_and_afterwards_all_is_as_before():
    model = adapted(trained=True)
    before = model.trainable_report()

    with without_adapter(model.dit):
        assert torch.equal(outputs(model), outputs(small_model()))

    assert torch.equal(outputs(model), outputs(adapted(trained=True)))
    assert model.trainable_report() == before


def test_reading_an_adapter_that_is_not_there_is_refused():
    with pytest.raises(CheckpointError, match="carries none"):
        read_adapter(random_tiny().model.dit)


def test_a_second_adapter_is_refused(tmp_path: Path):
    model = adapted(trained=True)
    save_adapter(model.dit, tmp_path)

    with pytest.raises(CheckpointError, match="carries one already"):
        load_adapter(model.dit, tmp_path)


def test_a_target_that_no_layer_has_is_refused():
    with pytest.raises(RecipeError, match=r"no layer ends in \['to_w'\]"):
        add_lora(small_model().dit, LoraConfig(targets=["to_q", "to_w"]), base_id="b", revision="r")


@pytest.mark.parametrize(
    ("key", "value"), [("rank", 0), ("alpha", 0.0), ("targets", []), ("dropout", 1.0)], ids=lambda v: str(v)
)
def test_an_impossible_recipe_is_refused_by_key(key: str, value: object):
    with pytest.raises(RecipeError, match=f"lora.{key} is"):
        LoraConfig(**{key: value})


def test_adapter_without_a_base_says_so():
    assert Adapter(config={}, tensors={}).base_id == ""
