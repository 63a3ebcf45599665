"""What DreamZero's LoRA runs save: the adapter, and the action and state encoders and decoder they train in full.

Such a file says neither which base it was trained on nor its gain. Put on Wan's own weights instead of the DreamZero
checkpoint it was trained on, it is worse than no adapter at all; so whoever loads one has to say its base.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from adapt.errors import CheckpointError
from adapt.models.adapters import Adapter
from adapt.models.formats.describe import CONFIG, read_config
from adapt.models.formats.places import renamed
from adapt.models.formats.shards import write_shards
from adapt.models.formats.tensor_files import open_tensor_files
from adapt.models.formats.wan_names import TRANSFORMER
from adapt.runs.new_folder import new_folder

_PREFIX = "action_head.model."
_WRAPPED = "base_model.model."  # what PEFT puts before a wrapped model's names
_ENCODERS = ("state_encoder.", "action_encoder.", "action_decoder.")
_LAYERS = {ours: theirs for ours, theirs in TRANSFORMER.items() if ours.startswith("blocks.#.")}
_OURS = {theirs: ours for ours, theirs in _LAYERS.items()}
_WHAT = "DreamZero adapter"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DreamZeroLora:
    """An adapter as `adapt.models.adapters` takes it, and the tensors of a `DreamZeroActions`."""

    adapter: Adapter
    actions: Mapping[str, Tensor]
    config: Mapping[str, Any]


def read_dreamzero_lora(folder: Path, *, base_id: str, revision: str, alpha: float | None = None) -> DreamZeroLora:
    """Read what a LoRA run of DreamZero's saved with `save_lora_only`.

    Args:
        folder: With its safetensors, and config.json.
        base_id: The base it was trained on, which no file says; the adapter keeps it.
        revision: Of that base, likewise.
        alpha: Its gain; None takes what config.json says.

    Raises:
        CheckpointError: The files are damaged or hold something else, or nobody says the gain.
    """
    files = open_tensor_files(folder)
    config = read_config(folder) if (folder / CONFIG).is_file() else {}
    tensors: dict[str, Tensor] = {}
    actions: dict[str, Tensor] = {}
    for file, names in files.by_file(files.tensors).items():
        for stored, value in files.read(file, names, "cpu"):
            name = stored.removeprefix(_PREFIX).removeprefix(_WRAPPED)
            if not stored.startswith(_PREFIX) or not (".lora_" in name or name.startswith(_ENCODERS)):
                raise CheckpointError(
                    f"{folder}: {stored} is no part of a LoRA save, which holds adapters and action encoders only. "
                    "Load a whole checkpoint with load_published."
                )
            if name.startswith(_ENCODERS):
                actions[name] = value.clone()
            else:
                tensors[_adapter_name(name)] = value.clone()
    gain = _gain(config) if alpha is None else alpha
    if gain is None or not tensors:
        found = f"{len(tensors)} adapter tensors" if gain is not None else "no lora_alpha in its config.json"
        raise CheckpointError(f"{folder}: has {found}. Fetch its config.json and weights again, or give alpha.")
    ranks = {value.shape[0] for name, value in tensors.items() if name.endswith("lora_A.weight") and value.ndim}
    settings = {
        "base_model_name_or_path": base_id,
        "inference_mode": True,
        "lora_alpha": gain,
        "peft_type": "LORA",
        "r": max(ranks, default=0),
        "revision": revision,
        "target_modules": sorted({_suffix(name.removeprefix(_WRAPPED).rsplit(".lora_", 1)[0]) for name in tensors}),
    }
    return DreamZeroLora(
        adapter=Adapter(config=settings, tensors=dict(sorted(tensors.items()))), actions=actions, config=config
    )


def save_dreamzero_lora(folder: Path, lora: DreamZeroLora) -> None:
    """Write an adapter and action encoders as DreamZero's trainer would.

    Args:
        folder: To make; nothing may be there.
        lora: `config` is written with the adapter's rank, gain and layers.

    Raises:
        CheckpointError: The adapter is on a layer that DreamZero's files have no name for.
        RunError: The folder is used, or the disk is full.
    """
    tensors = lora_names(lora.adapter.tensors, lora.actions)
    with new_folder(folder) as place:
        sizes = [(name, value.nbytes) for name, value in sorted(tensors.items())]
        write_shards(place, "model", sizes, tensors.__getitem__, config=_config_of(lora))


def lora_names(adapter: Mapping[str, Tensor], actions: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of an adapter and of a `DreamZeroActions`, by the names that DreamZero's trainer saves them under.

    Raises:
        CheckpointError: The adapter is on a layer that DreamZero's files have no name for.
    """
    tensors = {_PREFIX + _WRAPPED + name: value for name, value in actions.items()}
    for name, value in adapter.items():
        layer, matrix = name.removeprefix(_WRAPPED).rsplit(".lora_", 1)
        which, _, leaf = matrix.partition(".")
        theirs = renamed(layer, _LAYERS, what=_WHAT)
        tensors[f"{_PREFIX}{_WRAPPED}{theirs}.lora_{which}.default.{leaf}"] = value
    return tensors


def _adapter_name(name: str) -> str:
    """PEFT's name, on our layers, of a matrix on DreamZero's."""
    layer, matrix = name.rsplit(".lora_", 1)
    which, _, leaf = matrix.partition(".")
    return f"{_WRAPPED}{renamed(layer, _OURS, what=_WHAT)}.lora_{which}.{leaf.removeprefix('default.')}"


def _suffix(layer: str) -> str:
    """The end of a layer's name by which PEFT finds it in every block and in both attentions."""
    _, _, within = layer.split(".", 2)
    for attention in ("attn1.", "attn2.", "self_attn.", "cross_attn."):
        within = within.removeprefix(attention)
    return within


def _gain(config: Mapping[str, Any]) -> float | None:
    outer = config.get("action_head_cfg")
    inner = outer.get("config", outer) if isinstance(outer, dict) else {}
    alpha = inner.get("lora_alpha") if isinstance(inner, dict) else None
    return float(alpha) if isinstance(alpha, int | float) else None


def _config_of(lora: DreamZeroLora) -> dict[str, Any]:
    """The base's config.json with the adapter's own settings in the place where DreamZero reads them."""
    config = copy.deepcopy(dict(lora.config))
    outer = config.setdefault("action_head_cfg", {})
    inner = outer.setdefault("config", {}) if "config" in outer or not outer else outer
    settings = lora.adapter.config
    inner |= {"lora_rank": settings["r"], "lora_alpha": settings["lora_alpha"], "train_architecture": "lora"}
    layers = {name.removeprefix(_WRAPPED).rsplit(".lora_", 1)[0] for name in lora.adapter.tensors}
    inner["lora_target_modules"] = ",".join(sorted({_suffix(renamed(name, _LAYERS, what=_WHAT)) for name in layers}))
    return config
