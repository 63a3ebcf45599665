"""How does a folder appear whole or not at all? Filled beside its place, then renamed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapt.errors import RunError
from adapt.runs.atomic import sync_folder, sync_tree
from adapt.runs.disk import is_full, is_unwritable
from adapt.runs.lock import hold


def refuse_used(folder: Path) -> None:
    """Make sure that nothing stands where a folder is to be made; an empty folder is nothing.

    Raises:
        RunError: The folder holds something, or is a file.
    """
    if folder.is_file():
        raise RunError(f"{folder}: is a file; name a new folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise RunError(f"{folder}: is there already and is not empty; name a new folder, or delete that one")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Make a folder that takes its name when the block has ended well, and else is not there.

    What a process that was killed has left behind is cleared away by the next one that makes the same folder.

    Args:
        folder: The folder to make; its parents are made. An empty one may be there.

    Yields:
        The folder to fill meanwhile; hidden, beside `folder`.

    Raises:
        RunError: The folder holds something, the disk is full or cannot be written, or another process is making it.
    """
    refuse_used(folder)
    place = folder.resolve()
    scratch = place.parent / f".{place.name}.partial"
    whole = scratch / "whole"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        with hold(scratch, "making", f"making {folder}"):
            refuse_used(folder)  # Whoever held the lock before may have made it.
            try:
                shutil.rmtree(whole, ignore_errors=True)
                whole.mkdir(parents=True)
                yield whole
                sync_tree(whole)
                if place.is_dir():
                    place.rmdir()
                whole.rename(place)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        sync_folder(place.parent)
    except Exception as error:
        if is_full(error):
            raise RunError(f"{folder}: the disk is full; make room there, or name a folder on another disk") from error
        if isinstance(error, OSError) and is_unwritable(error):
            raise RunError(f"{folder}: cannot be written ({error.strerror}); name a folder that can") from error
        raise
