"""How often did each arm succeed, and by how much more than another? Dots with their intervals, one row each."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from adapt.report.looks import Look
from adapt.report.scales import Scale, tick_text, ticks
from adapt.report.svg import Number, drawing, marker, tag

WIDTH = 600
_LEFT, _RIGHT, _ROW, _BOTTOM = 250, 92, 24, 22
_AIR = 0.06  # of an axis of differences, beyond its longest interval
_LEAST_REACH = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A share, or a difference of shares, with its interval."""

    name: str
    mid: Number
    low: Number
    high: Number
    look: Look
    text: str  # beside it
    each: Sequence[Number] = ()  # single trainings, smaller
    strong: bool = False  # the one that matters


def rate_chart(rows: Sequence[Row], label: str) -> Markup:
    """Draw shares of 1 on an axis from 0 to 100 %.

    Args:
        rows: In this order.
        label: What the chart shows, for those who do not see it.
    """
    return _chart(rows, label, low=0.0, high=1.0)


def gain_chart(rows: Sequence[Row], label: str) -> Markup:
    """Draw differences of shares around zero, in points of a hundred; to the right is better.

    Args:
        rows: In this order.
        label: What the chart shows, for those who do not see it.
    """
    reach = max([_LEAST_REACH, *(abs(value) for row in rows for value in (row.low, row.high))]) * (1 + _AIR)
    return _chart(rows, label, low=-reach, high=reach)


def _chart(rows: Sequence[Row], label: str, *, low: float, high: float) -> Markup:
    across = Scale(low=low, high=high, start=_LEFT, end=WIDTH - _RIGHT)
    bottom = _ROW * len(rows)
    steps = ticks(low * 100, high * 100, 5)
    parts: list[Markup] = []
    for value in steps:
        x = across.at(value / 100)
        parts.append(tag("line", class_="zero" if value == 0 else "grid", x1=x, x2=x, y1=2, y2=bottom + 2))
        parts.append(tag("text", tick_text(value, steps), class_="tick", x=x, y=bottom + 16, text_anchor="middle"))
    for place, row in enumerate(rows):
        parts += _row(row, across, place * _ROW + _ROW / 2)
    return drawing(WIDTH, bottom + _BOTTOM, label, *parts, kind="chart rates")


def _row(row: Row, across: Scale, y: Number) -> list[Markup]:
    low, high = across.at(row.low), across.at(row.high)
    ends = [tag("line", class_=f"whisker {row.look.color}", x1=x, x2=x, y1=y - 4, y2=y + 4) for x in (low, high)]
    small = [tag("circle", class_=f"each {row.look.color}", cx=across.at(value), cy=y + 6, r=2) for value in row.each]
    return [
        tag("text", row.name, class_="label strong" if row.strong else "label", x=0, y=y + 4),
        tag("line", class_=f"whisker {row.look.color}", x1=low, x2=high, y1=y, y2=y),
        *ends,
        *small,
        marker(row.look.shape, across.at(row.mid), y, 5, class_=f"mark {row.look.color}"),
        tag("text", row.text, class_="value", x=WIDTH, y=y + 4, text_anchor="end"),
    ]
