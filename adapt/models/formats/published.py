"""Bases in the formats they are published in: read without a second copy in memory, and written back.

diffusers   a folder of the transformer alone, `transformer/` of a pipeline; diffusers itself loads what lies beside it
wan         the original files of Wan 2.1 and 2.2: the transformer alone; their encoders are pickles
dreamzero   transformer, action and state encoders, text encoder, image encoder and codec in one set of files
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from adapt.errors import CheckpointError
from adapt.models.formats.codec_names import codec_places
from adapt.models.formats.describe import CONFIG, config_for, read_config, sizes_of
from adapt.models.formats.fill import Outgoing, Part, check, fill
from adapt.models.formats.places import Place
from adapt.models.formats.shards import SHARD_BYTES, write_shards
from adapt.models.formats.sizes import (
    ACTIONS,
    CODEC,
    DIFFUSERS,
    DREAMZERO,
    FORMATS,
    IMAGE,
    PARTS,
    TEXT,
    TRANSFORMER,
    WAN,
    BaseSizes,
    build,
)
from adapt.models.formats.tensor_files import TensorFiles, open_tensor_files
from adapt.models.formats.wan_names import image_places, text_places, transformer_places
from adapt.models.wan.transformer import WanTransformer
from adapt.runs.documents import in_short
from adapt.runs.new_folder import new_folder

_STEMS = {DIFFUSERS: "diffusion_pytorch_model", WAN: "diffusion_pytorch_model", DREAMZERO: "model"}
_PREFIXES = {
    TRANSFORMER: "action_head.model.",
    ACTIONS: "action_head.model.",
    TEXT: "action_head.text_encoder.",
    IMAGE: "action_head.image_encoder.model.",
    CODEC: "action_head.vae.model.",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Published:
    """A base in memory: its parts, and what came beside them.

    Args:
        kind: The format it was read from.
        sizes: Of all that its files hold.
        modules: The parts that were asked for, by name.
        config: Its config.json.
    """

    kind: str
    sizes: BaseSizes
    modules: Mapping[str, nn.Module]
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def transformer(self) -> WanTransformer:
        """The video transformer."""
        return cast(WanTransformer, self.modules[TRANSFORMER])


def find_format(files: TensorFiles) -> str:
    """Which format files are in, by the names of their tensors.

    Raises:
        CheckpointError: In none that is known.
    """
    names = files.tensors
    wrapped = next((name for name in sorted(names) if ".base_layer." in name), None)
    if wrapped is not None:
        raise CheckpointError(
            f"{files.folder}: holds a base with an adapter beside it ({wrapped}), as a LoRA run without save_lora_only "
            "leaves it. Merge it in DreamZero's own code first, or give what a run with save_lora_only saved."
        )
    adapter = next((name for name in sorted(names) if ".lora_" in name), None)
    if adapter is not None:
        raise CheckpointError(
            f"{files.folder}: holds an adapter ({adapter}), not a base. "
            "Load it with read_dreamzero_lora, on the base it was trained on."
        )
    if any(name.startswith("action_head.") for name in names):
        return DREAMZERO
    if "condition_embedder.time_proj.weight" in names:
        return DIFFUSERS
    if "time_projection.1.weight" in names:
        return WAN
    some = ", ".join(sorted(names)[:3])
    raise CheckpointError(
        f"{files.folder}: its {len(names)} tensors ({some}, ...) are of no base that is known here. "
        "Give a folder of Wan's transformer, or of DreamZero."
    )


def load_published(
    folder: Path,
    *,
    parts: Collection[str] = (TRANSFORMER,),
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    sizes: BaseSizes | None = None,
) -> Published:
    """Read a published base, frozen, each tensor straight to its place on the device.

    All its files are checked, name by name and shape by shape, before the first weight is read.

    Args:
        folder: Of the files; a diffusers pipeline's own folder will do.
        parts: Which to read: "transformer", and of DreamZero's "actions", "text", "image" and "codec".
        device: Where they go.
        dtype: What they become; None keeps them as they are stored.
        sizes: Of the base, where its config.json is missing or wrong.

    Raises:
        CheckpointError: The files are not whole, or not those of such a base.
    """
    folder = folder / TRANSFORMER if (folder / TRANSFORMER / CONFIG).is_file() else folder
    files = open_tensor_files(folder)
    kind = find_format(files)
    config = read_config(folder) if sizes is None or (folder / CONFIG).is_file() else {}
    if sizes is None:
        sizes = sizes_of(kind, config, files.tensors.keys(), source=folder / CONFIG)
    found = _on_meta(kind, sizes, folder)
    unknown = sorted(set(parts) - found.keys())
    if unknown:
        raise CheckpointError(
            f"{folder}: has no {', '.join(unknown)}; a {kind} folder has {', '.join(found)}. Ask for these."
        )
    check(files, found)
    wanted = {name: found[name] for name in found if name in parts}
    fill(files, wanted, device=device, dtype=dtype)
    modules = {name: part.module for name, part in wanted.items()}
    return Published(kind=kind, sizes=sizes, modules=modules, config=config)


def save_published(
    folder: Path,
    modules: Mapping[str, nn.Module],
    kind: str,
    *,
    config: Mapping[str, Any] | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Write a base in one of the formats it is published in.

    Args:
        folder: To make; nothing may be there. It appears when it is whole.
        modules: Parts by name; all that the format holds, and nothing else.
        kind: "diffusers", "wan" or "dreamzero".
        config: What config.json should say; None makes it of the transformer's sizes, where the format allows.
        shard_bytes: The most that one file holds, unless one tensor is larger.

    Raises:
        CheckpointError: The format has no place for a part, or needs one more.
        RunError: The folder is used, or the disk is full.
    """
    with new_folder(folder) as place:
        fill_published(place, modules, kind, config=config, shard_bytes=shard_bytes)


