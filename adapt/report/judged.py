"""Did adapting help? The first screen: an answer, the comparisons it rests on, and how far to trust it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from adapt.evaluate import actions, retention, video
from adapt.evaluate.record import BETTER, TOO_FEW, TOO_FEW_SEEDS, WORSE, Evaluation, Verdict
from adapt.evaluate.study_record import Contrast
from adapt.report.intervals import Span, interval, interval_axis, reach_of
from adapt.report.looks import called, verdict_look
from adapt.report.numbers import count, percent, three_digits
from adapt.report.svg import drawing, marker

# How an answer is coloured: the class of a verdict.
YES, PART, NO, NONE, FEW = "v-better", "v-part", "v-worse", "v-none", "v-few"
UNSURE = (TOO_FEW, TOO_FEW_SEEDS)  # verdicts whose interval means nothing
_MOST_REACH = 1.0  # as much error again; further out is an arrow

_HEADLINES = (
    ("Imagined video, whole frames", video.FRAME),
    ("Imagined video, where something moves", video.MOTION),
    ("Actions, first chunk", actions.OVERALL),
    ("What the base knew before: video", retention.LATENT),
    ("What the base knew before: actions", retention.ACTION),
)
_ANSWERING = (video.FRAME, video.MOTION, actions.OVERALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The verdict in a word or two."""

    words: str
    tone: str  # one of YES, PART, NO, NONE, FEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison, as a line of the first screen."""

    against: str
    plot: Markup | None
    change: str  # of the error, as a share of the reference's
    range: str  # of its interval
    detectable: str  # smallest change that would have been found; empty where none can be told
    verdict: str
    mark: Markup
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One measure: its comparisons, or why there are none."""

    title: str
    rows: Sequence[Row] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One measure's comparisons, not yet drawn."""

    title: str
    comparisons: Sequence[Verdict | Contrast]
    references: Mapping[str, float]  # what each one compared with scores
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The first screen's table."""

    answer: Answer
    groups: Sequence[Group]
    axis: Markup | None
    confidence: str  # "95 %"
    judged_on: str
    clusters: str  # what the intervals rest on, in words


def judge_page(evaluation: Evaluation) -> Judged:
    """Put the first screen's table together from an evaluation's verdicts."""
    listed = []
    for title, id_ in _HEADLINES:
        measure = next((item for item in evaluation.measures if item.id == id_), None)
        if measure is not None:
            verdicts = [item for item in evaluation.verdicts if item.measure == id_]
            listed.append(Compared(title=title, comparisons=verdicts, references=measure.baselines, note=measure.note))
    groups, axis = compare(listed)
    return Judged(
        answer=answer(evaluation.verdicts),
        groups=groups,
        axis=axis,
        confidence=confidence_words(evaluation.settings),
        judged_on=held_out_words(evaluation.windows, evaluation.held_out, evaluation.sessions),
        clusters=resampled([item for item in evaluation.verdicts if item.measure in _ANSWERING]),
    )


def compare(listed: Sequence[Compared]) -> tuple[list[Group], Markup | None]:
    """Draw comparisons on one axis, each as a share of what it is compared with.

    Returns:
        The groups, and their axis; None for that where nothing can be drawn.
    """
    spans = {id(item): as_shares(item, one.references) for one in listed for item in one.comparisons}
    drawn = [span for span in spans.values() if span is not None]
    reach = reach_of(drawn, _MOST_REACH)
    groups = [
        Group(title=one.title, rows=[_row(item, spans[id(item)], reach) for item in one.comparisons], note=one.note)
        for one in listed
    ]
    return groups, interval_axis(reach, shares=True) if drawn else None


def answer(verdicts: Sequence[Verdict]) -> Answer:
    """The verdict in a word or two; "yes" only where everything looked at became better.

    Every comparison of the headline measures counts, with the base and with trivial guesses alike: a model that beats
    its base but not a frozen picture has not helped in full.
    """
    words = [item.verdict for item in verdicts if item.measure in _ANSWERING]
    if not words:
        return Answer(words="Cannot be told", tone=FEW)
    if all(word in UNSURE for word in words):
        return Answer(words="Too little was held out to tell", tone=FEW)
    better, worse = BETTER in words, WORSE in words
    if better and worse:
        return Answer(words="Better in some ways, worse in others", tone=PART)
    if worse:
        return Answer(words="No, it became worse", tone=NO)
    if all(word == BETTER for word in words):
        forgot = any(item.verdict == WORSE for item in verdicts if item.measure in (retention.LATENT, retention.ACTION))
        return Answer(words="Yes, but it forgot something", tone=PART) if forgot else Answer(words="Yes", tone=YES)
    if better:
        return Answer(words="In part", tone=PART)
    return Answer(words="No measurable gain", tone=NONE)


def confidence_words(settings: Mapping[str, Any]) -> str:
    """The share that intervals cover: "95 %"."""
    return f"{settings.get('confidence', 0.95):.0%}".replace("%", "\N{NO-BREAK SPACE}%")


def held_out_words(windows: int, there_are: int, sessions: int) -> str:
    """What was judged on: "24 held-out windows of 60 from 3 recording sessions"."""
    of = f" of {there_are}" if windows < there_are else ""
    return f"{count(windows, 'held-out window')}{of} from {count(sessions, 'recording session')}"


def resampled(verdicts: Sequence[Verdict | Contrast]) -> str:
    """What the intervals rest on, in words."""
    return ", ".join(dict.fromkeys(item.clustered_by for item in verdicts if item.clustered_by))


def verdict_mark(verdict: str) -> Markup:
    """The mark of a verdict, on its own."""
    look = verdict_look(verdict)
    return drawing(12, 12, "", marker(look.shape, 6, 6, 4.2, class_=f"mark {look.color}"), kind="sign")


def as_shares(verdict: Verdict | Contrast, references: Mapping[str, float]) -> Span | None:
    """A difference as a share of what it is compared with; None where that is nothing to share."""
    reference = references.get(verdict.against)
    if reference is None or reference <= 0:
        return None
    return Span(
        difference=verdict.difference / reference,
        low=verdict.low / reference,
        high=verdict.high / reference,
        verdict=verdict.verdict,
        detectable=None if verdict.detectable is None else verdict.detectable / reference,
    )


def _row(verdict: Verdict | Contrast, span: Span | None, reach: float) -> Row:
    against = f"vs {called(verdict.against)}"
    if span is None:
        change, around, unseen, plot = three_digits(verdict.difference, sign=True), "", "", None
    else:
        change = percent(span.difference)
        around = "" if verdict.verdict in UNSURE else f"{percent(span.low)} to {percent(span.high)}"
        unseen = "" if span.detectable is None else percent(span.detectable).lstrip("+")
        plot = interval(span, reach, f"{against}: error {change}, {around or 'no interval'}; {verdict.verdict}")
    return Row(
        against=against,
        plot=plot,
        change=change,
        range=around,
        detectable=unseen,
        verdict=verdict.verdict,
        mark=verdict_mark(verdict.verdict),
        tone=verdict_look(verdict.verdict).color,
    )
