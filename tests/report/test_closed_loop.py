"""The page of a study in closed loop says what its record says, failures too, and draws it to scale."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from closed_loop_builder import play_record, sweep_record, video_record

from adapt.evaluate.closed_loop_arms import ADAPTED, SHUFFLED
from adapt.evaluate.closed_loop_record import ClosedLoopRecord, Tried
from adapt.evaluate.closed_loop_results import as_part
from adapt.report.closed_loop import called, percent, points
from adapt.report.facts import ReportFacts
from adapt.report.looks import look_of
from adapt.report.page import render_report
from adapt.report.rates import Row, gain_chart, rate_chart

RECORDS = {"video": video_record, "play": play_record, "sweep": sweep_record}


def page_of(record: ClosedLoopRecord) -> str:
    return render_report(ReportFacts(evaluation=None, closed_loop=record))


def words_of(page: str) -> str:
    text = re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize("make", RECORDS.values(), ids=RECORDS)
def test_the_page_shows_every_arm_and_difference_with_its_figures(make: Callable[[], ClosedLoopRecord]) -> None:
    record = make()
    words = words_of(page_of(record))
    for table in record.tables:
        for arm in table.arms:
            assert called(arm.name) in words
            assert percent(arm.success).replace("\N{NO-BREAK SPACE}", " ") in words
        for gain in table.gains:
            assert f"{points(gain.low)} to {points(gain.high)}" in words
    assert record.made.command in words
    assert record.fingerprint in words


@pytest.mark.parametrize("make", RECORDS.values(), ids=RECORDS)
def test_the_page_is_offline_and_holds_the_record(make: Callable[[], ClosedLoopRecord]) -> None:
    record = make()
    page = page_of(record)
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    held = re.search(r'<script type="application/json" id="closed-loop-record">(.*?)</script>', page, re.DOTALL)
    assert held is not None
    assert json.loads(held[1]) == json.loads(json.dumps(as_part(record)))
    assert page == page_of(make())


def test_a_failure_is_the_headline() -> None:
    words = words_of(page_of(video_record(**{ADAPTED: 0.02})))
    assert "No measurable gain" in words
    assert "would have been seen" in words
    assert 'class="v-none">No measurable gain' in page_of(video_record(**{ADAPTED: 0.02}))


def test_a_broken_trial_is_never_a_success() -> None:
    page = page_of(video_record(**{SHUFFLED: 0.4}))
    assert 'class="v-worse">The trial itself is broken' in page
    assert "must gain nothing" in page


def test_what_was_given_up_is_told() -> None:
    given_up = Tried(
        fingerprint="f", why="<b>late</b>", changed=("seeds 3 -> 5",), finished="3 of 9 trials", verdict=""
    )
    page = page_of(replace(video_record(), tried=(given_up,)))
    assert "An earlier plan was given up (&lt;b&gt;late&lt;/b&gt;) with 3 of 9 trials done" in page


def test_a_page_says_that_no_real_robot_moved() -> None:
    assert "no real robot moved" in words_of(page_of(video_record()))


def row(mid: float, low: float, high: float) -> Row:
    return Row(name="arm", mid=mid, low=low, high=high, look=look_of("adapted"), text="", each=(mid,))


def xs(drawing: str, kind: str) -> list[float]:
    root = ElementTree.fromstring(drawing)
    return [
        float(value)
        for item in root.iter()
        if kind in item.get("class", "")
        for value in (item.get("x1"), item.get("x2"))
    ]


def test_rates_are_drawn_from_0_to_100_per_cent_to_scale() -> None:
    low, high = sorted(set(xs(str(rate_chart([row(0.5, 0.0, 1.0)], "x")), "whisker")))
    quarter = sorted(set(xs(str(rate_chart([row(0.3, 0.25, 0.5)], "x")), "whisker")))
    assert quarter[0] == pytest.approx(low + (high - low) / 4, abs=0.2)
    assert quarter[1] == pytest.approx((low + high) / 2, abs=0.2)


def test_differences_are_drawn_around_a_zero_in_the_middle() -> None:
    drawing = str(gain_chart([row(0.2, 0.1, 0.3), row(-0.1, -0.2, 0.0)], "x"))
    (zero,) = set(xs(drawing, "zero"))
    ends = sorted(set(xs(drawing, "whisker")))
    assert ends[1] == pytest.approx(zero, abs=0.2)
    assert ends[0] < zero < ends[2]


def test_a_difference_of_nothing_has_no_sign() -> None:
    assert points(-0.0) == points(0.0004) == "0.0"
    assert points(0.3) == "+30.0"
    assert points(-0.3) == "\N{MINUS SIGN}30.0"
