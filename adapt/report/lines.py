"""How does something change along an axis? Lines with marks, and a band where it is uncertain."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from adapt.report.looks import look_of
from adapt.report.scales import Scale, limits, tick_text, ticks
from adapt.report.svg import Number, drawing, marker, path, tag

WIDTH, HEIGHT = 360, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 22, 30
_MOST_MARKS = 12  # more would be a caterpillar

Point = tuple[Number, Number]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line; a value that is not finite leaves a gap."""

    name: str  # decides its look
    points: Sequence[Point]
    band: Sequence[Number] = ()  # plus and minus so much around each point


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands around the lines."""

    label: str  # what the chart shows, for those who do not see it
    x: str  # with its unit
    y: str  # with its unit
    zero: bool = False  # the axis starts at zero
    since: Number | None = None  # the x axis starts here
    upto: Number | None = None  # and ends here
    rule: tuple[Number, str] | None = None  # a dashed upright line and what it says
    cursor: bool = False  # a line that the page's player moves with its film
    height: int = HEIGHT


def line_chart(series: Sequence[Series], frame: Frame) -> Markup:
    """Draw lines into one frame.

    Args:
        series: The lines, the most important first; it is drawn on top.
        frame: Axes and their names.

    Returns:
        A drawing of `WIDTH` by `frame.height` pixels.
    """
    across, up = _scales(series, frame)
    parts = [*_grid(across, up, frame)]
    if frame.rule is not None:
        parts += _rule(across, up, *frame.rule)
    for item in reversed(series):
        parts += _line(item, across, up)
    if frame.cursor:
        ends = {"data_from": across.start, "data_to": across.end}
        parts.append(tag("line", class_="cursor", x1=across.end, x2=across.end, y1=up.end, y2=up.start, **ends))
    return drawing(WIDTH, frame.height, frame.label, *parts)


def _scales(series: Sequence[Series], frame: Frame) -> tuple[Scale, Scale]:
    xs = [x for item in series for x, _ in item.points]
    bands = [item.band or [0.0] * len(item.points) for item in series]
    spans = [
        (y, s) for item, band in zip(series, bands, strict=True) for (_, y), s in zip(item.points, band, strict=True)
    ]
    low, high = limits([y + side * s for y, s in spans for side in (-1, 1)], zero=frame.zero)
    first = min(xs, default=0.0) if frame.since is None else frame.since
    last = max(xs, default=1.0) if frame.upto is None else frame.upto
    if frame.rule is not None:
        first, last = min(first, frame.rule[0]), max(last, frame.rule[0])
    last = last if last > first else first + 1.0
    across = Scale(low=first, high=last, start=_LEFT, end=WIDTH - _RIGHT)
    return across, Scale(low=low, high=high, start=frame.height - _BOTTOM, end=_TOP)


def _grid(across: Scale, up: Scale, frame: Frame) -> list[Markup]:
    parts = [
        tag("text", frame.y, class_="axis", x=2, y=12),
        tag("text", frame.x, class_="axis", x=WIDTH - _RIGHT, y=frame.height - 3, text_anchor="end"),
    ]
    rows = ticks(up.low, up.high)
    for value in rows:
        y = up.at(value)
        parts.append(tag("line", class_="zero" if value == 0 else "grid", x1=across.start, x2=across.end, y1=y, y2=y))
        parts.append(tag("text", tick_text(value, rows), class_="tick", x=_LEFT - 6, y=y + 3.5, text_anchor="end"))
    columns = ticks(across.low, across.high, 5)
    for value in columns:
        x = across.at(value)
        parts.append(tag("line", class_="grid", x1=x, x2=x, y1=up.start, y2=up.start + 4))
        parts.append(
            tag("text", tick_text(value, columns), class_="tick", x=x, y=frame.height - 15, text_anchor="middle")
        )
    return parts


def _rule(across: Scale, up: Scale, value: Number, words: str) -> list[Markup]:
    x = across.at(value)
    left = x > (across.start + across.end) / 2
    return [
        tag("line", class_="rule", x1=x, x2=x, y1=up.start, y2=up.end),
        tag("text", words, class_="note", x=x + (-4 if left else 4), y=up.end + 9, text_anchor="end" if left else None),
    ]


def _line(item: Series, across: Scale, up: Scale) -> list[Markup]:
    look = look_of(item.name)
    parts = []
    if item.band:
        spans = [(x, y, s) for (x, y), s in zip(item.points, item.band, strict=True) if math.isfinite(y + s)]
        edge = [(across.at(x), up.at(y + s)) for x, y, s in spans]
        edge += [(across.at(x), up.at(y - s)) for x, y, s in reversed(spans)]
        if spans:
            parts.append(path(edge, class_=f"band {look.color}"))
    for run in _runs(item.points):
        placed = [(across.at(x), up.at(y)) for x, y in run]
        if len(placed) > 1:
            parts.append(path(placed, class_=f"line {look.color}", stroke_dasharray=look.dash))
        if len(placed) <= _MOST_MARKS:
            parts += [marker(look.shape, x, y, 3.2, class_=f"mark {look.color}") for x, y in placed]
    return parts


def _runs(points: Sequence[Point]) -> list[list[Point]]:
    """The stretches of a line between its gaps."""
    runs: list[list[Point]] = [[]]
    for x, y in points:
        if math.isfinite(y):
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
