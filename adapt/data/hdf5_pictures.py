"""How are pictures read that lie in an HDF5 file: as they are, or each one compressed?"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from adapt.data.hdf5_file import open_hdf5
from adapt.errors import DataError

_SLACK = 1e-3  # of a picture, by which a time may be rounded
_RAW_AXES = 4  # (t, h, w, 3)


def is_pictures(array: Any) -> bool:
    """Whether an HDF5 array holds pictures: bytes as (t, h, w, 3), or one compressed picture a row."""
    kind, shape = array.dtype, array.shape
    if len(shape) == _RAW_AXES:
        return bool(kind == np.uint8 and shape[-1] == 3)
    # A picture a row: of variable length, as text of bytes, or padded with zeros to the longest.
    if len(shape) == 1:
        return bool(kind.kind in "SO") and len(array) > 0 and _is_compressed(array[0])
    return len(shape) == 2 and bool(kind == np.uint8) and len(array) > 0 and _is_compressed(array[0])


def count_pictures(path: Path, name: str) -> int:
    """How many pictures an array holds.

    Raises:
        DataError: The file cannot be read, or has no such array.
    """
    with open_hdf5(path) as file:
        return len(_array(file, path, name))


def pictures_at(path: Path, name: str, rate_hz: float, times_s: Sequence[float]) -> Iterator[UInt8[Tensor, "h w 3"]]:
    """The picture on show at each time: the first is at 0 s, and they come evenly.

    Compressed pictures are taken as their file format has them; a recorder that handed blue for red to its compressor
    is not seen through.

    Args:
        path: The HDF5 file.
        name: Of the array.
        rate_hz: Pictures a second.
        times_s: In seconds.

    Raises:
        DataError: The array cannot be read, a picture in it is damaged, or a time lies outside it.
    """
    with open_hdf5(path) as file:
        array = _array(file, path, name)
        last, shown = -1, torch.zeros(0)
        for time_s in times_s:
            place = int(time_s * rate_hz + _SLACK)
            if time_s * rate_hz < -_SLACK or place >= len(array):
                raise DataError(
                    f"{path.name}: asked for the picture at {time_s:.2f} s of '{name}', which has {len(array)} "
                    f"pictures at {rate_hz:g} Hz; ask for one within them, or give the spec the right rate_hz."
                )
            if place != last:
                last, shown = place, _picture(array[place], path, name)
            yield shown


def _array(file: Any, path: Path, name: str) -> Any:
    array = file.get(name)
    if array is None or not hasattr(array, "shape"):
        raise DataError(f"{path.name}: has no array '{name}'. Name one that it has.")
    return array


def _picture(values: Any, path: Path, name: str) -> Tensor:
    if isinstance(values, np.ndarray) and values.ndim == 3:
        return torch.from_numpy(np.ascontiguousarray(values))
    from PIL import Image

    try:
        with Image.open(io.BytesIO(_bytes(values))) as picture:
            return torch.from_numpy(np.array(picture.convert("RGB")))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path.name}: a picture of '{name}' cannot be decoded ({type(error).__name__}). Copy the file again."
        ) from error


def _bytes(values: Any) -> bytes:
    return values.tobytes() if isinstance(values, np.ndarray | np.generic) else bytes(values)


def _is_compressed(values: Any) -> bool:
    try:
        head = _bytes(values)[:8]
    except (TypeError, ValueError):
        return False
    return head.startswith((b"\xff\xd8\xff", b"\x89PNG"))
