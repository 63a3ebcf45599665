"""Tensors written as safetensors files of limited size, with the index that says which is where."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from adapt.models.formats.describe import CONFIG
from adapt.models.formats.tensor_files import INDEX
from adapt.runs.atomic import usual_mode
from adapt.runs.disk import refuse_full

SHARD_BYTES = 5 * 10**9  # as the Hub's own libraries write them
_HEADER_BYTES = 2**20  # for names and shapes, generously


def plan_shards(sizes: Iterable[tuple[str, int]], shard_bytes: int) -> list[list[str]]:
    """Names shared out over files, in order; a file holds at least one tensor, else at most `shard_bytes`.

    Args:
        sizes: Name and bytes of each tensor.
        shard_bytes: Above 0.
    """
    shards: list[list[str]] = []
    room = 0
    for name, nbytes in sizes:
        if not shards or nbytes > room:
            shards.append([])
            room = shard_bytes
        shards[-1].append(name)
        room -= nbytes
    return shards


def write_shards(
    folder: Path,
    stem: str,
    sizes: Sequence[tuple[str, int]],
    get: Callable[[str], Tensor],
    *,
    config: Mapping[str, Any],
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Write tensors to an empty folder, and config.json beside them; the same tensors give the same bytes.

    One file's tensors are in memory beside the model at a time.

    Args:
        folder: That exists.
        stem: What the files' names begin with.
        sizes: Name and bytes of each tensor, in the order in which they are written.
        get: The tensor of a name.
        config: What config.json says.
        shard_bytes: The most that one file holds.

    Raises:
        RunError: The disk has no room for all of it; nothing was written.
    """
    total = sum(nbytes for _, nbytes in sizes)
    refuse_full(folder, total + _HEADER_BYTES, doing=f"saving {stem}")
    shards = plan_shards(sizes, shard_bytes)
    where: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file = f"{stem}.safetensors" if len(shards) == 1 else f"{stem}-{number:05}-of-{len(shards):05}.safetensors"
        save_file({name: _own(get(name)) for name in names}, folder / file, metadata={"format": "pt"})
        (folder / file).chmod(usual_mode())
        where.update(dict.fromkeys(names, file))
    if len(shards) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(where.items()))}
        (folder / f"{stem}{INDEX}").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _own(tensor: Tensor) -> Tensor:
    """A tensor as safetensors takes it: on the CPU, in one piece, with memory that no other name has a part of."""
    tensor = tensor.detach().cpu().contiguous()
    whole = tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if whole else tensor.clone()
