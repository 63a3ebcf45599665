"""A verdict says what the arms allow, in words with figures, and nothing where the trial itself is broken."""

import pytest
from closed_loop_builder import TAUGHT, play_record, record, sweep_record, table, video_record

from adapt.errors import DataError
from adapt.evaluate import closed_loop_arms as arms
from adapt.evaluate import closed_loop_words as words
from adapt.evaluate.closed_loop_record import VIDEO, ClosedLoopRecord, dump, parse


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ({}, words.TAUGHT),
        ({arms.WRONG: 0.44}, words.NOT_THE_TASK),
        ({arms.ADAPTED: 0.02}, words.NO_GAIN),
        ({arms.ADAPTED: 0.3, arms.CONTROL: 0.3}, words.MORE_TRAINING),
        ({arms.ADAPTED: 0.1, arms.CONTROL: 0.4, arms.BASE: 0.4}, words.HARMED),
        ({arms.SHUFFLED: 0.4}, words.UNTRUSTED),
        ({arms.STILL: 0.1}, words.UNTRUSTED),
        ({arms.RANDOM: 0.2}, words.UNTRUSTED),
        ({arms.EXPERT: 0.8}, words.UNTRUSTED),
    ],
)
def test_the_first_claims_verdict_follows_the_pattern_of_its_arms(shares: dict[str, float], verdict: str) -> None:
    assert video_record(**shares).verdict == verdict


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ({}, words.BASE_HELPS),
        ({arms.SCRATCH: 0.5}, words.LEARNED),
        ({arms.SCRATCH: 0.0, arms.ADAPTED: 0.0}, words.NO_GAIN),
        ({arms.SCRATCH: 0.6, arms.ADAPTED: 0.3}, words.HARMED),
        ({arms.HOLD_LAST: 0.2}, words.UNTRUSTED),
    ],
)
def test_the_second_claims_verdict_follows_the_pattern_of_its_arms(shares: dict[str, float], verdict: str) -> None:
    assert play_record(**shares).verdict == verdict


@pytest.mark.parametrize(("seeds", "episodes"), [(2, 252), (1, 252), (5, 100)])
def test_two_trainings_or_a_hundred_episodes_give_no_verdict(seeds: int, episodes: int) -> None:
    made = record(VIDEO, [table(TAUGHT, seeds=seeds, episodes=episodes)])
    assert made.verdict == words.CANNOT_TELL
    assert "too few" in made.summary


def test_without_the_wrong_video_nobody_says_that_the_task_was_taught() -> None:
    shares = {name: share for name, share in TAUGHT.items() if name != arms.WRONG}
    assert record(VIDEO, [table(shares)]).verdict == words.NOT_THE_TASK


def test_only_the_first_head_makes_the_verdict() -> None:
    first, other = table({**TAUGHT, arms.ADAPTED: 0.02}), table(TAUGHT)
    assert record(VIDEO, [first, other]).verdict == words.NO_GAIN


def test_a_failure_is_told_with_what_would_have_been_seen() -> None:
    made = video_record(**{arms.ADAPTED: 0.02})
    assert "no measurable gain over training as long without the video" in made.summary
    assert "would have been seen" in made.summary
    assert "not reached" in made.summary


def test_the_summary_has_the_figures_and_what_the_robot_did_after_the_wrong_video() -> None:
    made = video_record()
    gain = made.main_gain()
    wrong = made.first.arm(arms.WRONG)
    assert gain is not None
    assert wrong is not None
    assert wrong.as_shown is not None
    assert f"{gain.mid * 100:+.1f} points ({gain.low * 100:+.1f} to {gain.high * 100:+.1f})" in made.summary
    assert f"it does what was shown in {wrong.as_shown * 100:.1f} %" in made.summary
    assert "+30 points; reached" in made.summary


def test_what_was_kept_is_among_the_findings() -> None:
    (kept,) = [words for words in play_record().findings if "keeps" in words]
    assert "what the base as it is can do" in kept


def test_a_curve_says_where_transfer_ends() -> None:
    made = sweep_record()
    assert made.verdict == words.CURVE
    assert "Better at gap.timing 0.0, gap.timing 0.5." in made.summary
    assert "No measurable gain at gap.timing 1.0." in made.summary


@pytest.mark.parametrize("made", [video_record(), play_record(), sweep_record()], ids=["video", "play", "sweep"])
def test_a_record_is_read_as_it_was_written(made: ClosedLoopRecord) -> None:
    text = dump(made)
    assert dump(parse(text, "record.json")) == text
    assert words.headline(made.verdict, made.claim)


def test_a_damaged_record_is_refused() -> None:
    with pytest.raises(DataError, match=r"record\.json"):
        parse(dump(video_record()).replace('"tables"', '"stools"'), "record.json")
