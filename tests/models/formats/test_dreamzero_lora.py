"""DreamZero's LoRA saves: read onto a base, written back, never without saying which base they are for."""

from pathlib import Path
from typing import Any

import pytest
import torch
from formats_builder import SMALL, small_base
from safetensors.torch import load_file, save_file
from torch import Tensor

from adapt.errors import CheckpointError
from adapt.models.adapters import Adapter, adapter_parameters, add_lora, apply_adapter, read_adapter
from adapt.models.formats.dreamzero_lora import DreamZeroLora, read_dreamzero_lora, save_dreamzero_lora
from adapt.models.formats.sizes import ACTIONS, TRANSFORMER, BaseSizes
from adapt.models.lora import LoraConfig
from adapt.models.wan.transformer import WanTransformer

BASE = {"base_id": "GEAR-Dreams/DreamZero-AgiBot", "revision": "a" * 40}


def transformer() -> WanTransformer:
    made = small_base(BaseSizes(transformer=SMALL.transformer))[TRANSFORMER]
    assert isinstance(made, WanTransformer)
    return made


def trained(**settings: Any) -> tuple[WanTransformer, Adapter, dict[str, Tensor]]:
    """A transformer with an adapter that does something, the adapter, and random action encoders."""
    made = transformer()
    add_lora(made, LoraConfig(rank=3, alpha=6.0, **settings), **BASE)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in adapter_parameters(made):
            value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
    actions = small_base()[ACTIONS].state_dict()
    return made, read_adapter(made), dict(actions)


def velocity(made: WanTransformer) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    x, text = torch.randn(1, 36, 2, 4, 4, generator=generator), torch.randn(1, 5, 16, generator=generator)
    with torch.no_grad():
        return made.forward_plain(x, torch.tensor([300.0]), text, torch.randn(1, 3, 20, generator=generator))


@pytest.mark.parametrize("targets", [None, ["to_q", "ffn.net.2"]], ids=["dreamzeros_layers", "fewer_layers"])
def test_an_adapter_that_is_saved_does_the_same_when_it_is_read(tmp_path: Path, targets: list[str] | None) -> None:
    made, adapter, actions = trained(**({} if targets is None else {"targets": targets}))
    save_dreamzero_lora(tmp_path / "one", DreamZeroLora(adapter=adapter, actions=actions, config={}))

    found = read_dreamzero_lora(tmp_path / "one", **BASE)
    fresh = transformer()
    apply_adapter(fresh, found.adapter)

    assert torch.equal(velocity(fresh), velocity(made))
    assert not torch.equal(velocity(fresh), velocity(transformer()))
    assert found.actions.keys() == actions.keys()
    assert all(torch.equal(value, actions[name]) for name, value in found.actions.items())
    assert found.adapter.base_id == BASE["base_id"]
    assert found.adapter.revision == BASE["revision"]

    save_dreamzero_lora(tmp_path / "two", found)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_the_gain_and_the_layers_are_said_where_dreamzero_looks_for_them(tmp_path: Path) -> None:
    _, adapter, actions = trained()
    config = {"action_head_cfg": {"config": {"lora_rank": 4, "tiled": False}}, "action_dim": 32}
    save_dreamzero_lora(tmp_path / "saved", DreamZeroLora(adapter=adapter, actions=actions, config=config))

    told = read_dreamzero_lora(tmp_path / "saved", **BASE).config
    inner = told["action_head_cfg"]["config"]
    assert (inner["lora_rank"], inner["lora_alpha"], inner["train_architecture"]) == (3, 6.0, "lora")
    assert inner["lora_target_modules"] == "ffn.0,ffn.2,k,o,q,v"
    assert inner["tiled"] is False
    assert told["action_dim"] == 32
    assert config["action_head_cfg"]["config"] == {"lora_rank": 4, "tiled": False}


def test_names_without_the_wrapper_are_read_too(tmp_path: Path) -> None:
    """DreamZero's own loader puts it in where it is missing."""
    _, adapter, actions = trained()
    save_dreamzero_lora(tmp_path / "saved", DreamZeroLora(adapter=adapter, actions=actions, config={}))
    path = tmp_path / "saved" / "model.safetensors"
    save_file({name.replace("base_model.model.", ""): value for name, value in load_file(path).items()}, path)

    found = read_dreamzero_lora(tmp_path / "saved", **BASE)
    assert found.adapter.tensors.keys() == adapter.tensors.keys()
    assert found.actions.keys() == actions.keys()


def test_a_gain_that_nobody_says_is_asked_for(tmp_path: Path) -> None:
    _, adapter, actions = trained()
    save_dreamzero_lora(tmp_path / "saved", DreamZeroLora(adapter=adapter, actions=actions, config={}))
    (tmp_path / "saved" / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"no lora_alpha in its config.json\. .*or give alpha"):
        read_dreamzero_lora(tmp_path / "saved", **BASE)
    assert read_dreamzero_lora(tmp_path / "saved", **BASE, alpha=6.0).adapter.config["lora_alpha"] == 6.0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("action_head.model.patch_embedding.weight", "is no part of a LoRA save"),
        ("action_head.vae.model.conv1.weight", "is no part of a LoRA save"),
        ("blocks.0.self_attn.q.lora_A.default.weight", "is no part of a LoRA save"),
        ("action_head.model.blocks.0.gate.lora_A.default.weight", "its tensor 'blocks.0.gate' has no counterpart"),
    ],
)
def test_files_that_hold_more_are_refused_by_name(tmp_path: Path, name: str, said: str) -> None:
    save_file({name: torch.ones(2, 2)}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=said):
        read_dreamzero_lora(tmp_path, **BASE)


def test_an_adapter_of_another_size_is_refused_by_the_base(tmp_path: Path) -> None:
    _, adapter, actions = trained()
    tensors = dict(adapter.tensors)
    tensors.pop(sorted(tensors)[0])
    save_dreamzero_lora(
        tmp_path / "saved",
        DreamZeroLora(adapter=Adapter(config=adapter.config, tensors=tensors), actions=actions, config={}),
    )
    found = read_dreamzero_lora(tmp_path / "saved", **BASE)
    with pytest.raises(CheckpointError, match=r"does not fit this base: 1 missing .*DreamZero-AgiBot"):
        apply_adapter(transformer(), found.adapter)
