"""What has a process left behind that was killed while it wrote a file? Scratch files that nobody holds any more.

`write_atomic` writes into a hidden file beside the one it makes, and holds that locked until it has its name. The
kernel lets go of the lock when the process dies: whoever gets it knows that nobody will give the file its name.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from adapt.runs.holders import open_lock

_SCRATCH_NAME = re.compile(r"\..+\.[a-z0-9_]{8}\.tmp")  # as `tempfile` makes them of what `write_atomic` says
# Where a file system knows no locks: a file is written in seconds, and one this old has been given up.
_WRITTEN_WITHIN_S = 3600.0


def is_scratch(name: str) -> bool:
    """Whether a file of this name is one that is being written, or was left behind."""
    return _SCRATCH_NAME.fullmatch(name) is not None


def is_left(path: Path) -> bool:
    """Whether a scratch file was left behind: it is there, and no living process is writing it."""
    with open_lock(path, os.O_RDONLY) as descriptor:
        return descriptor is not None and _is_free(descriptor, fcntl.LOCK_SH)


def remove_left(path: Path) -> bool:
    """Remove a scratch file, unless a living process is writing it or it cannot be removed.

    Args:
        path: The scratch file.

    Returns:
        Whether it was there and is gone now.
    """
    # For writing, since file systems on a network lock alone only what is open so.
    with open_lock(path, os.O_RDWR) as descriptor:
        if descriptor is None or not _is_free(descriptor, fcntl.LOCK_EX):
            return False
        # Held alone meanwhile: a writer that has made it this moment waits, sees it go, and makes another.
        with suppress(OSError):
            path.unlink()
            return True
    return False


def clear_left(folder: Path, *, deep: bool = False) -> list[Path]:
    """Remove what killed processes have left in a folder, as far as that may be done; never what is being written.

    Args:
        folder: The folder; one that does not exist holds nothing.
        deep: In the folders below it, too.

    Returns:
        What is gone.
    """
    return [path for path in _scratch_files(folder, deep=deep) if remove_left(path)]


def _scratch_files(folder: Path, *, deep: bool) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        yield from (Path(place) / name for name in sorted(names) if is_scratch(name))
        if not deep:
            folders.clear()


def _is_free(descriptor: int, how: int) -> bool:
    """Whether nobody else holds an open file; the lock is ours then until it is closed."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # A file system without locks.
        return time.time() - os.fstat(descriptor).st_mtime > _WRITTEN_WITHIN_S
    return True
