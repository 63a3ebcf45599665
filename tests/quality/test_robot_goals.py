"""What is to be mended and recorded next, from what was found: concrete, and one order for one kind of fault."""

from dataclasses import replace

import numpy as np
from robot_builder import arm_spec, clean_play, column, every_row, with_column

from adapt.quality.goals import HeldOut
from adapt.quality.robot.coverage import AxisCoverage, measure_coverage
from adapt.quality.robot.episodes import RecordedTask
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.gaps import find_gaps, still_axes
from adapt.quality.robot.goals import record_next

ENOUGH = HeldOut(windows=20, sessions=5, same_session=False)


def coverage(change=None) -> list[AxisCoverage]:
    play = clean_play(4)
    return measure_coverage(play.spec, (every_row(play, change) if change else play).rows)


def task(usable_s: float = 1800.0, *, missing_s: float = 0.0, missing: int = 0, name: str = "play") -> RecordedTask:
    return RecordedTask(
        instruction=name,
        seconds=usable_s,
        usable_s=usable_s,
        doubted_s=0.0,
        train_s=usable_s,
        validation_s=0.0,
        sessions=20,
        missing_s=missing_s,
        missing_sessions=missing,
    )


def orders(*findings: Finding, tasks=(), held_out: HeldOut = ENOUGH, of=None) -> list[str]:
    steps = record_next(findings, tasks or [task()], held_out, coverage() if of is None else of, arm_spec())
    return [step.what for step in steps]


def leaps(axis: str, gravity: str = "suspect") -> Finding:
    return Finding(
        kind="jumps", subject=f"action axis '{axis}' (action[1])", found="jumps", remedy="Look", gravity=gravity
    )


def test_nothing_is_asked_where_nothing_is_missing() -> None:
    assert orders() == []


def test_a_range_that_is_only_passed_through_is_named() -> None:
    def apart(rows):
        values = column(rows, "state", 1)
        middle = (values.min() + values.max()) / 2
        return with_column(rows, "state", 1, values + np.where(values > middle, 3.0, 0.0))

    of = coverage(apart)
    (gap,) = [each for each in find_gaps(of, arm_spec()) if each.axis.name == "elbow"]
    assert gap.share <= 0.01
    assert gap.span > 0.4
    assert any("take state axis 'elbow' to between" in order for order in orders(of=of))


def test_an_axis_that_never_moves_is_asked_for() -> None:
    of = coverage(lambda rows: with_column(rows, "state", 2, np.zeros(rows.length)))
    assert [axis.name for axis in still_axes(of, arm_spec())] == ["wrist"]
    assert orders(of=of) == ["Record motions of wrist, or take it out of the spec."]


def test_too_little_play_is_asked_for_in_minutes_and_episodes() -> None:
    (order,) = orders(tasks=[task(600.0, missing_s=1200.0, missing=4)])
    assert order.startswith('Record 20.0 min more in at least 4 episodes of "play"')
    (order,) = orders(tasks=[task(missing=1)])
    assert order.startswith('Record 1 more episode of "play"')


def test_many_tasks_are_asked_for_in_one_order() -> None:
    (order,) = orders(tasks=[task(60.0, missing_s=300.0, missing=2, name=f"task {number}") for number in range(6)])
    assert order.startswith("Record 5.0 min more in at least 2 episodes of each of 6 tasks")


def test_one_episode_only_is_told() -> None:
    steps = record_next(
        [], [task(missing=3)], HeldOut(windows=1, sessions=1, same_session=True), coverage(), arm_spec()
    )
    assert "same_session" in steps[0].why
    assert "below 8 there is no verdict" in steps[0].why


def test_what_is_wrong_comes_before_more_data_and_what_is_suspect_after() -> None:
    wrong = replace(leaps("elbow", "wrong"), kind="clipped")
    told = orders(leaps("wrist"), wrong, leaps("elbow"), tasks=[task(missing=1)])
    assert [order.split()[0] for order in told] == ["Clipped:", "Record", "Jumps:"]
    assert told[2] == "Jumps: action axes 'wrist', 'elbow'. Look."


def test_notes_ask_for_nothing() -> None:
    assert orders(leaps("wrist", "note")) == []
