"""How does a file appear whole or not at all? Written beside its place, made durable, then renamed."""

import os
import tempfile
from pathlib import Path


def write_atomic(path: Path, content: bytes | str) -> None:
    """Put `content` at `path` so that a reader, or a power cut, finds the old file or the new one, never half.

    Args:
        path: Where the file goes; its folder must exist. An existing file is replaced.
        content: Bytes, or text to be written as UTF-8.

    Raises:
        OSError: The folder cannot be written, or the disk is full; the old file is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    scratch = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.chmod(usual_mode())
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        # Some network file systems refuse to sync a folder; the file itself is durable already.
        pass
    finally:
        os.close(descriptor)


def usual_mode() -> int:
    """The permissions that a file gets which is simply written; scratch files of libraries are for their owner only."""
    # There is no way to read the mask without setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask
