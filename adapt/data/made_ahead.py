"""How does a reader go on while what it read is worked on? In a thread of its own, a few items ahead and no further."""

import ctypes
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import TypeVar

T = TypeVar("T")
_LIBC = ctypes.CDLL(None) if os.name == "posix" else None
_PARTING_S = 0.3  # Whoever leaves early (Ctrl-C) waits no longer for the item that is just being made.


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


@contextmanager
def made_ahead(items: Iterator[T], *, most: int) -> Iterator[Iterator[T]]:
    """Have a thread make the next items while those before them are used.

    It pays where both sides let go of Python's lock while they work, as decoders, MediaPipe and torch do. Memory does
    not grow with the number of items. The thread never keeps a process alive.

    Args:
        items: Makes them; from here on the thread's alone, which closes it in the end if it is a generator.
        most: Items that may lie ready; at least 1.

    Yields:
        The same items in the same order. What making one raises is raised where that item would have come.
    """
    ready: SimpleQueue[T | _End] = SimpleQueue()
    room, left = Semaphore(most - 1), Event()

    def make() -> None:
        """Run in the thread: put the items, as room for them is made, then how they ended."""
        error = None
        try:
            for item in items:
                ready.put(item)
                room.acquire()
                if left.is_set():
                    break
            if isinstance(items, Generator):
                items.close()
        except BaseException as raised:  # noqa: BLE001 - whatever it is, the one who asked for the item gets it
            error = raised
        ready.put(_End(error))

    maker = Thread(target=make, name="made-ahead", daemon=True)
    maker.start()
    try:
        yield _taken(ready, room)
    finally:
        left.set()
        room.release()
        maker.join(_PARTING_S)
        _let_go()


def _taken(ready: "SimpleQueue[T | _End]", room: Semaphore) -> Iterator[T]:
    while not isinstance(item := ready.get(), _End):
        room.release()
        yield item
    if item.error is not None:
        raise item.error


def _let_go() -> None:
    """Return to the system what ended threads freed: glibc keeps it for later threads, which often leave it untouched.

    A decoder has threads of its own, so that one decoder after the other would hold more and more.
    """
    if (trim := getattr(_LIBC, "malloc_trim", None)) is not None:
        trim(0)
