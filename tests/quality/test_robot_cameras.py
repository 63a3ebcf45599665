"""Cameras that are black, frozen, slow or exchanged, and what episodes cover; three strengths fixed beforehand."""

import json
from functools import cache

import numpy as np
import pytest
import torch
from robot_builder import (
    Play,
    black,
    clean_play,
    frozen,
    held_frames,
    slower_camera,
    swapped,
    twin,
    with_film,
)

from adapt.quality.robot.coverage import examine_coverage, find_twins, measure_coverage
from adapt.quality.robot.examine import examine
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.views import View, view


@cache
def play() -> Play:
    return clean_play(seed=6)


def found(data: Play) -> list[Finding]:
    examination = examine(data.spec, data.rows, data.views)
    return [each for each in examination.findings if each.gravity != "note"]


def kinds(data: Play) -> list[str]:
    return [each.kind for each in found(data)]


@pytest.mark.parametrize("seed", range(4))
def test_clean_data_raises_no_alarm_in_the_whole_examination(seed):
    assert [each.text for each in found(clean_play(seed=seed))] == []


@pytest.mark.parametrize("rows", [12, 40, 160])
def test_a_black_picture_is_told_with_how_long(rows):
    (finding,) = [each for each in found(black(play(), 1, "side", rows)) if each.kind == "black"]
    assert (finding.subject, finding.episodes) == ("camera 'side'", (1,))
    planted_s = min(rows, 160 - 160 // 3) / 10
    assert f"for {planted_s:.1f} of 16.0 s" in finding.found


@pytest.mark.parametrize("rows", [15, 40, 100])
def test_a_picture_that_stands_still_while_the_robot_moves_is_frozen(rows):
    (finding,) = [each for each in found(frozen(play(), 2, "front", rows)) if each.kind == "frozen"]
    assert (finding.subject, finding.episodes) == ("camera 'front'", (2,))
    assert float(finding.found.split("for ")[1].split()[0]) == pytest.approx(rows / 10, abs=0.5)


def test_a_picture_that_stands_still_while_the_robot_rests_is_not():
    from robot_builder import paused

    assert "frozen" not in kinds(paused(play(), 2, 25))


@pytest.mark.parametrize("frames", [4, 6, 12])
def test_frames_that_repeat_in_the_midst_of_motion_are_told(frames):
    told = [each for each in found(held_frames(play(), 0, "front", frames)) if each.kind == "doubled frames"]
    assert [(each.subject, each.episodes) for each in told] == [("camera 'front'", (0,))]


@pytest.mark.parametrize(("new", "of"), [(2, 3), (1, 2)])
def test_a_camera_that_is_slower_than_the_rows_is_told(new, of):
    assert "slower camera" in kinds(slower_camera(play(), "side", new, of))


@pytest.mark.parametrize("places", [[2], [0], [0, 1, 3]])
def test_cameras_that_are_exchanged_in_some_episodes_are_told(places):
    data = play()
    for place in places:
        data = swapped(data, place, "front", "side")
    (finding,) = [each for each in found(data) if each.kind == "cameras swapped"]
    assert finding.episodes == (tuple(places) if len(places) < 3 else (2,))  # the fewer are the odd ones


def test_two_cameras_with_one_picture_are_told():
    data = play()
    for place in range(4):
        data = with_film(data, place, "side", data.frames["front"][place])
    (finding,) = [each for each in found(data) if each.kind == "same picture"]
    assert finding.share == 1.0


def test_a_camera_that_was_turned_is_told():
    data = with_film(play(), 3, "front", np.ascontiguousarray(play().frames["front"][3][:, ::-1]))
    told = [each for each in found(data) if each.kind == "camera moved"]
    assert [(each.subject, each.episodes) for each in told] == [("camera 'front'", (3,))]


def test_a_view_has_a_picture_per_row_whatever_the_size():
    seen = view(7, "front", torch.full((5, 90, 400, 3), 100, dtype=torch.uint8), 5)
    assert seen.shots.shape == (5, 32, 32)
    assert np.allclose(seen.shots, 100)
    assert np.allclose([seen.low, seen.high], 100, atol=0.1)
    assert np.allclose(seen.look, 100)
    assert np.allclose(seen.motion, 0)


@pytest.mark.parametrize("share", [0.01, 0.004, 0.0])
def test_an_episode_that_repeats_another_is_told(share):
    data = twin(play(), 3, 1, share)
    assert [(pair.one, pair.other) for pair in find_twins(data.spec, data.rows)] == [(1, 3)]
    assert "1 and 3" in next(each.found for each in found(data) if each.kind == "near-identical")


def test_coverage_counts_every_row_and_knows_limits():
    data = play()
    limits = {"shoulder": (-20.0, 20.0)}
    axes = measure_coverage(data.spec, data.rows, limits)
    rows = sum(each.length for each in data.rows)
    assert [axis.name for axis in axes] == ["shoulder", "elbow", "wrist", "lift", "grip"] * 2
    assert all(sum(axis.values.counts) == rows for axis in axes)
    assert all(sum(axis.speeds.counts) == rows - len(data.rows) for axis in axes)
    shoulder = next(axis for axis in axes if axis.kind == "state")
    assert shoulder.values.edges[0] == -20.0
    assert shoulder.used == pytest.approx((shoulder.high - shoulder.low) / 40)
    assert shoulder.low == min(low for low, _ in shoulder.by_episode)
    told = examine_coverage(axes, [], 4)
    assert [(each.kind, each.subject, each.gravity) for each in told] == [
        ("little covered", "state axis 'shoulder'", "note")
    ]
    grip = axes[-1]
    assert (grip.limits, grip.used) == ((0.0, 1.0), 1.0)


def test_speeds_are_in_units_a_second():
    data = play()
    fastest = max(np.abs(np.diff(rows.state[:, 0])).max() for rows in data.rows) * 10
    shoulder = next(axis for axis in measure_coverage(data.spec, data.rows) if axis.kind == "state")
    assert shoulder.speeds.edges[-1] == pytest.approx(fastest)
    assert 0 < shoulder.speed_q99 <= fastest


def test_a_view_comes_back_from_the_cache_as_it_was():
    film = clean_play(1).frames["front"][0]
    seen = view(3, "front", torch.from_numpy(film), len(film))
    again = View.from_json(json.loads(json.dumps(seen.to_json())), episode=5, camera="side")
    assert (again.episode, again.camera) == (5, "side")
    for name in ("low", "high", "motion", "leap", "shots", "look"):
        assert np.array_equal(getattr(again, name), getattr(seen, name)), name
