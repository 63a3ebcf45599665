"""Where does one shot end and the next begin? Where the picture changes at once, and nothing around it does."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adapt.footage.picture import Picture, cells

_SIDE = 24
_MARGIN = 4  # Cells by which a camera may turn between two looks: a sixth of the picture.
_INNER = _SIDE - 2 * _MARGIN
_NOISE = 20.0  # Variance, in squared grey levels, that a flat picture is credited with.
_AROUND = 2  # Looks to either side that a change is held against.
_STANDS_OUT = 2.5  # Times the largest of those: a head that turns fast does so for longer than one look.


class Changes:
    """Compares each look of a video with the one before it.

    The score is how badly the middle of the picture before can be found anywhere in this one (0 as it was, 1 not at
    all), weighted by how far the colours changed. A cut changes both. A camera that turns keeps the colours, light that
    is switched keeps the shapes.
    """

    def __init__(self) -> None:
        """Begin a video."""
        self._cells: NDArray[np.float32] | None = None
        self._colours: NDArray[np.float64] = np.zeros(64)

    def look(self, picture: Picture) -> float:
        """How far the picture changed since the last look; 0 at the first one, 1.5 at most but for noise."""
        before, colours_before = self._cells, self._colours
        self._cells, self._colours = cells(picture, _SIDE), _colours(picture)
        if before is None:
            return 0.0
        colours = float(np.abs(self._colours - colours_before).sum()) / 2
        return (1.0 - _found_again(before, self._cells)) * (0.5 + colours)


def first_looks(changes: Sequence[float], threshold: float) -> list[int]:
    """The looks with which shots begin; the first of all is one.

    Args:
        changes: What `Changes` said of each look.
        threshold: From which change a shot begins, where it stands out from the changes around it.
    """
    found = [0]
    for place in range(1, len(changes)):
        near = range(max(1, place - _AROUND), min(len(changes), place + _AROUND + 1))
        around = max((changes[other] for other in near if other != place), default=0.0)
        if changes[place] >= max(threshold, _STANDS_OUT * around):
            found.append(place)
    return found


def _found_again(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """The best correlation of the middle of one picture with any part of the other."""
    middle = before[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN].reshape(-1)
    parts = np.lib.stride_tricks.sliding_window_view(now, (_INNER, _INNER)).reshape(-1, _INNER * _INNER)
    middle = middle - middle.mean()
    parts = parts - parts.mean(1, keepdims=True)
    noise = _NOISE * middle.size  # Lets a picture without any shape be found again in another such one.
    scale = np.sqrt((float(middle @ middle) + noise) * ((parts * parts).sum(1) + noise))
    return float(((parts @ middle + noise) / scale).max())


def _colours(picture: Picture) -> NDArray[np.float64]:
    levels = (picture.rgb[::2, ::2] >> 6).astype(np.int64)
    bins = np.bincount((levels[..., 0] * 16 + levels[..., 1] * 4 + levels[..., 2]).ravel(), minlength=64)
    return np.asarray(bins / bins.sum())
