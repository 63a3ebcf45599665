"""From errors of arms to what may be said: every pattern of better and not better, with the right words."""

import math
from dataclasses import replace

import pytest
from study_builder import frame, study, table

from adapt.evaluate import actions, retention, video
from adapt.evaluate.bootstrap import Bootstrap
from adapt.evaluate.record import BETTER, COPY_LAST, HOLD_LAST, NO_GAIN, TOO_FEW_SEEDS, WORSE
from adapt.evaluate.study import conduct, make_measure
from adapt.evaluate.study_record import (
    CANNOT_TELL,
    HARMED,
    LOOKS,
    MORE_TRAINING,
    NOT_SEPARATED,
    NOT_THE_TASK,
    TAUGHT,
)
from adapt.evaluate.study_record import (
    NO_GAIN as NO_GAIN_AT_ALL,
)
from adapt.evaluate.study_words import in_short

GOOD, SAME = 0.8, 1.0
ALL_BEATEN = {"base": SAME, "replay": SAME, "new": GOOD, "wrong": SAME, "shuffled": SAME}


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({}, TAUGHT, "less error than training as long without your videos"),
        ({"wrong": GOOD}, NOT_THE_TASK, "not what the instruction asks for"),
        ({"shuffled": GOOD}, LOOKS, "how things look, not how they move"),
        ({"wrong": GOOD, "shuffled": GOOD}, LOOKS, "would have been seen): it learned the looks, not the task"),
        ({"replay": GOOD}, MORE_TRAINING, "more training, not your videos, made the difference"),
        ({"replay": GOOD, "base": GOOD}, NO_GAIN_AT_ALL, "no measurable gain over training as long without"),
        ({"new": SAME}, NO_GAIN_AT_ALL, "would have been seen"),
        ({"new": 1.3}, HARMED, "your videos made it worse than training as long without"),
        ({"new": 1.3, "replay": 1.3}, HARMED, "training made it worse than the base was"),
        ({"new": 1.3, "replay": 1.5}, HARMED, "training made it worse than the base was"),
        ({"wrong": 0.6}, NOT_THE_TASK, "not measurably better than the same with wrong instructions"),
    ],
)
def test_a_pattern_of_arms_allows_these_words(changed, code, words):
    found = study({**ALL_BEATEN, **changed})
    assert (found.verdict, found.findings[0].code) == (code, code)
    assert words in found.findings[0].words
    assert found.findings[0].words in found.summary


@pytest.mark.parametrize(
    ("arms", "code", "words"),
    [
        (("base", "new", "wrong", "shuffled"), NOT_SEPARATED, "without the arm 'replay' it stays open"),
        (("replay", "new", "shuffled"), NOT_SEPARATED, "whether it learned the task or the looks"),
        (("replay", "new", "wrong"), NOT_SEPARATED, "whether it learned what happens or the looks"),
        (("base", "new"), NOT_SEPARATED, "'replay' and 'wrong' and 'shuffled'"),
        (("new", "wrong"), NOT_SEPARATED, "whether your videos or more training made the difference"),
    ],
)
def test_without_a_control_no_more_is_claimed_than_the_others_allow(arms, code, words):
    found = study({name: ALL_BEATEN[name] for name in arms})
    assert found.verdict == code
    assert words in found.summary


def test_without_base_and_replay_and_without_a_gain_nothing_can_be_told():
    assert study({"new": SAME, "wrong": SAME}).verdict == CANNOT_TELL


def between(new):
    """A study whose trainings without the new data came out so differently that nothing is known of them."""
    whole = table(video.LATENT, {**ALL_BEATEN, "new": new})
    chance = (-0.4, 0.4, -0.2, 0.2)
    rows = [[value + more for value in row] for row, more in zip(whole.arms["replay"], chance, strict=True)]
    return conduct(frame(), [replace(whole, arms={**whole.arms, "replay": rows})], Bootstrap(resamples=400))


def test_what_cannot_be_told_from_more_training_is_not_called_a_gain():
    found = between(GOOD)
    assert found.contrast(video.LATENT, "new", "base").verdict == BETTER
    assert found.verdict == NOT_SEPARATED
    assert "which of the two made the difference cannot be told" in found.summary


def test_what_cannot_be_told_from_more_training_is_not_called_harm_by_the_data():
    found = between(1.2)
    assert found.verdict == HARMED
    assert "whether your videos or any training does that cannot be told" in found.summary


def test_a_gain_over_the_arms_that_a_frozen_picture_beats_says_so():
    assert "still worse than a frozen picture" in study(ALL_BEATEN, frozen=0.5).summary
    assert "frozen picture" not in study(ALL_BEATEN, frozen=1.5).summary
    assert "; not measurably better than a frozen picture" in study(ALL_BEATEN, frozen=GOOD).summary
    assert "frozen picture" not in study({**ALL_BEATEN, "new": SAME}, frozen=SAME).summary


