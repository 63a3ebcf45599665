"""What was the motion, without the jitter of who measured it? Offline smoothing that uses past and future alike.

Both smoothers are linear and symmetric in time, so they have no lag, and are told by one number: the frequency at which
half of a motion is kept. A motion of frequency f keeps 1 / (1 + (f / cutoff)^4) of its amplitude. Hands reach in half a
second or more: at the default cutoff such a reach keeps about 97 % of its peak speed, while white jitter at 30 frames a
second falls to less than half, and its speed to about an eighth.
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.interpolate import make_smoothing_spline
from scipy.spatial.transform import Rotation, Slerp
from torch import Tensor

from adapt.geometry.rotations import from_quaternion, from_vector, mean_quaternion, to_quaternion, to_vector

CUTOFF_HZ = 3.5
_FEWEST = 5  # A smoothing spline needs so many points; fewer are joined by straight lines.
_REACH = 3.0  # standard deviations to which the mean on the sphere looks
_WIDE = 0.5  # its standard deviation in periods of the cutoff: what it lets through of that is a hundredth


def smooth_positions(
    values: Float[Tensor, "t d"],
    time_s: Float[Tensor, " t"],
    weight: Float[Tensor, " t"] | None = None,
    *,
    cutoff_hz: float = CUTOFF_HZ,
) -> Float[Tensor, "t d"]:
    """Smooth what was measured over time, at even or uneven times, and bridge where nothing was.

    Args:
        values: One row per time, any unit; rows of weight 0 are not looked at, and may hold anything.
        time_s: Increasing, seconds.
        weight: How much a row is believed, 0 or more, about 1 for an ordinary row; all 1 where None. A row of less
            weight pulls less, so where all are doubtful the curve is smoother.
        cutoff_hz: At which half of a motion is kept.

    Returns:
        Float64. Rows before the first and after the last that was believed hold its value.

    Raises:
        ValueError: No row is believed, time does not increase, or a weight is below 0 or not a number.

    Source:
        The cubic smoothing spline of Reinsch 1967, as SciPy keeps it. It is the two-sided (RTS) Kalman smoother of a
        point whose acceleration is white noise (Wahba 1978); its penalty follows from the cutoff by the transfer
        function 1 / (1 + penalty * step * (2 pi f)^4).
    """
    clock, rows, belief = _checked(values, time_s, weight)
    seen = belief > 0
    if int(seen.sum()) < _FEWEST:
        joined = [np.interp(clock, clock[seen], column[seen]) for column in rows.T]
        return torch.from_numpy(np.stack(joined, axis=1))
    step_s = float(np.median(np.diff(clock)))
    penalty = 1 / (step_s * (2 * math.pi * cutoff_hz) ** 4)
    spline = make_smoothing_spline(clock[seen], rows[seen], w=belief[seen], lam=penalty)
    within = np.clip(clock, clock[seen][0], clock[seen][-1])
    return torch.from_numpy(np.asarray(spline(within), dtype=np.float64))


def smooth_rotations(
    rotation: Float[Tensor, "t 3 3"],
    time_s: Float[Tensor, " t"],
    weight: Float[Tensor, " t"] | None = None,
    *,
    cutoff_hz: float = CUTOFF_HZ,
) -> Float[Tensor, "t 3 3"]:
    """Smooth rotations on their sphere, as `smooth_positions` does positions.

    A running mean on the sphere, wide enough to hold no jitter, gives each moment a reference. What each rotation is
    away from it, as a rotation vector, is small and lies in a plane: there the spline smooths it. So fast turns keep
    their speed, which a running mean alone would take from them, and nothing depends on the choice of axes.

    Args:
        rotation: One per time; those of weight 0 are not looked at, and may hold anything.
        time_s: Increasing, seconds.
        weight: As for `smooth_positions`.
        cutoff_hz: At which half of a motion is kept.

    Returns:
        Float64.

    Raises:
        ValueError: As `smooth_positions`.

    Source:
        The running mean with Gaussian weights is what Phantom (Lepert et al. 2025, arXiv:2503.00779) smooths with; the
        spline on what is left is ours.
    """
    clock, _, belief = _checked(rotation.flatten(1), time_s, weight)
    believed = torch.from_numpy(belief > 0)[:, None, None]
    turns = torch.where(believed, rotation.double(), torch.eye(3, dtype=torch.float64))
    reference = _running_mean(turns, clock, belief, sigma_s=_WIDE / cutoff_hz)
    away = to_vector(turns @ reference.transpose(-1, -2))
    smooth = smooth_positions(away, time_s, weight, cutoff_hz=cutoff_hz)
    return from_vector(smooth) @ reference


def _checked(
    values: Tensor, time_s: Tensor, weight: Tensor | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    clock, rows = time_s.double().numpy(), values.double().numpy()
    belief = np.ones(len(clock)) if weight is None else weight.double().numpy()
    if len(clock) > 1 and not bool((np.diff(clock) > 0).all()):
        raise ValueError("times of what is to be smoothed must increase")
    if not bool((belief >= 0).all() and belief.any()):
        raise ValueError("weights of what is to be smoothed must be 0 or more, and not all 0")
    return clock, rows, belief


def _running_mean(
    rotation: Tensor, clock: NDArray[np.float64], belief: NDArray[np.float64], *, sigma_s: float
) -> Tensor:
    """The mean of the believed rotations near each believed moment; between these, the shortest turn."""
    believed = np.flatnonzero(belief > 0)
    times, weights, quaternions = clock[believed], belief[believed], to_quaternion(rotation[torch.from_numpy(believed)])
    means = []
    for time in times:
        first, last = np.searchsorted(times, (time - _REACH * sigma_s, time + _REACH * sigma_s))
        share = weights[first:last] * np.exp(-0.5 * ((times[first:last] - time) / sigma_s) ** 2)
        means.append(mean_quaternion(quaternions[first:last], torch.from_numpy(share)))
    if len(believed) == 1:
        return from_quaternion(means[0]).expand(len(clock), 3, 3)
    turn = Slerp(times, Rotation.from_quat(torch.stack(means).numpy(), scalar_first=True))
    return torch.from_numpy(turn(np.clip(clock, times[0], times[-1])).as_matrix())
