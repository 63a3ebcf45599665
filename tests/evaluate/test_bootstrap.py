"""Intervals are as wide as sessions and trainings differ, and say of what they are."""

import math

import numpy as np
import pytest
from paired_errors import paired
from scipy import stats

from adapt.evaluate.bootstrap import Bootstrap, differences, paired_interval

FAST = Bootstrap(resamples=500)


def test_symmetric_differences_of_one_session_give_students_interval() -> None:
    values = [-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0]
    interval = paired_interval(paired([[value + 3 for value in values]]), Bootstrap(resamples=20000))
    wanted = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert interval.mean == pytest.approx(3.0)
    # The bootstrap-t may widen a side, here by its own chance only; it never narrows.
    assert 3 + wanted.high <= interval.high <= 3 + 1.15 * wanted.high
    assert 3 - 1.15 * wanted.high <= interval.low <= 3 + wanted.low


def test_windows_of_one_session_are_no_news_of_their_own() -> None:
    sessions = [0.4, -0.9, 1.3, 0.2, -0.6, 0.8]
    once = paired_interval(paired([sessions], "abcdef"), FAST)
    copied = paired_interval(paired([np.repeat(sessions, 8).tolist()], "".join(8 * name for name in "abcdef")), FAST)
    assert copied.windows == 48
    assert (copied.low, copied.high, copied.detectable) == pytest.approx((once.low, once.high, once.detectable))


def test_windows_of_a_training_are_no_news_of_their_own_either() -> None:
    windows = np.linspace(-1, 1, 24)
    alike = paired_interval(paired([windows.tolist()] * 3, "abcdef" * 4), FAST)
    apart = paired_interval(paired([(windows + luck).tolist() for luck in (-0.8, 0.1, 0.7)], "abcdef" * 4), FAST)
    luck = stats.t.ppf(0.975, 2) * np.std([-0.8, 0.1, 0.7], ddof=1) / math.sqrt(3)
    assert apart.high - apart.mean > 0.9 * luck > 2 * (alike.high - alike.mean)


def test_what_a_session_is_like_does_not_widen_an_interval_within_the_sessions() -> None:
    own = np.tile([-0.2, 0.1, 0.1, 0.0], 4)
    near, far = (
        paired_interval(paired([(own + np.repeat([-x, x], 8)).tolist()], "aaaaaaaabbbbbbbb"), FAST) for x in (0.1, 5)
    )
    assert near.clustered_by == "window within 2 sessions"
    assert near.high - near.low == pytest.approx(far.high - far.low)


@pytest.mark.parametrize(
    ("sessions", "rows", "words"),
    [
        ("a" * 8, 1, "window within 1 session"),
        ("aaaabbbb", 1, "window within 2 sessions"),
        ("aaaabbbb", 3, "window within 2 sessions, and seed"),
        ("aabbccdd", 1, "session"),
        ("aabbccdd", 4, "session and seed"),
        ("aaaaaaaaaabcd", 1, "window within 4 sessions"),  # One session outweighs the others.
        ("aaaabbbccd", 1, "session"),
    ],
)
def test_an_interval_says_what_varied_as_a_whole(sessions: str, rows: int, words: str) -> None:
    values = np.random.default_rng(0).normal(size=(rows, len(sessions))).tolist()
    interval = paired_interval(paired(values, sessions), FAST)
    assert interval.clustered_by == words
    assert (interval.sessions, interval.seeds, interval.windows) == (len(set(sessions)), rows, len(sessions))


def test_an_interval_shifts_and_scales_with_the_differences_and_mirrors_with_them() -> None:
    values = np.random.default_rng(1).exponential(size=(1, 24))
    names = "abcdef" * 4
    plain = paired_interval(paired(values.tolist(), names), FAST)
    other = paired_interval(paired((3 - 2 * values).tolist(), names), FAST)
    assert (other.low, other.high) == pytest.approx((3 - 2 * plain.high, 3 - 2 * plain.low))
    assert other.detectable == pytest.approx(2 * plain.detectable)


def test_lopsided_differences_widen_the_side_of_their_long_tail() -> None:
    values = np.random.default_rng(1).exponential(size=(1, 12)).tolist()
    interval = paired_interval(paired(values), FAST)
    assert interval.high - interval.mean > 1.2 * (interval.mean - interval.low)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = paired([[0.3, -0.1, 0.2, 0.5, -0.4, 0.9]])
    assert paired_interval(values, FAST) == paired_interval(values, FAST)
    assert paired_interval(values, FAST) != paired_interval(values, Bootstrap(resamples=500, seed=1))


def test_a_wider_interval_is_asked_for_by_its_confidence() -> None:
    values = paired([[0.3, -0.1, 0.2, 0.5, -0.4, 0.9]])
    wide, narrow = (paired_interval(values, Bootstrap(resamples=500, confidence=share)) for share in (0.99, 0.8))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_one_window_alone_has_no_interval() -> None:
    interval = paired_interval(paired([[0.7]]), FAST)
    assert (interval.low, interval.mean, interval.high) == (0.7, 0.7, 0.7)


def test_sessions_of_one_window_each_are_taken_together_where_they_are_few() -> None:
    interval = paired_interval(paired([[0.7, 0.1]], "ab"), FAST)
    assert interval.low < -1 < 2 < interval.high


def test_pairs_leave_out_windows_without_a_number_and_keep_the_others_sessions() -> None:
    found = differences([[1.0, math.nan, 3.0], [1.0, 2.0, 5.0]], [0.5, 0.5, 1.0], ["a", "b", "c"], seeds=[7, 8])
    assert found is not None
    assert found.values.tolist() == [[0.5, 2.0], [0.5, 4.0]]
    assert (found.sessions, found.seeds) == (("a", "c"), (7, 8))


def test_no_window_with_both_errors_makes_no_pairs() -> None:
    assert differences([math.nan, 1.0], [1.0, math.inf], ["a", "b"]) is None


def test_errors_that_agree_to_six_digits_do_not_differ() -> None:
    found = differences([0.5000001, 0.501], [0.5, 0.5], ["a", "a"])
    assert found is not None
    assert found.values[0].tolist() == pytest.approx([0.0, 0.001])
    assert found.values[0, 0] == 0.0


@pytest.mark.parametrize(
    ("one", "other", "sessions", "seeds", "words"),
    [
        ([1.0, 2.0], [1.0], ["a", "a"], None, "2 and of 1 windows"),
        ([1.0, 2.0], [1.0, 2.0], ["a"], None, "sessions of 1"),
        ([[1.0], [2.0]], [[1.0], [2.0], [3.0]], ["a"], None, "2 and of 3 seeds"),
        ([[1.0], [2.0]], [1.0], ["a"], [1, 2, 3], "2 rows of errors for 3 seeds"),
    ],
)
def test_tables_that_cannot_be_of_the_same_windows_and_seeds_are_refused(one, other, sessions, seeds, words) -> None:
    with pytest.raises(ValueError, match=words):
        differences(one, other, sessions, seeds)
