"""How is a LeRobot data set (v2.0 or v2.1) on this disk read?

Layout, as LeRobot writes it at commit 0cf86487: `meta/info.json` describes the columns, `meta/episodes.jsonl` and
`meta/tasks.jsonl` list episodes and instructions, and each episode has one parquet file and one video per camera.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapt.data.episodes import Episode, EpisodeTable
from adapt.data.lerobot_rows import (
    EPISODES,
    INFO,
    TASKS,
    TOLERANCE_ROWS,
    is_pointer,
    read_clock,
    read_matrix,
    read_parquet,
    read_spans,
)
from adapt.errors import AdaptError, DataError
from adapt.runs.documents import brief, in_short, is_text, parse_json
from adapt.video.probe import probe

# Nothing else of Python's format strings: they can reach into objects, and pad to any length.
_PATTERN = re.compile(r"(?:[^{}]|\{(?:episode_chunk|episode_index)(?::0?\d{1,2}d?)?\}|\{video_key\})+")
_MOST_ELEMENTS = 10_000  # of a column; no robot has a longer vector
_MOST_HZ = 100_000.0
_FEWEST_ROWS = 2  # of an episode: between them time passes
_MOST_WHOLE = 2**53  # of an episode, a row or a chunk; beyond it numbers are not told apart in float64
READABLE = ("v2.0", "v2.1")
_NUMBERS = ("float", "int", "uint", "bool")


class LeRobotSource:
    """A LeRobot v2.0 or v2.1 data set; an `EpisodeSource`.

    Attributes:
        root: The data set's folder.
        info: What `meta/info.json` says.
        rate_hz: Rows and frames a second.
        vectors: Columns of numbers, and a name for each of their elements ("" where the data gives none).
        cameras: Columns that are videos.
    """

    def __init__(self, root: Path) -> None:
        """Read the data set's description, not yet its episodes.

        Raises:
            DataError: The folder is not a LeRobot data set, or is one of a version that is not read.
        """
        self.root = root
        self.info = _read_info(root)
        self.rate_hz = _rate_hz(self.info, root)
        features = self.info.get("features")
        whole = isinstance(features, dict) and all(isinstance(feature, dict) for feature in features.values())
        if not isinstance(features, dict) or not whole or not all(is_text(column) for column in features):
            raise DataError(f"{root / INFO}: 'features' is {brief(features)}; write a description per column there.")
        self.vectors: dict[str, tuple[str, ...]] = {
            column: names
            for column, feature in features.items()
            if (names := _element_names(feature, f"{root / INFO}: column '{column}'")) is not None
        }
        self.cameras = tuple(column for column, feature in features.items() if feature.get("dtype") == "video")

    @property
    def where(self) -> str:
        """The data set's name in messages."""
        return str(self.root)

    def episodes(self, cameras: Sequence[str]) -> tuple[list[Episode], list[tuple[str, str]]]:
        """Look at every episode: its rows' clock and tasks, and the length of its videos.

        Args:
            cameras: Video columns that are needed; others are not looked at.

        Returns:
            Episodes that can be read, in order; and (file, reason) for each that cannot. A reason names its own file
            no second time; of another file, as a video, it says which.

        Raises:
            DataError: The list of episodes or of tasks cannot be read, or is empty.
        """
        tasks = {_whole(row, "task_index", TASKS): _text(row, "task", TASKS) for row in self._lines(TASKS)}
        good: list[Episode] = []
        problems: list[tuple[str, str]] = []
        for row in self._lines(EPISODES):
            index = _whole(row, "episode_index", EPISODES)
            try:
                good.append(self._episode(index, row, tasks, cameras))
            except AdaptError as error:
                path = self._data_path(index)
                problems.append((path.name, str(error).removeprefix(f"{path}: ").removeprefix(f"{path.name}: ")))
        return good, problems

    def table(self, episode: Episode, columns: Sequence[str]) -> EpisodeTable:
        """Read an episode's numbers.

        Args:
            episode: One of `episodes`.
            columns: Columns of numbers.

        Returns:
            As many rows as the episode is long, in float64.

        Raises:
            DataError: The file cannot be read, a column is missing, or its rows differ in length.
        """
        path = self._data_path(episode.index)
        table = read_parquet(path, [*columns, "timestamp"]).slice(0, episode.length)
        return EpisodeTable(
            time_s=read_clock(table, self.rate_hz, path),
            columns={column: read_matrix(table, column, path) for column in columns},
        )

    def files(self, cameras: Sequence[str]) -> list[Path]:
        """Every file that reading it takes, whether it is there or not: meta, rows, and these cameras' videos."""
        indices = [_whole(row, "episode_index", EPISODES) for row in self._lines(EPISODES)]
        meta = [self.root / name for name in (INFO, EPISODES, TASKS)]
        rows = [self._data_path(index) for index in indices]
        return sorted([*meta, *rows, *(self._video_path(index, camera) for index in indices for camera in cameras)])

    def _episode(self, index: int, row: Mapping[str, Any], tasks: Mapping[int, str], cameras: Sequence[str]) -> Episode:
        path = self._data_path(index)
        table = read_parquet(path, ["timestamp", "task_index"])
        _agree(f"{EPISODES} says", _whole(row, "length", EPISODES), path.name + " has", table.num_rows)
        clock = read_clock(table, self.rate_hz, path)
        videos = {camera: self._video_path(index, camera) for camera in cameras}
        length = min([table.num_rows, *(self._frames(video, table.num_rows) for video in videos.values())])
        if length < _FEWEST_ROWS:
            raise DataError(
                f"{path.name}: has {length} rows with a picture, at least {_FEWEST_ROWS} are needed. Record the "
                f"episode again, or take it out of {EPISODES}."
            )
        return Episode(
            index=index,
            session=f"episode {index}",
            length=length,
            rate_hz=self.rate_hz,
            spans=read_spans(table.slice(0, length), clock[:length], row, tasks, path),
            videos=videos,
        )

    def _frames(self, video: Path, rows: int) -> int:
        """Frames of a video, if they fit the rows in number and in time."""
        if not os.path.isfile(video):  # Unlike Path's, it takes a name too long for the disk for no file.
            raise DataError(f"{video}: this video is missing. Put it there, or take the episode out of {EPISODES}.")
        found = probe(video)
        _agree("the rows are", rows, f"{video.name} has", found.frames)
        rows_s = rows / self.rate_hz
        if abs(found.duration_s - rows_s) > (TOLERANCE_ROWS + 0.5) / self.rate_hz:
            raise DataError(
                f"{video.name} lasts {found.duration_s:.2f} s, but {rows} rows at {self.rate_hz:g} Hz last "
                f"{rows_s:.2f} s. Encode the video again at the rate of the rows."
            )
        return found.frames

    def _data_path(self, index: int) -> Path:
        return self._path("data_path", index, "")

    def _video_path(self, index: int, camera: str) -> Path:
        return self._path("video_path", index, camera)

    def _path(self, key: str, index: int, camera: str) -> Path:
        template = self.info.get(key)
        chunk = index // max(1, _whole(self.info, "chunks_size", INFO))
        if not isinstance(template, str) or not is_text(template) or not _PATTERN.fullmatch(template):
            raise DataError(
                f"{self.root / INFO}: '{key}' is {brief(template)}; write a pattern of episode_chunk and "
                "episode_index there, as LeRobot does."
            )
        place = template.format(episode_chunk=chunk, episode_index=index, video_key=camera)
        if Path(place).is_absolute() or ".." in Path(place).parts:
            raise DataError(f"{self.root / INFO}: '{key}' leads to {place}; name a place inside the data set's folder.")
        return self.root / place

    def _lines(self, name: str) -> list[dict[str, Any]]:
        path = self.root / name
        try:
            rows = [parse_json(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
        except (OSError, ValueError) as error:
            if is_pointer(path):
                raise DataError(
                    f"{path}: a Git LFS pointer, not the file itself. Run `git lfs pull` in the data set's folder."
                ) from error
            raise DataError(
                f"{path}: cannot be read as one JSON object per line ({in_short(error)}). Restore the file."
            ) from error
        if not rows or not all(isinstance(row, dict) for row in rows):
            raise DataError(
                f"{path}: found {len(rows)} rows; at least one is needed, each a JSON object. Restore the file."
            )
        return rows


def _read_info(root: Path) -> dict[str, Any]:
    path = root / INFO
    if not path.is_file():
        raise DataError(
            f"{root}: not a LeRobot data set, it has no {INFO}. Give the folder that holds 'meta' and 'data'."
        )
    try:
        info = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if is_pointer(path):
            raise DataError(
                f"{path}: a Git LFS pointer, not the file itself. Run `git lfs pull` in the data set's folder."
            ) from error
        raise DataError(f"{path}: not valid JSON ({in_short(error)}). Restore the file.") from error
    version = info.get("codebase_version") if isinstance(info, dict) else None
    if not isinstance(version, str) or version not in READABLE:
        raise DataError(
            f"{path}: codebase_version is {brief(version)}; {' and '.join(READABLE)} are read, v3.0 not yet. Take the "
            "data set's revision 'v2.1' if its repository has one (hf download REPO --repo-type dataset "
            "--revision v2.1), or convert it back to one parquet file and one video per episode."
        )
    assert isinstance(info, dict)
    return info


def _rate_hz(info: Mapping[str, Any], root: Path) -> float:
    rate = info.get("fps")
    if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 < rate <= _MOST_HZ:
        raise DataError(f"{root / INFO}: 'fps' is {brief(rate)}; write the rows per second there, a number above 0.")
    return float(rate)


def _element_names(feature: Mapping[str, Any], where: str) -> tuple[str, ...] | None:
    """A name for each element of a column of numbers; None for any other column.

    Raises:
        DataError: Its shape is no number of elements.
    """
    shape = feature.get("shape")
    if not str(feature.get("dtype")).startswith(_NUMBERS) or not isinstance(shape, list) or len(shape) != 1:
        return None
    names = feature.get("names")
    # Names come flat, in one inner list, or in a mapping from a group to its list.
    groups = list(names.values()) if isinstance(names, dict) else [names]
    parts = [part for group in groups if isinstance(group, list) for part in group]
    flat = [str(name) for part in parts for name in (part if isinstance(part, list) else [part])]
    width = shape[0]
    if type(width) is not int or not 0 <= width <= _MOST_ELEMENTS:
        raise DataError(f"{where} has the shape {brief(shape)}; wanted at most {_MOST_ELEMENTS} elements. Mend it.")
    return tuple(flat) if len(flat) == width else ("",) * width


def _agree(first: str, wanted: int, second: str, found: int) -> None:
    if abs(wanted - found) > TOLERANCE_ROWS:
        raise DataError(
            f"{first} {wanted} rows, but {second} {found}: more than {TOLERANCE_ROWS} apart. Record the episode again, "
            "or leave it out."
        )


def _whole(row: Mapping[str, Any], key: str, name: str) -> int:
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_WHOLE:
        raise DataError(f"{name}: '{key}' is {brief(value)}; write a whole number from 0 there.")
    return value


def _text(row: Mapping[str, Any], key: str, name: str) -> str:
    value = row.get(key, "")
    if not isinstance(value, str) or not is_text(value):
        raise DataError(f"{name}: '{key}' is {brief(value)}; write a text there.")
    return value
