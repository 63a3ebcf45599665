"""Which folders lie below a folder? Links are followed, as people have them; hidden folders are not entered."""

import os
from collections.abc import Iterator
from pathlib import Path


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Every folder at or below a folder, in order of place; one that links lead to twice is entered once.

    Args:
        root: Where to begin.

    Yields:
        A folder; the names of the folders in it, of which whoever takes some away has them passed over; and the names
        of its files, hidden ones among them.
    """
    entered: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield Path(folder), folders, names
