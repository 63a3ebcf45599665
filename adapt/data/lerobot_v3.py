"""How is a LeRobot v3.0 data set on this disk read, whose files each hold many episodes?

Layout, as LeRobot 0.4 and later write it: `meta/info.json` describes the columns, `meta/tasks.parquet` lists
instructions, and `meta/episodes/*/*.parquet` tells for each episode which parquet file holds its rows, and which
stretch of which video each camera's pictures are.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from adapt.data.episodes import Episode, EpisodeTable
from adapt.data.films import Film
from adapt.data.lerobot_info import describe, text, whole
from adapt.data.lerobot_rows import (
    INFO,
    agree,
    read_clock,
    read_matrix,
    read_parquet,
    read_spans,
)
from adapt.errors import AdaptError, DataError
from adapt.runs.documents import brief
from adapt.video.probe import VideoInfo, probe

VERSION = "v3.0"
LISTED, TASKS = "meta/episodes", "meta/tasks.parquet"
_FEWEST_ROWS = 2  # of an episode: between them time passes
_RATE_OFF = 0.02  # Share by which a shared video's rate may differ from the rows'.


class LeRobotV3Source:
    """A LeRobot v3.0 data set; an `EpisodeSource`.

    Attributes:
        root: The data set's folder.
        rate_hz: Rows and frames a second.
        vectors: Columns of numbers, and a name for each of their elements ("" where the data gives none).
        groups: By column, the part of the body each element belongs to, where `meta/modality.json` tells.
        cameras: Columns that are videos.
    """

    def __init__(self, root: Path) -> None:
        """Read the data set's description, not yet its episodes.

        Raises:
            DataError: The folder is not a LeRobot v3.0 data set.
        """
        self.root = root
        self._described = describe(root, (VERSION,))
        self.rate_hz = self._described.rate_hz
        self.vectors = self._described.vectors
        self.groups = self._described.groups
        self.cameras = self._described.cameras
        self._probed: dict[Path, VideoInfo] = {}
        self._held: tuple[object, pa.Table] | None = None  # the file of rows that was read last
        self._rows: dict[int, Mapping[str, Any]] = {}  # of the list of episodes, once it was read

    @property
    def where(self) -> str:
        """The data set's name in messages."""
        return str(self.root)

    def episodes(self, cameras: Sequence[str]) -> tuple[list[Episode], list[tuple[str, str]]]:
        """Look at every episode: its rows' clock and tasks, and that its stretch of each video is there.

        Args:
            cameras: Video columns that are needed; others are not looked at.

        Returns:
            Episodes that can be read, in order; and (episode, reason) for each that cannot.

        Raises:
            DataError: The list of episodes or of tasks cannot be read, or is empty.
        """
        tasks = self._tasks()
        good: list[Episode] = []
        problems: list[tuple[str, str]] = []
        for index, row in self._listed().items():
            try:
                good.append(self._episode(index, row, tasks, cameras))
            except AdaptError as error:
                problems.append((_named(index), str(error)))
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
        row = self._listed()[episode.index]
        rows = self._rows_of(episode.index, row, [*columns, "timestamp"]).slice(0, episode.length)
        path = self._data_path(row)
        return EpisodeTable(
            time_s=read_clock(rows, self.rate_hz, path),
            columns={column: read_matrix(rows, column, path) for column in columns},
        )

    def files(self, cameras: Sequence[str]) -> list[Path]:
        """Every file that reading it takes, whether it is there or not: meta, rows, and these cameras' videos."""
        listed = self._listed().values()
        meta = [self.root / INFO, self.root / TASKS, *self._lists()]
        videos = {self._video_path(row, camera) for row in listed for camera in cameras}
        return sorted({*meta, *(self._data_path(row) for row in listed), *videos})

    def _episode(self, index: int, row: Mapping[str, Any], tasks: Mapping[int, str], cameras: Sequence[str]) -> Episode:
        path = self._data_path(row)
        rows = self._rows_of(index, row, ["timestamp", "task_index"])
        agree(f"{LISTED} says", whole(row, "length", LISTED), f"{path.name} has", rows.num_rows)
        clock = read_clock(rows, self.rate_hz, path)
        seen = {camera: self._film(row, camera, rows.num_rows) for camera in cameras}
        length = min([rows.num_rows, *(frames for _, frames in seen.values())])
        if length < _FEWEST_ROWS:
            raise DataError(
                f"{_named(index)}: has {length} rows with a picture, at least {_FEWEST_ROWS} are needed. Record the "
                f"episode again, or take it out of {LISTED}."
            )
        return Episode(
            index=index,
            session=_named(index),
            length=length,
            rate_hz=self.rate_hz,
            spans=read_spans(rows.slice(0, length), clock[:length], row, tasks, path, (LISTED, TASKS)),
            videos={camera: film for camera, (film, _) in seen.items()},
        )

    def _film(self, row: Mapping[str, Any], camera: str, rows: int) -> tuple[Film, int]:
        """One camera's stretch of a video, and how many frames it has for the rows."""
        path = self._video_path(row, camera)
        if not path.is_file():
            raise DataError(f"{path}: this video is missing. Put it there, or take its episodes out of {LISTED}.")
        found = self._probed.get(path) or probe(path)
        self._probed[path] = found
        if abs(found.average_hz / self.rate_hz - 1) > _RATE_OFF:
            raise DataError(
                f"{path.name}: has {found.average_hz:.2f} frames a second, but the rows come at {self.rate_hz:g} Hz. "
                "Encode the video again at the rate of the rows."
            )
        start_s, end_s = (_seconds(row, f"videos/{camera}/{end}_timestamp") for end in ("from", "to"))
        frames = round((min(end_s, found.duration_s) - start_s) * self.rate_hz)
        agree("the rows are", rows, f"{path.name} from {start_s:.2f} s to {end_s:.2f} s has", frames)
        return Film(path=path, from_s=start_s), frames

    def _rows_of(self, index: int, row: Mapping[str, Any], columns: Sequence[str]) -> pa.Table:
        """The rows of one episode; the file they lie in is held until another is asked for."""
        path = self._data_path(row)
        key = (path, tuple(sorted({*columns, "episode_index"})))
        if self._held is None or self._held[0] != key:
            self._held = (key, read_parquet(path, key[1], listed=LISTED))
        table = self._held[1]
        if "episode_index" not in table.column_names:
            raise DataError(f"{path.name}: has no column 'episode_index', which tells rows apart. Restore the file.")
        try:
            return table.filter(pc.equal(table["episode_index"].cast(pa.int64(), safe=False), index))
        except pa.ArrowException as error:
            raise DataError(
                f"{path.name}: 'episode_index' holds {table['episode_index'].type}, wanted whole numbers. Restore it."
            ) from error

    def _tasks(self) -> dict[int, str]:
        """Instructions by `task_index`; pandas keeps the text in the table's index, under a name of its own."""
        path = self.root / TASKS
        table = read_parquet(path, None, listed=LISTED)
        texts = [name for name in table.column_names if name != "task_index" and pa.types.is_string(table[name].type)]
        large = [name for name in table.column_names if pa.types.is_large_string(table[name].type)]
        if "task_index" not in table.column_names or len(texts + large) != 1 or not table.num_rows:
            raise DataError(
                f"{path}: has the columns {brief(table.column_names)} and {table.num_rows} rows; wanted "
                "'task_index' and one of texts. Restore the file."
            )
        names = {"task_index": "task_index", (texts + large)[0]: "task"}
        rows = table.select(list(names)).rename_columns(list(names.values())).to_pylist()
        return {whole(row, "task_index", TASKS): text(row, "task", TASKS) for row in rows}

    def _lists(self) -> list[Path]:
        return sorted((self.root / LISTED).glob("chunk-*/file-*.parquet"))

    def _listed(self) -> dict[int, Mapping[str, Any]]:
        """What is told of each episode, in order."""
        if self._rows:
            return self._rows
        paths = self._lists()
        if not paths:
            raise DataError(f"{self.root / LISTED}: holds no list of episodes. Restore its parquet files.")
        found: dict[int, Mapping[str, Any]] = {}
        for path in paths:
            table = read_parquet(path, None, listed=LISTED)
            # Statistics make up most of it, and are not needed.
            names = [name for name in table.column_names if not name.startswith("stats/")]
            if len(set(names)) != len(names):
                raise DataError(f"{path}: has a column twice. Restore the file.")
            for row in table.select(names).to_pylist():
                found[whole(row, "episode_index", LISTED)] = row
        if not found:
            raise DataError(f"{self.root / LISTED}: lists no episodes; at least one is needed. Restore its files.")
        self._rows = dict(sorted(found.items()))
        return self._rows

    def _data_path(self, row: Mapping[str, Any]) -> Path:
        return self._described.place("data_path", **_file(row, "data"))

    def _video_path(self, row: Mapping[str, Any], camera: str) -> Path:
        return self._described.place("video_path", video_key=camera, **_file(row, f"videos/{camera}"))


def _file(row: Mapping[str, Any], part: str) -> dict[str, int]:
    return {key: whole(row, f"{part}/{key}", LISTED) for key in ("chunk_index", "file_index")}


def _seconds(row: Mapping[str, Any], key: str) -> float:
    value = row.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value) or value < 0:
        raise DataError(f"{LISTED}: '{key}' is {brief(value)}; write seconds from 0 there.")
    return float(value)


def _named(index: int) -> str:
    return f"episode {index}"
