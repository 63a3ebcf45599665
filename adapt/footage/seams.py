"""Is the picture put together of panels? Straight lines right across it, on which two sides do not know each other."""

import numpy as np
from numpy.typing import NDArray

from adapt.footage.picture import Picture

Seam = tuple[float, float]  # where, as a share of width or height; and the share of its length that is a seam
PER_DIRECTION = 2
NONE: Seam = (0.0, 0.0)

_STEP = 4.0  # Grey levels by which a step must exceed those beside it.
_REACH = 3  # Pixels to either side that are looked at.
_INNER = 0.15  # Seams nearer to the border than this share are bars or borders.
_DARK = 24.0  # Where both sides are black, nothing can be seen of a seam.
_LIT = 0.4  # Least share of a line that must not be black.
# Along the edge of a table one side stays the brighter one; between two panels now this one is, now that one.
_MIXED = 0.15
_DIVIDER = 0.97  # A line drawn between panels keeps its side, but nothing ever interrupts it.


def seams(picture: Picture) -> tuple[list[Seam], list[Seam]]:
    """The two best seams that run from top to bottom, and the two best that run from side to side.

    Returns:
        For each direction two seams, better one first; `NONE` where there is none.
    """
    # Every second pixel along a line will do; across it, all count.
    return _best(picture.grey[::2]), _best(picture.grey.T[::2])


def _best(grey: NDArray[np.float32]) -> list[Seam]:
    columns = grey.shape[1]
    if columns < 4 * _REACH:
        return [NONE] * PER_DIRECTION
    share = _seam_share(grey)
    places = (np.arange(len(share)) + _REACH) / columns
    share[(places < _INNER) | (places > 1 - _INNER)] = 0.0
    found = []
    for _ in range(PER_DIRECTION):
        best = int(share.argmax())
        found.append((float(places[best]), float(share[best])) if share[best] > 0 else NONE)
        share[max(0, best - _REACH) : best + _REACH + 1] = 0.0
    return found


def _seam_share(grey: NDArray[np.float32]) -> NDArray[np.float64]:
    """For each column, the share of its lit rows that step there and not beside it; 0 for an edge within a scene."""
    steps = grey[:, 2:] - grey[:, :-2]
    size = np.abs(steps)
    beside = np.maximum(size[:, :-4], size[:, 4:])
    lit = np.maximum(grey[:, 2:], grey[:, :-2])[:, 2:-2] > _DARK
    hit = (size[:, 2:-2] > beside + _STEP) & lit
    rows, hits = lit.sum(0), hit.sum(0)
    share: NDArray[np.float64] = np.where(rows >= _LIT * len(grey), hits / np.maximum(rows, 1), 0.0)
    rising = (hit & (steps[:, 2:-2] > 0)).sum(0) / np.maximum(hits, 1)
    mixed = np.minimum(rising, 1 - rising) >= _MIXED
    share[~mixed & (share < _DIVIDER)] = 0.0
    return share
