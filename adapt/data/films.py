"""Where do an episode's pictures lie, and which was on show when? A video, a stretch of one, or an array in HDF5."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import UInt8
from torch import Tensor

from adapt.types import VideoRef
from adapt.video.probe import probe
from adapt.video.reader import frames_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """What one camera saw of one episode.

    Attributes:
        path: The file: a video, or an HDF5 file.
        from_s: Where the episode begins on the file's own clock, in seconds; 0 where it has the file to itself.
        array: Which array of an HDF5 file; "" for a video.
        array_hz: Pictures a second of that array, which has no clock of its own; 0 for a video.
    """

    path: Path
    from_s: float = 0.0
    array: str = ""
    array_hz: float = 0.0

    @classmethod
    def of(cls, ref: VideoRef) -> "Film":
        """The film that a window's reference names."""
        return cls(path=Path(ref.path), from_s=ref.from_s, array=ref.array, array_hz=ref.array_hz)

    def shown(self, digest: str) -> str:
        """What names its pixels.

        Args:
            digest: Of the file's bytes.

        Returns:
            The digest itself where the film is the whole file, so that such films keep the names they always had.
        """
        place = f"@{round(self.from_s * 1e6)}" if self.from_s else ""
        return digest + place + (f"#{self.array}@{self.array_hz:g}" if self.array else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmInfo:
    """What a film promises before its pictures are decoded."""

    frames: int  # from the episode's beginning to the end of the file
    duration_s: float
    rate_hz: float  # of the whole file


def look_at(film: Film) -> FilmInfo:
    """Count a film's frames; no picture but the first is decoded.

    Raises:
        MediaError: The video cannot be read.
        DataError: The array cannot be read.
    """
    if film.array:
        from adapt.data.hdf5_pictures import count_pictures

        frames = count_pictures(film.path, film.array) - round(film.from_s * film.array_hz)
        return FilmInfo(frames=frames, duration_s=frames / film.array_hz, rate_hz=film.array_hz)
    found = probe(film.path)
    before = round(film.from_s * found.average_hz)
    return FilmInfo(frames=found.frames - before, duration_s=found.duration_s - film.from_s, rate_hz=found.average_hz)


def film_frames(film: Film, times_s: Sequence[float]) -> Generator[UInt8[Tensor, "h w 3"], None, None]:
    """Walk through a film once, giving the frame on show at each asked time.

    Args:
        film: The film.
        times_s: Ascending, in seconds on the episode's clock, 0 at its first row.

    Yields:
        One frame per asked time.

    Raises:
        MediaError: A time lies outside the video, or decoding breaks.
        DataError: The array cannot be read, or a time lies outside it.
    """
    at_s = [film.from_s + time_s for time_s in times_s]
    if film.array:
        from adapt.data.hdf5_pictures import pictures_at

        yield from pictures_at(film.path, film.array, film.array_hz, at_s)
    else:
        yield from frames_at(film.path, at_s)
