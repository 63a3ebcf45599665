"""Who scored what? One row a contender, a mark on a common axis, the figure beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from adapt.report.looks import called, look_of
from adapt.report.numbers import three_digits
from adapt.report.scales import Scale, limits, tick_text, ticks
from adapt.report.svg import Number, drawing, marker, tag

WIDTH = 360
_LEFT, _RIGHT, _ROW, _BOTTOM = 128, 58, 24, 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One contender's value, and those of its repetitions, smaller."""

    name: str  # decides its look
    value: Number
    each: Sequence[Number] = ()


def dot_chart(dots: Sequence[Dot], label: str, *, zero: bool = True) -> Markup:
    """Draw values as marks in rows.

    Args:
        dots: One a row, in this order.
        label: What the chart shows, for those who do not see it.
        zero: The axis starts at zero, as is right for errors.

    Returns:
        A drawing of `WIDTH` pixels.
    """
    low, high = limits([value for dot in dots for value in (dot.value, *dot.each)], zero=zero)
    across = Scale(low=low, high=high, start=_LEFT, end=WIDTH - _RIGHT)
    bottom = _ROW * len(dots)
    parts: list[Markup] = []
    steps = ticks(low, high, 3)
    for value in steps:
        x = across.at(value)
        parts.append(tag("line", class_="zero" if value == 0 else "grid", x1=x, x2=x, y1=2, y2=bottom + 2))
        parts.append(tag("text", tick_text(value, steps), class_="tick", x=x, y=bottom + 16, text_anchor="middle"))
    for row, dot in enumerate(dots):
        parts += _row(dot, across, row * _ROW + _ROW / 2)
    return drawing(WIDTH, bottom + _BOTTOM, label, *parts)


def _row(dot: Dot, across: Scale, y: Number) -> list[Markup]:
    look = look_of(dot.name)
    x = across.at(dot.value)
    small = [tag("circle", class_=f"each {look.color}", cx=across.at(value), cy=y, r=2.2) for value in dot.each]
    weight = "label strong" if dot.name in ("adapted", "new", "imagined") else "label"
    return [
        tag("text", called(dot.name), class_=weight, x=0, y=y + 4),
        tag("line", class_="stem", x1=across.start, x2=x, y1=y, y2=y),
        *small,
        marker(look.shape, x, y, 5, class_=f"mark {look.color}"),
        tag("text", three_digits(dot.value), class_="value", x=WIDTH, y=y + 4, text_anchor="end"),
    ]
