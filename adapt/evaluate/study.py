"""What did the new data teach, and what did training alone do? Errors of every arm, put together into one record."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adapt.evaluate import actions, video
from adapt.evaluate.bootstrap import Bootstrap
from adapt.evaluate.record import COPY_LAST, HOLD_LAST, MEAN
from adapt.evaluate.study_record import LOOKS, NOT_THE_TASK, Arm, ArmMeasure, Contrast, Finding, StudyRecord
from adapt.evaluate.study_settings import BASE, CONTRASTS, NEW, REPLAY
from adapt.evaluate.study_words import Question, conclude, summarise
from adapt.evaluate.tables import Label
from adapt.evaluate.verdict import judge

# What is compared with beside the arms. Where the truth moves a frozen picture is wrong by definition.
TRIVIAL = {video.LATENT: (COPY_LAST,), actions.OVERALL: (HOLD_LAST, MEAN)}
# The study's verdict is that of the first of these which was measured: chosen beforehand, so that of several measures
# it is not the luckiest that speaks.
FIRST = {
    "human": (video.LATENT, video.MOTION),
    "play": (actions.OVERALL, video.LATENT, video.MOTION),
}

Row = Sequence[float]  # an error for each window; NaN where there is nothing to measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One measure: the errors of every arm on the same windows.

    Attributes:
        label: How the measure is called.
        arms: By arm, for each seed the errors by window; arms that cannot be measured are absent.
        references: By trivial guess, the errors by window.
        sessions: Recording session of each window.
    """

    label: Label
    arms: Mapping[str, Sequence[Row]]
    references: Mapping[str, Row]
    sessions: Sequence[str]


def conduct(frame: StudyRecord, tables: Sequence[Table], bootstrap: Bootstrap) -> StudyRecord:
    """Fill in what the errors say.

    Args:
        frame: What is known before anything was measured; measures, contrasts, findings and words are replaced.
        tables: One a measure, in the order in which a reader wants them.
        bootstrap: How intervals are made.

    Returns:
        The whole record.
    """
    measures = [make_measure(table) for table in tables]
    contrasts = [make_contrasts(table, bootstrap) for table in tables]
    unknown_body = _unknown_body(frame.arms, tables)
    questions = [
        Question(
            kind=frame.kind,
            measure=measure,
            contrasts=found,
            unknown_body=unknown_body and measure.id == actions.OVERALL,
        )
        for measure, found in zip(measures, contrasts, strict=True)
    ]
    findings = _findings(frame.kind, questions)
    return replace(
        frame,
        measures=tuple(measures),
        contrasts=tuple(item for found in contrasts for item in found),
        findings=tuple(findings),
        verdict=findings[0].code,
        summary=summarise(findings, questions, _notes(frame, findings[0].code)),
    )


def make_measure(table: Table) -> ArmMeasure:
    """Average the errors of each arm over windows and seeds; over windows in which every arm has a number."""
    known = _known(table)
    windows = [place for place, kept in enumerate(known) if kept]
    by_seed = {
        name: tuple(float(np.mean([row[place] for place in windows])) for row in rows)
        for name, rows in table.arms.items()
        if windows
    }
    references = {name: [row[place] for place in windows] for name, row in table.references.items()}
    note = table.label.note or ("" if windows else "no window has anything to measure here")
    return ArmMeasure(
        id=table.label.id,
        group=table.label.group,
        name=table.label.name,
        unit=table.label.unit,
        windows=len(windows),
        sessions=len({table.sessions[place] for place in windows}),
        arms={name: float(np.mean(values)) for name, values in by_seed.items()},
        by_seed=by_seed,
        references={name: float(np.mean(row)) for name, row in references.items() if row and np.isfinite(row).all()},
        note=note,
    )


def make_contrasts(table: Table, bootstrap: Bootstrap) -> list[Contrast]:
    """Compare arms in pairs: the same seed, window and noise; and the new data with trivial guesses."""
    known = _known(table)
    arms = {name: [_only(row, known) for row in rows] for name, rows in table.arms.items()}
    # Trivial guesses know no seeds: the same row stands against each.
    arms |= {name: [_only(row, known)] for name, row in table.references.items()}
    found = []
    for arm, against in _pairs(table.label):
        if arm not in arms or against not in arms:
            continue
        verdict = judge(table.label.id, against, arms[arm], arms[against], bootstrap, sessions=table.sessions)
        if verdict is not None:
            found.append(
                Contrast(
                    measure=verdict.measure,
                    arm=arm,
                    against=against,
                    difference=verdict.difference,
                    low=verdict.low,
                    high=verdict.high,
                    detectable=verdict.detectable,
                    windows=verdict.windows,
                    sessions=verdict.sessions,
                    seeds=verdict.seeds,
                    clustered_by=verdict.clustered_by,
                    verdict=verdict.verdict,
                )
            )
    return found


def _pairs(label: Label) -> list[tuple[str, str]]:
    """What is compared with what: on the base's own data, altered new data tells nothing."""
    if label.group == "retention":
        return [(arm, against) for arm, against in CONTRASTS if against in (BASE, REPLAY)]
    return [*CONTRASTS, *((NEW, name) for name in TRIVIAL.get(label.id, ()))]


def _findings(kind: str, questions: Sequence[Question]) -> list[Finding]:
    """One a measure of video or actions that could be measured, the study's own first."""
    asked = {question.measure.id: question for question in questions if question.measure.group != "retention"}
    order = [id_ for id_ in FIRST[kind] if id_ in asked and asked[id_].measure.windows]
    order += [id_ for id_ in asked if id_ not in order and asked[id_].measure.windows]
    return [conclude(asked[id_]) for id_ in order or list(asked)[:1]]


def _unknown_body(arms: Sequence[Arm], tables: Sequence[Table]) -> bool:
    """Whether only models that saw the new data can act with its body."""
    table = next((table for table in tables if table.label.id == actions.OVERALL), None)
    there = {arm.name for arm in arms if not arm.problem} & {BASE, REPLAY}
    return table is not None and NEW in table.arms and bool(there) and not there & set(table.arms)


def _notes(frame: StudyRecord, code: str) -> list[str]:
    """Why it may have come out so, and how far to trust it, in sentences."""
    notes = []
    if code in (LOOKS, NOT_THE_TASK) and len(frame.wrong_instructions) == 1:
        notes.append(
            "All of the new data carries one instruction, so nothing in it makes the model tell tasks apart; several "
            "tasks would."
        )
    if len(frame.seeds) == 1:
        notes.append("One seed: the intervals do not cover chance in training; take --seeds 3 or more.")
    if frame.same_session:
        notes.append("Training and held-out windows come from one recording session, which flatters the result.")
    return notes


def _known(table: Table) -> list[bool]:
    """Windows in which every arm has a number for every seed."""
    rows = [row for rows in table.arms.values() for row in rows]
    return [all(math.isfinite(row[place]) for row in rows) for place in range(len(table.sessions))]


def _only(row: Row, known: Sequence[bool]) -> list[float]:
    """A row without the windows that some arm has no number for."""
    return [value if kept else math.nan for value, kept in zip(row, known, strict=True)]
