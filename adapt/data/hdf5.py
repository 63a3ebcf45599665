"""How are robot episodes read that lie in groups of HDF5 files? What ALOHA's and robomimic's files have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from adapt.data.episodes import Episode, EpisodeTable, Span
from adapt.data.films import Film
from adapt.data.hdf5_file import arrays_in, is_numbers, open_hdf5, read_array
from adapt.data.hdf5_pictures import count_pictures, is_pictures
from adapt.data.lerobot_rows import agree
from adapt.errors import AdaptError, DataError

_FEWEST_ROWS = 2  # of an episode: between them time passes


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one episode lies."""

    index: int
    path: Path
    group: str  # "" for the whole file, or with a slash at its end
    instruction: str


class Hdf5Source:
    """Episodes in groups of HDF5 files, whose arrays have a row per row; an `EpisodeSource`.

    Attributes:
        root: The data set's file or folder.
        rate_hz: Rows and pictures a second.
        vectors: Arrays of numbers, by their path inside an episode's group; none of their elements has a name.
        groups: Empty: these files tell no parts of the body.
        cameras: Arrays of pictures, likewise.
    """

    groups: Mapping[str, tuple[str, ...]]

    def __init__(self, root: Path, places: Sequence[Place], rate_hz: float, rows: str) -> None:
        """Look at the first episode that can be opened.

        Args:
            root: The data set's file or folder.
            places: Its episodes, at least one.
            rate_hz: Rows and pictures a second.
            rows: The array that every episode has, and that says how many rows there are.

        Raises:
            DataError: No episode can be opened.
        """
        self.root, self.rate_hz, self.groups = root, rate_hz, {}
        self._places, self._counted_by = {place.index: place for place in places}, rows
        self.vectors, self.cameras = _first(places)

    @property
    def where(self) -> str:
        """The data set's name in messages."""
        return str(self.root)

    def episodes(self, cameras: Sequence[str]) -> tuple[list[Episode], list[tuple[str, str]]]:
        """Count every episode's rows and pictures.

        Args:
            cameras: Arrays of pictures that are needed; others are not looked at.

        Returns:
            Episodes that can be read, in order; and (episode, reason) for each that cannot.
        """
        good: list[Episode] = []
        problems: list[tuple[str, str]] = []
        for place in self._places.values():
            try:
                good.append(self._episode(place, cameras))
            except AdaptError as error:
                problems.append((_named(place), str(error)))
        return good, problems

    def table(self, episode: Episode, columns: Sequence[str]) -> EpisodeTable:
        """Read an episode's numbers; times are those of the rate.

        Args:
            episode: One of `episodes`.
            columns: Arrays of numbers.

        Raises:
            DataError: The file cannot be read, an array is missing, or is shorter than the episode.
        """
        place = self._places[episode.index]
        with open_hdf5(place.path) as file:
            found = {column: read_array(file, place.group + column, place.path) for column in columns}
        for column, values in found.items():
            if len(values) < episode.length:
                raise DataError(
                    f"{_named(place)}: '{column}' has {len(values)} rows, '{self._counted_by}' has {episode.length}. "
                    "Record the episode again, or leave it out."
                )
        return EpisodeTable(
            time_s=torch.arange(episode.length, dtype=torch.float64) / self.rate_hz,
            columns={column: values[: episode.length] for column, values in found.items()},
        )

    def files(self, cameras: Sequence[str]) -> list[Path]:
        """Its files; pictures lie in the same ones."""
        del cameras
        return sorted({place.path for place in self._places.values()})

    def _episode(self, place: Place, cameras: Sequence[str]) -> Episode:
        with open_hdf5(place.path) as file:
            rows = file.get(place.group + self._counted_by)
            if rows is None or not is_numbers(rows):
                raise DataError(f"{_named(place)}: has no array '{self._counted_by}'. Leave the episode out.")
            length = len(rows)
        films = {camera: Film(path=place.path, array=place.group + camera, array_hz=self.rate_hz) for camera in cameras}
        for camera, film in films.items():
            pictures = count_pictures(film.path, film.array)
            agree(f"{_named(place)}: '{self._counted_by}' has", length, f"'{camera}' has", pictures)
            length = min(length, pictures)
        if length < _FEWEST_ROWS:
            raise DataError(
                f"{_named(place)}: has {length} rows, at least {_FEWEST_ROWS} are needed. Leave the episode out."
            )
        span = Span(instruction=place.instruction, start_s=0.0, end_s=(length - 1) / self.rate_hz)
        return Episode(
            index=place.index,
            session=f"episode {place.index}",
            length=length,
            rate_hz=self.rate_hz,
            spans=(span,),
            videos=films,
        )


def no_rate(root: Path) -> DataError:
    """The error of a data set that does not say how many rows come a second."""
    return DataError(
        f"{root}: does not say at how many rows a second it was recorded. Write it into the spec as rate_hz, or give "
        "--rate to `wam-adapt embodiment init`; ALOHA's own recorder runs at 50 Hz, robosuite's at 20 Hz."
    )


def attribute_text(value: Any) -> str:
    """An attribute as text, "" where it is none."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, str) else ""


def _first(places: Sequence[Place]) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Arrays of numbers and of pictures in the first episode that can be opened."""
    problem: DataError | None = None
    for place in places:
        try:
            with open_hdf5(place.path) as file:
                arrays = arrays_in(file[place.group] if place.group else file)
                cameras = tuple(name for name, array in arrays.items() if is_pictures(array))
                widths = {
                    name: array.shape[1] if len(array.shape) > 1 else 1
                    for name, array in arrays.items()
                    if name not in cameras and is_numbers(array)
                }
                return {name: ("",) * width for name, width in widths.items()}, cameras
        except DataError as error:
            problem = problem or error
    assert problem is not None
    raise problem


def _named(place: Place) -> str:
    return f"{place.path.name} {place.group}".rstrip(" /")
