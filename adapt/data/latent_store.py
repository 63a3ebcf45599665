"""Where do encoded windows live? In a run's own store, and in the cache that all runs share.

Both are folders of safetensors shards whose header is the index. A store is written once, in a fixed order, so that
its bytes depend on its content alone. The cache only ever grows: each shard is named by the digest of its bytes, so
that processes may add to it side by side, and a damaged shard is noticed, set aside and encoded again.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import BFloat16
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from adapt.data.shown_in import ORIGINS
from adapt.errors import DataError, RunError
from adapt.runs.atomic import write_atomic
from adapt.runs.cache import hash_file, note_use
from adapt.runs.disk import is_full, is_unwritable
from adapt.runs.documents import brief, in_short
from adapt.runs.in_use import Claim

log = logging.getLogger(__name__)

WINDOWS_PER_SHARD = 256
_SHARDS = "latents-*.safetensors"


class LatentStore:
    """A folder of encoded windows, read through memory maps; nothing is loaded before it is asked for.

    Args:
        folder: Holds latents-00000.safetensors and so on.

    Raises:
        DataError: There is no shard, or one is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._shard_of: dict[str, Path] = {}
        self._open: dict[Path, Any] = {}
        for shard in sorted(folder.glob(_SHARDS)):
            try:
                names = _names(shard)
            except ValueError as error:
                raise DataError(
                    f"{shard}: is a damaged latent shard ({error}); delete its folder and encode again."
                ) from error
            self._shard_of.update(dict.fromkeys(names, shard))
        if not self._shard_of:
            raise DataError(f"{folder}: holds no encoded windows (no {_SHARDS}); name a folder that `encode` made.")

    def __len__(self) -> int:
        return len(self._shard_of)

    def __contains__(self, window_id: object) -> bool:
        return window_id in self._shard_of

    def __iter__(self) -> Iterator[str]:
        return iter(self._shard_of)

    def read(self, window_id: str) -> BFloat16[Tensor, "l c h w"]:
        """The latents of one window, as they were encoded.

        Args:
            window_id: Which window.

        Returns:
            Shape (l, c, h, w), in latent cells.

        Raises:
            DataError: The store does not hold this window, or it cannot be read.
        """
        shard = self._shard_of.get(window_id)
        if shard is None:
            raise DataError(f"window {brief(window_id)}: is not among the {len(self)} in the store; encode again.")
        try:
            if shard not in self._open:
                self._open[shard] = safe_open(shard, framework="pt")
            latents: Tensor = self._open[shard].get_tensor(window_id)
        except (OSError, SafetensorError) as error:
            raise DataError(
                f"{shard}: window {brief(window_id)} cannot be read from it ({in_short(error)}); delete its folder "
                "and encode again."
            ) from error
        if latents.dtype != torch.bfloat16 or latents.ndim != 4 or not latents.numel():
            raise DataError(
                f"{shard}: window {brief(window_id)} is {latents.dtype} of shape {list(latents.shape)}, no latents; "
                "delete its folder and encode again."
            )
        return latents


def write_store(folder: Path, items: Iterable[tuple[str, Tensor]], *, per_shard: int = WINDOWS_PER_SHARD) -> int:
    """Write windows into latents-00000.safetensors and so on; the same items always give the same bytes.

    Args:
        folder: Existing folder without shards.
        items: Window id and its latents, shape (l, c, h, w); kept as bfloat16. An id met again is skipped: equal ids
            are equal pixels.
        per_shard: Windows in one file.

    Returns:
        How many windows were written.
    """
    seen: set[str] = set()
    held: dict[str, Tensor] = {}
    shards = 0
    for window_id, latents in items:
        if window_id in seen:
            continue
        seen.add(window_id)
        held[window_id] = _stored(latents)
        if len(held) == per_shard:
            write_atomic(folder / f"latents-{shards:05d}.safetensors", save(held))
            held, shards = {}, shards + 1
    if held:
        write_atomic(folder / f"latents-{shards:05d}.safetensors", save(held))
    return len(seen)


