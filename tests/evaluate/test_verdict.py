"""Words claim no more than intervals allow."""

import math

import pytest

from adapt.evaluate.record import BETTER, NO_GAIN, TOO_FEW, TOO_FEW_SEEDS, WORSE, Verdict
from adapt.evaluate.verdict import Bootstrap, in_words, judge

FAST = Bootstrap(resamples=500)


def verdict(adapted, reference, sessions=None) -> Verdict:
    found = judge("video", "base", adapted, reference, FAST, sessions=sessions)
    assert found is not None
    return found


def test_a_model_that_wins_everywhere_is_better() -> None:
    found = verdict([0.5] * 8, [0.7] * 8)
    assert found.verdict == BETTER
    assert math.isclose(found.difference, -0.2)
    assert (found.windows, found.sessions, found.seeds) == (8, 1, 1)


def test_a_model_that_loses_everywhere_is_worse() -> None:
    assert verdict([0.7] * 8, [0.5] * 8).verdict == WORSE


def test_a_model_equal_to_its_base_shows_no_gain() -> None:
    found = verdict([0.5, 0.1] * 4, [0.5, 0.1] * 4)
    assert (found.verdict, found.low, found.high) == (NO_GAIN, 0.0, 0.0)


def test_a_model_equal_to_its_base_but_for_rounding_shows_no_gain() -> None:
    assert verdict([0.5, 0.1] * 4, [0.5000001, 0.10000001] * 4).verdict == NO_GAIN


def test_a_gain_on_one_window_of_many_is_no_measurable_gain() -> None:
    found = verdict([0.0] + [0.51] * 9, [1.0] + [0.5] * 9)
    assert found.difference < 0
    assert found.verdict == NO_GAIN


def test_gains_that_go_with_the_session_need_several_sessions() -> None:
    won, lost = [-0.30, -0.32, -0.28, -0.31] * 3, [0.10, 0.12, 0.08, 0.11] * 3
    reference = [0.5] * 24
    errors = [0.5 + off for off in won + lost]
    # Two sessions: of these two it can be told. Four of which two lose: of sessions in general it cannot.
    assert verdict(errors, reference, ["a"] * 12 + ["b"] * 12).verdict == BETTER
    of_four = verdict(errors, reference, [name for name in "abcd" for _ in range(6)])
    assert of_four.verdict == NO_GAIN
    assert (of_four.sessions, of_four.clustered_by) == (4, "session")


def test_gains_of_one_lucky_training_are_no_gains_of_trainings() -> None:
    reference = [[0.5 + 0.01 * place for place in range(12)]] * 4
    lucky = [[error - luck for error in reference[0]] for luck in (0.9, 0.05, -0.02, 0.01)]
    steady = [[error - luck for error in reference[0]] for luck in (0.20, 0.25, 0.22, 0.24)]
    assert verdict(lucky, reference).verdict == NO_GAIN
    assert verdict(steady, reference).verdict == BETTER
    assert verdict(lucky[0], reference[0]).verdict == BETTER  # That training itself is better.


def test_two_seeds_are_too_few_whatever_they_show() -> None:
    assert verdict([[0.1] * 12, [0.2] * 12], [[0.9] * 12] * 2).verdict == TOO_FEW_SEEDS


def test_few_windows_give_no_verdict_however_clear_they_look() -> None:
    assert verdict([0.0] * 7, [1.0] * 7).verdict == TOO_FEW


def test_windows_without_an_error_on_either_side_are_left_out() -> None:
    found = verdict([math.nan, *[0.1] * 6], [0.0, math.nan, *[0.2] * 5])
    assert found.windows == 5


def test_nothing_measured_gives_no_verdict() -> None:
    assert judge("motion", "base", [math.nan], [1.0], FAST) is None


def test_lists_of_different_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and of 1 windows"):
        judge("video", "base", [0.1, 0.2], [0.1], FAST)


def test_of_one_window_alone_nothing_is_called_detectable() -> None:
    assert verdict([0.1], [0.2]).detectable is None


def told(word: str, **others) -> str:
    facts = {
        "measure": "actions.overall",
        "against": "zero-shot base",
        "difference": -0.0123,
        "low": -0.02,
        "high": -0.005,
        "windows": 24,
        "verdict": word,
        "sessions": 6,
        "detectable": 0.0111,
        "clustered_by": "session",
    }
    return in_words(Verdict(**facts | others), "rad")


def test_a_gain_is_told_with_its_size_and_its_limits() -> None:
    assert told(BETTER) == (
        "Better than the zero-shot base, by 0.0123 rad (0.005 to 0.02 rad; 24 windows of 6 sessions)."
    )


def test_a_loss_is_told_likewise() -> None:
    assert told(WORSE, against="hold last", difference=0.3, low=0.1, high=0.5) == (
        "Worse than hold last, by 0.3 rad (0.1 to 0.5 rad; 24 windows of 6 sessions)."
    )


def test_no_gain_is_told_with_the_gain_that_would_have_been_seen() -> None:
    words = told(NO_GAIN, low=-0.02, high=0.004)
    assert words.startswith(
        "No measurable gain over the zero-shot base: the difference lies between -0.02 and 0.004 rad"
    )
    assert words.endswith("; a gain above 0.0111 rad would have been seen.")


def test_words_say_when_they_hold_within_the_sessions_at_hand_only() -> None:
    assert "24 windows, within the 2 held-out sessions)" in told(
        BETTER, sessions=2, clustered_by="window within 2 sessions"
    )
    one = told(BETTER, sessions=1, clustered_by="window within 1 session, and seed", seeds=3)
    assert "24 windows, within the one held-out session; 3 trainings)" in one


def test_words_say_how_many_would_not_have_been_too_few() -> None:
    assert told(TOO_FEW, windows=5) == "Too few windows to tell against the zero-shot base: 5, of 8 at least."
    assert told(TOO_FEW_SEEDS, seeds=2) == "Too few seeds to tell against the zero-shot base: 2, of 3 at least."


def test_words_need_no_unit() -> None:
    words = in_words(verdict([0.5] * 8, [0.7] * 8), "")
    assert words == "Better than the base, by 0.2 (0.2 to 0.2; 8 windows, within the one held-out session)."
