"""How is a LeRobot data set (v2.0 or v2.1) on this disk read?

Layout, as LeRobot writes it at commit 0cf86487: `meta/info.json` describes the columns, `meta/episodes.jsonl` and
`meta/tasks.jsonl` list episodes and instructions, and each episode has one parquet file and one video per camera.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapt.data.episodes import Episode, EpisodeTable
from adapt.data.films import Film
from adapt.data.lerobot_info import describe, text, whole
from adapt.data.lerobot_rows import (
    EPISODES,
    INFO,
    TASKS,
    TOLERANCE_ROWS,
    agree,
    is_pointer,
    read_clock,
    read_matrix,
    read_parquet,
    read_spans,
)
from adapt.errors import AdaptError, DataError
from adapt.runs.documents import in_short, parse_json
from adapt.video.probe import probe

_FEWEST_ROWS = 2  # of an episode: between them time passes
READABLE = ("v2.0", "v2.1")


class LeRobotSource:
    """A LeRobot v2.0 or v2.1 data set; an `EpisodeSource`.

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
            DataError: The folder is not a LeRobot data set, or is one of a version that is not read.
        """
        self.root = root
        self._described = describe(root, READABLE)
        self.rate_hz = self._described.rate_hz
        self.vectors = self._described.vectors
        self.groups = self._described.groups
        self.cameras = self._described.cameras

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
        tasks = {whole(row, "task_index", TASKS): text(row, "task", TASKS) for row in self._lines(TASKS)}
        good: list[Episode] = []
        problems: list[tuple[str, str]] = []
        for row in self._lines(EPISODES):
            index = whole(row, "episode_index", EPISODES)
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
        indices = [whole(row, "episode_index", EPISODES) for row in self._lines(EPISODES)]
        meta = [self.root / name for name in (INFO, EPISODES, TASKS)]
        rows = [self._data_path(index) for index in indices]
        return sorted([*meta, *rows, *(self._video_path(index, camera) for index in indices for camera in cameras)])

    def _episode(self, index: int, row: Mapping[str, Any], tasks: Mapping[int, str], cameras: Sequence[str]) -> Episode:
        path = self._data_path(index)
        table = read_parquet(path, ["timestamp", "task_index"])
        agree(f"{EPISODES} says", whole(row, "length", EPISODES), path.name + " has", table.num_rows)
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
            videos={camera: Film(path=video) for camera, video in videos.items()},
        )

    def _frames(self, video: Path, rows: int) -> int:
        """Frames of a video, if they fit the rows in number and in time."""
        if not os.path.isfile(video):  # Unlike Path's, it takes a name too long for the disk for no file.
            raise DataError(f"{video}: this video is missing. Put it there, or take the episode out of {EPISODES}.")
        found = probe(video)
        agree("the rows are", rows, f"{video.name} has", found.frames)
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
        chunk = index // max(1, whole(self._described.info, "chunks_size", INFO))
        return self._described.place(key, episode_chunk=chunk, episode_index=index, video_key=camera)

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
