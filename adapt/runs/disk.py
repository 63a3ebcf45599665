"""Is an error the disk's fault? Sees a full disk, or a place that cannot be written, behind what a library raised."""

import errno

_FULL = {errno.ENOSPC, errno.EDQUOT}
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


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found
