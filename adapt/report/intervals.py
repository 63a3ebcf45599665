"""How sure is a difference? Its interval around zero, and how small a difference would not have been found."""

from dataclasses import dataclass

from markupsafe import Markup

from adapt.evaluate.record import TOO_FEW, TOO_FEW_SEEDS
from adapt.report.looks import verdict_look
from adapt.report.scales import Scale, tick_text, ticks
from adapt.report.svg import Number, drawing, marker, path, tag

WIDTH, HEIGHT, AXIS_HEIGHT = 300, 26, 20
_EDGE = 20  # for the numbers at both ends, and for arrows out of the axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A difference with its interval, in whatever unit the axis has."""

    difference: Number
    low: Number
    high: Number
    verdict: str  # one of `adapt.evaluate.record`'s words
    detectable: Number | None = None  # smallest difference that would have been found


def reach_of(spans: list[Span], most: Number) -> float:
    """How far from zero an axis must go to hold all intervals, but never further than `most`."""
    ends = [abs(value) for span in spans for value in (span.difference, span.low, span.high)]
    return min(most, max([*ends, 1e-6]) * 1.08)


def interval(span: Span, reach: Number, label: str) -> Markup:
    """One row: the band that could not be told from nothing, the interval, the mark of its verdict.

    Args:
        span: What is drawn; an end outside the axis becomes an arrow.
        reach: The axis goes from minus this to this.
        label: What it says, for those who do not see it.
    """
    across, middle = _scale(reach), HEIGHT / 2
    look = verdict_look(span.verdict)
    parts = []
    if span.detectable is not None:
        half = min(span.detectable, reach)
        left, right = across.at(-half), across.at(half)
        parts.append(tag("rect", class_="unseen", x=left, y=3, width=right - left, height=HEIGHT - 6, rx=2))
    parts.append(tag("line", class_="zero", x1=across.at(0), x2=across.at(0), y1=0, y2=HEIGHT))
    if span.verdict not in (TOO_FEW, TOO_FEW_SEEDS):
        parts += _whisker(span, across, reach, look.color)
    held = max(-reach, min(reach, span.difference))
    if held != span.difference:
        parts.append(_arrow(across.at(held), 7 if held > 0 else -7, look.color))
    parts.append(marker(look.shape, across.at(held), middle, 5, class_=f"mark {look.color}"))
    return drawing(WIDTH, HEIGHT, label, *parts, kind="interval")


def interval_axis(reach: Number, *, shares: bool) -> Markup:
    """The axis under such rows.

    Args:
        reach: As above.
        shares: Values are shares, and written as percentages.
    """
    across = _scale(reach)
    factor = 100 if shares else 1
    values = ticks(-reach * factor, reach * factor, 4)
    parts = [tag("line", class_="grid", x1=across.start, x2=across.end, y1=1, y2=1)]
    for value in values:
        x = across.at(value / factor)
        parts.append(tag("line", class_="grid", x1=x, x2=x, y1=1, y2=5))
        text = tick_text(value, values) + ("\N{NO-BREAK SPACE}%" if shares else "")
        parts.append(tag("text", text, class_="tick", x=x, y=16, text_anchor="middle"))
    return drawing(WIDTH, AXIS_HEIGHT, "axis of the intervals above", *parts, kind="interval")


def _scale(reach: Number) -> Scale:
    return Scale(low=-reach, high=reach, start=_EDGE, end=WIDTH - _EDGE)


def _whisker(span: Span, across: Scale, reach: Number, color: str) -> list[Markup]:
    middle = HEIGHT / 2
    low, high = (across.at(max(-reach, min(reach, value))) for value in (span.low, span.high))
    parts = [tag("line", class_=f"whisker {color}", x1=low, x2=high, y1=middle, y2=middle)]
    for value, x, out in ((span.low, low, -1), (span.high, high, 1)):
        if across.holds(value):
            parts.append(tag("line", class_=f"whisker {color}", x1=x, x2=x, y1=middle - 4, y2=middle + 4))
        else:
            parts.append(_arrow(x, 7 * out, color))
    return parts


def _arrow(x: Number, out: Number, color: str) -> Markup:
    """From the end of an axis out of it: the value lies further on."""
    middle = HEIGHT / 2
    tip = x + out + (5 if out > 0 else -5)
    return path([(x + out, middle - 4), (tip, middle), (x + out, middle + 4)], class_=f"whisker {color}")
