"""How lopsided is a mean of few unequal things? Whole sessions (or windows) drawn again with replacement."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

# Below this share of the usual spread a resample holds the same thing only, and its own spread says nothing.
_NO_SPREAD = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """How to resample: how often, how wide an interval, and from which seed."""

    resamples: int = 2000
    confidence: float = 0.95
    seed: int = 0


def studentised(
    off: Float[np.ndarray, " j"], sizes: Float[np.ndarray, " j"], bootstrap: Bootstrap
) -> tuple[float, float]:
    """Lower and upper quantile of the studentised mean over resamples of whole clusters.

    Args:
        off: Sum of each cluster's deviations from the mean; at least two clusters.
        sizes: Number of things in each cluster.
        bootstrap: How often to resample, and which quantiles to take.

    Returns:
        In standard errors of the mean; infinite where more resamples than the tail holds consist of one cluster alone.

    Source:
        Bootstrap-t: Efron 1982, "The jackknife, the bootstrap and other resampling plans", section 10.10; of whole
        clusters: Cameron, Gelbach and Miller 2008, Review of Economics and Statistics 90(3), section III.
    """
    count = len(off)
    generator = np.random.default_rng(bootstrap.seed)
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=bootstrap.resamples).astype(np.float64)
    windows = drawn @ sizes
    mean = drawn @ off / windows
    # The jackknife's variance of each resample, multiplied out so that it takes no table of resample by cluster more.
    alone = (drawn == count).any(axis=1)
    left = np.where(drawn > 0, windows[:, None] - sizes, 1.0)
    weight = np.where(alone[:, None], 0.0, drawn / left**2) * (count - 1) / count
    square = weight @ off**2 - 2 * mean * (weight @ (off * sizes)) + mean**2 * (weight @ sizes**2)
    known = square > _NO_SPREAD * float((off**2).mean()) / float(sizes.sum()) ** 2
    ratio = np.where(known, mean / np.sqrt(np.where(known, square, 1.0)), np.copysign(np.inf, mean))
    tail = (1 - bootstrap.confidence) / 2
    low, high = np.quantile(ratio, [tail, 1 - tail], method="nearest")
    return float(low), float(high)