def test_data_with_a_single_instruction_is_told_what_that_means():
    assert "carries one instruction" in study({**ALL_BEATEN, "wrong": GOOD}).summary
    assert "carries one instruction" not in study(ALL_BEATEN).summary


def test_one_seed_is_said_not_to_cover_chance_in_training():
    found = study(ALL_BEATEN, seeds=1)
    assert "One seed: the intervals do not cover chance in training" in found.summary
    assert found.contrasts[0].seeds == 1


def test_two_seeds_are_too_few_to_tell():
    found = study(ALL_BEATEN, seeds=2)
    assert found.contrasts[0].verdict == TOO_FEW_SEEDS
    assert (found.verdict, "--seeds 3" in found.summary) == (CANNOT_TELL, True)


def test_what_the_base_forgot_is_told_beside_the_gain():
    kept = {"base": 1.0, "replay": 1.0, "new": 1.2, "wrong": 1.2, "shuffled": 1.2}
    found = study(ALL_BEATEN, table(retention.LATENT, kept))
    assert found.verdict == TAUGHT
    assert "Forgotten: imagined video of the base's own data, 20 % more error" in found.summary
    assert "training as long without your videos costs less" in found.summary
    assert len(found.findings) == 1


def test_of_robot_data_the_actions_speak_first():
    means = {**ALL_BEATEN, "new": SAME}
    found = study(means, table(actions.OVERALL, ALL_BEATEN), kind="play")
    assert [finding.measure for finding in found.findings] == [actions.OVERALL, video.LATENT]
    assert (found.verdict, found.findings[1].code) == (TAUGHT, NO_GAIN_AT_ALL)


def play_on_a_new_body(hold):
    """Neither the base nor the replay arm can act with the body: standing still is what has to be beaten."""
    acting = {name: ALL_BEATEN[name] for name in ("new", "wrong", "shuffled")}
    tables = [
        table(actions.OVERALL, acting, references={HOLD_LAST: hold}),
        table(video.LATENT, ALL_BEATEN),
    ]
    return conduct(frame(kind="play"), tables, Bootstrap(resamples=400))


def test_a_body_that_is_new_is_measured_against_standing_still():
    assert "less error than standing still" in play_on_a_new_body(SAME).findings[0].words
    assert play_on_a_new_body(SAME).verdict == TAUGHT
    assert play_on_a_new_body(0.5).verdict == HARMED
    assert "worse than standing still" in play_on_a_new_body(0.5).summary


def test_windows_without_a_number_in_some_arm_count_in_none():
    whole = table(video.LATENT, ALL_BEATEN)
    arms = {name: [list(row) for row in rows] for name, rows in whole.arms.items()}
    arms["wrong"][1][0] = math.nan
    measure = make_measure(replace(whole, arms=arms))
    assert measure.windows == len(whole.sessions) - 1
    assert measure.by_seed["new"][0] == pytest.approx(sum(whole.arms["new"][0][1:]) / measure.windows)
    found = conduct(frame(), [replace(whole, arms=arms)], Bootstrap(resamples=400))
    assert {item.windows for item in found.contrasts} == {measure.windows}


def test_differences_are_of_the_arm_less_what_it_is_compared_with():
    found = study(ALL_BEATEN)
    new = found.contrast(video.LATENT, "new", "replay")
    assert new.difference == pytest.approx(GOOD - SAME, abs=0.03)
    assert new.low < new.difference < new.high < 0
    assert 0 < new.detectable < 0.1
    assert found.contrast(video.LATENT, "replay", "base").verdict == NO_GAIN
    assert "session" in new.clustered_by
    assert "seed" in new.clustered_by


def test_a_gain_too_small_for_the_study_is_no_gain_and_the_least_one_is_named():
    found = study({**ALL_BEATEN, "new": 0.999})
    measured = found.contrast(video.LATENT, "new", "replay")
    assert found.verdict == NO_GAIN_AT_ALL
    share = 100 * measured.detectable / found.measure(video.LATENT).arms["replay"]
    assert f"a gain above {share:.2g} %" in found.summary


def test_a_trivial_guess_is_compared_where_it_is_a_fair_one():
    found = study(ALL_BEATEN, frozen=0.5)
    assert found.contrast(video.LATENT, "new", COPY_LAST).verdict == WORSE
    assert found.contrast(video.LATENT, "base", COPY_LAST) is None


def test_what_holds_of_several_measures_is_said_once():
    found = study(ALL_BEATEN, table(actions.OVERALL, ALL_BEATEN, seeds=2), seeds=2)
    assert found.summary.count("two seeds say nothing") == 1
    assert found.summary.startswith("Imagined video; actions: ")


@pytest.mark.parametrize(("value", "words"), [(0.123, "0.12"), (4.56, "4.6"), (99.7, "100"), (-174.2, "-174")])
def test_a_percentage_is_told_in_as_many_digits_as_it_bears(value, words):
    assert in_short(value) == words
