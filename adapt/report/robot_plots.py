"""How are ranges, speeds and lags of a robot drawn? Small drawings as wide as their place; words stand beside them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from adapt.quality.robot.coverage import AxisCoverage, Histogram
from adapt.quality.robot.examine import RobotExamination
from adapt.quality.robot.gaps import Gap
from adapt.quality.robot.lag import Lag
from adapt.report.bands import WIDE, band
from adapt.report.svg import path, tag

_HIGH = 100
_LEAST = 6.0  # So that a single row can be seen.
_MOST_STRIPS = 80  # episodes drawn one by one; of more, every so manieth
_REACH_S = 1.0  # of the drawing of lags, either way


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisPlots:
    """One axis on the page.

    Attributes:
        name: Of the axis.
        unit: Its unit; "" where nobody knows.
        low: The smallest value, in words.
        high: The largest.
        fast: The speed that 99 % of the rows stay below, in words.
        values: Where state (filled) and command (line) are.
        speeds: How fast the state, or else the command, moves.
        episodes: From where to where it goes in each episode.
        gap: A range that is hardly visited, in words; "" for none.
    """

    name: str
    unit: str
    low: str
    high: str
    fast: str
    values: Markup
    speeds: Markup
    episodes: Markup
    gap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LagRow:
    """One lag on the page: what comes after what, the interval drawn, and in words."""

    what: str
    plot: Markup | None
    words: str


def axis_plots(coverage: Sequence[AxisCoverage], gaps: Sequence[Gap]) -> list[AxisPlots]:
    """One entry for each axis name: its state with its command, in the order of the state."""
    states = {axis.name: axis for axis in coverage if axis.kind == "state"}
    actions = {axis.name: axis for axis in coverage if axis.kind == "action"}
    known = {gap.axis.name: gap for gap in gaps}
    return [_axis(states.get(name), actions.get(name), known.get(name)) for name in dict.fromkeys([*states, *actions])]


def _axis(state: AxisCoverage | None, action: AxisCoverage | None, gap: Gap | None) -> AxisPlots:
    axis = state or action
    assert axis is not None
    unit = "" if axis.unit == "unknown" else axis.unit
    both = [one for one in (state, action) if one is not None and one.unit == axis.unit]
    low, high = min(one.values.edges[0] for one in both), max(one.values.edges[-1] for one in both)
    inside = [_hardly(gap, low, high)] if gap is not None else []
    inside += _bars(axis.values, low, high)
    if state is not None and action is not None and action in both:
        inside.append(_outline(action.values, low, high))
    named = f"{axis.kind} axis {axis.name}"
    return AxisPlots(
        name=axis.name if state is not None else f"{axis.name} (command)",
        unit=unit,
        low=f"{low:.3g}",
        high=f"{high:.3g}",
        fast=f"{axis.speed_q99:.3g}{f' {unit}/s' if unit else ' a second'}",
        values=band(inside, _HIGH, f"{named}: rows by value, from {low:.3g} to {high:.3g} {unit}", "bars"),
        speeds=band(
            _bars(axis.speeds, 0.0, axis.speeds.edges[-1]),
            _HIGH,
            f"{named}: rows by speed, up to {axis.speeds.edges[-1]:.3g} {unit}/s",
            "bars",
        ),
        episodes=_strips(axis, low, high, named),
        gap="" if gap is None else f"hardly between {gap.low:.3g} and {gap.high:.3g}",
    )


def _height(count: int, most: int) -> float:
    """By the square root, so that what is rare can be seen beside what is usual."""
    return 0.0 if not count else max(_LEAST, _HIGH * math.sqrt(count / most))


def _bars(histogram: Histogram, low: float, high: float) -> list[Markup]:
    most = max(histogram.counts, default=0)
    rows = sum(histogram.counts)
    blocks = []
    for place, count in enumerate(histogram.counts):
        if not count:
            continue
        first, last = histogram.edges[place : place + 2]
        tall = _height(count, most)
        x, after = _at(first, low, high), _at(last, low, high)
        words = f"{first:.3g} to {last:.3g}: {count / rows:.1%} of the rows"
        blocks.append(tag("rect", tag("title", words), x=x, y=_HIGH - tall, width=after - x, height=tall))
    return blocks


def _outline(histogram: Histogram, low: float, high: float) -> Markup:
    most = max(histogram.counts, default=0)
    points: list[tuple[float, float]] = [(_at(histogram.edges[0], low, high), float(_HIGH))]
    for place, count in enumerate(histogram.counts):
        y = _HIGH - _height(count, most)
        points += [(_at(edge, low, high), y) for edge in histogram.edges[place : place + 2]]
    points.append((_at(histogram.edges[-1], low, high), float(_HIGH)))
    return path([*points], class_="told")


def _hardly(gap: Gap, low: float, high: float) -> Markup:
    x = _at(gap.low, low, high)
    words = f"{gap.low:.3g} to {gap.high:.3g}: {gap.share:.1%} of the rows"
    return tag("rect", tag("title", words), x=x, y=0, width=_at(gap.high, low, high) - x, height=_HIGH, class_="hardly")


def _strips(axis: AxisCoverage, low: float, high: float, named: str) -> Markup:
    every = -(-len(axis.by_episode) // _MOST_STRIPS)
    shown = list(enumerate(axis.by_episode))[::every]
    wide = WIDE / max(1, len(shown))
    blocks = []
    for place, (number, (least, most)) in enumerate(shown):
        top, bottom = _HIGH - _up(most, low, high), _HIGH - _up(least, low, high)
        words = f"episode number {number + 1}: {least:.3g} to {most:.3g}"
        height = max(3.0, bottom - top)
        blocks.append(
            tag(
                "rect",
                tag("title", words),
                x=(place + 0.1) * wide,
                y=min(top, _HIGH - height),
                width=0.8 * wide,
                height=height,
            )
        )
    return band(blocks, _HIGH, f"{named}: range in each of {len(axis.by_episode)} episodes", "strips")


def _at(value: float, low: float, high: float) -> float:
    return WIDE * (value - low) / (high - low) if high > low else 0.0


def _up(value: float, low: float, high: float) -> float:
    return _HIGH * (value - low) / (high - low) if high > low else _HIGH / 2


def lag_rows(examination: RobotExamination) -> list[LagRow]:
    """Every lag that was asked for, also those that the data cannot tell."""
    latency = examination.latency
    if latency is None:
        return []
    rows = [_lag("from a command to the state", latency.command_to_state)]
    for camera, lag in latency.state_to_picture.items():
        rows.append(_lag(f"from the state to the picture of '{camera}'", lag))
    for camera, lag in latency.command_to_picture.items():
        rows.append(_lag(f"from a command to the picture of '{camera}'", lag))
    return rows


def _lag(what: str, lag: Lag) -> LagRow:
    if lag.seconds is None or lag.low is None or lag.high is None:
        return LagRow(what=what, plot=None, words=lag.words)
    low, middle, high = (
        _at(min(max(end, -_REACH_S), _REACH_S), -_REACH_S, _REACH_S) for end in (lag.low, lag.seconds, lag.high)
    )
    blocks = [
        tag("rect", x=WIDE / 2 - 1, y=0, width=2, height=_HIGH, class_="now"),
        tag("rect", x=low, y=30, width=max(4.0, high - low), height=40, class_="range"),
        tag("rect", x=middle - 3, y=10, width=6, height=80, class_="best"),
    ]
    return LagRow(what=what, plot=band(blocks, _HIGH, f"{what}: {lag.words}", "lag"), words=lag.words)
