"""Who is working on this right now? One lock per piece of work, held by the kernel for as long as a process lives."""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from adapt.errors import RunError
from adapt.runs.documents import brief, parse_object

# Long enough for a holder that has just started to have written its name.
PATIENCE_S = 0.5


@contextmanager
def hold(folder: Path, name: str, what: str, *, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Keep every other process from the work called `name` until the block ends.

    The kernel lets go of the lock when its process dies, however it dies, so a stale one cannot exist.

    Args:
        folder: Where the lock lies, beside the work.
        name: The work's name within the folder.
        what: The work in words, for the message.
        patience_s: Seconds to wait for a holder to let go.

    Yields:
        Nothing; the lock is held inside the block.

    Raises:
        RunError: Another process holds it; the message names that process.
    """
    lock = FileLock(_lock_path(folder, name))
    holder = folder / f".{name}.holder"
    try:
        lock.acquire(timeout=patience_s, poll_interval=0.05)
    except Timeout:
        raise RunError(
            f"{what}: another process is already running it ({_describe(holder)}); wait until it has ended, or end "
            "it, then give the same command again"
        ) from None
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "host": platform.node()}), encoding="utf-8")
        yield
    finally:
        # A full disk must not keep us from letting go.
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def is_free(folder: Path, name: str) -> bool:
    """Whether nobody holds the lock called `name` at this moment."""
    lock = FileLock(_lock_path(folder, name))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    return True


def _lock_path(folder: Path, name: str) -> Path:
    # The file stays when the lock is released: removing one that others have open would split the lock in two.
    return folder / f".{name}.lock"


def _describe(holder: Path) -> str:
    try:
        record = parse_object(holder.read_text(encoding="utf-8"))
        return f"pid {brief(record['pid'])} on {record['host']:.100}"
    except (OSError, ValueError, KeyError, TypeError):
        return "its pid is not known"
