"""Between which limits does a mean difference lie, when windows of a session and errors of a training go together?

Windows of one recording session share a room, a light and a person; all windows judged of one training share its luck.
Resampling windows as if each were news of its own therefore promises far too much: of 48 windows in six sessions that
correlate by 0.8, such intervals of "95 %" held the truth in every second simulated repetition only. Here

- whole **sessions** vary, and whole **trainings** do; the variance of sessions is the jackknife's;
- both variances are added, as the pigeonhole bootstrap does in expectation (resampling rows and columns independently).
  That counts what session and seed have in common twice, so it errs on the wide side; taking it off again, as two-way
  robust standard errors do, gave intervals that were too narrow for few seeds;
- the quantile is Student's t, since the percentiles of any bootstrap over two to five things are far too narrow (it
  cannot draw what it has not seen); each side is widened by as much as a bootstrap-t of whole sessions finds t too
  narrow there, at most twofold. Neither alone is enough: t is too narrow for lopsided differences, the bootstrap-t is
  noise, or undefined, where there is little to draw from;
- with **fewer than four sessions**, or with one so long that the others hardly count, nothing can be said of sessions
  in general: the interval is then of windows *within these sessions*, and `clustered_by` says so. It speaks of other
  moments of the same recordings; that these resemble each other makes it wider than it need be, not narrower.

`tests/studies/coverage.py` measures all this; its figures are in `docs/results/coverage.json`.

Source:
    Owen 2007, "The pigeonhole bootstrap", Ann. Appl. Stat. 1(2); Owen and Eckles 2012, "Bootstrapping data arrays of
    arbitrary order", Ann. Appl. Stat. 6(3); Cameron, Gelbach and Miller 2008, "Bootstrap-based improvements for
    inference with clustered errors", Rev. Econ. Stat. 90(3), and 2011, "Robust inference with multiway clustering",
    J. Bus. Econ. Stat. 29(2). The way they are put together is ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from adapt.evaluate.clusters import (
    degrees_of_freedom,
    effective_sessions,
    half_widths,
    of_seeds,
    of_sessions,
    of_windows,
)
from adapt.evaluate.power import smallest_detectable
from adapt.evaluate.resampling import Bootstrap as Bootstrap

# Fewer sessions say too little of sessions in general; nor do more of which one outweighs the rest so far that they
# count for fewer than three.
LEAST_SESSIONS = 4
LEAST_EFFECTIVE_SESSIONS = 3.0
# Two errors that agree to this share are equal: records keep six digits.
EQUAL_TO = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paired:
    """Differences (adapted - reference), the same windows measured both ways, and what goes together.

    Make it with `differences`, which takes lists, checks lengths and leaves out windows without a number.
    """

    values: Float[np.ndarray, "s w"]  # by seed (one row: one training judged) and window; finite
    sessions: tuple[str, ...]  # recording session of each window
    seeds: tuple[int, ...]  # one a row


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean difference, the range in which the true one lies, and what could have been found at all."""

    mean: float  # over windows and seeds, each window counting alike
    low: float  # of one window alone no interval can be told; both ends are then the mean
    high: float
    windows: int
    sessions: int
    seeds: int
    detectable: float  # smallest true difference found in 80 % of repetitions; same unit as the mean
    clustered_by: str  # in words: "session", "session and seed", "window within 2 sessions", ...


def differences(
    adapted: Sequence[float] | Sequence[Sequence[float]],
    reference: Sequence[float] | Sequence[Sequence[float]],
    sessions: Sequence[str],
    seeds: Sequence[int] | None = None,
) -> Paired | None:
    """Pair two tables of errors.

    Rows are paired in their order: give both arms the same seeds in the same order. Seeds that are not paired may be
    given in any order; the difference of their rows is then as variable as it should be.

    Args:
        adapted: Errors of the adapted model: one a window, or for each seed one a window.
        reference: Likewise. A table of one row (a base that was not trained) stands against every seed.
        sessions: Recording session of each window.
        seeds: Of the rows; None counts them.

    Returns:
        The pairs; None where no window has a finite error everywhere (where nothing moves there is no motion error).

    Raises:
        ValueError: Lengths differ, so the errors cannot be of the same windows and seeds.
    """
    one, other = (np.atleast_2d(np.asarray(rows, dtype=np.float64)) for rows in (adapted, reference))
    if one.shape[1] != other.shape[1] or len(sessions) != one.shape[1]:
        raise ValueError(
            f"errors of {one.shape[1]} and of {other.shape[1]} windows, in sessions of {len(sessions)}, are not of the "
            "same windows. Give each contender one error a window."
        )
    if len(one) != len(other) and 1 not in (len(one), len(other)):
        raise ValueError(
            f"errors of {len(one)} and of {len(other)} seeds cannot be paired. Train both arms with the same seeds."
        )
    off = one - other
    numbers = tuple(range(len(off)) if seeds is None else seeds)
    if len(numbers) != len(off):
        raise ValueError(f"{len(off)} rows of errors for {len(numbers)} seeds. Give one row a seed.")
    off[np.isfinite(off) & (np.abs(off) <= EQUAL_TO * np.maximum(np.abs(one), np.abs(other)))] = 0.0
    known = np.flatnonzero(np.isfinite(off).all(axis=0)).tolist()
    if not known:
        return None
    return Paired(values=off[:, known], sessions=tuple(sessions[place] for place in known), seeds=numbers)


def paired_interval(paired: Paired, bootstrap: Bootstrap) -> Interval:
    """The interval of the mean difference; how it is made stands at the head of this module.

    One row is one training judged as itself; of several, the interval is of trainings in general.

    Args:
        paired: Differences of at least one window.
        bootstrap: Resamples, width and seed.
    """
    by_window = paired.values.mean(axis=0)
    names, groups = np.unique(paired.sessions, return_inverse=True)
    sizes = np.bincount(groups).astype(np.float64)
    generally = len(names) >= LEAST_SESSIONS and effective_sessions(sizes) >= LEAST_EFFECTIVE_SESSIONS
    column = of_sessions if generally else of_windows
    parts = [column(by_window, groups, bootstrap), of_seeds(paired.values.mean(axis=1))]
    down, up = half_widths(parts, bootstrap.confidence)
    error = math.sqrt(sum(part.variance for part in parts))
    mean = float(by_window.mean())
    return Interval(
        mean=mean,
        low=mean - down,
        high=mean + up,
        windows=len(by_window),
        sessions=len(names),
        seeds=len(paired.values),
        detectable=smallest_detectable(error, max(down, up), degrees_of_freedom(parts)),
        clustered_by=_clustered_by(len(names), len(paired.values), generally=generally),
    )


def _clustered_by(sessions: int, seeds: int, *, generally: bool) -> str:
    if generally:
        return "session and seed" if seeds > 1 else "session"
    within = f"window within {sessions} session{'s' if sessions > 1 else ''}"
    return f"{within}, and seed" if seeds > 1 else within
