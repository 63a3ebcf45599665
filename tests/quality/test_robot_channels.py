"""Faults of columns: each is planted at three strengths that were fixed beforehand, and clean data raises no alarm."""

from functools import cache

import numpy as np
import pytest
from robot_builder import (
    Play,
    clean_play,
    clipped,
    column,
    constant,
    in_other_unit,
    reordered,
    spiked,
    stuck,
    wrapped,
)

from adapt.quality.robot.channels import examine_channels
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.masks import runs
from adapt.quality.robot.order import examine_order
from adapt.quality.robot.units import examine_units


@cache
def play() -> Play:
    return clean_play(seed=3)


def found(data: Play) -> list[Finding]:
    rows = data.rows
    return examine_channels(data.spec, rows) + examine_units(data.spec, rows) + examine_order(data.spec, rows)


def kinds(data: Play, name: str = "") -> set[str]:
    """Kinds of alarms about an axis of this name, or about any."""
    return {each.kind for each in found(data) if f"'{name}" in each.text and each.gravity != "note"}


@pytest.mark.parametrize("seed", range(5))
def test_clean_data_raises_no_alarm(seed):
    assert [each.text for each in found(clean_play(seed=seed))] == []


@pytest.mark.parametrize("rows", [20, 40, 80])
@pytest.mark.parametrize("axis", range(4))
def test_a_state_that_keeps_its_value_while_it_is_told_to_move_is_stuck(rows, axis):
    data = stuck(play(), 2, axis, rows)
    (finding,) = [each for each in found(data) if each.kind == "stuck"]
    assert finding.episodes == (2,)
    assert play().spec.state[axis].name in finding.subject
    assert "in episode 2 it stays at" in finding.found


def test_a_state_that_rests_with_its_command_is_not_stuck():
    def resting(rows):
        rest = np.minimum(np.arange(rows.length), 60)
        return type(rows)(
            index=rows.index,
            rate_hz=rows.rate_hz,
            time_s=rows.time_s,
            actions=rows.actions[rest],
            state=rows.state[rest],
        )

    rested = Play(spec=play().spec, rows=tuple(resting(rows) for rows in play().rows), frames={})
    assert kinds(rested) == set()


def test_an_arm_that_is_told_to_go_through_the_table_is_not_stuck():
    """Its command goes on downwards while it cannot; only a command that leads back would say that it is stuck."""
    table = 0.06
    data = clipped_by_the_world(play(), 3, table)
    assert "stuck" not in kinds(data, "lift")


def clipped_by_the_world(data: Play, axis: int, lowest: float) -> Play:
    rows = []
    for each in data.rows:
        state = each.state.copy()
        state[:, axis] = np.maximum(state[:, axis], lowest)
        rows.append(type(each)(index=each.index, rate_hz=10.0, time_s=each.time_s, actions=each.actions, state=state))
    return Play(spec=data.spec, rows=tuple(rows), frames={})


@pytest.mark.parametrize(("episodes", "kind"), [(1, "stuck"), (2, "stuck"), (4, "constant")])
def test_a_column_without_life_is_told(episodes, kind):
    assert kind in kinds(constant(play(), "state", 1, episodes), "elbow")


def test_an_axis_that_nobody_moves_is_worth_a_note_only():
    still = constant(constant(play(), "state", 2, 4), "action", 2, 4)
    notes = [each for each in found(still) if each.gravity == "note"]
    assert {each.subject for each in notes} == {
        "action axis 'wrist' (action[2])",
        "state axis 'wrist' (observation.state[2])",
    }
    assert kinds(still) == set()


@pytest.mark.parametrize(
    ("kind", "quantile"),
    [("action", 0.85), ("action", 0.75), ("action", 0.6), ("state", 0.75), ("state", 0.65), ("state", 0.55)],
)
@pytest.mark.parametrize("upper", [True, False])
def test_what_is_clipped_in_the_recorder_is_told(quantile, upper, kind):
    data = clipped(play(), kind, 0, quantile, upper=upper)
    assert "clipped" in kinds(data, "shoulder")
    (finding,) = [each for each in found(data) if each.kind == "clipped"]
    assert finding.subject.startswith(f"{kind} axis 'shoulder'")
    assert ("highest" if upper else "lowest") in finding.found


@pytest.mark.parametrize("share", [0.3, 0.6, 1.2])
@pytest.mark.parametrize("kind", ["action", "state"])
def test_a_row_that_is_off_is_a_jump(share, kind):
    finding = next(each for each in found(spiked(play(), 1, kind, 2, share, 70)) if each.kind == "jumps")
    assert finding.episodes == (1,)
    assert "from row 69 to the next" in finding.found or "from row 70 to the next" in finding.found


@pytest.mark.parametrize("quantile", [0.95, 0.8, 0.5])
def test_an_angle_told_within_one_turn_is_wrapped_and_no_jump(quantile):
    assert kinds(wrapped(play(), "state", 0, quantile), "shoulder") == {"wraps"}


@pytest.mark.parametrize("share", [0.4, 0.7, 1.0])
@pytest.mark.parametrize(("axis", "name"), [(0, "shoulder"), (3, "lift")])
def test_numbers_far_beyond_their_unit_are_told(share, axis, name):
    texts = [each for each in found(in_other_unit(play(), axis, share)) if each.kind == "units"]
    assert {each.subject.split()[0] for each in texts} == {"action", "state"}
    assert all(("millimetres" if name == "lift" else "degrees") in each.found for each in texts)


def test_a_command_in_degrees_for_a_state_in_radians_is_told_by_their_ratio():
    def small(rows):
        actions, state = rows.actions.copy(), rows.state.copy()
        state[:, 0] = 0.05 * (state[:, 0] - state[:, 0].mean())
        actions[:, 0] = np.rad2deg(0.05 * (actions[:, 0] - actions[:, 0].mean()))
        return type(rows)(index=rows.index, rate_hz=10.0, time_s=rows.time_s, actions=actions, state=state)

    data = Play(spec=play().spec, rows=tuple(small(rows) for rows in play().rows), frames={})
    (finding,) = examine_units(data.spec, data.rows)
    assert finding.subject.startswith("action axis 'shoulder'")
    assert "57 times" in finding.found or "58 times" in finding.found


@pytest.mark.parametrize(
    ("order", "episodes"),
    [([1, 0, 2, 3, 4], [2]), ([1, 0, 2, 3, 4], range(4)), ([1, 2, 3, 0, 4], range(4))],
    ids=["two axes in one episode", "two axes", "all axes"],
)
def test_columns_out_of_order_are_told_with_who_follows_whom(order, episodes):
    (finding,) = examine_order(play().spec, reordered(play(), order, episodes).rows)
    assert "'shoulder' is followed by the state of 'elbow'" in finding.found
    assert finding.episodes == ((2,) if list(episodes) == [2] else ())


def test_runs_of_a_mask():
    assert runs(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert runs(np.zeros(3, dtype=bool)) == []


def test_planting_leaves_the_clean_episodes_as_they_are():
    before = column(play().rows[2], "state", 0).copy()
    stuck(play(), 2, 0, 30)
    assert (column(play().rows[2], "state", 0) == before).all()
