"""How are ALOHA's files read? One HDF5 file an episode: `action`, `observations/qpos` and `observations/images/NAME`.

Pictures lie there as they are or, where the file's attribute `compress` is set, as JPEGs padded with zeros. The files
say nothing of their rate, of what was to be done, nor of which element is which joint.

Source:
    record_episodes.py of tonyzhaozh/aloha and of tonyzhaozh/act.
"""

import re
from pathlib import Path

from adapt.data.hdf5 import Hdf5Source, Place, no_rate
from adapt.data.hdf5_file import SUFFIXES, open_hdf5
from adapt.errors import DataError

ROWS = "action"
_NUMBER = re.compile(r"(\d+)$")


def is_aloha(root: Path) -> bool:
    """Whether a file, or the first HDF5 file of a folder that can be opened, is laid out so."""
    for path in _files(root):
        try:
            with open_hdf5(path) as file:
                return ROWS in file and "observations" in file
        except DataError:
            continue
    return False


def open_aloha(root: Path, rate_hz: float | None, task: str) -> Hdf5Source:
    """Open a folder of such files, or one of them.

    Args:
        root: The folder, looked through with all below it; or the file.
        rate_hz: Rows a second.
        task: The instruction of all episodes; "" for none.

    Raises:
        DataError: There is no rate, or no file can be opened.
    """
    if rate_hz is None:
        raise no_rate(root)
    paths = _files(root)
    numbers = [int(found[1]) for path in paths if (found := _NUMBER.search(path.stem))]
    # Numbers of the files' names where each has one of its own; their places in the list otherwise.
    indices = numbers if len(set(numbers)) == len(paths) else list(range(len(paths)))
    places = sorted(zip(indices, paths, strict=True))
    return Hdf5Source(
        root,
        [Place(index=index, path=path, group="", instruction=task) for index, path in places],
        rate_hz,
        ROWS,
    )


def _files(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    return sorted(path for path in root.rglob("*") if path.suffix in SUFFIXES and path.is_file())
