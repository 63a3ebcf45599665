"""Which kind of data set lies there? One line a format; everything else asks the `EpisodeSource` that comes of it."""

from pathlib import Path

from adapt.data.aloha import is_aloha, open_aloha
from adapt.data.episodes import EpisodeSource
from adapt.data.hdf5_file import SUFFIXES, open_hdf5
from adapt.data.lerobot import LeRobotSource
from adapt.data.lerobot_info import describe
from adapt.data.lerobot_rows import INFO
from adapt.data.lerobot_v3 import VERSION, LeRobotV3Source
from adapt.data.plain_folder import is_plain, open_plain
from adapt.data.robomimic import find_robomimic, open_robomimic
from adapt.errors import DataError


def open_source(root: Path, *, rate_hz: float | None = None, task: str = "") -> EpisodeSource:
    """Open a robot's data set, whatever its format: LeRobot v2.0, v2.1 or v3.0, ALOHA, robomimic, or plain folders.

    Args:
        root: Its folder or file.
        rate_hz: Rows a second, where the data do not say; what a data set says itself is what counts.
        task: The instruction of episodes that have none of their own, in formats that know none; "" for none.

    Raises:
        DataError: It is none of these, or cannot be read.
    """
    if is_lerobot(root) or not root.exists():
        version = describe(root).version
        return LeRobotV3Source(root) if version == VERSION else LeRobotSource(root)
    if holds_hdf5(root):
        if (path := find_robomimic(root)) is not None:
            return open_robomimic(path, rate_hz, task)
        if is_aloha(root):
            return open_aloha(root, rate_hz, task)
        raise _strange_hdf5(root)
    if is_plain(root):
        return open_plain(root, rate_hz, task)
    raise DataError(
        f"{root}: not a LeRobot data set, it has no {INFO}; nor has it .hdf5 files (ALOHA, robomimic), or folders "
        "of one table and videos each. Give the folder that holds these."
    )


def is_robot_data(root: Path) -> bool:
    """Whether a folder or file is laid out as one of the formats, however damaged it may be."""
    return is_lerobot(root) or holds_hdf5(root) or is_plain(root)


def is_lerobot(root: Path) -> bool:
    """Whether a folder is laid out as LeRobot does it."""
    return (root / INFO).is_file() or ((root / "meta").is_dir() and (root / "data").is_dir())


def holds_hdf5(root: Path) -> bool:
    """Whether this is an HDF5 file, or a folder that has one."""
    if root.is_file():
        return root.suffix in SUFFIXES
    return root.is_dir() and any(next(root.rglob(f"*{suffix}"), None) for suffix in SUFFIXES)


def _strange_hdf5(root: Path) -> DataError:
    """Why HDF5 files are not read: the first of them cannot be opened, or is laid out otherwise."""
    first = root if root.is_file() else sorted(path for path in root.rglob("*") if path.suffix in SUFFIXES)[0]
    try:
        with open_hdf5(first) as file:
            top = ", ".join(f"'{name}'" for name in list(file)[:6]) or "nothing"
    except DataError as error:
        return error
    return DataError(
        f"{first}: an HDF5 file with {top} at its top; ALOHA's have 'action' and 'observations', robomimic's have "
        "'data/demo_0'. Convert it to one of these, or to LeRobot."
    )
