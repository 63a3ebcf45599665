"""Drawings: well-formed, inside their frame, true to the values they are given."""

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from adapt.evaluate.record import BETTER, NO_GAIN, TOO_FEW, WORSE
from adapt.report.dots import Dot, dot_chart
from adapt.report.intervals import Span, interval, interval_axis, reach_of
from adapt.report.lines import Frame, Series, line_chart
from adapt.report.looks import look_of, swatch, verdict_look
from adapt.report.numbers import count, number, percent, three_digits
from adapt.report.scales import Scale, limits, tick_text, ticks
from adapt.report.svg import marker, tag

FINITE = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-6)


def elements(drawn: Markup, name: str) -> list[ElementTree.Element]:
    """The elements of one kind in a drawing, which must be well-formed."""
    return [item for item in ElementTree.fromstring(drawn).iter() if item.tag == name]


def inside(drawn: Markup) -> bool:
    """Whether every coordinate lies in the drawing's own frame."""
    root = ElementTree.fromstring(drawn)
    width, height = (float(value) for value in root.attrib["viewBox"].split()[2:])
    for item in root.iter():
        for names, most in ((("x", "x1", "x2", "cx"), width), (("y", "y1", "y2", "cy"), height)):
            if not all(-0.1 <= float(item.attrib[name]) <= most + 0.1 for name in names if name in item.attrib):
                return False
        pairs = re.findall(r"(-?[\d.]+) (-?[\d.]+)", item.attrib.get("d", ""))
        if not all(-0.1 <= float(x) <= width + 0.1 and -0.1 <= float(y) <= height + 0.1 for x, y in pairs):
            return False
    return True


def test_text_and_attributes_are_escaped():
    written = tag("text", "<b>&", title='"><script>')
    assert written == '<text title="&#34;&gt;&lt;script&gt;">&lt;b&gt;&amp;</text>'


@given(FINITE, st.floats(1e-3, 1e6), st.integers(2, 8))
def test_ticks_are_round_and_inside(low: float, width: float, about: int):
    high = low + width
    values = ticks(low, high, about)
    assert all(low - 1e-6 * width <= value <= high + 1e-6 * width for value in values)
    assert len(values) <= 2 * about + 1


def test_ticks_have_just_the_decimals_they_need():
    values = ticks(0.0, 0.031, 3)
    assert [tick_text(value, values) for value in values] == ["0.00", "0.01", "0.02", "0.03"]
    assert tick_text(-5.0, [-5.0, 0.0, 5.0]) == "\N{MINUS SIGN}5"
    assert tick_text(-0.0, [-5.0, 0.0, 5.0]) == "0"


@given(st.lists(FINITE, max_size=5), st.booleans())
def test_limits_hold_every_value(values: list[float], zero: bool):  # noqa: FBT001
    low, high = limits([*values, math.nan], zero=zero)
    assert low < high
    assert all(low <= value <= high for value in values)
    assert not zero or low <= 0 <= high


def test_a_scale_puts_values_where_they_belong():
    scale = Scale(low=0, high=10, start=100, end=0)
    assert [scale.at(value) for value in (0, 5, 10)] == [100, 50, 0]


def test_a_number_is_shown_short_and_kept_as_recorded():
    assert number(0.123456789) == '<data value="0.123457">0.123</data>'
    assert "not measured" in number(None)
    assert [three_digits(value) for value in (0.5, 21.04, 123456.0, -0.0)] == ["0.500", "21.0", "1.23e+05", "0.00"]
    assert three_digits(-0.25, sign=True) == "\N{MINUS SIGN}0.250"
    assert three_digits(0.25, sign=True) == "+0.250"


def test_a_share_becomes_a_percentage_with_its_sign():
    told = [percent(share).replace("\N{NO-BREAK SPACE}", " ") for share in (-0.238, 0.0664, 0.0, -0.0001, 1.19)]
    assert told == ["\N{MINUS SIGN}24 %", "+6.6 %", "0.0 %", "\N{MINUS SIGN}0.01 %", "+119 %"]


def test_things_are_counted_in_their_number():
    assert [count(amount, "window") for amount in (1, 2)] == ["1 window", "2 windows"]
    assert count(12345, "window") == "12\N{NO-BREAK SPACE}345 windows"


@pytest.mark.parametrize("shape", ["circle", "square", "diamond", "up", "down", "bar", "cross"])
def test_every_mark_is_drawn_around_its_middle(shape: str):
    drawn = marker(shape, 10, 20, 4)
    pairs = re.findall(r"(-?[\d.]+) (-?[\d.]+)", drawn) or [
        tuple(re.findall(r'c[xy]="([\d.]+)"', drawn)),
    ]
    assert all(abs(float(x) - 10) < 6 and abs(float(y) - 20) < 6 for x, y in pairs)


def test_contenders_on_one_chart_differ_in_more_than_colour():
    names = ("adapted", "zero-shot base", "hold last", "mean of training", "copy last frame", "codec ceiling")
    assert len({look_of(name).shape for name in names}) == len(names)
    assert len({verdict_look(word).shape for word in (BETTER, WORSE, NO_GAIN, TOO_FEW)}) == 4
    assert ElementTree.fromstring(swatch("something new")) is not None


