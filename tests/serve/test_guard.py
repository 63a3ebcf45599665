"""Whatever is asked for, what leaves keeps every limit: judged in exact arithmetic on the numbers that leave."""

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from serve_builder import LIMITS, robot

from adapt.embodiment.limits import Limit
from adapt.embodiment.spec import Axis, Embodiment
from adapt.errors import ServeError
from adapt.serve.bounds import Bounds, bounds_from_json, bounds_of
from adapt.serve.guard import Guard, Motion

INF = np.inf
RATES = (Fraction(5), Fraction(10), Fraction(15), Fraction(30), Fraction(50), Fraction(500))
ODD = (0.0, -0.0, 1e-300, 1e300, -1e308, float("nan"), float("inf"), float("-inf"), 0.27, -1.0)


def bounds(**columns: Any) -> Bounds:
    """One axis a column entry; what is not given is not limited."""
    size = max(len(column) for column in columns.values())
    whole = {"low": -INF, "high": INF, "speed": INF, "acceleration": INF}
    flags = {name: np.array(columns.get(name, [False] * size)) for name in ("increment", "flowing", "gripper")}
    return Bounds(
        names=tuple("abcdefgh"[:size]),
        **{name: np.array(columns.get(name, [value] * size), np.float64) for name, value in whole.items()},
        felt=np.array(columns.get("felt", range(size)), np.int64),
        **flags,
    )


def broken(kept: np.ndarray, start: Motion, limits: Bounds, rate: Fraction) -> list[str]:
    """Limits that a row of commands breaks, in exact arithmetic."""
    found = []
    for axis in range(len(limits.names)):
        places = [Fraction(float(start.position[axis])), *(Fraction(float(value)) for value in kept[:, axis])]
        speeds = [
            Fraction(float(start.velocity[axis])),
            *((b - a) * rate for a, b in itertools.pairwise(places)),
        ]
        low, high, speed, change = (
            float(getattr(limits, name)[axis]) for name in ("low", "high", "speed", "acceleration")
        )
        found += [f"range {axis}/{i}" for i, place in enumerate(places[1:]) if not low <= place <= high]
        found += [f"speed {axis}/{i}" for i, value in enumerate(speeds[1:]) if abs(value) > speed]
        found += [
            f"acceleration {axis}/{i}"
            for i, (a, b) in enumerate(itertools.pairwise(speeds))
            if abs(b - a) * rate > change
        ]
    return found


finite = st.floats(min_value=-10, max_value=10, allow_subnormal=False)
sizes = st.floats(min_value=1e-3, max_value=50, allow_subnormal=False)
maybe = st.one_of(st.just(INF), sizes)
targets = st.one_of(finite, st.sampled_from(ODD), st.floats())


@st.composite
def cases(draw: Any) -> tuple[dict[str, list[float]], Fraction, np.ndarray, np.ndarray]:
    """Limits of up to three axes, a rate, a start within the range, and chunks of anything at all."""
    axes = draw(st.integers(1, 3))
    low = [draw(st.one_of(st.just(-INF), finite)) for _ in range(axes)]
    high = [draw(st.one_of(st.just(INF), sizes.map(lambda size, a=a: (0.0 if a == -INF else a) + size))) for a in low]
    rest = {name: [draw(maybe) for _ in range(axes)] for name in ("speed", "acceleration")}
    share = np.array([draw(st.floats(0, 1)) for _ in range(axes)])
    floor, ceiling = np.where(np.isinf(low), np.minimum(high, 10.0) - 20.0, low), np.array(high)
    ceiling = np.where(np.isinf(ceiling), floor + 20.0, ceiling)
    start = np.clip(floor + share * (ceiling - floor), low, high)
    asked = np.array(draw(st.lists(st.lists(targets, min_size=axes, max_size=axes), min_size=1, max_size=10)))
    return {"low": low, "high": high, **rest}, draw(st.sampled_from(RATES)), start, asked


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(case=cases(), cut=st.integers(0, 9))
def test_whatever_is_asked_every_command_keeps_every_limit(case: Any, cut: int) -> None:
    columns, rate, place, asked = case
    limits = bounds(**columns)
    guard, start = Guard(limits, float(rate)), Motion.at_rest(place)
    assert guard.refuses(start) == ""
    kept = guard.follow(asked, start)
    assert np.isfinite(kept.commands).all()
    assert broken(kept.commands, start, limits, rate) == []
    # From anywhere on the way the next chunk begins as well, and there is a way to stop.
    middle = kept.after(1 + min(cut, len(asked) - 1))
    assert guard.refuses(middle) == ""
    for after in (guard.follow(asked[::-1], middle).commands, guard.brake(middle, 12).commands):
        assert np.isfinite(after).all()
        assert broken(after, middle, limits, rate) == []


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(case=cases())
def test_what_keeps_the_limits_is_not_changed_by_a_bit(case: Any) -> None:
    """What a tighter guard lets through, a wider one leaves alone."""
    columns, rate, place, asked = case
    limits, start = bounds(**columns), Motion.at_rest(place)
    calm = Guard(limits, float(rate)).follow(asked, start).commands
    if not (np.abs(calm) < 1e6).all():
        return  # so far out that the steps between numbers are as large as the limits
    wide = bounds(low=limits.low, high=limits.high, speed=limits.speed * 1.01, acceleration=[INF] * len(limits.names))
    again = Guard(wide, float(rate)).follow(calm, start)
    assert np.array_equal(again.commands, calm)
    assert not again.changed.any()


