"""Folders of safetensors files, one or many with an index: what is in them, and reading it tensor by tensor."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from adapt.errors import CheckpointError
from adapt.runs.documents import brief, in_short, is_text, parse_object

INDEX = ".safetensors.index.json"
_WEIGHTS = ".safetensors"
_PICKLES = (".bin", ".pth", ".pt", ".ckpt", ".pkl")
_LARGEST_INDEX_BYTES = 64 * 2**20
_MOST_SHARDS = 10_000
# What is computed with; others are quantised weights, which need what stands beside them to be read.
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_CONVERT = (
    "load it once where you trust it, with torch.load(path, weights_only=True), and save what comes with "
    "safetensors.torch.save_file"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A tensor in a file."""

    file: str
    dtype: str  # as safetensors spells it
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFiles:
    """Every tensor of a folder's files, by name; nothing of them is in memory."""

    folder: Path
    tensors: Mapping[str, Stored]

    @property
    def nbytes(self) -> int:
        """Bytes of all files."""
        return sum((self.folder / name).stat().st_size for name in {stored.file for stored in self.tensors.values()})

    def by_file(self, names: Mapping[str, Any]) -> dict[str, list[str]]:
        """Those of the names that are here, file by file, so that each file is opened once."""
        found: dict[str, list[str]] = {}
        for name, stored in self.tensors.items():
            if name in names:
                found.setdefault(stored.file, []).append(name)
        return dict(sorted(found.items()))

    def read(self, file: str, names: list[str], device: torch.device | str) -> Iterator[tuple[str, Tensor]]:
        """Tensors of one file, each read when it is asked for, straight to a device.

        Raises:
            CheckpointError: The file is damaged.
        """
        with _opened(self.folder / file, str(device)) as opened:
            for name in names:
                yield name, opened.get_tensor(name)


def open_tensor_files(folder: Path) -> TensorFiles:
    """Find a folder's weights and read what they are made of, checked against the index where there is one.

    Raises:
        CheckpointError: There are none, they are pickles, a file is missing or damaged, or the index says otherwise.
    """
    if folder.is_file():
        _refuse_pickle(folder)
        raise CheckpointError(f"{folder}: is a file, not a folder. Give the folder that it lies in.")
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder. Give the one that holds the base's files.")
    indices = sorted(folder.glob(f"*{INDEX}"))
    if len(indices) > 1:
        raise CheckpointError(
            f"{folder}: holds several indices ({', '.join(path.name for path in indices)}). Keep that of one model."
        )
    files = sorted(path.name for path in folder.glob(f"*{_WEIGHTS}"))
    listed = _read_index(indices[0]) if indices else None
    if listed is None and len(files) != 1:
        raise _none_or_many(folder, files)
    shards = files if listed is None else sorted(set(listed.values()))
    tensors: dict[str, Stored] = {}
    for shard in shards:
        tensors.update(_header(folder, shard))
    if listed is not None:
        _agree(indices[0], listed, tensors)
    return TensorFiles(folder=folder, tensors=tensors)


def _refuse_pickle(path: Path) -> None:
    if path.suffix in _PICKLES:
        raise CheckpointError(
            f"{path}: is a pickle, which can run code when it is read, and is not opened here; {_CONVERT}."
        )


def _none_or_many(folder: Path, files: list[str]) -> CheckpointError:
    if files:
        return CheckpointError(
            f"{folder}: holds {len(files)} safetensors files and no index. Fetch its *{INDEX} as well."
        )
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
    if pickles:
        return CheckpointError(
            f"{folder}: holds weights only as pickles ({', '.join(pickles[:3])}), which can run code when they are "
            f"read, and are not opened here; {_CONVERT}."
        )
    return CheckpointError(f"{folder}: holds no safetensors files. Fetch the base again, or give another folder.")


def _read_index(path: Path) -> dict[str, str]:
    """Which file each tensor is in, by an index."""
    try:
        if path.stat().st_size > _LARGEST_INDEX_BYTES:
            raise ValueError(f"it has {path.stat().st_size} bytes")
        listed = parse_object(path.read_text(encoding="utf-8")).get("weight_map")
        if not isinstance(listed, dict) or not listed:
            raise ValueError("it has no weight_map")
        for name, file in listed.items():
            if not (is_text(name) and is_text(file)) or Path(str(file)).name != file or not file.endswith(_WEIGHTS):
                raise ValueError(f"it says that {brief(name)} is in {brief(file)}")
        if len(set(listed.values())) > _MOST_SHARDS:
            raise ValueError(f"it lists more than {_MOST_SHARDS} files")
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: is no index of weights ({in_short(error)}). Fetch it again.") from error
    return {str(name): str(file) for name, file in listed.items()}


def _header(folder: Path, file: str) -> dict[str, Stored]:
    """Names, dtypes and shapes of a file's tensors; its weights are not read."""
    with _opened(folder / file, "cpu") as opened:
        found = {}
        for name in opened.keys():  # noqa: SIM118 - it is no mapping
            part = opened.get_slice(name)
            found[name] = Stored(file=file, dtype=str(part.get_dtype()), shape=tuple(part.get_shape()))
    return found


def _agree(index: Path, listed: Mapping[str, str], tensors: Mapping[str, Stored]) -> None:
    """Refuse an index that says something else than the files."""
    wrong = sorted(
        name
        for name in listed.keys() | tensors.keys()
        if name not in listed or name not in tensors or tensors[name].file != listed[name]
    )
    if wrong:
        name = wrong[0]
        where = tensors[name].file if name in tensors else "no file"
        raise CheckpointError(
            f"{index}: does not agree with the files on {len(wrong)} tensors, such as {brief(name)}: listed in "
            f"{brief(listed.get(name))}, found in {where}. Fetch the index and its files again."
        )


@contextmanager
def _opened(path: Path, device: str) -> Iterator[Any]:
    if not path.is_file():
        raise CheckpointError(f"{path}: is not there, though the index lists it. Fetch it.")
    try:
        with safe_open(path, framework="pt", device=device) as opened:
            yield opened
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({in_short(error)}). Fetch it again.") from error
