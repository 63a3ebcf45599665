"""How does a file appear whole or not at all? Written beside its place, made durable, then renamed."""

import errno
import fcntl
import os
import tempfile
from contextlib import suppress
from pathlib import Path

# What file systems say that cannot sync a folder, some network ones among them; a file in it is durable already.
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM, errno.EISDIR}


def write_atomic(path: Path, content: bytes | memoryview | str, *, head: bytes = b"") -> None:
    """Put `content` at `path` so that a reader, or a power cut, finds the old file or the new one, never half.

    A process that is killed meanwhile leaves a hidden file beside it; `adapt.runs.leftovers` tells by its lock that
    nobody is writing it any more, and clears it away.

    Args:
        path: Where the file goes; its folder must exist. An existing file is replaced.
        content: Bytes, or text to be written as UTF-8.
        head: Comes before it.

    Raises:
        OSError: The folder cannot be written, or the disk is full or failing: the old file stands there, or the whole
            new one.
    """
    data = content.encode() if isinstance(content, str) else content
    descriptor, scratch = _open_scratch(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(head)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            scratch.chmod(usual_mode())
            scratch.replace(path)  # Before the lock goes with the descriptor.
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the file system can.

    Args:
        folder: An existing folder.

    Raises:
        OSError: The disk is failing.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make all that lies in a folder durable, at any depth: to be done before it takes the name it is looked for under.

    Args:
        folder: An existing folder.

    Raises:
        OSError: The disk is failing or full.
    """
    for place, _, names in os.walk(folder):
        for name in names:
            with (Path(place) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(place))


def usual_mode() -> int:
    """The permissions that a file gets which is simply written; scratch files of libraries are for their owner only."""
    # There is no way to read the mask without setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask


def _open_scratch(path: Path) -> tuple[int, Path]:
    """A new hidden file beside `path`, open for writing, and locked for as long as it is open."""
    while True:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with suppress(OSError):  # A file system without locks.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)  # Whoever clears leftovers away has come between these lines.
