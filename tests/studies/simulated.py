"""Differences drawn from a known truth, and how often an interval of them holds it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapt.evaluate.bootstrap import Bootstrap, Interval, Paired, paired_interval
from adapt.evaluate.verdict import word

Floats = NDArray[np.float64]
EQUAL, UNEQUAL, DOMINATED = "equal", "unequal", "one dominates"
NORMAL, HEAVY, LOPSIDED, VERY_LOPSIDED = "normal", "heavy tails", "lopsided", "very lopsided"
# Windows of a session drift slowly when this much of a difference carries over to the next; this many are there of
# which one is judged.
CARRIED, OF = 0.9, 8
# The planted mistake is so wide of the mark that this many repetitions show it.
FEWER = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How differences come about; a window's own spread, with its session's, is 1."""

    windows: int
    sessions: int
    correlation: float = 0.0  # of windows in one session
    seeds: int = 1
    seed_spread: float = 0.0  # of what all windows of a training share
    noise: float = 0.0  # of each window in each training
    shape: str = NORMAL
    sizes: str = EQUAL
    drifting: bool = False  # windows near in time are alike, and every eighth of a session is judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Simulated repetitions of one comparison."""

    values: Floats  # [r s w]
    truth: Floats  # [r]: zero; the mean over the sessions drawn where nothing is said of others
    sessions: tuple[str, ...]


def draw(setting: Setting, repetitions: int, generator: np.random.Generator, *, within: bool) -> Drawn:
    """Draw comparisons whose true mean is zero.

    Args:
        setting: How differences come about.
        repetitions: How many comparisons.
        generator: Chance.
        within: The interval speaks of the sessions drawn only.
    """
    sizes = session_sizes(setting)
    of_window = np.repeat(np.arange(setting.sessions), sizes)
    session = math.sqrt(setting.correlation) * shaped((repetitions, setting.sessions), setting.shape, generator)
    inside = math.sqrt(1 - setting.correlation)
    if setting.drifting:
        own, mean = drift(repetitions, sizes, generator)
    else:
        own, mean = shaped((repetitions, setting.windows), setting.shape, generator), np.zeros(repetitions)
    values = (session[:, of_window] + inside * own)[:, None, :]
    rows = (repetitions, setting.seeds)
    values = values + setting.seed_spread * generator.standard_normal(rows)[..., None]
    values = values + setting.noise * generator.standard_normal((*rows, setting.windows))
    truth = session @ sizes / setting.windows + inside * mean if within else np.zeros(repetitions)
    return Drawn(values=values, truth=truth, sessions=tuple(f"session {number}" for number in of_window))


def session_sizes(setting: Setting) -> NDArray[np.int64]:
    """Windows of each session."""
    share = {
        EQUAL: np.ones(setting.sessions),
        UNEQUAL: np.arange(1.0, setting.sessions + 1),
        DOMINATED: 2.0 ** -np.arange(setting.sessions),
    }[setting.sizes]
    sizes = np.maximum(1, np.floor(share / share.sum() * setting.windows)).astype(np.int64)
    left = setting.windows - int(sizes.sum())
    if setting.sizes == EQUAL:
        sizes[:left] += 1
    else:
        sizes[np.argmax(sizes)] += left
    return sizes


def shaped(size: tuple[int, ...], shape: str, generator: np.random.Generator) -> Floats:
    """Numbers of mean 0 and spread 1."""
    if shape == NORMAL:
        return generator.standard_normal(size)
    if shape == HEAVY:  # Student's t with 4 degrees of freedom: kurtosis without bound
        return generator.standard_t(4, size) / math.sqrt(2)
    if shape == LOPSIDED:  # exponential: skewness 2
        return generator.standard_exponential(size) - 1
    width = 0.75  # lognormal: skewness 3.3
    return (np.exp(width * generator.standard_normal(size)) - math.exp(width**2 / 2)) / math.sqrt(
        math.expm1(width**2) * math.exp(width**2)
    )


def drift(repetitions: int, sizes: NDArray[np.int64], generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Every eighth value of slowly changing sessions, and the mean of all of their values."""
    parts, total = [], np.zeros(repetitions)
    for size in sizes:
        steps = np.empty((repetitions, size * OF))
        now = generator.standard_normal(repetitions)
        for place in range(size * OF):
            steps[:, place] = now
            now = CARRIED * now + math.sqrt(1 - CARRIED**2) * generator.standard_normal(repetitions)
        parts.append(steps[:, OF // 2 :: OF])
        total += steps.sum(axis=1)
    return np.concatenate(parts, axis=1), total / (int(sizes.sum()) * OF)


def windows_alone(paired: Paired, bootstrap: Bootstrap) -> tuple[float, float]:
    """The planted mistake: the percentile bootstrap over windows, as if each were news of its own."""
    values = paired.values.mean(axis=0)
    draws = np.random.default_rng(bootstrap.seed).integers(len(values), size=(bootstrap.resamples, len(values)))
    tail = (1 - bootstrap.confidence) / 2
    low, high = np.quantile(values[draws].mean(axis=1), [tail, 1 - tail])
    return float(low), float(high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What simulated repetitions of one setting gave."""

    covered: float  # share of intervals that held the truth
    false_gain: float  # share that lay below it
    false_loss: float
    covered_windows_alone: float
    width: float  # median, in spreads of the mean's own
    detectable: float  # root mean square over repetitions, in spreads of a window
    power: float  # share of repetitions that find an effect of that size
    clustered_by: str
    word: str  # of the last repetition's interval


def simulate(setting: Setting, repetitions: int, bootstrap: Bootstrap, seed: int) -> Found:
    """How often do intervals hold the truth, and find an effect of the size they call detectable?"""
    first = draw(setting, 1, np.random.default_rng(seed), within=False)
    seeds = tuple(range(setting.seeds))
    example = paired_interval(Paired(values=first.values[0], sessions=first.sessions, seeds=seeds), bootstrap)
    within = example.clustered_by.startswith("window")
    drawn = draw(setting, repetitions, np.random.default_rng(seed), within=within)
    intervals: list[Interval] = []
    alone = 0
    for number, (values, truth) in enumerate(zip(drawn.values, drawn.truth, strict=True)):
        paired = Paired(values=values, sessions=drawn.sessions, seeds=seeds)
        luck = Bootstrap(resamples=bootstrap.resamples, confidence=bootstrap.confidence, seed=number)
        intervals.append(paired_interval(paired, luck))
        if number < FEWER:
            low, high = windows_alone(paired, luck)
            alone += low <= truth <= high
    low, high, mean, least = (
        np.array([getattr(item, name) for item in intervals]) for name in ("low", "high", "mean", "detectable")
    )
    effect = float(np.sqrt((least**2).mean()))
    below, above = float((high < drawn.truth).mean()), float((low > drawn.truth).mean())
    return Found(
        covered=1 - below - above,
        false_gain=below,
        false_loss=above,
        covered_windows_alone=float(alone) / min(repetitions, FEWER),
        width=float(np.median(high - low) / (mean - drawn.truth).std()),
        detectable=effect,
        power=float((high - drawn.truth < effect).mean()),
        clustered_by=example.clustered_by,
        word=word(intervals[-1]),
    )


def share_interval(share: float, repetitions: int, z: float = 1.96) -> tuple[float, float]:
    """Between which limits does a simulated share lie? (Wilson 1927)"""
    middle = (share + z**2 / (2 * repetitions)) / (1 + z**2 / repetitions)
    half = z / (1 + z**2 / repetitions) * math.sqrt(share * (1 - share) / repetitions + z**2 / (4 * repetitions**2))
    return middle - half, middle + half
