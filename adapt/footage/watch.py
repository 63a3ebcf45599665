"""One pass over a video's looks: the figures of each, and small pictures by which its copies are known again."""

import base64
import binascii
import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from adapt.footage.picture import Picture, bars, blur, cells, light, shrink, vivid
from adapt.footage.seams import Seam, seams
from adapt.footage.shots import Changes

THUMB_SIDE = 32
THUMB_HZ = 2.5
_MOVED_SIDE = 16
_MOVED_S = 1.0  # A slow drift is told from rest by holding a look against one of a second ago.
_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LookFigures:
    """What was measured of one look."""

    brightness: float  # percentile 95 of grey, share of white
    contrast: float  # from percentile 5 to 95, share of white
    white: float  # share of the picture
    vivid: float  # share of the picture
    blur: float  # 0 to 1
    change: float  # since the look before
    moved: float  # largest step of any of 16 x 16 cells since the look a second ago, grey levels
    bars: tuple[float, float, float, float]  # top, bottom, left, right; shares
    upright_seams: tuple[Seam, ...]
    level_seams: tuple[Seam, ...]

    def to_json(self) -> list[Any]:
        """As a JSON list, in the order of the fields."""
        single = (self.brightness, self.contrast, self.white, self.vivid, self.blur, self.change, self.moved)
        seams = [[round(number, _DIGITS) for seam in some for number in seam] for some in self._seams]
        return [*(round(x, _DIGITS) for x in single), [round(x, _DIGITS) for x in self.bars], *seams]

    @property
    def _seams(self) -> tuple[tuple[Seam, ...], tuple[Seam, ...]]:
        return self.upright_seams, self.level_seams

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> "LookFigures":
        """Read what `to_json` wrote."""
        brightness, contrast, white, vivid_, blur_, change, moved, sides, upright, level = value
        top, bottom, left, right = sides
        return cls(
            brightness=brightness,
            contrast=contrast,
            white=white,
            vivid=vivid_,
            blur=blur_,
            change=change,
            moved=moved,
            bars=(top, bottom, left, right),
            upright_seams=_pairs(upright),
            level_seams=_pairs(level),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watched:
    """What one pass over a video saw of its pictures."""

    looks: tuple[LookFigures, ...]  # at 0, 1/rate, 2/rate, ... seconds
    thumbs: UInt8[np.ndarray, "n 32 32"]  # grey, some 2.5 a second, each smoothed over its neighbours in time
    thumb_hz: float

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        steps = np.diff(self.thumbs, axis=0, prepend=np.zeros_like(self.thumbs[:1]))  # Wraps, and so does the sum.
        packed = base64.b64encode(zlib.compress(steps.tobytes(), 1)).decode("ascii")
        return {"looks": [look.to_json() for look in self.looks], "thumbs": packed, "thumb_hz": self.thumb_hz}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Watched":
        """Read what `to_json` wrote.

        Raises:
            ValueError: It is not that.
        """
        try:
            steps = np.frombuffer(zlib.decompress(base64.b64decode(value["thumbs"])), np.uint8)
            thumbs = steps.reshape(-1, THUMB_SIDE, THUMB_SIDE).cumsum(axis=0, dtype=np.uint8)
            looks = tuple(LookFigures.from_json(look) for look in value["looks"])
            return cls(looks=looks, thumbs=thumbs, thumb_hz=float(value["thumb_hz"]))
        except (KeyError, TypeError, zlib.error, binascii.Error) as error:
            raise ValueError(f"not a record of watched footage: {error}") from error


class Watcher:
    """Watches one video, whose looks must come in order of time. Memory grows by 2.5 kB a second of video."""

    def __init__(self, rate_hz: float) -> None:
        """Begin a video.

        Args:
            rate_hz: Looks a second.
        """
        self._rate_hz = rate_hz
        self._every = max(1, round(rate_hz / THUMB_HZ))
        self._looks: list[LookFigures] = []
        self._changes = Changes()
        self._second: deque[NDArray[np.float32]] = deque(maxlen=max(1, round(rate_hz * _MOVED_S)))
        self._thumbs: list[NDArray[np.uint8]] = []
        self._last: deque[NDArray[np.float32]] = deque(maxlen=2)

    def look(self, frame: UInt8[Tensor, "_h _w 3"]) -> Picture:
        """Take the figures of the next look; returned is the small copy that they were taken on."""
        picture = shrink(frame)
        brightness, contrast, white = light(picture)
        upright, level = seams(picture)
        figures = LookFigures(
            brightness=brightness,
            contrast=contrast,
            white=white,
            vivid=vivid(picture),
            blur=blur(picture),
            change=self._changes.look(picture),
            moved=self._moved(picture),
            bars=bars(picture),
            upright_seams=tuple(upright),
            level_seams=tuple(level),
        )
        # As they are read again later: a window must not be judged otherwise the first time.
        self._looks.append(LookFigures.from_json(figures.to_json()))
        self._remember(cells(picture, THUMB_SIDE))
        return picture

    def watched(self) -> Watched:
        """What was seen so far."""
        thumbs = [*self._thumbs, *self._due(None)]
        empty = np.zeros((0, THUMB_SIDE, THUMB_SIDE), np.uint8)
        return Watched(
            looks=tuple(self._looks),
            thumbs=np.stack(thumbs) if thumbs else empty,
            thumb_hz=self._rate_hz / self._every,
        )

    def _moved(self, picture: Picture) -> float:
        now = cells(picture, _MOVED_SIDE)
        moved = float(np.abs(now - self._second[0]).max()) if self._second else 0.0
        self._second.append(now)
        return moved

    def _remember(self, now: NDArray[np.float32]) -> None:
        self._thumbs += self._due(now)
        self._last.append(now)

    def _due(self, following: NDArray[np.float32] | None) -> list[NDArray[np.uint8]]:
        """The thumbnail of the look before the coming one, if it is its turn.

        It is smoothed over its neighbours in time: a copy is not looked at in quite the same moments.
        """
        if not self._last:
            return []
        place = len(self._looks) - (1 if following is None else 2)
        if place % self._every:
            return []
        middle = self._last[-1]
        before = self._last[0]
        mean = (before + 2 * middle + (middle if following is None else following)) / 4
        return [np.rint(mean).astype(np.uint8)]


def _pairs(numbers: Sequence[float]) -> tuple[Seam, ...]:
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))
