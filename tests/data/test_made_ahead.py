"""Items that a thread makes ahead are those, in that order, and neither thread nor memory gets out of hand."""

import ctypes
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from weakref import WeakSet

import pytest

from adapt.data.made_ahead import made_ahead

PATIENCE_S = 20.0
LET_GO_S = 5.0  # A third of a second where nothing else runs; the item would take minutes.


def until(true, patience_s: float = PATIENCE_S) -> bool:
    end = time.monotonic() + patience_s
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(true())


def makers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "made-ahead"]


@pytest.mark.parametrize("most", [1, 2, 50])
def test_the_same_items_come_in_the_same_order(most: int) -> None:
    with made_ahead(iter(range(40)), most=most) as ready:
        assert list(ready) == list(range(40))
        assert list(ready) == []
    assert until(lambda: not makers())


def test_an_item_is_made_before_it_is_asked_for_in_another_thread() -> None:
    where: list[int] = []

    def items() -> Iterator[int]:
        for item in range(2):
            where.append(threading.get_ident())
            yield item

    with made_ahead(items(), most=2) as ready:
        assert until(lambda: len(where) == 2)
        assert list(ready) == [0, 1]
    assert threading.get_ident() not in where


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_lie_ready_than_may(most: int) -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for item in range(20):
            begun.append(item)
            yield item

    with made_ahead(items(), most=most) as ready:
        for taken in range(1, 10):
            next(ready)
            assert until(lambda taken=taken: len(begun) == taken + most)
            time.sleep(0.02)  # Long enough for one more, if there were room.
            assert len(begun) == taken + most


def test_what_goes_wrong_is_raised_where_the_item_would_have_come_and_says_where() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise LookupError("the fourth")

    taken: list[int] = []
    with made_ahead(items(), most=9) as ready:
        assert until(lambda: not makers())
        with pytest.raises(LookupError, match="the fourth") as raised:
            taken.extend(ready)
    assert taken == [0, 1, 2]
    assert [entry.name for entry in raised.traceback][-1] == "items"


def test_whoever_leaves_early_ends_the_thread_which_closes_what_it_read_from() -> None:
    closed: list[int] = []

    def items() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.append(threading.get_ident())

    def fail() -> None:
        with made_ahead(items(), most=2) as ready:
            raise KeyError(next(ready))

    with pytest.raises(KeyError):
        fail()
    assert not makers()
    assert len(closed) == 1
    assert closed[0] != threading.get_ident()


def test_one_may_be_made_of_another_and_left_early() -> None:
    def doubled(numbers: Iterator[int]) -> Iterator[int]:
        for number in numbers:
            yield 2 * number

    with made_ahead(iter(range(1000)), most=2) as numbers, made_ahead(doubled(numbers), most=2) as ready:
        assert [next(ready) for _ in range(5)] == [0, 2, 4, 6, 8]
    assert until(lambda: not makers())


def test_items_that_were_used_are_let_go() -> None:
    class Big:
        pass

    made: WeakSet[Big] = WeakSet()

    def items() -> Iterator[Big]:
        for _ in range(200):
            made.add(big := Big())
            yield big

    with made_ahead(items(), most=3) as ready:
        for _ in range(100):
            next(ready)
            assert len(made) <= 6


FREED = """
import os
import threading
import numpy as np
from adapt.data.made_ahead import made_ahead

def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

megabyte, outlives = 1 << 20, []

def items():
    del (big := [np.ones(16 * megabyte, np.uint8)])[:]  # From now on glibc keeps pieces of up to 16 MB in heaps.
    pictures = [np.ones(megabyte, np.uint8) for _ in range(48)]
    outlives.append(np.ones(4096, np.uint8))
    del pictures
    yield len(big)

before = resident_bytes()
with made_ahead(items(), most=1) as ready:
    list(ready)
    for thread in threading.enumerate():
        if thread.name == "made-ahead":
            thread.join()
    held = resident_bytes() - before
print(held // megabyte, (resident_bytes() - before) // megabyte)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc, whose heaps these are")
def test_what_a_thread_freed_goes_back_to_the_system() -> None:
    """As a decoder does: pictures come and go in a thread's own heap, and something small outlives them at its top."""
    # In a process of its own, since what other tests have freed would hide it.
    told = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True).stdout
    held, left = map(int, told.split())
    assert held > 40
    assert left < 10


STUCK = """
import sys, time
from adapt.data.made_ahead import made_ahead

def items():
    yield 1
    print("stuck", flush=True)
    time.sleep(600)  # As a decoder may that looks for a picture in a file on a bad disk.

with made_ahead(items(), most=2) as ready:
    for _ in ready:
        pass
"""


def test_ctrl_c_ends_the_process_at_once_though_an_item_takes_minutes() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "stuck\n"
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert errors.strip().endswith("KeyboardInterrupt")
    assert time.monotonic() - begun < LET_GO_S
