"""Which spot of one look is where in the next? Patches of a small picture found again, a few dozen all over it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from torch.nn.functional import interpolate

from adapt.footage.picture import Picture

PATCH = 0.06  # Half the side of a patch, as a share of the picture's longer side: so much around a spot is looked at.
_COARSE_PX = 64  # Longer side of the picture in which a patch may be anywhere; twice that where its place is refined.
_HALF, _FINE_HALF = 3, 6
_REACH = 3
_BUCKET_PX = 7  # One patch from each square of this side, so that no rich corner of the picture takes them all.
_CORNER = 2.0  # Squared grey levels a pixel by which a patch must change in its poorer direction; noise stays below.
_NOISE = 4.0  # Variance, squared grey levels, that a flat patch is credited with.
_ALIKE, _FINE_ALIKE = 0.6, 0.8
_FAR = 0.1  # Likeness that a way of one picture costs: of two tiles that look the same, the near one is meant.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Spots that two looks at a video share."""

    before: Float[np.ndarray, "n 2"]  # x, y as shares of width and height
    now: Float[np.ndarray, "n 2"]


NO_PAIRS = Pairs(before=np.zeros((0, 2)), now=np.zeros((0, 2)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Levels:
    """A grey picture, and all patches of it at half the size, each of mean 0 and length 1 or less."""

    fine: NDArray[np.float32]  # (2 h, 2 w)
    patches: NDArray[np.float32]  # ((h - 6) * (w - 6), 49)
    columns: int  # w - 6
    spots: NDArray[np.int32]  # (n, 2): rows and columns, among the patches, of those worth to be found again


class Pairing:
    """Finds spots of each look of a video again in the next."""

    def __init__(self) -> None:
        """Begin a video."""
        self._before: _Levels | None = None

    def look(self, picture: Picture) -> Pairs:
        """The spots that this look shares with the one before; none at the first one.

        A patch may be found anywhere, so however far a camera turned, as long as the two looks have enough in common.
        Some pairs are wrong. Where light or contrast changed, patches are found all the same.
        """
        before, self._before = self._before, _levels(picture)
        if before is None or self._before is None or before.fine.shape != self._before.fine.shape:
            return NO_PAIRS
        return _pairs(before, self._before)


def _levels(picture: Picture) -> _Levels | None:
    """None for a picture so narrow that no patch fits."""
    high, wide = picture.grey.shape
    rows, columns = (round(_COARSE_PX * side / max(high, wide)) for side in (high, wide))
    if min(rows, columns) < 4 * _HALF:
        return None
    grey = torch.from_numpy(picture.grey)[None, None]
    size = (2 * rows, 2 * columns)
    fine = interpolate(grey, size=size, mode="bilinear", antialias=True)[0, 0].numpy()
    coarse = fine.reshape(rows, 2, columns, 2).mean((1, 3))
    side = 2 * _HALF + 1
    patches = np.lib.stride_tricks.sliding_window_view(coarse, (side, side)).reshape(-1, side * side)
    return _Levels(fine=fine, patches=_normal(patches), columns=columns - side + 1, spots=_corners(coarse))


def _normal(patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """Patches (..., pixels) of mean 0 and length 1, but for flat ones, which are shorter."""
    patches = patches - patches.mean(-1, keepdims=True)
    square = np.einsum("...p,...p->...", patches, patches)
    patches /= np.sqrt(square + _NOISE * patches.shape[-1])[..., None]
    return patches


def _corners(coarse: NDArray[np.float32]) -> NDArray[np.int32]:
    """Upper left corners, shape (n, 2), of patches that change in both directions: the best one of each bucket."""
    down, right = np.gradient(coarse)
    side = 2 * _HALF + 1
    dd, rr, dr = (
        uniform_filter(product, side)[_HALF:-_HALF, _HALF:-_HALF] for product in (down**2, right**2, down * right)
    )
    poorer = (dd + rr) / 2 - np.sqrt(((dd - rr) / 2) ** 2 + dr**2)
    found = []
    for top in range(0, poorer.shape[0], _BUCKET_PX):
        for left in range(0, poorer.shape[1], _BUCKET_PX):
            bucket = poorer[top : top + _BUCKET_PX, left : left + _BUCKET_PX]
            row, column = divmod(int(bucket.argmax()), bucket.shape[1])
            if bucket[row, column] >= _CORNER:
                found.append((top + row, left + column))
    return np.array(found, dtype=np.int32).reshape(-1, 2)


def _pairs(before: _Levels, now: _Levels) -> Pairs:
    rows, columns = np.divmod(np.arange(len(now.patches), dtype=np.int32), now.columns)
    likeness = before.patches[before.spots @ (before.columns, 1)] @ now.patches.T
    down, right = rows - before.spots[:, :1], columns - before.spots[:, 1:]
    way = np.sqrt((down * down + right * right).astype(np.float32))
    best = (likeness - _FAR / _COARSE_PX * way).argmax(1)
    alike = likeness[np.arange(len(best)), best] >= _ALIKE
    if not alike.any():
        return NO_PAIRS
    spots, places = before.spots[alike], np.stack((rows, columns), 1)[best[alike]]
    places, sure = _refined(before.fine, now.fine, spots, places)
    size = np.array(now.fine.shape[::-1])
    # A spot is the middle of its patch; a pixel's middle is half a pixel from its edge.
    middle = _FINE_HALF + 0.5
    return Pairs(before=(2 * spots[sure][:, ::-1] + middle) / size, now=(places[sure][:, ::-1] + middle) / size)


def _refined(
    before: NDArray[np.float32], now: NDArray[np.float32], spots: NDArray[np.int32], places: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Upper left corners of patches in the fine picture, to parts of a pixel; and which of them are sure."""
    side = 2 * _FINE_HALF + 1
    wanted = _normal(_cut(before, 2 * spots, side).reshape(-1, side * side))
    around = _cut(np.pad(now, _REACH, mode="edge"), 2 * places, side + 2 * _REACH)
    tries = np.lib.stride_tricks.sliding_window_view(around, (side, side), axis=(1, 2))
    offered = _normal(tries.reshape(len(places), -1, side * side))
    likeness = np.einsum("nkp,np->nk", offered, wanted).reshape(-1, 2 * _REACH + 1, 2 * _REACH + 1)
    at = np.stack(np.unravel_index(likeness.reshape(len(likeness), -1).argmax(1), likeness.shape[1:]), 1)
    inside = np.clip(at, 1, 2 * _REACH - 1)
    every = np.arange(len(at))
    peak = likeness[every, at[:, 0], at[:, 1]]
    steps = [
        _vertex(*(likeness[every, inside[:, 0] + by * down, inside[:, 1] + by * right] for by in (-1, 0, 1)))
        for down, right in ((1, 0), (0, 1))
    ]
    return 2 * places + at - _REACH + np.stack(steps, 1), (at == inside).all(1) & (peak >= _FINE_ALIKE)


def _cut(picture: NDArray[np.float32], corners: NDArray[np.int32], side: int) -> NDArray[np.float32]:
    """Squares of a picture, shape (n, side, side)."""
    squares = np.lib.stride_tricks.sliding_window_view(picture, (side, side))
    return np.asarray(squares[corners[:, 0], corners[:, 1]])


def _vertex(
    before: NDArray[np.float32], middle: NDArray[np.float32], after: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Where the parabola through three neighbours is highest, from the middle one, in [-0.5, 0.5]."""
    bend = np.minimum(before + after - 2 * middle, -1e-6).astype(np.float64)
    return np.asarray(np.clip((before - after) / (2 * bend), -0.5, 0.5))
