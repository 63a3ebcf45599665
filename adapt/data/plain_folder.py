"""How are plain folders read? A folder per episode, with one table (CSV or Parquet) and a video per camera.

    DATASET/take_01/rows.csv  top.mp4  wrist.mp4
    DATASET/take_02/...
    DATASET/metadata.jsonl                           may say what was done: {"file_name": "take_01", "text": "..."}

Videos need not have a frame per row, only the same beginning and end: frames are found by time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from adapt.data.episodes import Episode, EpisodeTable
from adapt.data.films import Film, look_at
from adapt.data.plain_table import (
    SUFFIXES,
    Header,
    element_names,
    read_columns,
    read_header,
    read_plain,
    read_plain_clock,
    read_plain_spans,
    tells_commands,
)
from adapt.data.video_folder import VIDEO_SUFFIXES
from adapt.errors import AdaptError, DataError
from adapt.runs.documents import in_short, is_text, parse_json

METADATA = "metadata.jsonl"
_FEWEST_ROWS = 2  # of an episode: between them time passes
_APART_S = 0.25  # by which a video may end before or after the rows: recorders stop one thing after the other
_MOST_HZ = 100_000.0
_WHOLE_HZ = 0.02  # Share by which a measured rate may miss the whole number that was meant.
_WORDS = ("instruction", "text", "task")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Take:
    """One episode's files, and what is said of it."""

    index: int
    name: str
    table: Path
    videos: Mapping[str, Path]
    instruction: str
    session: str


class PlainSource:
    """Plain folders; an `EpisodeSource`.

    Attributes:
        root: The data set's folder.
        rate_hz: Rows a second.
        vectors: Columns of numbers, and a name for each of their elements ("" where its header is a number).
        groups: Empty: headers tell no parts of the body.
        cameras: The videos' names, without what follows the dot.
    """

    groups: Mapping[str, tuple[str, ...]]

    def __init__(self, root: Path, rate_hz: float | None, task: str) -> None:
        """Look at the first table that can be read.

        Args:
            root: The data set's folder.
            rate_hz: Rows a second, where tables have no clock.
            task: The instruction of episodes that have none of their own; "" for none.

        Raises:
            DataError: No table can be read, or neither a clock nor anybody tells the rate.
        """
        self.root, self.groups = root, {}
        self._takes = {take.index: take for take in _takes(root, task)}
        self._held: tuple[Path, pa.Table] | None = None
        table, header, path = self._first()
        self.vectors = element_names(table, header, path)
        self.rate_hz = _rate_hz(table, header, path, rate_hz)
        self.cameras = tuple(sorted({camera for take in self._takes.values() for camera in take.videos}))

    @property
    def where(self) -> str:
        """The data set's name in messages."""
        return str(self.root)

    def episodes(self, cameras: Sequence[str]) -> tuple[list[Episode], list[tuple[str, str]]]:
        """Look at every episode: its rows' clock, and the length of its videos.

        Args:
            cameras: Videos that are needed; others are not looked at.

        Returns:
            Episodes that can be read, in order; and (folder, reason) for each that cannot.
        """
        good: list[Episode] = []
        problems: list[tuple[str, str]] = []
        for take in self._takes.values():
            try:
                good.append(self._episode(take, cameras))
            except AdaptError as error:
                problems.append((take.name, str(error)))
        return good, problems

    def table(self, episode: Episode, columns: Sequence[str]) -> EpisodeTable:
        """Read an episode's numbers.

        Args:
            episode: One of `episodes`.
            columns: Columns of numbers.

        Raises:
            DataError: The table cannot be read, a column is missing, or a cell of it is no number.
        """
        take = self._takes[episode.index]
        table, header = self._read(take)
        found = read_columns(table, header, columns, take.table)
        return EpisodeTable(
            time_s=self._clock(table, header, take)[: episode.length],
            columns={column: values[: episode.length] for column, values in found.items()},
        )

    def files(self, cameras: Sequence[str]) -> list[Path]:
        """Every file that reading it takes: tables, these cameras' videos, and what is said of episodes."""
        said = [self.root / METADATA] if (self.root / METADATA).is_file() else []
        videos = [path for take in self._takes.values() for camera, path in take.videos.items() if camera in cameras]
        return sorted([*said, *(take.table for take in self._takes.values()), *videos])

    def _episode(self, take: _Take, cameras: Sequence[str]) -> Episode:
        table, header = self._read(take)
        clock = self._clock(table, header, take)
        films: dict[str, Film] = {}
        ends_s = float(clock[-1]) if len(clock) else 0.0
        for camera in cameras:
            if camera not in take.videos:
                raise DataError(f"{take.name}: has no video '{camera}'. Put it there, or leave the episode out.")
            films[camera] = Film(path=take.videos[camera])
            lasts_s = look_at(films[camera]).duration_s
            if abs(lasts_s - ends_s - 1 / self.rate_hz) > _APART_S:
                raise DataError(
                    f"{take.videos[camera]} lasts {lasts_s:.2f} s, but the rows beside it last "
                    f"{ends_s + 1 / self.rate_hz:.2f} s. Cut both to the same beginning and end."
                )
            ends_s = min(ends_s, lasts_s)
        length = int((clock <= ends_s + 1e-6).sum())
        if length < _FEWEST_ROWS:
            raise DataError(f"{take.name}: has {length} rows, at least {_FEWEST_ROWS} are needed. Leave it out.")
        return Episode(
            index=take.index,
            session=take.session,
            length=length,
            rate_hz=self.rate_hz,
            spans=read_plain_spans(table, header, clock[:length], take.instruction),
            videos=films,
        )

    def _clock(self, table: pa.Table, header: Header, take: _Take) -> torch.Tensor:
        clock = read_plain_clock(table, header, take.table)
        return torch.arange(table.num_rows, dtype=torch.float64) / self.rate_hz if clock is None else clock

    def _read(self, take: _Take) -> tuple[pa.Table, Header]:
        if self._held is None or self._held[0] != take.table:
            self._held = (take.table, read_plain(take.table))
        return self._held[1], read_header(self._held[1], take.table)

    def _first(self) -> tuple[pa.Table, Header, Path]:
        problem: DataError | None = None
        for take in self._takes.values():
            try:
                return *self._read(take), take.table
            except DataError as error:
                problem = problem or error
        raise problem or DataError(f"{self.root}: has no folder with a table and a video. Add one.")


