"""Is one lag better than another, or is that chance? What is smooth, or comes again and again, fits at many lags."""

from statistics import NormalDist

import numpy as np
from jaxtyping import Float

_MARGIN = 3  # Fisher's transform of n independent values varies like n - 3 of them.
_ALMOST_ONE = 1 - 1e-9


def better_by_chance(
    seen: Float[np.ndarray, " n"], better: Float[np.ndarray, " n"], worse: Float[np.ndarray, " n"], *, tried: int
) -> float:
    """How likely one series fits what is seen as much better than another does, if in truth neither does.

    Neighbours in time are alike, so n values are worth fewer: as many as there are stretches in which one of the two
    that are compared forgets itself. Motion of one or two strokes, or of strokes that repeat, is worth few however
    long it lasts.

    Args:
        seen: What is explained, n values evenly in time.
        better: What fits it better, at the same times.
        worse: What fits it worse.
        tried: Lags among which the better one is the best. Near ones are alike and count as one.

    Returns:
        The probability, in [0, 1], on one side; 1 where there is too little to tell.

    Source:
        Meng, Rosenthal and Rubin (1992), "Comparing correlated correlation coefficients", with n replaced by Bartlett's
        count of independent values (`independent`), and Bonferroni's bound over independent lags.
    """
    own, other, between = _correlation(seen, better), _correlation(seen, worse), _correlation(better, worse)
    count = min(independent(seen, better), independent(seen, worse))
    if count <= _MARGIN or between >= _ALMOST_ONE:
        return 1.0
    square = min(_ALMOST_ONE, (own * own + other * other) / 2)
    share = min(1.0, (1 - between) / (2 * (1 - square)))
    wide = 2 * (1 - between) * (1 - share * square) / (1 - square)
    apart = float(np.arctanh(own) - np.arctanh(other))
    chance = NormalDist().cdf(-apart * float(np.sqrt((count - _MARGIN) / wide)))
    return min(1.0, chance * max(1.0, tried * count / len(seen)))


def independent(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> float:
    """How many independent values the correlation of two series in time is worth, in [1, n].

    Source:
        Bartlett (1946), "On the theoretical specification and sampling properties of autocorrelated time-series": n
        over the sum of the products of both autocorrelations, here over lags of up to half of n.
    """
    size = len(one)
    most = size // 2
    if most < 1:
        return float(size)
    products = _autocorrelation(one)[1 : most + 1] * _autocorrelation(other)[1 : most + 1]
    worth = size / max(1.0, 1 + 2 * float(products.sum()))
    return max(1.0, worth)


def _autocorrelation(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Of every lag, damped as the overlap gets shorter; 1 at lag 0, all 0 beyond it where nothing varies."""
    apart = values - values.mean()
    power = np.abs(np.fft.rfft(apart, 2 * len(apart))) ** 2
    sums = np.fft.irfft(power)[: len(apart)]
    return np.asarray(sums / max(float(sums[0]), 1e-300))


def _correlation(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> float:
    """Pearson's, within (-1, 1); 0 where one of them does not vary."""
    first, second = one - one.mean(), other - other.mean()
    size = float(np.sqrt((first @ first) * (second @ second)))
    return float(np.clip((first @ second) / size, -_ALMOST_ONE, _ALMOST_ONE)) if size > 0 else 0.0
