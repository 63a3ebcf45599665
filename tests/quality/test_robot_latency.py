"""Lags between commands, state and pictures: known shifts are found within the interval, or said to be unknown."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from robot_builder import RATE_HZ, Play, clean_play, episode_rows, late_commands, late_film, with_rows

from adapt.quality.robot.findings import Finding
from adapt.quality.robot.lag import command_lag, explained, explaining, lags_at, picture_lag
from adapt.quality.robot.latency import examine_latency, measure_latency
from adapt.quality.robot.rows import channels


@cache
def play() -> Play:
    return clean_play(8, seed=5)


def motion(data: Play) -> dict[str, list[np.ndarray]]:
    return {camera: [view.motion for view in views] for camera, views in data.views.items()}


def found(data: Play) -> list[Finding]:
    seen = motion(data)
    return examine_latency(data.spec, data.rows, seen, measure_latency(data.spec, data.rows, seen))


@pytest.mark.parametrize("seed", range(3))
def test_clean_data_raises_no_alarm(seed):
    assert [each.text for each in found(clean_play(seed=seed))] == []


@pytest.mark.parametrize("rows", [-4, -1, 0, 2, 5])
def test_the_lag_from_command_to_state_lies_in_its_interval(rows):
    """The state follows a row after its command; so many rows more, or fewer."""
    changed = play()
    for place, old in enumerate(changed.rows):
        order = np.clip(np.arange(old.length) + rows, 0, old.length - 1)
        moved = replace(old, actions=old.actions[order])
        changed = replace(changed, rows=(*changed.rows[:place], moved, *changed.rows[place + 1 :]))
    lag = command_lag(changed.spec, changed.rows)
    assert lag.unknown == ""
    assert lag.low <= (1 + rows) / RATE_HZ <= lag.high
    assert lag.high - lag.low < 0.1


@pytest.mark.parametrize("rows", [-5, 0, 3, 6])
def test_the_lag_from_state_to_picture_lies_in_its_interval(rows):
    data = play()
    for place in range(len(data.rows)):
        data = late_film(data, place, "front", rows)
    state = [channel for channel in channels(data.spec) if channel.kind == "state"]
    lag = picture_lag(state, data.rows, motion(data)["front"])
    assert lag.low <= rows / RATE_HZ <= lag.high
    assert lag.high - lag.low < 0.15


def test_lags_add_up_from_command_to_picture():
    latency = measure_latency(play().spec, play().rows, motion(play()))
    whole = latency.command_to_picture["side"].seconds
    parts = latency.command_to_state.seconds + latency.state_to_picture["side"].seconds
    assert whole == pytest.approx(parts, abs=0.03)


def test_pictures_that_show_something_else_leave_the_lag_unknown():
    draw = np.random.default_rng(0)
    noise = [draw.uniform(0, 5, rows.length - 1) for rows in play().rows]
    lag = picture_lag(channels(play().spec), play().rows, noise)
    assert (lag.seconds, lag.low, lag.high) == (None, None, None)
    assert lag.unknown.startswith("at no lag does one explain the other")


def test_a_robot_that_rests_leaves_the_lag_unknown():
    rest = [replace(rows, actions=0 * rows.actions, state=0 * rows.state) for rows in play().rows]
    assert command_lag(play().spec, rest).unknown == "no axis that moves has both a command and a state"
    assert picture_lag(channels(play().spec), rest, motion(play())["front"]).unknown == "no axis moves"


def test_the_same_frames_are_explained_at_every_lag():
    rows = play().rows[0]
    lags = lags_at(RATE_HZ)
    state = [channel for channel in channels(play().spec) if channel.kind == "state"]
    sums = explaining(state, [1.0] * len(state), rows, motion(play())["front"][0], lags, 1)
    assert len(set(sums[0].total.tolist())) == 1
    assert 0 <= explained(sums).min() <= explained(sums).max() <= 1


@pytest.mark.parametrize("rows", [2, 3, 6])
def test_a_state_that_moves_before_its_command_is_told(rows):
    assert [each.kind for each in found(late_commands(play(), rows))] == ["state before command"]


@pytest.mark.parametrize("rows", [3, 5, -6])
def test_a_video_that_is_shifted_in_all_episodes_is_told(rows):
    data = play()
    for place in range(len(data.rows)):
        data = late_film(data, place, "front", rows)
    (finding,) = found(data)
    assert (finding.kind, finding.subject) == ("video shifted", "camera 'front'")
    assert f"{abs(rows)} rows" in finding.found
    assert ("earlier" if rows > 0 else "later") in finding.found


@pytest.mark.parametrize("rows", [3, 5, -8])
def test_a_video_that_is_shifted_in_one_episode_is_told(rows):
    (finding,) = found(late_film(play(), 3, "side", rows))
    assert (finding.kind, finding.subject) == ("episode's video shifted", "camera 'side'")
    assert finding.episodes == (3,)
    assert f"({abs(rows)} rows)" in finding.found


def of_few_strokes(draw: np.random.Generator, length: int) -> np.ndarray:
    """How fast something moves that moves six times, for some half a second each."""
    rows = np.arange(length)
    strokes = [draw.uniform(0.5, 1) * np.exp(-(((rows - at) / 6) ** 2)) for at in draw.uniform(0.05, 0.95, 6) * length]
    return np.asarray(np.sum(strokes, axis=0))


def test_of_a_robot_that_moves_little_chance_does_not_make_a_shifted_video():
    """What moves in the picture is not the robot: at some lag its strokes fall together with the robot's all the same,
    in nine of these eighty by as much as those of a shifted video.
    """
    side = motion(play())["side"]
    latency, alarms = measure_latency(play().spec, play().rows, {"side": side}), 0
    for seed in range(80):
        draw, old = np.random.default_rng(seed), play().rows[3]
        steps = of_few_strokes(draw, old.length)[:, None] * [0.1, 0.08, 0.1, 0.008, 0] * draw.choice([-1, 1], 5)
        state = old.state[0] + steps.cumsum(axis=0) + draw.normal(0, [3e-4, 3e-4, 3e-4, 5e-5, 0], old.state.shape)
        changed = with_rows(play(), 3, episode_rows(3, state, state))
        film = [*side]
        film[3] = (3 * of_few_strokes(draw, old.length - 1) + draw.normal(0, 0.05, old.length - 1)) * film[3].std()
        alarms += bool(examine_latency(changed.spec, changed.rows, {"side": film}, latency))
    assert alarms <= 3
