"""How far may a mean be off, when its parts go together in sessions, or stem from few trainings?"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import special

from adapt.evaluate.resampling import Bootstrap, studentised

# The bootstrap's word on lopsidedness is noisy where it resamples few things: it may widen a side this often, no more.
MOST_WIDENING = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one source of chance (sessions, windows within them, seeds) adds to the uncertainty of a mean."""

    variance: float  # of the mean
    dof: float  # degrees of freedom with which that is known
    widen_low: float = 1.0  # how much wider than Student's t the interval must be downwards, for lopsided differences
    widen_high: float = 1.0


def effective_sessions(sizes: Float[np.ndarray, " j"]) -> float:
    """How many sessions of equal size would say as much as these: one long session among short ones counts for most.

    Source:
        Carter, Schnepel and Steigerwald 2017, Review of Economics and Statistics 99(4): effective number of clusters,
        here at its worst, where all windows of a session say the same.
    """
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def of_sessions(by_window: Float[np.ndarray, " w"], groups: Int[np.ndarray, " w"], bootstrap: Bootstrap) -> Part:
    """Chance in which sessions were recorded: whole sessions vary, however many windows each has.

    The variance is the jackknife's that leaves out one session at a time: with sessions of unequal size the usual
    sandwich estimate is far too small.

    Args:
        by_window: Difference of each window, averaged over seeds.
        groups: Number of the session of each window, 0 and up, none left out; at least two.
        bootstrap: How to resample sessions.

    Source:
        Cameron and Miller 2015, "A practitioner's guide to cluster-robust inference", J. Human Resources 50(2), section
        VI (CV3); MacKinnon, Nielsen and Webb 2023, J. Econometrics 232(2).
    """
    sizes = np.bincount(groups).astype(np.float64)
    off = np.bincount(groups, weights=by_window - by_window.mean())
    count, windows = len(sizes), sizes.sum()
    variance = (count - 1) / count * float(((off / (windows - sizes)) ** 2).sum())
    return _widened(variance, effective_sessions(sizes) - 1, off, sizes, bootstrap)


def of_windows(by_window: Float[np.ndarray, " w"], groups: Int[np.ndarray, " w"], bootstrap: Bootstrap) -> Part:
    """Chance in which windows of the sessions at hand were looked at; nothing is said of other sessions.

    Windows vary about the mean of their session, as in a stratified sample.

    Args:
        by_window: Difference of each window, averaged over seeds.
        groups: Number of the session of each window, 0 and up, none left out.
        bootstrap: How to resample windows.
    """
    windows = len(by_window)
    strata = int(groups.max()) + 1
    if windows == strata:
        # Sessions of one window have nothing within; their windows are then taken as windows of one session.
        strata, groups = 1, np.zeros_like(groups)
    if windows == 1:
        return Part(variance=0.0, dof=1.0)
    means = np.bincount(groups, weights=by_window) / np.bincount(groups)
    off = by_window - means[groups]
    dof = float(windows - strata)
    variance = float((off**2).sum()) / dof / windows
    return _widened(variance, dof, off, np.ones(windows), bootstrap)


def of_seeds(by_seed: Float[np.ndarray, " s"]) -> Part:
    """Chance in the trainings: every window of a training shares its luck.

    Args:
        by_seed: Mean difference of each training.
    """
    count = len(by_seed)
    if count == 1:
        return Part(variance=0.0, dof=1.0)
    return Part(variance=float(by_seed.var(ddof=1)) / count, dof=count - 1.0)


def degrees_of_freedom(parts: list[Part]) -> float:
    """With how many degrees of freedom the sum of the variances is known.

    Source:
        Satterthwaite 1946, Biometrics Bulletin 2(6).
    """
    total = sum(part.variance for part in parts)
    doubt = sum(part.variance**2 / part.dof for part in parts)
    return total**2 / doubt if doubt > 0 else parts[0].dof


def half_widths(parts: list[Part], confidence: float) -> tuple[float, float]:
    """How far the interval of a mean reaches down and up.

    Half-way between two ways to put variances together that are known with different certainty. Satterthwaite's takes
    one Student's t for their sum and is too narrow where the least certain part is the largest (three seeds that differ
    more than windows do); Howe's takes one for each part and is too wide where that part is small.

    Source:
        Satterthwaite 1946, Biometrics Bulletin 2(6); Howe 1974, J. Am. Stat. Assoc. 69(347). Their mean is ours, chosen
        by simulation over 3 to 8 seeds, 12 to 48 windows and ratios of the variances from none to large.
    """
    level = (1 + confidence) / 2
    shared = float(special.stdtrit(degrees_of_freedom(parts), level))
    own = [float(special.stdtrit(part.dof, level)) for part in parts]

    def reach(widen: list[float]) -> float:
        """One side's half-width, of parts widened by so much each: the mean of both ways."""
        squares = [(by * by * part.variance) for by, part in zip(widen, parts, strict=True)]
        together = shared * math.sqrt(sum(squares))
        apart = math.sqrt(sum(t * t * square for t, square in zip(own, squares, strict=True)))
        return (together + apart) / 2

    return reach([part.widen_low for part in parts]), reach([part.widen_high for part in parts])


def _widened(
    variance: float, dof: float, off: Float[np.ndarray, " j"], sizes: Float[np.ndarray, " j"], bootstrap: Bootstrap
) -> Part:
    """The part, its sides widened as far as resampling shows Student's t to be too narrow there."""
    if variance == 0.0:
        return Part(variance=0.0, dof=dof)
    low, high = studentised(off, sizes, bootstrap)
    usual = float(special.stdtrit(dof, (1 + bootstrap.confidence) / 2))
    # What the resampled means lie above the mean by, the mean may lie above the truth by: sides swap.
    down, up = (float(np.clip(side / usual, 1.0, MOST_WIDENING)) for side in (high, -low))
    return Part(variance=variance, dof=dof, widen_low=down, widen_high=up)
