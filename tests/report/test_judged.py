"""The answer in a word: never more than the comparisons say."""

import pytest
from report_builder import play_evaluation, study_record

from adapt.evaluate.record import BETTER, NO_GAIN, TOO_FEW, WORSE, ZERO_SHOT, Verdict
from adapt.report.arms import judge_study, study_groups
from adapt.report.judged import answer, as_shares, judge_page

FRAME, MOTION, ACTIONS = "video.frame_error", "video.motion_error", "actions.overall"
KEPT, LATENT = "retention.latent_error", "video.latent_error"


def verdict(measure: str, word: str, difference: float = -0.1) -> Verdict:
    return Verdict(
        measure=measure, against=ZERO_SHOT, difference=difference, low=-0.2, high=0.0, windows=24, verdict=word
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({}, "Cannot be told"),
        ({LATENT: BETTER}, "Cannot be told"),
        ({FRAME: TOO_FEW, ACTIONS: TOO_FEW}, "Too little was held out to tell"),
        ({FRAME: BETTER, MOTION: BETTER, ACTIONS: BETTER}, "Yes"),
        ({FRAME: BETTER, MOTION: BETTER, KEPT: NO_GAIN}, "Yes"),
        ({FRAME: BETTER, MOTION: BETTER, KEPT: WORSE}, "Yes, but it forgot something"),
        ({FRAME: BETTER, MOTION: NO_GAIN}, "In part"),
        ({FRAME: BETTER, ACTIONS: TOO_FEW}, "In part"),
        ({FRAME: BETTER, ACTIONS: WORSE}, "Better in some ways, worse in others"),
        ({FRAME: NO_GAIN, ACTIONS: WORSE}, "No, it became worse"),
        ({FRAME: NO_GAIN, MOTION: NO_GAIN}, "No measurable gain"),
    ],
)
def test_the_answer_says_no_more_than_the_comparisons(words: dict[str, str], said: str):
    assert answer([verdict(measure, word) for measure, word in words.items()]).words == said


def test_a_difference_becomes_a_share_of_what_it_is_compared_with():
    span = as_shares(verdict(FRAME, BETTER), {ZERO_SHOT: 0.4})
    assert span is not None
    assert (span.difference, span.low, span.high, span.detectable) == (-0.25, -0.5, 0.0, None)
    assert as_shares(verdict(FRAME, BETTER), {ZERO_SHOT: 0.0}) is None
    assert as_shares(verdict(FRAME, BETTER), {}) is None


def test_every_headline_comparison_has_its_row():
    judged = judge_page(play_evaluation())
    rows = {(group.title, row.against, row.verdict) for group in judged.groups for row in group.rows}
    assert len(rows) == 6
    assert ("Actions, first chunk", "vs holding still", BETTER) in rows
    assert judged.clusters == "session"


def test_a_studys_comparisons_are_all_told_once():
    study = study_record()
    first = [row for group in judge_study(study).groups for row in group.rows]
    more = [row for group in study_groups(study)[0] for row in group.rows]
    assert len(first) + len(more) == len(study.contrasts)
    assert [row.against for row in first][:3] == ["vs replay only", "vs wrong instructions", "vs shuffled in time"]
