"""What does the page's template put together? Every word and drawing of it, by name."""

from collections.abc import Sequence
from typing import Any

from adapt.evaluate.actions import OVERALL
from adapt.evaluate.blame import Blame
from adapt.evaluate.closed_loop_record import ClosedLoopRecord
from adapt.evaluate.record import Evaluation
from adapt.report import closed_loop, rollouts
from adapt.report.arms import arm_charts, arm_table, finding_rows, judge_study, study_curves, study_groups
from adapt.report.facts import ReportFacts
from adapt.report.judged import Judged, judge_page
from adapt.report.measured import (
    all_figures,
    axes,
    beside_others,
    calibration_words,
    comparisons,
    drift_charts,
    ladder,
    sentence,
)
from adapt.report.measured import over_the_horizon as horizon
from adapt.report.numbers import count
from adapt.report.origin import origin_rows, origin_tables
from adapt.report.seen import Scene, scenes
from adapt.report.training import progress

OPEN_SCENES = 3  # the rest are behind a fold
_LADDER_NOTES = {
    "actions": "Actions read the same way from better and better pictures: where it falls most is where it came from.",
    "video": "Between a frozen picture and the codec's ceiling, below which no model on this base can come.",
}
_MOST_WORST = 8
MOST_AXES = 6  # curves of one window before the fold
_KINDS = {"human": "adapted with human video", "play": "adapted with robot play"}


def page_words(facts: ReportFacts) -> dict[str, Any]:
    """All names that the template uses; those of missing parts are empty or None.

    Args:
        facts: With an evaluation, a study, or both; or with a study in closed loop.
    """
    if facts.closed_loop is not None:
        return _closed_loop_words(facts, facts.closed_loop)
    subject = facts.evaluation or facts.study
    assert subject is not None
    seen = scenes(facts.shown)
    return {
        "subject": f"{subject.body} on {subject.base}",
        "kind": _KINDS.get(subject.kind, subject.kind),
        "question": "Did the new data help?" if facts.evaluation is None else "Did adapting help?",
        "summary": subject.summary,
        "robot_effect": subject.robot_effect,
        "same_session": subject.same_session,
        "judged": _judged(facts),
        "evaluation": facts.evaluation,
        "study": facts.study,
        "closed_loop": None,
        "scenes": seen,
        "open_scenes": OPEN_SCENES,
        "most_axes": MOST_AXES,
        "progress": None if facts.curves is None else progress(facts.curves),
        "provenance": facts.provenance,
        "origin": origin_rows(facts),
        "origin_tables": origin_tables(facts),
        "contents": _contents(facts),
        **_evaluation_words(facts, seen),
        **_study_words(facts),
    }


def _closed_loop_words(facts: ReportFacts, record: ClosedLoopRecord) -> dict[str, Any]:
    """The names of a page that tells of nothing but a study in closed loop."""
    shown = closed_loop.shown(record)
    return {
        **closed_loop.first_words(record),
        "evaluation": None,
        "study": None,
        "closed_loop": shown,
        "progress": None,
        "provenance": facts.provenance,
        "origin": closed_loop.origin(record),
        "origin_tables": [shown.about],
        "pictures": None if facts.pictures is None else rollouts.gallery(facts.pictures),
        "contents": [
            ("acted", "Episodes"),
            *([("pictures", "Pictures")] if facts.pictures is not None else []),
            ("origin", "Origin"),
            ("words", "Words"),
        ],
    }


def _judged(facts: ReportFacts) -> Judged:
    if facts.evaluation is not None:
        return judge_page(facts.evaluation)
    assert facts.study is not None
    return judge_study(facts.study)


def _evaluation_words(facts: ReportFacts, seen: Sequence[Scene]) -> dict[str, Any]:
    evaluation = facts.evaluation
    if evaluation is None:
        return {}
    return {
        "ladder": ladder(evaluation.blame),
        "ladder_title": _ladder_title(evaluation),
        "ladder_note": _ladder_note(evaluation.blame),
        "worst": _worst(evaluation.blame.worst, seen),
        "calibration": calibration_words(evaluation),
        "beside": beside_others(evaluation),
        "missing": [f"{item.name}: {item.note}" for item in evaluation.measures if item.value is None],
        "comparisons": comparisons(evaluation),
        "figures": all_figures(evaluation),
        "horizon": horizon(evaluation, facts.chunk_s),
        "drift": [] if evaluation.drift is None else drift_charts(evaluation.drift),
        "axes": axes(evaluation),
    }


def _ladder_title(evaluation: Evaluation) -> str:
    measure = next((item for item in evaluation.measures if item.id == evaluation.blame.measure), None)
    return "" if measure is None else sentence(measure.name)


def _ladder_note(blame: Blame) -> str:
    kind = "actions" if blame.measure == OVERALL else "video"
    return f"{_LADDER_NOTES[kind]} On {count(blame.windows, 'window')}."


def _worst(window_ids: Sequence[str], seen: Sequence[Scene]) -> list[tuple[str, Scene | None]]:
    """The windows that lose most, with their films where the page has them."""
    films = {item.window_id: item for item in seen}
    return [(window_id, films.get(window_id)) for window_id in window_ids[:_MOST_WORST]]


def _study_words(facts: ReportFacts) -> dict[str, Any]:
    if facts.study is None:
        return {}
    others, axis = study_groups(facts.study)
    return {
        "arms": arm_table(facts.study),
        "findings": finding_rows(facts.study),
        "arm_charts": arm_charts(facts.study),
        "other_groups": others,
        "other_axis": axis,
        "study_curves": study_curves(facts.study),
    }


def _contents(facts: ReportFacts) -> list[tuple[str, str]]:
    """The page's own table of contents."""
    parts = [("films", "Films", facts.evaluation is not None), ("study", "Study", facts.study is not None)]
    parts += [(id_, name, facts.evaluation is not None) for id_, name in (("fault", "Fault"), ("others", "Baselines"))]
    parts += [("horizon", "Horizon", facts.evaluation is not None)]
    parts += [("training", "Training", facts.curves is not None), ("origin", "Origin", True), ("words", "Words", True)]
    return [(id_, name) for id_, name, there in parts if there]
