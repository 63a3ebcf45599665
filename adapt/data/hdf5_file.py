"""How is an HDF5 file opened? The only door to h5py, which is an extra."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adapt.data.lerobot_rows import is_pointer
from adapt.errors import DataError

SUFFIXES = (".hdf5", ".h5")
_MOST_ELEMENTS = 10_000  # in a row; no robot has a longer vector


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open a file to read from it.

    Yields:
        The `h5py.File`.

    Raises:
        DataError: h5py is not installed, or the file is missing, is none, or turns out damaged while it is read.
    """
    try:
        import h5py
    except ImportError as error:
        raise DataError(
            f"{path.name}: an HDF5 file, and h5py, which reads them, is not installed. "
            "Install it: pip install 'wam-adapt[hdf5]'."
        ) from error
    if not path.is_file():
        raise DataError(f"{path}: this file is missing. Put it there, or leave its episode out.")
    if is_pointer(path):
        raise DataError(f"{path}: a Git LFS pointer, not the file itself. Run `git lfs pull` in its folder.")
    try:
        with h5py.File(path, "r") as file:
            yield file
    # h5py passes on what the C library raises, under these names.
    except (OSError, KeyError, RuntimeError, UnicodeError, OverflowError, MemoryError) as error:
        detail = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(f"{path.name}: not a readable HDF5 file ({detail}). Copy it again.") from error


def read_array(file: Any, name: str, path: Path) -> Tensor:
    """A column of numbers, a row per row, in float64. Shape (t, width).

    Raises:
        DataError: There is no such array, or it holds no rows of numbers.
    """
    array = file.get(name)
    if array is None or not is_numbers(array):
        raise DataError(f"{path.name}: has no rows of numbers '{name}'. Restore the file, or leave its episode out.")
    return torch.from_numpy(np.asarray(array[()], dtype=np.float64).reshape(len(array), -1))


def is_numbers(array: Any) -> bool:
    """Whether an HDF5 object is an array of rows of numbers."""
    shape = getattr(array, "shape", None)
    if shape is None or len(shape) not in (1, 2) or array.dtype.kind not in "iufb":
        return False
    return len(shape) == 1 or 0 < shape[1] <= _MOST_ELEMENTS


def arrays_in(group: Any, prefix: str = "") -> dict[str, Any]:
    """Every array below a group, by its path from there, in order of name."""
    found: dict[str, Any] = {}
    for name in sorted(group):
        entry = group[name]
        if hasattr(entry, "shape"):
            found[prefix + name] = entry
        elif hasattr(entry, "keys"):
            found |= arrays_in(entry, f"{prefix}{name}/")
    return found
