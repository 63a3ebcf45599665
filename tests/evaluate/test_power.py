"""The smallest detectable effect is what textbooks say and simulations find."""

import math

import numpy as np
import pytest
from scipy import stats

from adapt.evaluate.power import smallest_detectable


@pytest.mark.parametrize(("windows", "textbook"), [(10, 0.996), (20, 0.660), (50, 0.404)])
def test_of_one_sample_it_is_the_textbook_effect(windows: int, textbook: float) -> None:
    # Effect sizes of a two-sided t test at 5 % with 80 % power, as G*Power tells them.
    error = 1 / math.sqrt(windows)
    half = float(stats.t.ppf(0.975, windows - 1)) * error
    assert smallest_detectable(error, half, windows - 1.0) == pytest.approx(textbook, abs=0.005)


def test_an_effect_of_that_size_is_found_in_four_of_five_repetitions() -> None:
    values = np.random.default_rng(0).normal(size=(4000, 5))
    half = stats.t.ppf(0.975, 4) * values.std(axis=1, ddof=1) / math.sqrt(5)
    effect = smallest_detectable(1 / math.sqrt(5), float(stats.t.ppf(0.975, 4)) / math.sqrt(5), 4.0)
    assert (values.mean(axis=1) + effect - half > 0).mean() == pytest.approx(0.8, abs=0.02)


def test_it_is_beyond_the_interval_and_grows_with_it() -> None:
    assert 0.3 < smallest_detectable(0.1, 0.3, 6.0) < smallest_detectable(0.1, 0.4, 6.0)


def test_where_nothing_varies_any_difference_is_found() -> None:
    assert smallest_detectable(0.0, 0.0, 3.0) == 0.0


def test_it_is_told_for_two_things_too() -> None:
    # One degree of freedom: intervals of twelve standard errors.
    assert smallest_detectable(1.0, 12.7, 1.0) > 12.7