class LatentCache:
    """Encoded windows shared by all runs: shards named by their content, only ever added.

    As long as this object lives, nobody who makes room in the cache takes a shard away.

    Args:
        folder: One folder for each codec; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._claim = Claim(folder)
        self._videos: dict[str, list[str]] = {}
        self._shard_of: dict[str, Path] = {}
        self._sound: set[Path] = set()
        self._held: dict[str, Tensor] = {}  # Only where the folder cannot be written.
        self._seen: set[Path] = set()
        self.look_again()

    def look_again(self) -> None:
        """Take in what other processes have added since."""
        for shard in sorted(set(self._folder.glob("*.safetensors")) - self._seen):
            self._seen.add(shard)
            try:
                names = _names(shard)
            except ValueError as error:
                log.warning("%s is damaged (%s); its windows are encoded again", shard, error)
            else:
                self._shard_of.update(dict.fromkeys(names, shard))

    @property
    def folder(self) -> Path:
        """Where the shards lie."""
        return self._folder

    def __contains__(self, key: str) -> bool:
        """Whether sound latents for this key are here; a shard's bytes are checked when first asked about."""
        if key in self._held:
            return True
        shard = self._shard_of.get(key)
        return shard is not None and (shard in self._sound or self._check(shard))

    def read(self, key: str) -> BFloat16[Tensor, "l c h w"]:
        """Latents stored before; ask `key in cache` first."""
        if key in self._held:
            return self._held[key]
        with safe_open(self._shard_of[key], framework="pt") as shard:
            latents: Tensor = shard.get_tensor(key)
        return latents

    def say_videos(self, key: str, videos: Sequence[str]) -> None:
        """Say which videos a window shows, by digest: its shard will say so too, for when one of them is taken back."""
        self._videos[key] = list(videos)

    def add(self, items: Mapping[str, Tensor]) -> None:
        """Store some windows in one new shard, whole or not at all; where that is forbidden, in memory.

        Args:
            items: Key and latents, shape (l, c, h, w).

        Raises:
            RunError: The disk is full.
        """
        if not items:
            return
        stored = {key: _stored(latents) for key, latents in items.items()}
        told = {key: self._videos[key] for key in sorted(stored) if key in self._videos}
        content = save(stored, metadata={ORIGINS: json.dumps(told, sort_keys=True)} if told else None)
        shard = self._folder / f"{hashlib.sha256(content).hexdigest()}.safetensors"
        try:
            write_atomic(shard, content)
        except OSError as error:
            if is_full(error):
                raise RunError(
                    f"{shard}: the disk is full; free some space and give the same command again."
                ) from error
            if not is_unwritable(error):
                raise
            log.warning("%s cannot be written (%s): latents are not remembered", self._folder, error.strerror)
            self._held.update(stored)
            return
        self._sound.add(shard)
        self._seen.add(shard)
        self._shard_of.update(dict.fromkeys(items, shard))

    def _check(self, shard: Path) -> bool:
        try:
            if hash_file(shard) == shard.stem:
                self._sound.add(shard)
                note_use(shard)
                return True
        except OSError:
            pass  # Taken away, or closed to us, since it was listed: as good as damaged.
        log.warning("%s is damaged (its bytes changed); its windows are encoded again", shard)
        self._shard_of = {key: path for key, path in self._shard_of.items() if path != shard}
        return False


def _stored(latents: Tensor) -> Tensor:
    # A view would drag its whole storage into the file.
    return latents.detach().to("cpu", torch.bfloat16).contiguous().clone()


def _names(shard: Path) -> list[str]:
    """Names of the tensors in a shard, from its header alone.

    Raises:
        ValueError: The file is cut short, or is no safetensors file.
    """
    try:
        with safe_open(shard, framework="pt") as file:
            return list(file.keys())
    except (OSError, SafetensorError) as error:
        raise ValueError(in_short(error)) from error