def fill_published(
    folder: Path,
    modules: Mapping[str, nn.Module],
    kind: str,
    *,
    config: Mapping[str, Any] | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Write a base into a folder that is there and empty; as `save_published` else, which makes the folder.

    Raises:
        CheckpointError: The format has no place for a part, or needs one more.
        RunError: The disk is full.
    """
    if kind not in FORMATS:
        raise CheckpointError(f"{folder}: there is no format '{kind}'. Take one of {', '.join(FORMATS)}.")
    wanted = set(PARTS) if kind == DREAMZERO else {TRANSFORMER}
    if modules.keys() != wanted:
        raise CheckpointError(
            f"{folder}: a {kind} folder holds {', '.join(sorted(wanted))}; there are {', '.join(sorted(modules))}. "
            "Pass exactly those."
        )
    transformer = cast(WanTransformer, modules[TRANSFORMER])
    if any(".lora_" in name for name in transformer.state_dict()):
        raise CheckpointError(
            f"{folder}: the transformer carries an adapter, which such files do not hold. Save one without."
        )
    told = config_for(kind, transformer.config) if config is None else config
    parts = {name: Part(module=modules[name], places=places_of(kind, name, modules[name])) for name in modules}
    outgoing = Outgoing(parts)
    write_shards(folder, _STEMS[kind], outgoing.sizes(), outgoing.get, config=told, shard_bytes=shard_bytes)


def _on_meta(kind: str, sizes: BaseSizes, folder: Path) -> dict[str, Part]:
    """Every part of a base without its memory, and where its tensors are stored."""
    try:
        with torch.device("meta"):
            modules = build(sizes)
    # Torch, diffusers and transformers refuse sizes in their own ways.
    except (RuntimeError, ValueError, TypeError, ArithmeticError, AssertionError, LookupError) as error:
        raise CheckpointError(f"{folder}: no model has its sizes ({in_short(error)}). Fetch it again.") from error
    return {name: Part(module=module, places=places_of(kind, name, module)) for name, module in modules.items()}


def places_of(kind: str, part: str, module: nn.Module) -> tuple[Place, ...]:
    """Where a part's parameters lie in the files of a format.

    Args:
        kind: Of the format.
        part: The part's name; only DreamZero's files hold others than the transformer.
        module: The part.

    Raises:
        CheckpointError: It has a parameter that the format has no place for.
    """
    names = list(module.state_dict())
    if kind == DIFFUSERS:
        return tuple(Place(stored=name, ours=(name,)) for name in names)
    places = {
        TRANSFORMER: transformer_places,
        ACTIONS: lambda names: tuple(Place(stored=name, ours=(name,)) for name in names),
        TEXT: text_places,
        IMAGE: image_places,
        CODEC: codec_places,
    }[part](names)
    return tuple(place.under(_PREFIXES[part]) for place in places) if kind == DREAMZERO else places


def prefix_of(part: str) -> str:
    """What the names of a part's tensors begin with in DreamZero's files."""
    return _PREFIXES[part]
