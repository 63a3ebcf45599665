"""An adapter folded into the weights it was trained on, so that the base's own code can serve them."""

import copy
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from adapt.errors import CheckpointError
from adapt.models.adapters import Adapter, apply_adapter
from adapt.models.checkpoint import load_strict
from adapt.models.formats.describe import CONFIG
from adapt.models.formats.dreamzero_lora import DreamZeroLora
from adapt.models.formats.probe import answer, furthest_apart
from adapt.models.formats.published import Published, fill_published, find_format, load_published, prefix_of
from adapt.models.formats.shards import SHARD_BYTES
from adapt.models.formats.sizes import ACTIONS, CODEC, DREAMZERO, IMAGE, PARTS, TEXT, TRANSFORMER
from adapt.models.formats.tensor_files import DTYPES, INDEX, TensorFiles, open_tensor_files
from adapt.models.wan.transformer import WanTransformer
from adapt.runs.disk import refuse_full
from adapt.runs.documents import brief, in_short, parse_object
from adapt.runs.new_folder import new_folder, refuse_used

log = logging.getLogger(__name__)
ORIGIN = "origin.json"  # put beside a base by whoever fetched it
MERGED = "merged.json"  # put beside merged weights: of what they are
PIPELINE = "model_index.json"  # of a diffusers pipeline, in whose folder the transformer is one among others
# How far merged weights may answer from base and adapter, as a share of their largest answer; in half they are rounded.
MOST_APART = {torch.float64: 1e-6, torch.float32: 1e-4, torch.float16: 0.1, torch.bfloat16: 0.1}


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedWeights:
    """What merging made.

    Args:
        kind: The format that was written.
        dtype: What the transformer's weights are stored as.
        nbytes: Of the folder, merged.json apart.
        difference: How far the weights on disk answer from base and adapter, as a share of the largest velocity.
        copied: Files of the base that were put beside the weights.
    """

    kind: str
    dtype: str
    nbytes: int
    difference: float
    copied: tuple[str, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How merged weights are to be written.

    Args:
        kind: "diffusers", "wan" or "dreamzero"; None for the base's own. Of others than it, the transformer alone.
        dtype: What the weights become; None keeps them as they are stored.
        shard_bytes: The most that one file holds.
        about: What merged.json says besides.
    """

    kind: str | None = None
    dtype: torch.dtype | None = None
    shard_bytes: int = SHARD_BYTES
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What is to be made of a base, known from its headers alone."""

    source: str
    kind: str
    parts: tuple[str, ...]
    place: Path  # where the transformer lies within the new folder
    nbytes: int
    beside: tuple[Path, ...]  # relative to the base


def merge_published(base: Path, adapter: Adapter, out: Path, how: Writing | None = None) -> MergedWeights:
    """Write a published base with an adapter folded in; the folder appears when it is whole and was tried.

    The base must say by its `origin.json` that it is the repository and commit that the adapter names. In the base's
    own format, what else lies in its folder is copied, so that a diffusers pipeline stays one. What is on disk is read
    again and asked the same small question as base and adapter were.

    Args:
        base: Folder of the base.
        adapter: Names its base and revision.
        out: The folder to make.
        how: It is to be written.

    Raises:
        CheckpointError: The base is another, or says nothing; it does not fit; or what was merged answers otherwise.
        RunError: `out` is used, or the disk has no room.
    """
    refuse_other_base(base, adapter.base_id, adapter.revision)
    return _merge(base, adapter, out, how or Writing())


def merge_dreamzero_lora(
    base: Path,
    lora: DreamZeroLora,
    out: Path,
    *,
    shard_bytes: int = SHARD_BYTES,
    about: Mapping[str, Any] | None = None,
) -> MergedWeights:
    """Write a DreamZero checkpoint with a LoRA run's adapter folded in and its action encoders in place.

    The adapter goes on the base it names; DreamZero's own loader puts it on Wan's weights whatever it was trained on.

    Args:
        base: Folder of the whole checkpoint that it was trained on. One without `origin.json` is taken as said.
        lora: As `read_dreamzero_lora` gives it.
        out: The folder to make.
        shard_bytes: The most that one file holds.
        about: What merged.json says besides.

    Raises:
        CheckpointError: The base is no DreamZero checkpoint, is another than the adapter names, or does not fit it.
        RunError: `out` is used, or the disk is full.
    """
    if (base / ORIGIN).is_file():
        refuse_other_base(base, lora.adapter.base_id, lora.adapter.revision)
    kind = find_format(open_tensor_files(base))
    if kind != DREAMZERO:
        raise CheckpointError(f"{base}: is in the {kind} format, without action encoders. Give a DreamZero checkpoint.")
    how = Writing(kind=DREAMZERO, shard_bytes=shard_bytes, about=about or {})
    return _merge(base, lora.adapter, out, how, lora.actions)


def refuse_other_base(base: Path, repo_id: str, revision: str) -> None:
    """Refuse a base that is not the one an adapter was trained on, or that does not say which it is.

    Raises:
        CheckpointError: It is another, or has no sound `origin.json`.
    """
    path = base / ORIGIN
    if not path.is_file():
        raise CheckpointError(
            f"{base}: has no {ORIGIN} that says which commit it is, and the adapter was trained on {brief(repo_id)} at "
            f"{brief(revision)}. Fetch it with adapt.hub.base_files.fetch_base, which checks it and writes that down."
        )
    try:
        told = parse_object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read ({in_short(error)}). Fetch the base again.") from error
    here = (told.get("repo_id"), told.get("commit"))
    if here != (repo_id, revision):
        raise CheckpointError(
            f"{base}: is {brief(here[0])} at {brief(here[1])}, and the adapter was trained on {brief(repo_id)} at "
            f"{brief(revision)}. Use the adapter's own base."
        )


def require_alike(difference: float, dtype: torch.dtype, out: Path) -> None:
    """Refuse merged weights that do not do what base and adapter do.

    Args:
        difference: As a share of the largest answer.
        dtype: Of the merged weights.
        out: The folder, for the message.

    Raises:
        CheckpointError: They are further apart than `MOST_APART`, or the difference is no number.
    """
    if not difference <= MOST_APART[dtype]:
        raise CheckpointError(
            f"{out}: merged in {str(dtype).removeprefix('torch.')}, the weights answer otherwise than base and adapter "
            f"({difference:.2g} of the largest answer, allowed is {MOST_APART[dtype]:g}); nothing was kept. Merge in "
            "float32 instead: give --dtype float32."
        )


def _merge(
    base: Path, adapter: Adapter, out: Path, how: Writing, actions: Mapping[str, Tensor] | None = None
) -> MergedWeights:
    refuse_used(out)
    order = _order(base, how.kind, how.dtype)
    refuse_full(out, order.nbytes, doing=f"merging into {out}")
    log.info("reading %s", base)
    found = load_published(base, parts=order.parts, dtype=how.dtype)
    apply_adapter(found.transformer, adapter)
    wanted = answer(found.transformer)
    merge_adapter(found.transformer)
    if actions is not None:
        load_strict(found.modules[ACTIONS], actions, source="the LoRA run's action encoders")
    stored = found.transformer.proj_out.weight.dtype
    log.info("writing %.1f GB to %s", order.nbytes / 1e9, out)
    with new_folder(out) as place:
        (place / order.place).mkdir(exist_ok=True)
        fill_published(
            place / order.place, found.modules, order.kind, config=_config(found, order), shard_bytes=how.shard_bytes
        )
        log.info("reading it again, and trying it")
        difference = furthest_apart(answer(load_published(place).transformer), wanted)
        require_alike(difference, stored, out)
        for name in order.beside:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(base / name, place / name)
        merged = MergedWeights(
            kind=order.kind,
            dtype=str(stored).removeprefix("torch."),
            nbytes=sum(path.stat().st_size for path in place.rglob("*") if path.is_file()),
            difference=difference,
            copied=tuple(name.as_posix() for name in order.beside),
        )
        write_note(place, merged, how.about)
    return merged


def write_note(folder: Path, merged: MergedWeights, about: Mapping[str, Any]) -> None:
    """Put merged.json into a folder: of what its weights are, and how near they are to base and adapter."""
    told = {"format": 1, "kind": merged.kind, "dtype": merged.dtype, "difference": merged.difference, **about}
    (folder / MERGED).write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _order(base: Path, kind: str | None, dtype: torch.dtype | None) -> _Order:
    """What is read, what is written and how much, from the files' headers."""
    own = base / TRANSFORMER if (base / TRANSFORMER / CONFIG).is_file() else base
    files = open_tensor_files(own)
    source = find_format(files)
    kind = source if kind is None else kind
    if DREAMZERO == kind != source:
        raise CheckpointError(
            f"{base}: is in the {source} format, without what a dreamzero folder holds beside the transformer. "
            f"Give --format {source}, or a DreamZero checkpoint as base."
        )
    beside = tuple(_beside(base, own, files)) if kind == source else ()
    copied = sum((base / name).stat().st_size for name in beside)
    return _Order(
        source=source,
        kind=kind,
        parts=PARTS if kind == DREAMZERO else (TRANSFORMER,),
        place=Path(TRANSFORMER if kind == source and (base / PIPELINE).is_file() else "."),
        nbytes=_weights_nbytes(files, dtype, alone=DREAMZERO == source != kind) + copied,
        beside=beside,
    )


def _beside(base: Path, own: Path, files: TensorFiles) -> Iterator[Path]:
    """Files of a base that merging does not make anew."""
    made = {own / stored.file for stored in files.tensors.values()} | {own / CONFIG, base / ORIGIN, base / MERGED}
    for path in sorted(base.rglob("*")):
        name = path.relative_to(base)
        hidden = any(part.startswith(".") for part in name.parts)
        index = path.parent == own and path.name.endswith(INDEX)
        if path.is_file() and path not in made and not hidden and not index:
            yield name


def _weights_nbytes(files: TensorFiles, dtype: torch.dtype | None, *, alone: bool) -> int:
    """What the weights take that will be written; of DreamZero's, without the encoders if the transformer is alone."""
    left = tuple(prefix_of(part) for part in (TEXT, IMAGE, CODEC)) if alone else ()
    return sum(
        prod(stored.shape) * (dtype or DTYPES.get(stored.dtype, torch.float32)).itemsize
        for name, stored in files.tensors.items()
        if not name.startswith(left or ("\0",))
    )


def _config(found: Published, order: _Order) -> Mapping[str, Any] | None:
    """What config.json says; None to make it of the sizes, where the format is another than the base's."""
    if order.kind != order.source:
        return None
    return _as_full(found.config) if order.kind == DREAMZERO else found.config


def _as_full(config: Mapping[str, Any]) -> dict[str, Any]:
    """A base's config.json, saying that nothing has to be put on top of its weights."""
    told = copy.deepcopy(dict(config))
    outer = told["action_head_cfg"]
    inner = outer.get("config", outer)
    inner["train_architecture"] = "full"
    return told
