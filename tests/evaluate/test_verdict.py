"""Intervals cover what they promise, and words claim no more than intervals allow."""

import math

import numpy as np
import pytest

from adapt.evaluate.record import BETTER, NO_GAIN, TOO_FEW, WORSE
from adapt.evaluate.verdict import Bootstrap, judge, paired_interval

FAST = Bootstrap(resamples=500)


def test_errors_that_fall_in_every_window_are_better() -> None:
    verdict = judge("video", "base", [0.5] * 8, [0.7] * 8, FAST)
    assert verdict is not None
    assert verdict.verdict == BETTER
    assert math.isclose(verdict.difference, -0.2)
    assert verdict.windows == 8


def test_errors_that_rise_in_every_window_are_worse() -> None:
    verdict = judge("video", "base", [0.7] * 8, [0.5] * 8, FAST)
    assert verdict is not None
    assert verdict.verdict == WORSE


def test_a_model_identical_to_its_base_gains_nothing() -> None:
    verdict = judge("video", "base", [0.5, 0.1] * 4, [0.5, 0.1] * 4, FAST)
    assert verdict is not None
    assert (verdict.verdict, verdict.low, verdict.high) == (NO_GAIN, 0.0, 0.0)


def test_a_gain_carried_by_one_window_of_many_is_not_measurable() -> None:
    verdict = judge("video", "base", [0.0] + [0.51] * 9, [1.0] + [0.5] * 9, FAST)
    assert verdict is not None
    assert verdict.difference < 0
    assert verdict.verdict == NO_GAIN


def test_a_handful_of_windows_is_too_few_however_large_the_gain() -> None:
    verdict = judge("video", "base", [0.0] * 5, [1.0] * 5, FAST)
    assert verdict is not None
    assert verdict.verdict == TOO_FEW


def test_windows_without_both_errors_are_left_out_of_the_pairs() -> None:
    verdict = judge("motion", "base", [math.nan, *[0.1] * 6], [0.0, math.nan, *[0.2] * 5], FAST)
    assert verdict is not None
    assert verdict.windows == 5


def test_there_is_no_verdict_without_a_pair() -> None:
    assert judge("motion", "base", [math.nan], [1.0], FAST) is None


def test_lists_of_different_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        judge("video", "base", [0.1, 0.2], [0.1], FAST)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = [0.3, -0.1, 0.2, 0.5, -0.4, 0.1]
    assert paired_interval(values, FAST) == paired_interval(values, FAST)
    assert paired_interval(values, FAST) != paired_interval(values, Bootstrap(resamples=500, seed=1))


def test_intervals_of_normal_differences_cover_their_mean_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        interval = paired_interval(rng.normal(1.0, 1.0, size=30).tolist(), Bootstrap(resamples=300, seed=trial))
        covered += interval.low <= 1.0 <= interval.high
    assert 0.88 <= covered / 200 <= 0.98


def test_no_difference_at_all_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least one"):
        paired_interval([], FAST)
