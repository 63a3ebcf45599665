"""Intervals hold the truth as often as they say, where resampling windows alone would not; small, of seconds.

The whole of it, of some 220 settings, is `tests/studies/coverage.py`; figures in `docs/results/coverage.json`.
"""

import json
from functools import cache
from pathlib import Path

import pytest
from studies.simulated import LOPSIDED, UNEQUAL, Found, Setting, share_interval, simulate

from adapt.evaluate.record import TOO_FEW, TOO_FEW_SEEDS
from adapt.evaluate.verdict import Bootstrap

REPETITIONS = 120
RECORD = Path(__file__).parents[2] / "docs" / "results" / "coverage.json"
ALIKE = Setting(windows=24, sessions=6, correlation=0.8, sizes=UNEQUAL)
LUCKY = Setting(windows=24, sessions=2, correlation=0.3, seeds=5, seed_spread=1.0, noise=0.5)


@cache
def found(setting: Setting) -> Found:
    return simulate(setting, REPETITIONS, Bootstrap(resamples=300), 0)


@pytest.mark.parametrize(
    "setting",
    [
        Setting(windows=8, sessions=1, shape=LOPSIDED),
        ALIKE,
        LUCKY,
    ],
    ids=["windows", "sessions", "seeds"],
)
def test_intervals_hold_the_truth_and_find_what_they_call_detectable(setting: Setting) -> None:
    _, high = share_interval(found(setting).covered, REPETITIONS)
    assert high >= 0.95
    assert found(setting).power >= 0.72


@pytest.mark.parametrize("setting", [ALIKE, LUCKY], ids=["sessions", "seeds"])
def test_windows_resampled_alone_promise_too_much(setting: Setting) -> None:
    assert found(setting).covered_windows_alone < 0.8


def test_two_seeds_and_seven_windows_are_refused() -> None:
    assert simulate(Setting(windows=24, sessions=6, seeds=2), 2, Bootstrap(resamples=200), 0).word == TOO_FEW_SEEDS
    assert simulate(Setting(windows=7, sessions=1), 2, Bootstrap(resamples=200), 0).word == TOO_FEW


def test_the_record_of_the_whole_simulation_keeps_what_is_promised() -> None:
    summary = json.loads(RECORD.read_text(encoding="utf-8"))["summary"]
    assert summary["covered, least"] >= 0.92
    assert summary["settings that covered less than 93 %"] <= 0.05 * summary["settings in which a verdict is given"]
    assert summary["found an effect of the detectable size, median"] >= 0.8
