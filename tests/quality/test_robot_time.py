"""Rows that are missing, doubled, slow or badly stamped, and rest; planted at three strengths fixed beforehand."""

from functools import cache

import numpy as np
import pytest
from robot_builder import (
    RATE_HZ,
    Play,
    clean_play,
    doubled,
    episode_rows,
    missing,
    paused,
    slowed,
    stamped,
    with_rows,
)

from adapt.quality.robot.clock import examine_clock
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.idle import examine_idle, idle_share, idle_times


@cache
def play() -> Play:
    return clean_play(seed=4)


def found(data: Play) -> list[Finding]:
    return examine_clock(data.spec, data.rows) + examine_idle(idle_times(data.spec, data.rows))


@pytest.mark.parametrize("seed", range(5))
def test_clean_data_raises_no_alarm(seed):
    assert [each.text for each in found(clean_play(seed=seed))] == []


@pytest.mark.parametrize("rows", [3, 5, 8])
def test_missing_rows_are_seen_by_all_joints_stepping_at_once(rows):
    (finding,) = [each for each in found(missing(play(), 1, rows)) if each.kind == "missing rows"]
    assert finding.episodes == (1,)
    assert "before 1 of" in finding.found


@pytest.mark.parametrize("rows", [5, 8, 15])
def test_doubled_rows_are_counted(rows):
    """State and commands repeat in the same rows, which a robot that pauses does not do: it answers later."""
    (finding,) = [each for each in found(doubled(play(), 3, rows)) if each.kind == "doubled rows"]
    assert finding.episodes == (3,)
    counted = int(finding.found.split()[3])
    assert rows - 2 <= counted <= rows  # at the turn of a motion a doubled row is a rest


@pytest.mark.parametrize(("new", "of"), [(2, 3), (1, 2), (1, 3)])
def test_columns_slower_than_the_rows_are_told_with_their_rate(new, of):
    (finding,) = [each for each in found(slowed(play(), new, of)) if each.kind == "slower rate"]
    assert finding.subject == "state columns"
    rate_hz = float(finding.found.rpartition("about ")[2].split()[0])
    assert rate_hz == pytest.approx(RATE_HZ * new / of, rel=0.35)


@pytest.mark.parametrize("seconds", [4, 8, 15])
def test_a_pause_is_told_with_its_place_and_length(seconds):
    data = paused(play(), 2, round(seconds * RATE_HZ))
    (finding,) = [each for each in found(data) if each.kind == "idle" and each.episodes]
    assert finding.episodes == (2,)
    told_s = float(finding.found.split("episode 2, ")[1].split()[0])
    assert told_s == pytest.approx(seconds, abs=0.8)
    times = idle_times(data.spec, data.rows)
    assert idle_share(times) > idle_share(idle_times(play().spec, play().rows))


def test_a_set_that_rests_most_of_the_time_is_told_as_a_whole():
    data = play()
    for place in range(4):
        data = paused(data, place, 160)
    shares = [each.share for each in found(data) if each.kind == "idle" and not each.episodes]
    assert shares == [pytest.approx(0.5, abs=0.1)]


def test_noise_of_a_robot_at_rest_is_rest():
    rows = play().rows[0]
    rest = np.minimum(np.arange(rows.length), 80)
    noise = np.random.default_rng(0).normal(0, [3e-4, 3e-4, 3e-4, 5e-5, 0], (rows.length, 5))
    data = with_rows(play(), 0, episode_rows(0, rows.actions[rest], rows.state[rest] + noise))
    (first, *_) = idle_times(data.spec, data.rows)
    assert first.stretches[-1] == (pytest.approx(8, abs=0.5), pytest.approx(16))


@pytest.mark.parametrize("periods", [0.6, 0.8, 1.5])
def test_an_uneven_stamp_is_told(periods):
    clock = play().rows[1].time_s.copy()
    clock[50:] += periods / RATE_HZ
    (finding,) = [each for each in found(stamped(play(), 1, clock)) if each.kind == "uneven clock"]
    assert finding.episodes == (1,)
    assert "row 50" in finding.found


@pytest.mark.parametrize("rows", [0.8, 1.2, 1.9])
def test_stamps_that_run_at_another_rate_are_told(rows):
    clock = play().rows[1].time_s
    (finding,) = found(stamped(play(), 1, clock * (1 + rows / (len(clock) - 1))))
    assert finding.kind == "clock drifts"
    assert f"{rows:+.1f} periods" in finding.found
