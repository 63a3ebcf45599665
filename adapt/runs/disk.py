"""Is there room, and is an error the disk's fault? Sees what is behind the errors that libraries raise."""

import errno
import shutil
from pathlib import Path

from adapt.errors import RunError
from adapt.runs.documents import in_short

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FAILING = {errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE}
_UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}


def is_full(error: BaseException) -> bool:
    """Whether an error, or one that caused it, says that a disk or quota is full.

    Libraries that write natively (safetensors, Arrow, torch) put the system's words into errors of their own, so
    the words count as well as the number.
    """
    return any(
        (isinstance(cause, OSError) and cause.errno in _FULL) or "No space left on device" in str(cause)
        for cause in _causes(error)
    )


def is_unwritable(error: BaseException) -> bool:
    """Whether an error, or one that caused it, says that a place cannot be written."""
    return any(isinstance(cause, OSError) and cause.errno in _UNWRITABLE for cause in _causes(error))


def is_failing(error: BaseException) -> bool:
    """Whether an error, or one that caused it, says that a disk does not do what it should, or is gone."""
    return any(isinstance(cause, OSError) and cause.errno in _FAILING for cause in _causes(error))


def letter_about(error: Exception, doing: str, folder: Path) -> RunError | None:
    """What to tell the user of an error that is the disk's fault, or of a folder that is closed; None for any other.

    Args:
        error: What was raised.
        doing: What was being done, in words; the message begins with it.
        folder: Where the work was to write. That a place elsewhere is closed is not told as its fault.
    """
    place = getattr(error, "filename", None) or folder
    if isinstance(error, RunError):
        return None
    if is_full(error):
        return RunError(
            f"{doing}: the disk is full at {place}; free some space, then give the same command again: "
            "what is finished is kept, and it goes on from here"
        )
    if isinstance(error, OSError) and is_unwritable(error) and Path(str(place)).is_relative_to(folder):
        return RunError(
            f"{doing}: {place} cannot be written ({error.strerror}); make the folder writable, or name "
            "another with --out"
        )
    if is_failing(error):
        return RunError(
            f"{doing}: the disk fails at {place} ({in_short(error)}); look at what the system's log says of it, then "
            "give the same command again: what is finished is kept, and it goes on from here"
        )
    return None


def refuse_full(folder: Path, needed: int, *, doing: str) -> None:
    """Make sure that a disk has room before anything large is written to it.

    Args:
        folder: On that disk; it, or one above it, exists.
        needed: Bytes.
        doing: What is to be written, for the message.

    Raises:
        RunError: It has not.
    """
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise RunError(
            f"{doing}: needs {needed / 1e9:.1f} GB, and the disk of {folder} has {free / 1e9:.1f} GB free. "
            "Free some space, or name a folder on another disk."
        )


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found
