"""Is a difference real? The words that an interval allows, and one plain sentence of them.

Each interval is of one measure against one reference, by itself: of twenty verdicts about nothing one is expected to be
wrong, half of those "better". No correction is made for that. The measures that count (whole frames, where something
moves, actions of the first chunk) are few and named in advance, the references are asked different questions ("better
than the base?", "better than standing still?"), and a reader sees all of them, not a choice. Who picks the best of many
must ask for more: a confidence of 1 - 0.05 / m for m comparisons (Bonferroni) keeps all of them right at once.
"""

import math
from collections.abc import Sequence

import numpy as np

from adapt.evaluate.bootstrap import Bootstrap as Bootstrap
from adapt.evaluate.bootstrap import Interval, differences, paired_interval
from adapt.evaluate.record import BETTER, NO_GAIN, TOO_FEW, TOO_FEW_SEEDS, WORSE, Verdict

# Of fewer windows no interval covers what it promises when differences are lopsided.
LEAST_WINDOWS = 8
# One training is judged as itself. Two say nothing yet about trainings in general.
LEAST_SEEDS = 3


def word(interval: Interval) -> str:
    """The verdict that an interval of error differences (adapted - reference) allows."""
    if interval.windows < LEAST_WINDOWS:
        return TOO_FEW
    if 1 < interval.seeds < LEAST_SEEDS:
        return TOO_FEW_SEEDS
    if interval.high < 0:
        return BETTER
    return WORSE if interval.low > 0 else NO_GAIN


def judge(
    measure: str,
    against: str,
    adapted: Sequence[float] | Sequence[Sequence[float]],
    reference: Sequence[float] | Sequence[Sequence[float]],
    bootstrap: Bootstrap,
    *,
    sessions: Sequence[str] | None = None,
) -> Verdict | None:
    """Compare two tables of errors of the same windows.

    Args:
        measure: Id of what was measured; lower is better.
        against: Name of the reference.
        adapted: Errors of the adapted model, by window; or a row of them for each seed.
        reference: Errors of the reference on the same windows; one row may stand against every seed.
        bootstrap: How to resample.
        sessions: Recording session of each window; None where all are of one.

    Returns:
        The verdict; None where no window has both errors (a window in which nothing moves has no motion error).

    Raises:
        ValueError: The tables differ in length, so they cannot be of the same windows.
    """
    if sessions is None:
        sessions = ["the only one"] * np.atleast_2d(np.asarray(adapted, dtype=np.float64)).shape[1]
    paired = differences(adapted, reference, sessions)
    if paired is None:
        return None
    interval = paired_interval(paired, bootstrap)
    return Verdict(
        measure=measure,
        against=against,
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        windows=interval.windows,
        verdict=word(interval),
        sessions=interval.sessions,
        seeds=interval.seeds,
        # One window alone has no spread from which to tell what could have been found.
        detectable=interval.detectable if interval.windows > 1 and math.isfinite(interval.detectable) else None,
        clustered_by=interval.clustered_by,
    )


def in_words(verdict: Verdict, unit: str) -> str:
    """The verdict as one plain sentence, with its figures, what it rests on, and what could have been seen at all.

    Args:
        verdict: Of an error, so that lower is better.
        unit: Of its difference: "rad", "dB"; empty where it has none.
    """
    against = f"the {verdict.against}" if verdict.against.endswith(("base", "frame", "ceiling")) else verdict.against
    basis = _basis(verdict)
    if verdict.verdict == TOO_FEW:
        return f"Too few windows to tell against {against}: {verdict.windows}, of {LEAST_WINDOWS} at least."
    if verdict.verdict == TOO_FEW_SEEDS:
        return f"Too few seeds to tell against {against}: {verdict.seeds}, of {LEAST_SEEDS} at least."
    if verdict.verdict in (BETTER, WORSE):
        near, far = sorted((abs(verdict.low), abs(verdict.high)))
        by = f"{_figure(abs(verdict.difference), unit)} ({_figure(near)} to {_figure(far, unit)}; {basis})"
        return f"{verdict.verdict.capitalize()} than {against}, by {by}."
    seen = (
        "" if verdict.detectable is None else f"; a gain above {_figure(verdict.detectable, unit)} would have been seen"
    )
    between = f"{_figure(verdict.low)} and {_figure(verdict.high, unit)}"
    return f"No measurable gain over {against}: the difference lies between {between} ({basis}){seen}."


def _basis(verdict: Verdict) -> str:
    """For example "24 windows of 6 sessions", "24 windows, within the 2 held-out sessions; 3 trainings"."""
    sessions = f"{verdict.sessions} session{'s' if verdict.sessions != 1 else ''}"
    basis = f"{verdict.windows} windows"
    if verdict.clustered_by.startswith("window"):
        basis += f", within the {'one' if verdict.sessions == 1 else verdict.sessions} held-out session"
        basis += "s" if verdict.sessions != 1 else ""
    elif verdict.sessions:
        basis += f" of {sessions}"
    return f"{basis}; {verdict.seeds} trainings" if verdict.seeds > 1 else basis


def _figure(value: float, unit: str = "") -> str:
    return f"{value:.3g} {unit}".rstrip()