def open_plain(root: Path, rate_hz: float | None, task: str) -> PlainSource:
    """Open such a folder; as `PlainSource`."""
    return PlainSource(root, rate_hz, task)


def is_plain(root: Path) -> bool:
    """Whether a folder holds at least one folder with a table and a video."""
    return root.is_dir() and any(_parts(folder) is not None for folder in _folders(root))


def _folders(root: Path) -> list[Path]:
    """The folders of a data set; a folder that is an episode itself is a data set of one."""
    if _parts(root) is not None:
        return [root]
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []


def _parts(folder: Path) -> tuple[Path, dict[str, Path]] | None:
    """The table and the videos of an episode; None where the folder is none.

    People keep tables beside videos of hands as well: a robot's has a column of commands.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError:
        return None  # A folder that cannot be entered is nobody's episode.
    tables = [path for path in files if path.suffix in SUFFIXES and tells_commands(path)]
    videos = {path.stem: path for path in files if path.suffix.lower() in VIDEO_SUFFIXES}
    return (tables[0], videos) if len(tables) == 1 and videos else None


def _takes(root: Path, task: str) -> list[_Take]:
    said = _said(root)
    found: list[_Take] = []
    for folder in _folders(root):
        parts = _parts(folder)
        if parts is None:
            continue
        row = said.get(folder.name, {})
        words = next((row[key] for key in _WORDS if isinstance(row.get(key), str) and is_text(row[key])), "")
        session = row.get("session")
        found.append(
            _Take(
                index=len(found),
                name=folder.name,
                table=parts[0],
                videos=parts[1],
                instruction=words.strip() or task,
                session=session if isinstance(session, str) and is_text(session) and session else folder.name,
            )
        )
    return found


def _said(root: Path) -> dict[str, dict[str, Any]]:
    path = root / METADATA
    if not path.is_file():
        return {}
    try:
        rows = [parse_json(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as one JSON object per line ({in_short(error)}). Mend it.") from error
    return {str(row["file_name"]).strip("/"): row for row in rows if isinstance(row, dict) and "file_name" in row}


def _rate_hz(table: pa.Table, header: Header, path: Path, given: float | None) -> float:
    """Rows a second by the clock, a whole number where it is near one; else what was given."""
    clock = read_plain_clock(table, header, path)
    if clock is None or len(clock) < _FEWEST_ROWS:
        if given is None:
            raise DataError(
                f"{path}: has no clock ('timestamp', in seconds), so nobody knows how many rows come a second. Add "
                "that column, write rate_hz into the spec, or give --rate to `wam-adapt embodiment init`."
            )
        return given
    measured = 1 / max(float(clock.diff().median()), 1e-300)
    if not 1 / _MOST_HZ < measured <= _MOST_HZ:
        raise DataError(
            f"{path}: its clock tells {measured:.3g} rows a second. Mend the clock, or name its unit: time_ms."
        )
    whole = round(measured)
    return float(whole) if whole and abs(measured / whole - 1) < _WHOLE_HZ else measured
