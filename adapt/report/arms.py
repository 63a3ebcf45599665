"""Was it the new data that helped? A study's arms beside each other, and what they let one conclude."""

from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup

from adapt.evaluate.study_record import (
    CANNOT_TELL,
    HARMED,
    LOOKS,
    NOT_SEPARATED,
    NOT_THE_TASK,
    TAUGHT,
    ArmMeasure,
    Contrast,
    StudyRecord,
)
from adapt.evaluate.study_settings import ARMS, NEW, REPLAY
from adapt.evaluate.study_words import headline
from adapt.report.dots import Dot, dot_chart
from adapt.report.judged import (
    FEW,
    NO,
    NONE,
    PART,
    YES,
    Answer,
    Compared,
    Group,
    Judged,
    compare,
    confidence_words,
    held_out_words,
    resampled,
)
from adapt.report.lines import Frame, Series, line_chart
from adapt.report.looks import called
from adapt.report.measured import Chart, Table, sentence
from adapt.report.numbers import count
from adapt.report.training import LOSSES, loss_points, losses_in

_TONES = {TAUGHT: YES, LOOKS: PART, NOT_THE_TASK: PART, NOT_SEPARATED: PART, HARMED: NO, CANNOT_TELL: FEW}


def judge_study(study: StudyRecord) -> Judged:
    """The first screen's table of a study.

    Its first finding's measure with every control; of other findings only the control that matters most, as much
    training without the new data. All comparisons are further down, in `study_groups`.
    """
    listed = []
    for place, finding in enumerate(study.findings):
        if (measure := study.measure(finding.measure)) is None:
            continue
        contrasts = [item for item in study.contrasts if item.measure == measure.id and item.arm == NEW]
        if place:
            contrasts = [item for item in contrasts if item.against == REPLAY] or contrasts[:1]
        listed.append(_compared(measure, contrasts))
    groups, axis = compare(listed)
    trainings = count(len(study.seeds), "seed")
    return Judged(
        answer=Answer(words=sentence(headline(study.verdict, study.kind)), tone=_TONES.get(study.verdict, NONE)),
        groups=groups,
        axis=axis,
        confidence=confidence_words(study.settings.get("evaluate", {})),
        judged_on=f"{held_out_words(study.windows, study.held_out, study.sessions)}, {trainings} each",
        clusters=resampled([item for one in listed for item in one.comparisons]),
    )


def arm_table(study: StudyRecord) -> Table:
    """The arms, and what each was trained with."""
    rows = []
    for arm in study.arms:
        seeds = count(len(arm.seeds), "training") if arm.trained else "not trained"
        windows = ", ".join(f"{amount} {origin}" for origin, amount in (arm.windows or {}).items())
        rows.append((called(arm.name), arm.about, arm.problem or seeds, windows))
    head = ("arm", "what it was trained with", "trainings", "windows")
    return Table(title=f"Arms: {count(study.steps, 'step')} of {study.batch_size} windows each", head=head, rows=rows)


def arm_charts(study: StudyRecord) -> list[Chart]:
    """Each measure in every arm; small dots are single trainings."""
    return [_arms(measure) for measure in study.measures if measure.arms]


def study_groups(study: StudyRecord) -> tuple[list[Group], Markup | None]:
    """Every comparison that is not on the first screen: of other measures, of replay with the base."""
    first = study.findings[0].measure if study.findings else ""
    listed = []
    for measure in study.measures:
        contrasts = [item for item in study.contrasts if item.measure == measure.id]
        contrasts = [item for item in contrasts if measure.id != first or item.arm != NEW]
        for arm in dict.fromkeys(item.arm for item in contrasts):
            compared = _compared(measure, [item for item in contrasts if item.arm == arm])
            listed.append(replace(compared, title=f"{compared.title}: {called(arm)}"))
    return compare(listed)


def _compared(measure: ArmMeasure, contrasts: Sequence[Contrast]) -> Compared:
    return Compared(
        title=sentence(measure.name),
        comparisons=contrasts,
        references={**measure.references, **measure.arms},
        note="" if contrasts else measure.note,
    )


def study_curves(study: StudyRecord) -> list[Chart]:
    """Each loss of every training; trainings of one arm look alike."""
    charts = []
    for name in losses_in([entry for curve in study.curves.values() for entry in curve]):
        series = [
            Series(name=training.rpartition("-")[0] or training, points=loss_points(curve, name))
            for training, curve in study.curves.items()
            if any(name in entry for entry in curve)
        ]
        title = LOSSES.get(name, name)
        frame = Frame(
            label=f"loss of {title} over training steps, by arm", x="training step", y=f"loss: {title}", since=0.0
        )
        legend = list(dict.fromkeys(item.name for item in series))
        charts.append(Chart(title=sentence(title), drawing=line_chart(series, frame), legend=legend))
    return charts


def finding_rows(study: StudyRecord) -> list[tuple[str, str]]:
    """What each measure lets one conclude, with its name."""
    rows = []
    for finding in study.findings:
        measure = study.measure(finding.measure)
        rows.append((finding.measure if measure is None else sentence(measure.name), finding.words))
    return rows


def _arms(measure: ArmMeasure) -> Chart:
    dots = [Dot(name=arm, value=value, each=_each(measure.by_seed.get(arm, ()))) for arm, value in measure.arms.items()]
    dots += [Dot(name=name, value=value) for name, value in measure.references.items()]
    unit = f" ({measure.unit})" if measure.unit else ""
    words = f"{count(measure.windows, 'window')}, {count(measure.sessions, 'session')}"
    return Chart(
        title=sentence(measure.name) + unit,
        drawing=dot_chart(dots, f"{measure.name}, each arm"),
        note=f"lower is better; {words}" + (f"; {measure.note}" if measure.note else ""),
    )


def _place(arm: str) -> int:
    return ARMS.index(arm) if arm in ARMS else len(ARMS)


def _each(values: Sequence[float]) -> Sequence[float]:
    return values if len(values) > 1 else ()
