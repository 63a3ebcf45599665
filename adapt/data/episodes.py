"""What does every source of robot episodes offer, whatever its files look like?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.data.films import Film


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of an episode under one instruction, in seconds on the episode's clock."""

    instruction: str
    start_s: float
    end_s: float  # time of its last row


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One recording of a robot: rows of numbers, and the videos that were filmed beside them."""

    index: int
    session: str  # what may not be split between training and validation
    length: int  # rows
    rate_hz: float
    spans: tuple[Span, ...]
    videos: Mapping[str, Film]  # by column


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpisodeTable:
    """The numbers of one episode; row 0 is at 0 s, as is the videos' first frame."""

    time_s: Float[Tensor, " t"]
    columns: Mapping[str, Float[Tensor, "t _"]]


@runtime_checkable
class EpisodeSource(Protocol):
    """A data set of robot episodes. A format is one file of this room, and one line in `sources.py`."""

    @property
    def where(self) -> str:
        """The data set's name in messages."""

    @property
    def rate_hz(self) -> float:
        """Rows a second."""

    @property
    def vectors(self) -> Mapping[str, tuple[str, ...]]:
        """Columns of numbers, and a name for each of their elements ("" where the data gives none)."""

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """By column, the part of the body each element belongs to, such as "left_arm"; {} where the data tell none."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """Columns that are videos, or pictures."""

    def files(self, cameras: Sequence[str]) -> list[Path]:
        """Every file that reading it takes with these cameras, sorted, whether it is there or not."""

    def episodes(self, cameras: Sequence[str]) -> tuple[list[Episode], list[tuple[str, str]]]:
        """Episodes that can be read, with the videos of these columns; and (file, reason) of those that cannot."""

    def table(self, episode: Episode, columns: Sequence[str]) -> EpisodeTable:
        """Read an episode's numbers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """An episode in memory, to be written: t rows of numbers and t frames per camera, at one rate."""

    instruction: str
    columns: Mapping[str, Float[Tensor, "_ _"]]  # such as "observation.state", "action"
    frames: Mapping[str, UInt8[Tensor, "_ _ _ 3"]]  # by column, such as "observation.images.main"
