"""How must one thumbnail be cropped to show what another shows?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from adapt.footage.watch import THUMB_SIDE

Thumb = NDArray[np.float32]  # (32, 32)
_STARTS = (0.97, 0.94, 0.88)
_STEP, _FINEST = 0.02, 0.004
_NEAR = 0.035  # So little is not told from a hand that lies a little elsewhere.
_BOX = 5  # Cells; what varies more slowly than that is light and layout, which many a scene shares.
FLAT = 4.0  # Grey levels of spread below which a picture is treated as having that much.
_HOPELESS = 0.5  # The best start is so unlike that no refinement makes a copy of it.


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of a picture that is shown: `zoom` of each side, its centre moved by shares of half a side."""

    zoom: float = 1.0
    down: float = 0.0
    right: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether this is all of the picture, but for what cannot be told from it."""
        return self.zoom > 1 - _NEAR and abs(self.down) < _NEAR and abs(self.right) < _NEAR

    def apply(self, thumbs: NDArray[np.float32]) -> NDArray[np.float32]:
        """The crop of each thumbnail, at the same 32 x 32. Shape (..., 32, 32)."""
        if self == WHOLE:
            return thumbs
        rows, columns = _sampling(self.zoom, self.down), _sampling(self.zoom, self.right)
        return np.asarray(rows @ thumbs @ columns.T)


WHOLE = Crop()


def fit(one: Thumb, other: Thumb, crop: Crop = WHOLE) -> float:
    """How alike the details of two thumbnails are, the first one cropped: a correlation, 1 where they are the same."""
    return float(_fits(one, other, [crop])[0])


def apart(one: Thumb, other: Thumb) -> float:
    """How far two thumbnails are apart where they are most so, in standard deviations of theirs; 0 where nowhere.

    A small thing that lies elsewhere hardly lowers the correlation of all details, but stands out here. What is off by
    one cell is not apart, and neither is other light on all of it.
    """
    first, second = ((thumb - thumb.mean()) / max(FLAT, float(thumb.std())) for thumb in (one, other))
    return max(0.0, _beyond(first, second), _beyond(second, first))


def find_crop(one: Thumb, other: Thumb) -> Crop:
    """The crop of the first thumbnail that fits the second best; up to an eighth of each side may be gone."""
    starts = [Crop(zoom, y * (1 - zoom), x * (1 - zoom)) for zoom in _STARTS for y in (-1, 0, 1) for x in (-1, 0, 1)]
    crops = [WHOLE, *starts]
    values = _fits(one, other, crops)
    best = crops[int(values.argmax())]
    return best if best == WHOLE or values.max() < _HOPELESS else _refine(one, other, best)


def _beyond(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """By how much any cell of the one is above, or below, all of the nine that are there in the other."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(other, 1, mode="edge"), (3, 3))
    beyond = np.maximum(one - around.max((2, 3)), around.min((2, 3)) - one)
    return float(beyond[1:-1, 1:-1].max())  # What stands at the border may have moved out of the other's picture.


def _refine(one: Thumb, other: Thumb, crop: Crop) -> Crop:
    """Go from a crop to the best one near it, by steps that halve."""
    value, step = fit(one, other, crop), _STEP
    while step > _FINEST:
        near = [
            Crop(min(1.0, crop.zoom + z), crop.down + y, crop.right + x)
            for z, y, x in ((step, 0, 0), (-step, 0, 0), (0, step, 0), (0, -step, 0), (0, 0, step), (0, 0, -step))
        ]
        values = _fits(one, other, near)
        best = int(values.argmax())
        if values[best] > value:
            value, crop = float(values[best]), near[best]
        else:
            step /= 2
    return crop


def _fits(one: Thumb, other: Thumb, crops: Sequence[Crop]) -> NDArray[np.float32]:
    rows = np.stack([_sampling(crop.zoom, crop.down) for crop in crops])
    columns = np.stack([_sampling(crop.zoom, crop.right) for crop in crops])
    shown, wanted = _detail(np.asarray(rows @ one @ columns.transpose(0, 2, 1), np.float32)), _detail(other)
    energies = (shown * shown).sum((1, 2)) * (wanted * wanted).sum()
    return np.asarray((shown * wanted).sum((1, 2)) / np.sqrt(energies + 1e-6))


def _detail(thumbs: NDArray[np.float32]) -> NDArray[np.float32]:
    box = _box()
    return np.asarray(thumbs - box @ thumbs @ box.T)


@lru_cache(maxsize=1)
def _box() -> NDArray[np.float32]:
    """The matrix that replaces each cell by the mean of those around it; borders are repeated."""
    box = np.zeros((THUMB_SIDE, THUMB_SIDE), np.float32)
    for row in range(THUMB_SIDE):
        for step in range(-(_BOX // 2), _BOX // 2 + 1):
            box[row, min(max(row + step, 0), THUMB_SIDE - 1)] += 1 / _BOX
    return box


@lru_cache(maxsize=4096)
def _sampling(zoom: float, shift: float) -> NDArray[np.float32]:
    """The matrix that reads 32 cells off the shown part of a side, linearly between cells."""
    middle = (np.arange(THUMB_SIDE) + 0.5) / THUMB_SIDE * 2 - 1
    place = np.clip((zoom * middle + shift + 1) / 2 * THUMB_SIDE - 0.5, 0, THUMB_SIDE - 1)
    low = np.minimum(place.astype(int), THUMB_SIDE - 2)
    matrix = np.zeros((THUMB_SIDE, THUMB_SIDE), np.float32)
    rows = np.arange(THUMB_SIDE)
    matrix[rows, low] = 1 - (place - low)
    matrix[rows, low + 1] += place - low
    return matrix
