"""What do messages look like as bytes? MessagePack with NumPy arrays, as openpi's client and RoboArena's write them.

Source:
    openpi (Black et al. 2024, arXiv:2410.24164), `openpi_client.msgpack_numpy`: an array is a map of the four binary
    keys below, a NumPy scalar one of three. The package `msgpack-numpy` writes other keys and cannot read these.
    What is ours: whatever comes in is measured before it is believed, since anybody may have sent it.
"""

import math
import re
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from adapt.errors import ServeError
from adapt.runs.documents import brief, in_short

ARRAY, SCALAR = b"__ndarray__", b"__npgeneric__"
DATA, DTYPE, SHAPE = b"data", b"dtype", b"shape"

_REFUSED_KINDS = "VOc"  # void, Python objects and complex numbers: the field's clients do not send them either
_DTYPE = re.compile(r"[<>|=][biufSU][1-9][0-9]{0,5}")
_MOST_AXES = 8
_MOST_VALUES = 10_000  # in one message, arrays counting as one: what is small as bytes may be large in memory


def pack(value: object) -> bytes:
    """A message as bytes.

    Args:
        value: Mappings, sequences, texts, numbers, None, NumPy arrays and NumPy scalars.

    Raises:
        ServeError: Something else is in it, or an array of Python objects, records or complex numbers.
    """
    try:
        packed = msgpack.packb(value, default=_encode)
    except (TypeError, ValueError, OverflowError) as error:
        raise ServeError(f"message: cannot be written ({in_short(error)}). Send numbers, texts and arrays.") from error
    assert isinstance(packed, bytes)
    return packed


def unpack(frame: bytes) -> Any:
    """A message from bytes that anybody may have sent. Arrays are read-only views of the bytes.

    Raises:
        ServeError: It is no MessagePack, an array's size is not what it says, or it holds too many values.
    """
    reader = _Reader()
    try:
        return msgpack.unpackb(frame, object_hook=reader.read_map, list_hook=reader.read_list)
    except ServeError:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise ServeError(
            f"message: is not readable as MessagePack ({in_short(error)}). Send one map a frame."
        ) from error


class _Reader:
    """Turns maps that stand for arrays into arrays, and counts what it makes."""

    def __init__(self) -> None:
        self._values = 0

    def read_list(self, value: list[Any]) -> list[Any]:
        self._count(len(value))
        return value

    def read_map(self, value: dict[Any, Any]) -> Any:
        self._count(len(value))
        if ARRAY in value:
            return _read_array(value)
        if SCALAR in value:
            return _read_scalar(value)
        return value

    def _count(self, more: int) -> None:
        self._values += 1 + more
        if self._values > _MOST_VALUES:
            raise ServeError(f"message: holds more than {_MOST_VALUES} values. Send numbers as NumPy arrays.")


def _encode(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in _REFUSED_KINDS:
        raise ServeError(f"message: holds an array of the type {value.dtype}. Send numbers, truth values or texts.")
    if isinstance(value, np.ndarray):
        return {ARRAY: True, DATA: value.tobytes(), DTYPE: value.dtype.str, SHAPE: value.shape}
    if isinstance(value, np.generic):
        return {SCALAR: True, DATA: value.item(), DTYPE: value.dtype.str}
    raise ServeError(f"message: holds a {type(value).__name__}. Send numbers, texts and arrays.")


def _read_array(value: dict[Any, Any]) -> NDArray[Any]:
    dtype, data, shape = _read_dtype(value), value.get(DATA), value.get(SHAPE)
    if not isinstance(data, bytes) or not isinstance(shape, list) or len(shape) > _MOST_AXES:
        raise ServeError(f"message: an array's shape is {brief(shape)}. Send data as bytes and the shape as a list.")
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ServeError(f"message: an array's shape is {brief(shape)}. Give whole numbers from 0.")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ServeError(
            f"message: an array of the shape {brief(shape)} and type {dtype.str} came with {len(data)} bytes. "
            "Send as many as they take."
        )
    return np.ndarray(shape=tuple(shape), dtype=dtype, buffer=data)


def _read_scalar(value: dict[Any, Any]) -> Any:
    dtype, data = _read_dtype(value), value.get(DATA)
    try:
        if not isinstance(data, bool | int | float | str | bytes):
            raise TypeError("a container")
        return dtype.type(data)
    except (TypeError, ValueError, OverflowError) as error:
        raise ServeError(f"message: {brief(data)} is no number of the type {dtype.str}. Send one that is.") from error


def _read_dtype(value: dict[Any, Any]) -> np.dtype[Any]:
    told = value.get(DTYPE)
    if isinstance(told, str) and _DTYPE.fullmatch(told):
        try:
            return np.dtype(told)
        except TypeError:
            pass
    raise ServeError(f"message: an array's type is {brief(told)}. Send one such as '|u1' or '<f4'.")
