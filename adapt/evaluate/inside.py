"""Are told spreads honest? The share of true values inside them, with its own clustered interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Float
from torch import Tensor

from adapt.evaluate.bootstrap import Bootstrap, differences, paired_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareInside:
    """How often the truth lay inside, and how far to trust that."""

    wanted: float  # share that the intervals are made for
    inside: float  # share found, each window counting alike
    low: float
    high: float
    windows: int
    sessions: int
    stretch: float  # by which the spreads would have to be multiplied to be as large as the errors; 1 is honest
    clustered_by: str

    @property
    def honest(self) -> bool:
        """The wanted share cannot be excluded."""
        return self.low <= self.wanted <= self.high


def share_inside(
    true: Sequence[Float[Tensor, "_k d"]],
    mean: Sequence[Float[Tensor, "_k d"]],
    spread: Sequence[Float[Tensor, "_k d"]],
    sessions: Sequence[str],
    bootstrap: Bootstrap,
    *,
    wanted: float = 0.9,
) -> ShareInside | None:
    """Count how often the truth lies inside mean +- z spread, z being that of a normal distribution.

    Steps and axes of one window go wrong together, as do windows of one session: the interval is over those.

    Args:
        true: Values of each window; NaN where not known.
        mean: What was told of them.
        spread: One standard deviation of it, same unit, not negative.
        sessions: Recording session of each window.
        bootstrap: How to resample.
        wanted: Share that mean +- z spread is made for, in (0, 1).

    Returns:
        The share; None where no value is known.

    Raises:
        ValueError: A spread is negative.
    """
    z = NormalDist().inv_cdf((1 + wanted) / 2)
    shares, squares, known = [], 0.0, 0
    for done, told, deviation in zip(true, mean, spread, strict=True):
        if bool((deviation < 0).any()):
            raise ValueError(f"a spread of {float(deviation.min()):.3g} is negative. Give standard deviations.")
        here = done.isfinite()
        off, allowed = (done - told).abs()[here].double(), deviation[here].double()
        shares.append(float((off <= z * allowed).double().mean()) if len(off) else float("nan"))
        counts = allowed > 0
        squares += float((off[counts] / allowed[counts]).square().sum())
        known += int(counts.sum())
    paired = differences(shares, [0.0] * len(shares), sessions) if shares else None
    if paired is None:
        return None
    interval = paired_interval(paired, bootstrap)
    within = interval.clustered_by.startswith("window")
    low, high = _limits(interval.mean, interval.low, interval.high, interval.windows if within else interval.sessions)
    return ShareInside(
        wanted=wanted,
        inside=interval.mean,
        low=low,
        high=high,
        windows=interval.windows,
        sessions=interval.sessions,
        stretch=float(np.sqrt(squares / known)) if known else float("inf"),
        clustered_by=interval.clustered_by,
    )


def _limits(share: float, low: float, high: float, count: int) -> tuple[float, float]:
    """Limits inside [0, 1]; where every window agrees, those of that many tosses of a coin that always fell alike.

    Source:
        Clopper and Pearson 1934, Biometrika 26(4), at 95 %.
    """
    least = 0.025 ** (1 / count)
    if share >= 1.0:
        return least, 1.0
    if share <= 0.0:
        return 0.0, 1.0 - least
    return max(low, 0.0), min(high, 1.0)
