"""Bytes are those of openpi's client and RoboArena's; and whatever comes in is measured before it is believed."""

import contextlib
import io
import struct
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapt.errors import ServeError
from adapt.serve.wire import pack, unpack


def theirs(array: np.ndarray) -> bytes:
    """An array as MessagePack's specification and openpi's four keys have it, byte by byte."""
    out = io.BytesIO()

    def text(value: bytes, short: int, code: bytes) -> None:
        out.write(bytes([short | len(value)]) if short and len(value) < 32 else code + bytes([len(value)]))
        out.write(value)

    out.write(b"\x84")  # a map of four
    text(b"__ndarray__", 0, b"\xc4")  # keys are binary
    out.write(b"\xc3")  # true
    text(b"data", 0, b"\xc4")
    text(array.tobytes(), 0, b"\xc4")
    text(b"dtype", 0, b"\xc4")
    text(array.dtype.str.encode(), 0xA0, b"")  # a text
    text(b"shape", 0, b"\xc4")
    out.write(bytes([0x90 | array.ndim, *array.shape]))  # a list of small numbers
    return out.getvalue()


@pytest.mark.parametrize("dtype", ["|u1", "<f4", "<f8", "<i8", "|b1", ">f4"])
def test_an_array_s_bytes_are_openpi_s(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    assert pack(array) == theirs(array)
    assert pack(array[:, ::-1]) == theirs(np.ascontiguousarray(array[:, ::-1]))
    back = unpack(theirs(array))
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)


def test_a_numpy_scalar_s_bytes_are_openpi_s() -> None:
    assert pack(np.float32(0.5)) == (
        b"\x83\xc4\x0d__npgeneric__\xc3\xc4\x04data\xcb" + struct.pack(">d", 0.5) + b"\xc4\x05dtype\xa3<f4"
    )
    assert unpack(pack(np.float32(0.25))) == np.float32(0.25)
    assert unpack(pack(np.str_("pour"))) == "pour"


def test_what_is_packed_comes_back() -> None:
    told = {
        "images": {"main": np.zeros((4, 5, 3), np.uint8)},
        "state": np.array([0.1, np.nan]),
        "none": None,
        "empty": np.empty((0, 7), np.float32),
        "scalar": np.array(3.0),
        "list": [1, -2, 3.5, "x", True, b"raw"],
    }
    back = unpack(pack(told))
    assert list(back) == list(told)
    assert np.array_equal(back["state"], told["state"], equal_nan=True)
    assert back["empty"].shape == (0, 7)
    assert back["scalar"].shape == ()
    assert back["list"] == told["list"]
    assert not back["state"].flags.writeable


@pytest.mark.parametrize("value", [object(), np.array([None]), np.zeros(2, complex), np.zeros(2, "V3"), 2**70, {1j: 2}])
def test_what_cannot_be_sent_is_refused(value: object) -> None:
    with pytest.raises(ServeError, match="message: "):
        pack(value)


def array_of(**changes: Any) -> bytes:
    told: dict[bytes, Any] = {b"__ndarray__": True, b"data": b"\0" * 8, b"dtype": "<f8", b"shape": [1]}
    told |= {name.encode(): value for name, value in changes.items()}
    return bytes(msgpack.packb({name: value for name, value in told.items() if value is not ...}))


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (array_of(shape=[2]), "came with 8 bytes"),
        (array_of(shape=[-1]), "whole numbers"),
        (array_of(shape=[2**62, 2**62]), "came with"),
        (array_of(shape=[0, 2**63 - 1], data=b""), "."),
        (array_of(shape=[1] * 40), "shape"),
        (array_of(shape=7), "shape"),
        (array_of(shape=[True]), "whole numbers"),
        (array_of(shape=...), "shape"),
        (array_of(data=...), "data as bytes"),
        (array_of(data="text"), "data as bytes"),
        (array_of(dtype="|O"), "type"),
        (array_of(dtype="O"), "type"),
        (array_of(dtype="(1000000,)f8"), "type"),
        (array_of(dtype="<i3"), "type"),
        (array_of(dtype="|S0", data=b"", shape=[2**40]), "type"),
        (array_of(dtype=[["a", "<f8"]]), "type"),
        (array_of(dtype=...), "type"),
        (msgpack.packb({b"__npgeneric__": True, b"dtype": "<f8", b"data": "x"}), "no number"),
        (msgpack.packb({b"__npgeneric__": True, b"dtype": "<f8", b"data": [1.0] * 9}), "no number"),
        (b"", "MessagePack"),
        (b"\xc1", "MessagePack"),
        (b"\x81\xa1a", "MessagePack"),
        (b"\x01\x02", "MessagePack"),
        (b"\x81\x90\x01", "MessagePack"),  # a list for a key
        (b"\xdd\xff\xff\xff\xff", "MessagePack"),  # four thousand million items, none of them there
        (b"\x91" * 100_000 + b"\x00", "MessagePack"),  # a list in a list in a list
        (b"\xdc\x3f\xff" + b"\x90" * 0x3FFF, "values"),
        (b"GET / HTTP/1.1\r\n\r\n", "MessagePack"),
    ],
)
def test_what_means_harm_is_refused_in_words(frame: bytes, told: str) -> None:
    with pytest.raises(ServeError) as refused:
        unpack(frame)
    assert told in str(refused.value)
    assert len(str(refused.value)) < 600


def test_many_small_values_are_refused_before_they_fill_the_memory() -> None:
    """Three megabytes of empty lists would be two hundred as objects."""
    frame = b"\xdd" + struct.pack(">I", 300) + 300 * (b"\xdd" + struct.pack(">I", 9_000) + b"\x90" * 9_000)
    with pytest.raises(ServeError, match="more than 10000 values"):
        unpack(frame)


def only_ours(frame: bytes) -> None:
    with contextlib.suppress(ServeError):
        pack(unpack(frame))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(frame=st.binary(max_size=60))
def test_garbage_brings_nothing_but_our_own_refusal(frame: bytes) -> None:
    only_ours(frame)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(place=st.integers(0, 200), byte=st.integers(0, 255), cut=st.integers(0, 200))
def test_damaged_frames_bring_nothing_but_our_own_refusal(place: int, byte: int, cut: int) -> None:
    frame = bytearray(pack({"state": np.arange(3.0), "images": {"a": np.zeros((2, 2, 3), np.uint8)}, "n": np.int8(3)}))
    frame[place % len(frame)] = byte
    only_ours(bytes(frame))
    only_ours(bytes(frame[:cut]))


def test_every_refusal_is_one_of_ours_even_for_extensions() -> None:
    check: Callable[[bytes], Any] = unpack
    assert isinstance(check(msgpack.packb(msgpack.ExtType(5, b"x"))), msgpack.ExtType)
    with pytest.raises(ServeError):
        check(b"\xd7\xff" + b"\xff" * 8)  # a time stamp with too many nanoseconds
