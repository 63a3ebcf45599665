"""Is a difference real? Paired bootstrap intervals, and the words they allow."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adapt.evaluate.record import BETTER, NO_GAIN, TOO_FEW, WORSE, Verdict

# Fewer pairs than this and the bootstrap's percentiles are a matter of single windows.
LEAST_PAIRS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The mean of some differences, and the range that resampling them spans."""

    mean: float
    low: float
    high: float
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """How to resample: how often, how wide an interval, and from which seed."""

    resamples: int = 2000
    confidence: float = 0.95
    seed: int = 0


def paired_interval(differences: Sequence[float], bootstrap: Bootstrap) -> Interval:
    """Percentile bootstrap of the mean of paired differences.

    Args:
        differences: One per window, the same window measured both ways.
        bootstrap: Resamples, width and seed.

    Raises:
        ValueError: There are no differences.

    Source:
        Efron 1979, "Bootstrap methods: another look at the jackknife", Ann. Statist. 7(1); percentile interval.
    """
    if not len(differences):
        raise ValueError("an interval needs at least one difference")
    values = np.asarray(differences, dtype=np.float64)
    generator = np.random.default_rng(bootstrap.seed)
    draws = generator.integers(len(values), size=(bootstrap.resamples, len(values)))
    tail = (1 - bootstrap.confidence) / 2
    low, high = np.quantile(values[draws].mean(axis=1), [tail, 1 - tail])
    return Interval(mean=float(values.mean()), low=float(low), high=float(high), pairs=len(values))


def word(interval: Interval) -> str:
    """The verdict that an interval of error differences (adapted - reference) allows."""
    if interval.pairs < LEAST_PAIRS:
        return TOO_FEW
    if interval.high < 0:
        return BETTER
    return WORSE if interval.low > 0 else NO_GAIN


def judge(
    measure: str, against: str, adapted: Sequence[float], reference: Sequence[float], bootstrap: Bootstrap
) -> Verdict | None:
    """Compare two lists of errors of the same windows.

    Args:
        measure: Id of what was measured; lower is better.
        against: Name of the reference.
        adapted: Errors of the adapted model, by window.
        reference: Errors of the reference on the same windows.
        bootstrap: How to resample.

    Returns:
        The verdict; None where no window has both errors (a window in which nothing moves has no motion error).

    Raises:
        ValueError: The lists differ in length, so they cannot be the same windows.
    """
    pairs = [(a, r) for a, r in zip(adapted, reference, strict=True) if np.isfinite(a) and np.isfinite(r)]
    if not pairs:
        return None
    interval = paired_interval([a - r for a, r in pairs], bootstrap)
    return Verdict(
        measure=measure,
        against=against,
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        windows=interval.pairs,
        verdict=word(interval),
    )
