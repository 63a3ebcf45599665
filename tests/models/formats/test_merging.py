"""A merged base predicts what base and adapter predict, and is made only of the two that belong together."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from formats_builder import DREAMZERO_CONFIG, SMALL, small_base
from torch import Tensor, nn

from adapt.errors import CheckpointError
from adapt.models.adapters import adapter_parameters, add_lora, read_adapter
from adapt.models.formats.dreamzero_lora import DreamZeroLora
from adapt.models.formats.merging import merge_adapter, merge_dreamzero_lora
from adapt.models.formats.published import load_published, save_published
from adapt.models.formats.sizes import ACTIONS, DREAMZERO, PARTS, TRANSFORMER, WAN, BaseSizes
from adapt.models.lora import LoraConfig
from adapt.models.wan.transformer import WanTransformer

BASE = {"base_id": "GEAR-Dreams/DreamZero-AgiBot", "revision": "a" * 40}


def adapted(transformer: nn.Module, **settings: Any) -> WanTransformer:
    """A transformer with an adapter that does a good deal."""
    assert isinstance(transformer, WanTransformer)
    add_lora(transformer, LoraConfig(rank=3, alpha=6.0, **settings), **BASE)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in adapter_parameters(transformer):
            value.copy_(torch.randn(value.shape, generator=generator) * 0.2)
    return transformer.eval()


def small_transformer(dtype: torch.dtype = torch.float32) -> nn.Module:
    """Weights of a size that keeps signals alive."""
    made = small_base(BaseSizes(transformer=SMALL.transformer))[TRANSFORMER]
    with torch.no_grad():
        for value in made.parameters():
            value.mul_(value[0].numel() ** -0.5 if value.ndim > 1 else 0.2)
    return made.to(dtype)


def velocity(transformer: WanTransformer) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    x, text = torch.randn(1, 36, 2, 4, 4, generator=generator), torch.randn(1, 5, 16, generator=generator)
    image = torch.randn(1, 3, 20, generator=generator)
    dtype = transformer.proj_out.weight.dtype
    with torch.no_grad():
        return transformer.forward_plain(x.to(dtype), torch.tensor([300.0]), text.to(dtype), image.to(dtype)).float()


@pytest.mark.parametrize("targets", [None, ["to_q", "to_out.0"]], ids=["every_layer", "some_layers"])
def test_merged_weights_predict_what_the_adapter_predicts(targets: list[str] | None) -> None:
    made = adapted(small_transformer(), **({} if targets is None else {"targets": targets}))
    wanted, names = velocity(made), small_transformer().state_dict().keys()
    merge_adapter(made)

    assert (velocity(made) - wanted).abs().max() <= 1e-5
    assert (velocity(made) - velocity(small_transformer())).abs().max() > 0.01
    assert made.state_dict().keys() == names
    with pytest.raises(CheckpointError, match="carries none to merge"):
        merge_adapter(made)
    adapted(made)  # and can be adapted again


def test_weights_in_half_stay_in_half() -> None:
    made = adapted(small_transformer(torch.bfloat16))
    wanted = velocity(made)
    merge_adapter(made)
    assert {value.dtype for value in made.parameters()} == {torch.bfloat16}
    assert (velocity(made) - wanted).abs().max() <= 0.05 * wanted.abs().max()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A DreamZero checkpoint of toy size."""
    parts = {**small_base(), TRANSFORMER: small_transformer()}
    save_published(tmp_path / "base", parts, DREAMZERO, config=DREAMZERO_CONFIG, shard_bytes=60_000)
    return tmp_path / "base"


def lora(base: Path) -> tuple[DreamZeroLora, Tensor]:
    """What a LoRA run on it saves, and what base and adapter predict together."""
    made = adapted(load_published(base).transformer)
    actions = {name: value + 1 for name, value in small_base()[ACTIONS].state_dict().items()}
    return DreamZeroLora(adapter=read_adapter(made), actions=actions, config={}), velocity(made)


def test_a_merged_checkpoint_holds_the_adapters_work_and_else_the_bases(base: Path, tmp_path: Path) -> None:
    saved, wanted = lora(base)
    untouched = {path.name: path.read_bytes() for path in base.iterdir()}
    merge_dreamzero_lora(base, saved, tmp_path / "merged", shard_bytes=60_000)
    assert {path.name: path.read_bytes() for path in base.iterdir()} == untouched
    before, after = (load_published(folder, parts=PARTS) for folder in (base, tmp_path / "merged"))

    assert (velocity(after.transformer) - wanted).abs().max() <= 1e-5
    assert all(torch.equal(value, saved.actions[name]) for name, value in after.modules[ACTIONS].state_dict().items())
    for part in ("text", "image", "codec"):
        kept = before.modules[part].state_dict()
        assert all(torch.equal(value, kept[name]) for name, value in after.modules[part].state_dict().items())
    inner = after.config["action_head_cfg"]["config"]
    assert inner.pop("train_architecture") == "full"
    assert inner == DREAMZERO_CONFIG["action_head_cfg"]["config"]


def test_an_adapter_is_merged_only_into_the_base_that_it_names(base: Path, tmp_path: Path) -> None:
    saved, _ = lora(base)
    origin = {"repo_id": BASE["base_id"], "commit": BASE["revision"]}
    for other in ({"repo_id": "Wan-AI/Wan2.1-I2V-14B-480P"}, {"commit": "b" * 40}):
        (base / "origin.json").write_text(json.dumps({**origin, **other}))
        with pytest.raises(
            CheckpointError, match=r"and the adapter was trained on 'GEAR-Dreams/DreamZero-AgiBot' at 'aaa"
        ):
            merge_dreamzero_lora(base, saved, tmp_path / "merged")
        assert not (tmp_path / "merged").exists()
    (base / "origin.json").write_text(json.dumps(origin))
    merge_dreamzero_lora(base, saved, tmp_path / "merged")


def test_a_base_without_action_encoders_is_refused(base: Path, tmp_path: Path) -> None:
    saved, _ = lora(base)
    save_published(tmp_path / "wan", {TRANSFORMER: small_transformer()}, WAN)
    with pytest.raises(CheckpointError, match="is in the wan format, without action encoders"):
        merge_dreamzero_lora(tmp_path / "wan", saved, tmp_path / "merged")
