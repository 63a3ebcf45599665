"""May files of a shared folder be removed now? Not while a live process counts on what it found there.

Many processes may count on a folder at once; each of them holds `.in-use.lock` shared. Whoever removes files holds it
alone meanwhile. The kernel lets go of both when a process dies.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapt.runs.holders import open_lock

NAME = ".in-use.lock"


class Claim:
    """Holds a folder's files in place for as long as this object lives; waits while another process removes some.

    Where the folder cannot be written, and nobody has made the lock file before, there is no claim: then nobody but
    its owner could remove anything.

    Args:
        folder: An existing folder.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor: int | None = None
        for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):
            try:
                self._descriptor = os.open(folder / NAME, flags, 0o666)
                fcntl.flock(self._descriptor, fcntl.LOCK_SH)
                return
            except OSError:
                self.release()

    def release(self) -> None:
        """Let go; twice does no harm."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        self.release()


@contextmanager
def removing(folder: Path) -> Iterator[bool]:
    """Keep the files of a folder to oneself, in order to remove some.

    Args:
        folder: An existing folder.

    Yields:
        Whether that is granted; False where a live process counts on them, and nothing may be removed.
    """
    with open_lock(folder / NAME, os.O_RDWR | os.O_CREAT) as descriptor:
        if descriptor is None:
            yield True  # Not writable: nothing can be removed there anyway, and that is said by who tries.
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:
            pass  # A file system without locks.
        yield True
