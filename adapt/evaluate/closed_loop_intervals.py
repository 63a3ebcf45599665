"""Between which limits does a success rate lie, or the difference of two, over trainings and episodes alike?

Every training of an arm acts in the same episodes (the same tasks from the same seeds), and so do all arms. Episodes of
one training share its luck, and one episode is as hard for every training: five trainings in 250 episodes each are
neither five nor 1,250 independent observations. So the variance over trainings and the variance over episodes are
added, as `adapt.evaluate.bootstrap` does for windows and for the reasons told there; limits come from Student's t with
the degrees of freedom that are there. Successes need two things more:

- a **rate** near 0 or 1 has no room on one side and hardly any spread: its interval is Wilson's, for as many
  independent episodes as would vary by as much; where all or none succeed, for as many as there are different ones;
- a **difference** reaches on either side at least as far as the rule of three allows for so many episodes, so that
  two arms which fail alike everywhere are not said to be equal to the last digit.

The tasks are fixed: nothing is said of tasks that were not asked for.

Source:
    Owen 2007, "The pigeonhole bootstrap", Ann. Appl. Stat. 1(2); Wilson 1927, J. Am. Stat. Assoc. 22(158); effective
    sample sizes in Wilson's interval: Korn and Graubard 1998, Survey Methodology 24(2), and Franco et al. 2019, J.
    Survey Stat. Methodol. 7(3); the rule of three: Hanley and Lippman-Hand 1983, JAMA 249(13).
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import special

from adapt.evaluate.clusters import Part, degrees_of_freedom, half_widths, of_seeds, of_windows
from adapt.evaluate.power import smallest_detectable
from adapt.evaluate.resampling import Bootstrap

# One training is judged as itself. Of two, nothing can be said of trainings in general.
LEAST_SEEDS = 3
# A verdict rests on at least so many episodes: with 24 to 60, effects have been seen that were none.
LEAST_EPISODES = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A figure and the range in which the true one lies."""

    mid: float
    low: float
    high: float
    episodes: int  # different ones
    seeds: int  # trainings
    detectable: float | None = None  # smallest true difference found in 80 % of repetitions; None for a rate


def rate_limits(successes: Float[np.ndarray, "s e"], bootstrap: Bootstrap) -> Limits:
    """The success rate of an arm, over trainings and episodes.

    Args:
        successes: 1 where an episode succeeded, else 0 (or a share of the way, in [0, 1]); one row a training.
        bootstrap: How intervals are made.
    """
    seeds, episodes = successes.shape
    mid = float(successes.mean())
    parts = _parts(successes, bootstrap)
    variance = sum(part.variance for part in parts)
    if variance > 0.0:
        independent = min(mid * (1 - mid) / variance, float(successes.size))
        score = max(half_widths(parts, bootstrap.confidence)) / math.sqrt(variance)
    else:  # All alike: what one training does tells what the next one would, so only episodes count.
        independent = float(episodes)
        score = float(special.ndtri((1 + bootstrap.confidence) / 2))
    low, high = _wilson(mid, independent, score)
    return Limits(mid=mid, low=low, high=high, episodes=episodes, seeds=seeds)


def gain_limits(arm: Float[np.ndarray, "s e"], against: Float[np.ndarray, "r k"], bootstrap: Bootstrap) -> Limits:
    """By how much one arm succeeds more often than another in the same episodes.

    Args:
        arm: Successes; one row a training.
        against: Likewise, with trainings from the same seeds in the same order; one row (a policy that was not trained)
            stands against every training.
        bootstrap: How intervals are made.

    Raises:
        ValueError: The tables are not of the same episodes, or not of the same seeds.
    """
    _require_pairs(arm, against)
    off = arm - against
    parts = _parts(off, bootstrap)
    seeds, episodes = off.shape
    least = math.log(2 / (1 - bootstrap.confidence)) / episodes
    down, up = (max(side, least) for side in half_widths(parts, bootstrap.confidence))
    mid = float(off.mean())
    error = math.sqrt(sum(part.variance for part in parts))
    found = smallest_detectable(error, max(down, up), degrees_of_freedom(parts)) if error > 0.0 else least
    return Limits(
        mid=mid,
        low=max(-1.0, mid - down),
        high=min(1.0, mid + up),
        episodes=episodes,
        seeds=seeds,
        detectable=found if found <= 1.0 else None,  # No gain is larger than from never to always.
    )


def share_limits(arm: Float[np.ndarray, "s e"], of: Float[np.ndarray, "r k"], bootstrap: Bootstrap) -> Limits | None:
    """What share of another's successes an arm keeps in the same episodes: 1 where it succeeds as often.

    Args:
        arm: As for `gain_limits`.
        of: As `against` there.
        bootstrap: How intervals are made.

    Returns:
        The ratio of the rates, its limits by linearisation; None where the other never succeeds.

    Source:
        Cochran 1977, "Sampling Techniques", section 6.3: the variance of a ratio of means.
    """
    _require_pairs(arm, of)
    whole = float(of.mean())
    if whole == 0.0:
        return None
    share = float(arm.mean()) / whole
    rest = gain_limits(arm, share * of, bootstrap)
    return Limits(
        mid=share,
        low=max(0.0, share + rest.low / whole),
        high=share + rest.high / whole,
        episodes=rest.episodes,
        seeds=rest.seeds,
    )


def _parts(values: Float[np.ndarray, "s e"], bootstrap: Bootstrap) -> list[Part]:
    """What episodes and what trainings add to the doubt about the mean."""
    episodes = np.zeros(values.shape[1], dtype=np.int64)
    return [of_windows(values.mean(axis=0), episodes, bootstrap), of_seeds(values.mean(axis=1))]


def _wilson(share: float, count: float, score: float) -> tuple[float, float]:
    square = score * score
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = score / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    return (0.0 if share == 0.0 else max(0.0, middle - half)), (1.0 if share == 1.0 else min(1.0, middle + half))


def _require_pairs(arm: Float[np.ndarray, "s e"], against: Float[np.ndarray, "r k"]) -> None:
    if arm.shape[1] != against.shape[1]:
        raise ValueError(
            f"{arm.shape[1]} and {against.shape[1]} episodes are not the same ones. Let both arms act in all of them."
        )
    if len(arm) != len(against) and len(against) != 1:
        raise ValueError(
            f"{len(arm)} and {len(against)} trainings cannot be paired. Train both arms from the same seeds."
        )
