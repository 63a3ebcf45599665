"""How likely a better fit is chance: as often as it is told, for what is smooth in time, too."""

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from adapt.quality.robot.chance import better_by_chance, independent

LENGTH = 200
DRAWS = 400


def smooth(draw: np.random.Generator, keeps: float, count: int) -> np.ndarray:
    """So many series, each value of which keeps a share of the one before, shape (count, n)."""
    return lfilter([math.sqrt(1 - keeps**2)], [1.0, -keeps], draw.standard_normal((count, LENGTH + 200)))[:, 200:]


def chances(keeps: float, shares: tuple[float, float], seed: int = 0) -> np.ndarray:
    """Of what is seen, a sum of both series in these shares and of something else."""
    draw, found = np.random.default_rng(seed), []
    for _ in range(DRAWS):
        one, other, noise = smooth(draw, keeps, 3)
        found.append(better_by_chance(shares[0] * one + shares[1] * other + noise, one, other, tried=1))
    return np.array(found)


@pytest.mark.parametrize("keeps", [0.0, 0.8, 0.95])
def test_what_is_no_better_seems_so_as_seldom_as_is_told(keeps: float) -> None:
    found = chances(keeps, (0.7, 0.7))
    for level in (0.01, 0.05, 0.2):
        assert (found < level).mean() <= level + 3 * math.sqrt(level / DRAWS)
    assert (found < 0.2).mean() > 0.08


def test_taken_for_as_many_values_as_rows_chance_would_be_told_far_too_often() -> None:
    """The count is what makes the difference: nine rows in ten tell nothing new here."""
    assert independent(*smooth(np.random.default_rng(0), 0.95, 2)) < LENGTH / 5
    draw, alarms = np.random.default_rng(0), 0
    for _ in range(DRAWS):
        one, other, noise = smooth(draw, 0.95, 3)
        seen = 0.7 * one + 0.7 * other + noise
        apart = math.atanh(np.corrcoef(seen, one)[0, 1]) - math.atanh(np.corrcoef(seen, other)[0, 1])
        alarms += apart * math.sqrt((LENGTH - 3) / 2) > 2.33  # at a level of 0.01
    assert alarms > 0.1 * DRAWS


@pytest.mark.parametrize("keeps", [0.0, 0.8])
def test_what_is_better_is_found_to_be(keeps: float) -> None:
    assert np.median(chances(keeps, (1.5, 0.2))) < 0.01


@pytest.mark.parametrize(("one", "other"), [(0.0, 0.0), (0.9, 0.0), (0.6, 0.9), (0.9, 0.9)])
def test_independent_values_are_as_many_as_the_correlation_of_unrelated_series_says(one: float, other: float) -> None:
    """The correlation of n independent values varies like 1 / n."""
    draw = np.random.default_rng(1)
    pairs = [(smooth(draw, one, 1)[0], smooth(draw, other, 1)[0]) for _ in range(DRAWS)]
    true = 1 / np.mean([np.corrcoef(*pair)[0, 1] ** 2 for pair in pairs])
    assert np.median([independent(*pair) for pair in pairs]) == pytest.approx(true, rel=0.35)


def test_what_repeats_is_worth_few_values_however_long_it_lasts() -> None:
    wave = np.sin(np.arange(LENGTH) / 3)
    assert independent(wave, np.roll(wave, 4)) < 5
    assert better_by_chance(wave, np.roll(wave, 1), np.roll(wave, 6), tried=1) > 0.05


def test_the_more_is_tried_the_likelier_one_is_better_by_chance() -> None:
    one, other, noise = smooth(np.random.default_rng(2), 0.8, 3)
    few, many = (better_by_chance(one + noise, one, other, tried=tried) for tried in (1, 200))
    assert 0 < few < many <= 1


def test_where_there_is_too_little_nothing_is_better() -> None:
    still, wave = np.zeros(50), np.sin(np.arange(50.0))
    assert better_by_chance(wave, still, still, tried=1) >= 0.5
    assert better_by_chance(wave[:3], wave[:3], wave[:3], tried=1) == 1.0
    assert better_by_chance(wave, wave, wave, tried=1) == 1.0
    assert independent(wave[:1], wave[:1]) == 1.0