def test_without_limits_everything_passes_but_what_is_no_number() -> None:
    guard = Guard(bounds(low=[-INF, -INF]), 10.0)
    asked = np.array([[1e9, -1e9], [0.1, 0.3], [np.nan, 7.0], [5.0, 5.0]])
    kept = guard.follow(asked, Motion.at_rest(np.zeros(2)))
    assert np.array_equal(kept.commands[[0, 1, 3]], asked[[0, 1, 3]])
    assert np.array_equal(kept.commands[2], asked[1])  # It stays where it is, on every axis.


def test_it_brakes_before_the_end_of_its_range_rather_than_at_it() -> None:
    """From -1 to 1 at up to 1/s and 1/s^2, asked to go far beyond: the way a textbook's trapezoid goes."""
    guard, start = (
        Guard(bounds(low=[-1.0], high=[1.0], speed=[1.0], acceleration=[1.0]), 10.0),
        Motion.at_rest(-np.ones(1)),
    )
    kept = guard.follow(np.full((60, 1), 5.0), start)
    speeds = np.diff(np.append(-1.0, kept.commands[:, 0])) * 10
    assert speeds.max() == pytest.approx(1.0, abs=1e-4)
    # 2 units at 1/s, and a second lost by speeding up and slowing down: 3 s, within two steps.
    assert np.flatnonzero(kept.commands[:, 0] > 1 - 1e-4)[0] == pytest.approx(30, abs=2)
    assert kept.commands[-1, 0] <= 1.0
    assert np.abs(np.diff(speeds)).max() <= 0.1


@settings(max_examples=25, deadline=None, derandomize=True)
@given(goal=st.floats(-3, 3), speed=sizes, acceleration=sizes, rate=st.sampled_from(RATES))
def test_who_lags_behind_does_not_shoot_past_what_is_asked(
    goal: float, speed: float, acceleration: float, rate: Fraction
) -> None:
    """A target that stands still is come to, and never gone beyond, however slow the body is."""
    guard = Guard(bounds(speed=[speed], acceleration=[acceleration]), float(rate))
    places = guard.follow(np.full((40, 1), goal), Motion.at_rest(np.zeros(1))).commands[:, 0]
    way = places * np.sign(goal)
    assert (way <= abs(goal) + 1e-9).all()
    assert (np.diff(way) >= -1e-9).all()


def test_who_lags_behind_a_moving_target_catches_up_with_it() -> None:
    guard = Guard(bounds(speed=[1.0], acceleration=[2.0]), 10.0)
    targets = 0.3 + 0.05 * np.arange(30)[:, None]  # 0.5 a second, from 0.3 ahead
    places = guard.follow(targets, Motion.at_rest(np.zeros(1))).commands
    assert (places <= targets + 1e-9).all()
    assert np.array_equal(places[-10:], targets[-10:])


def test_stopping_takes_the_time_it_takes_and_then_stays() -> None:
    guard = Guard(bounds(speed=[1.0], acceleration=[2.0]), 10.0)
    moving = Motion(position=np.zeros(1), velocity=np.ones(1) * 0.99)
    kept = guard.brake(moving, 10).commands[:, 0]
    np.testing.assert_allclose(np.diff(np.append(0.0, kept[:4])), [0.079, 0.059, 0.039, 0.019], atol=1e-6)
    assert np.ptp(kept[4:]) < 1e-6


@pytest.mark.parametrize("beyond", [0.02, -0.02])
def test_a_body_slightly_beyond_its_range_is_led_back_in_one_step(beyond: float) -> None:
    limits = bounds(low=[-0.27], high=[0.27], speed=[0.3], acceleration=[3.0])
    start = Motion.at_rest(np.array([np.sign(beyond) * 0.27 + beyond]))
    guard = Guard(limits, 10.0)
    assert guard.refuses(start) == ""
    assert broken(guard.follow(np.full((5, 1), start.position[0]), start).commands, start, limits, Fraction(10)) == []


@pytest.mark.parametrize(
    ("position", "velocity", "told"),
    [
        (0.5, 0.0, "'a' is at 0.5"),  # beyond by more than a step can make up for
        (0.26, 0.3, "'a' is at 0.26"),  # too fast to stop in time
        (np.nan, 0.0, "where 'a' is"),
        (0.0, np.inf, "where 'a' is"),
    ],
)
def test_a_start_that_cannot_be_kept_within_limits_is_named(position: float, velocity: float, told: str) -> None:
    guard = Guard(bounds(low=[-0.27], high=[0.27], speed=[0.3], acceleration=[0.5]), 10.0)
    assert told in guard.refuses(Motion(position=np.array([position]), velocity=np.array([velocity])))


