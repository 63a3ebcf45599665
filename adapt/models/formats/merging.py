"""An adapter folded into the weights it was trained on, so that the base's own code can serve them."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from adapt.errors import CheckpointError
from adapt.models.adapters import apply_adapter
from adapt.models.checkpoint import load_strict
from adapt.models.formats.dreamzero_lora import DreamZeroLora
from adapt.models.formats.published import find_format, load_published, save_published
from adapt.models.formats.shards import SHARD_BYTES
from adapt.models.formats.sizes import ACTIONS, DREAMZERO, PARTS
from adapt.models.formats.tensor_files import open_tensor_files
from adapt.models.wan.transformer import WanTransformer
from adapt.runs.documents import brief, in_short, parse_object

_ORIGIN = "origin.json"  # put beside a base by whoever fetched it


@torch.no_grad()
def merge_adapter(transformer: WanTransformer) -> None:
    """Fold the adapter that a transformer carries into its weights; it then carries none and predicts the same.

    The sum is made in single precision and kept in the weights' own: where these are in half, it is rounded.

    Args:
        transformer: Changed in place.

    Raises:
        CheckpointError: It carries none.
    """
    from peft.tuners.lora import LoraLayer

    layers: dict[str, Any] = {name: part for name, part in transformer.named_modules() if isinstance(part, LoraLayer)}
    if not layers:
        raise CheckpointError("adapter: the transformer carries none to merge. Call add_lora or load_adapter first.")
    for name, layer in layers.items():
        base = layer.get_base_layer()
        for adapter in layer.active_adapters:
            update = layer.lora_B[adapter].weight.float() @ layer.lora_A[adapter].weight.float()
            base.weight.copy_(base.weight.float() + layer.scaling[adapter] * update)
        above, _, leaf = name.rpartition(".")
        setattr(transformer.get_submodule(above), leaf, base)
    del transformer.peft_config


def merge_dreamzero_lora(base: Path, lora: DreamZeroLora, out: Path, *, shard_bytes: int = SHARD_BYTES) -> None:
    """Write a DreamZero checkpoint with a LoRA run's adapter folded in and its action encoders in place.

    The adapter goes on the base it names; DreamZero's own loader puts it on Wan's weights whatever it was trained on.

    Args:
        base: Folder of the whole checkpoint that it was trained on.
        lora: As `read_dreamzero_lora` gives it.
        out: The folder to make.
        shard_bytes: The most that one file holds.

    Raises:
        CheckpointError: The base is no DreamZero checkpoint, is another than the adapter names, or does not fit it.
        RunError: `out` is used, or the disk is full.
    """
    _refuse_other(base, lora)
    kind = find_format(open_tensor_files(base))
    if kind != DREAMZERO:
        raise CheckpointError(f"{base}: is in the {kind} format, without action encoders. Give a DreamZero checkpoint.")
    found = load_published(base, parts=PARTS)
    apply_adapter(found.transformer, lora.adapter)
    merge_adapter(found.transformer)
    load_strict(found.modules[ACTIONS], lora.actions, source="the LoRA run's action encoders")
    save_published(out, found.modules, DREAMZERO, config=_as_full(found.config), shard_bytes=shard_bytes)


def _refuse_other(base: Path, lora: DreamZeroLora) -> None:
    """Refuse a base that says it is another than the one an adapter was trained on; one that says nothing passes."""
    path = base / _ORIGIN
    if not path.is_file():
        return
    try:
        told = parse_object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read ({in_short(error)}). Fetch the base again.") from error
    here, wanted = (told.get("repo_id"), told.get("commit")), (lora.adapter.base_id, lora.adapter.revision)
    if here != wanted:
        raise CheckpointError(
            f"{base}: is {brief(here[0])} at {brief(here[1])}, and the adapter was trained on {brief(wanted[0])} at "
            f"{brief(wanted[1])}. Use the adapter's own base."
        )


def _as_full(config: Mapping[str, Any]) -> dict[str, Any]:
    """A base's config.json, saying that nothing has to be put on top of its weights."""
    told = copy.deepcopy(dict(config))
    outer = told["action_head_cfg"]
    inner = outer.get("config", outer)
    inner["train_architecture"] = "full"
    return told
