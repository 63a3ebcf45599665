"""Who is at work in a folder at this moment? Looks at its locks, and neither takes one nor writes anything."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapt.runs.documents import parse_object

_LOCK, _HOLDER = ".lock", ".holder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A live process that holds a lock.

    Attributes:
        name: What the lock is called; for a stage its key.
        pid: The process, or None where it has not said.
        host: Its machine; "" where it has not said.
        since_s: When it took the lock, in seconds since 1970; None where it has not said.
    """

    name: str
    pid: int | None
    host: str
    since_s: float | None

    def __str__(self) -> str:
        return "a process" if self.pid is None else f"pid {self.pid} on {self.host}"


def find_holders(folder: Path) -> list[Holder]:
    """Whoever holds a lock that lies directly in a folder, in order of the locks' names.

    A process that was killed holds none, whatever it has left behind.

    Args:
        folder: The folder; one that does not exist has no locks.
    """
    return [_read(folder, lock.name[1 : -len(_LOCK)]) for lock in sorted(folder.glob(f".*{_LOCK}")) if _is_held(lock)]


@contextmanager
def open_lock(path: Path, flags: int) -> Iterator[int | None]:
    """A lock file's descriptor while the block runs; None where it cannot be opened."""
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_held(lock: Path) -> bool:
    with open_lock(lock, os.O_RDONLY) as descriptor:
        if descriptor is None:
            return False
        try:
            # Shared, so that two who look do not see each other; whoever begins to work meanwhile tries again.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False  # A file system without locks; then nobody can hold one.
        return False


def _read(folder: Path, name: str) -> Holder:
    path = folder / f".{name}{_HOLDER}"
    try:
        record: dict[str, Any] = parse_object(path.read_text(encoding="utf-8"))
        return Holder(name=name, pid=int(record["pid"]), host=str(record["host"]), since_s=path.stat().st_mtime)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return Holder(name=name, pid=None, host="", since_s=None)