def test_a_speed_axis_stops_by_going_to_zero() -> None:
    guard = Guard(bounds(speed=[2.0], flowing=[True], felt=[-1]), 10.0)
    kept = guard.brake(Motion(position=np.array([0.5]), velocity=np.zeros(1)), 4).commands[:, 0]
    np.testing.assert_allclose(kept, [0.3, 0.1, 0.0, 0.0], atol=1e-5)


def test_increments_keep_the_limits_of_the_place_they_add_up_to() -> None:
    guard = Guard(bounds(low=[-1.0], high=[0.05], speed=[0.5], increment=[True]), 10.0)
    start = Motion.at_rest(np.array([0.0]))
    kept = guard.follow(guard.to_places(np.full((4, 1), 0.03), start), start)
    np.testing.assert_allclose(guard.to_told(kept.commands, start)[:, 0], [0.03, 0.02, 0.0, 0.0], atol=1e-6)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(asked=st.lists(st.tuples(finite, finite), min_size=1, max_size=12))
@example(asked=[(10.0, 10.0)] * 12)
def test_a_workspace_that_joints_lead_into_is_never_left(asked: list[tuple[float, float]]) -> None:
    """A disc that is no range of any axis, and every command has to leave a way to stop in it."""
    limits = bounds(speed=[1.0, 1.0], acceleration=[2.0, 2.0])

    def inside(poses: np.ndarray) -> np.ndarray:
        return np.asarray(np.hypot(poses[:, 0], poses[:, 1]) <= 0.4)

    guard, start = Guard(limits, 10.0, inside), Motion.at_rest(np.zeros(2))
    kept = guard.follow(np.array(asked), start)
    assert inside(kept.commands).all()
    assert inside(guard.brake(kept.after(len(asked)), 20).commands).all()
    assert broken(kept.commands, start, limits, Fraction(10)) == []
    assert guard.refuses(Motion.at_rest(np.array([0.4, 0.4]))) != ""


def test_the_arm_of_the_tabletop_stays_over_its_table() -> None:
    """Joints that keep all their ranges would bring the grasp point a third of a metre off the table."""
    from adapt.sim.arm import LIMITS as JOINTS
    from adapt.sim.arm import joints_of, tool_of

    low, high = np.array(JOINTS).T
    limits = bounds(low=low, high=high, speed=[1.5, 1.5, 1.5, 0.3, 3.0], acceleration=[8.0, 8.0, 8.0, 3.0, 30.0])

    def inside(poses: np.ndarray) -> np.ndarray:
        return np.array([bool((np.abs(tool_of(pose)[:2]) <= 0.27).all()) for pose in poses])

    start = Motion.at_rest(joints_of(np.array([0.0, 0.0, 0.1, 0.0, 0.0])))
    asked = np.tile([0.3, 0.2, 0.0, 0.1, 0.0], (20, 1))
    free = Guard(limits, 10.0).follow(asked, start)
    held = Guard(limits, 10.0, inside).follow(asked, start)
    assert not inside(free.commands).all()
    assert inside(held.commands).all()
    assert np.abs(held.commands[-1] - start.position).max() > 0.05  # It went as far as it may.


def test_the_limits_come_from_the_body_and_reach_the_client() -> None:
    found = bounds_of(robot(limits=LIMITS), LIMITS)
    assert found.unlimited == ("grip",)
    assert found.felt.tolist() == [0, 1, -1]
    again = bounds_from_json(found.to_json())
    assert again.to_json() == found.to_json()
    assert again.high.tolist() == [1.0, 0.3, INF]
    assert found.needs_state


def test_a_speed_limit_is_refused_where_nobody_knows_the_start() -> None:
    body = robot()
    with pytest.raises(ServeError, match="no state axis of that name"):
        bounds_of(body, (Limit(axis="grip", speed=1.0),))
    bounds_of(body, (Limit(axis="grip", low=0.0, high=1.0),))  # A range needs no start.
    flowing = Embodiment(
        name="toy",
        prompt=body.prompt,
        cameras=body.cameras,
        actions=(Axis(name="turn", unit="rad/s", column="action", index=0),),
        state=(),
    )
    assert bounds_of(flowing, (Limit(axis="turn", low=-1.0, high=1.0, speed=3.0),)).flowing.tolist() == [True]


@pytest.mark.parametrize("value", [None, [], {}, {"names": ["a"]}, {**bounds(low=[0.0]).to_json(), "low": ["x"]}])
def test_limits_that_are_none_are_refused(value: object) -> None:
    with pytest.raises(ServeError, match="limits: the server told"):
        bounds_from_json(value)