def test_a_line_has_a_gap_where_a_value_is_missing():
    points = [(0, 1.0), (1, 2.0), (2, math.nan), (3, 1.0), (4, 2.0)]
    drawn = line_chart([Series(name="adapted", points=points)], Frame(label="l", x="time (s)", y="error (rad)"))
    lines = [item for item in elements(drawn, "path") if item.attrib["class"].startswith("line")]
    assert len(lines) == 2
    assert inside(drawn)


def test_a_chart_names_its_axes_with_their_units():
    drawn = line_chart(
        [Series(name="adapted", points=[(0, 1), (1, 2)])], Frame(label="l", x="time (s)", y="error (rad)")
    )
    assert {"time (s)", "error (rad)"} <= {item.text for item in elements(drawn, "text")}


def test_a_band_reaches_as_far_as_the_spread():
    series = Series(name="imagined", points=[(0, 1.0), (1, 1.0)], band=[0.5, 0.5])
    flat = line_chart([series], Frame(label="l", x="x", y="y"))
    band = next(item for item in elements(flat, "path") if item.attrib["class"].startswith("band"))
    line = next(item for item in elements(flat, "path") if item.attrib["class"].startswith("line"))
    heights = sorted({float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", band.attrib["d"])})
    middle = float(re.findall(r"[\d.]+ ([\d.]+)", line.attrib["d"])[0])
    assert len(heights) == 2
    assert heights[1] - middle == pytest.approx(middle - heights[0], abs=0.2)
    assert inside(flat)


@pytest.mark.parametrize("points", [[], [(0, 0.0)], [(0, math.nan)], [(3, -2.0), (3, -2.0)]])
def test_a_chart_of_almost_nothing_is_still_one(points: list[tuple[float, float]]):
    drawn = line_chart(
        [Series(name="true", points=points)], Frame(label="l", x="x", y="y", rule=(1, "here"), cursor=True)
    )
    assert inside(drawn)


def test_a_dot_lies_the_further_right_the_larger_its_value():
    drawn = dot_chart([Dot(name=name, value=value) for name, value in (("adapted", 1.0), ("base", 2.0))], "l")
    stems = [float(item.attrib["x2"]) for item in elements(drawn, "line") if item.attrib["class"] == "stem"]
    zero = next(float(item.attrib["x1"]) for item in elements(drawn, "line") if item.attrib["class"] == "zero")
    assert stems[1] - zero == pytest.approx(2 * (stems[0] - zero), abs=0.2)
    assert "unadapted base" in {item.text for item in elements(drawn, "text")}
    assert inside(drawn)


def test_single_trainings_are_drawn_beside_their_mean():
    drawn = dot_chart([Dot(name="new", value=2.0, each=[1.0, 2.0, 3.0])], "l")
    assert sum(item.attrib["class"].startswith("each") for item in elements(drawn, "circle")) == 3


def span(difference: float, half: float, verdict: str = BETTER, detectable: float | None = 0.1) -> Span:
    return Span(
        difference=difference, low=difference - half, high=difference + half, verdict=verdict, detectable=detectable
    )


def test_an_interval_is_as_wide_as_it_says_and_zero_is_in_the_middle():
    drawn = interval(span(-0.5, 0.25), 1.0, "l")
    zero = next(float(item.attrib["x1"]) for item in elements(drawn, "line") if item.attrib["class"] == "zero")
    bar = next(item for item in elements(drawn, "line") if item.attrib["y1"] == item.attrib["y2"])
    assert zero == 150
    unit = 130  # pixels from zero to the end of the axis
    assert (float(bar.attrib["x1"]), float(bar.attrib["x2"])) == (zero - 0.75 * unit, zero - 0.25 * unit)
    unseen = elements(drawn, "rect")[0]
    assert float(unseen.attrib["width"]) == pytest.approx(2 * 0.1 * unit, abs=0.1)


def test_what_lies_outside_the_axis_becomes_an_arrow_inside_the_drawing():
    drawn = interval(span(3.0, 1.0, WORSE), 1.0, "l")
    assert inside(drawn)
    assert sum("whisker" in item.attrib["class"] for item in elements(drawn, "path")) >= 2


def test_too_few_windows_have_no_interval_and_no_band():
    drawn = interval(span(-0.5, 0.25, TOO_FEW, None), 1.0, "l")
    assert "whisker" not in drawn
    assert not elements(drawn, "rect")


def test_the_axis_reaches_every_interval_but_not_for_ever():
    assert reach_of([span(-0.2, 0.1)], 1.0) == pytest.approx(0.324)
    assert reach_of([span(9, 1)], 1.0) == 1.0
    assert reach_of([], 1.0) > 0
    assert "50\N{NO-BREAK SPACE}%" in interval_axis(1.0, shares=True)
    assert inside(interval_axis(1.0, shares=True))
