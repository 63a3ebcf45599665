"""Which measurements of a motion cannot be true?"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

MOST_ACCELERATION_M_S2 = 5.0  # Hands at work stay below; only blows and throws do not.
_WINDOW = 5
_DEVIATIONS = 4.0
_TO_SIGMA = 1.4826  # of a normal law, from its median absolute deviation


def is_outlier(
    values: Float[Tensor, "t d"], time_s: Float[Tensor, " t"], *, floor: float, acceleration: float
) -> Bool[Tensor, " t"]:
    """Rows that lie off the median of their neighbours by more than noise and motion explain.

    Args:
        values: One row per time, any unit, without gaps in the rows; times may be uneven.
        time_s: Increasing, seconds.
        floor: Distance that is never an outlier, unit of `values`: the ordinary noise.
        acceleration: Unit of `values` per second squared that a true motion may have. At low rates it explains a lot,
            so there next to nothing is called an outlier.

    Returns:
        True where a row should not be believed. Of two rows side by side both can be found, of three none.

    Source:
        Hampel 1974, with a window of five: a steady motion is its own median, so speed is no fault.
    """
    count = len(values)
    if count < _WINDOW:
        return torch.zeros(count, dtype=torch.bool)
    rows, clock = values.double().numpy(), time_s.double().numpy()
    half = _WINDOW // 2
    # Turned about its ends, a steady motion goes on, and so is its own median there, too.
    longer = np.pad(rows, ((half, half), (0, 0)), mode="reflect", reflect_type="odd")
    off = np.linalg.norm(rows - np.median(sliding_window_view(longer, _WINDOW, axis=0), axis=-1), axis=1)
    spread = np.median(sliding_window_view(np.pad(off, half, mode="reflect"), _WINDOW), axis=-1) * _TO_SIGMA
    last, first = np.arange(count) + half, np.arange(count) - half
    reach_s = (clock[last.clip(max=count - 1)] - clock[first.clip(min=0)]) / 2
    allowed = np.maximum(floor + acceleration * reach_s**2 / 2, _DEVIATIONS * spread)
    return torch.from_numpy(off > allowed)
