"""Five knobs, each of which widens one thing between the hand and the tool, the more the further it is turned."""

from functools import cache

import numpy as np
import pytest
from needs_gl import needs_gl

from adapt.errors import RecipeError
from adapt.sim.camera import Camera
from adapt.sim.expert import Episode, perform
from adapt.sim.gap import Gap
from adapt.sim.human_hand import HumanHand
from adapt.sim.state import BLOCK_HALF_M, STEP_M, SceneState
from adapt.sim.tabletop import Tabletop
from adapt.sim.tasks import SEEN_TASKS, succeeded

TURNS = (0.0, 0.25, 0.5, 0.75, 1.0)
HALF_TURNS = (0.0, 0.5, 1.0)
KNOBS = ("looks", "timing", "path", "offset", "habit")
SEEDS = range(4)
STEPS = 110


def reaching() -> SceneState:
    """A tool that holds the red block in the middle of the table."""
    places = [[x, 0.0, BLOCK_HALF_M, 1.0, 0.0, 0.0, 0.0] for x in (0.0, -0.2, 0.2)]
    return SceneState(blocks=np.array(places), tool=np.array([0.0, 0.0, 0.03]), grip=0.58, held=0, highest=np.zeros(3))


@pytest.mark.parametrize("knob", KNOBS)
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_knob_beyond_its_range_is_refused_by_name(knob: str, value: float) -> None:
    with pytest.raises(RecipeError, match=rf"gap\.{knob} is {value}"):
        Gap(**{knob: value})


@needs_gl
@pytest.mark.parametrize("knob", ["looks", "offset"])
def test_the_picture_goes_further_from_the_plain_hand_with_every_turn_of_the_knob(knob: str) -> None:
    state = reaching()
    with Camera(128) as camera:
        pictures = [camera.picture(state, HumanHand(Gap(**{knob: turn})).solids(state)) for turn in TURNS]
    plain = pictures[0].astype(float)
    away = [float(np.abs(picture - plain).mean()) for picture in pictures]

    assert (np.diff(away) > 0.1).all()


@needs_gl
@pytest.mark.parametrize("knob", ["timing", "path", "habit"])
def test_knobs_of_motion_leave_the_drawing_alone(knob: str) -> None:
    state = reaching()
    with Camera(64) as camera:
        plain, turned = (camera.picture(state, HumanHand(gap).solids(state)) for gap in (Gap(), Gap(**{knob: 1.0})))

    np.testing.assert_array_equal(plain, turned)


def test_the_offset_moves_the_grasp_in_proportion() -> None:
    one, half = Gap(offset=1.0).offset_m, Gap(offset=0.5).offset_m

    np.testing.assert_allclose(half, one / 2)
    assert 0.02 < np.linalg.norm(one) < BLOCK_HALF_M + 0.01  # strong, and still at the block


@pytest.mark.parametrize("knob", ["looks", "offset"])
def test_knobs_of_drawing_leave_the_motion_alone(knob: str) -> None:
    with Tabletop() as tabletop:
        plain, turned = (perform(tabletop, SEEN_TASKS[3], 7, gap=gap).commands for gap in (Gap(), Gap(**{knob: 1.0})))

    np.testing.assert_array_equal(plain, turned)


def test_every_turn_of_timing_makes_the_task_take_longer() -> None:
    taken = [np.mean([_done_at(seed, Gap(timing=turn)) for seed in SEEDS]) for turn in HALF_TURNS]

    assert (np.diff(taken) > 2).all()


def test_every_turn_of_path_leads_further_from_the_straight_way() -> None:
    aside = [np.mean([_aside_m(seed, Gap(path=turn)) for seed in SEEDS]) for turn in HALF_TURNS]

    assert (np.diff(aside) > 0.003).all()


def test_without_habits_the_block_is_always_brought_to_the_middle_and_every_turn_scatters_it_more() -> None:
    spread = [[_from_the_middle_m(seed, Gap(habit=turn)) for seed in SEEDS] for turn in HALF_TURNS]

    assert max(spread[0]) < 0.012
    assert (np.diff(np.mean(spread, axis=1)) > 0.003).all()


def test_without_habits_the_pace_is_always_the_same_and_every_turn_lets_it_vary_more() -> None:
    steady, half, whole = ([_pace(seed, Gap(habit=turn)) for seed in SEEDS] for turn in HALF_TURNS)

    assert np.ptp(steady) < 1e-9
    assert np.ptp(whole) > 0.05
    assert 0.7 <= min(whole) <= max(whole) <= 1
    np.testing.assert_allclose(half, np.add(steady, whole) / 2)


def test_without_habits_blocks_are_always_raised_as_high_and_every_turn_raises_them_less() -> None:
    raised = np.array([[_raised_m(seed, Gap(habit=turn)) for seed in SEEDS if _is_put(seed)] for turn in HALF_TURNS])

    assert raised.shape[1] == 3
    assert np.ptp(raised[0]) < 0.005
    assert (np.diff(raised.mean(axis=1)) < -0.002).all()


def test_the_task_is_still_done_with_the_widest_gap() -> None:
    gap = Gap(looks=1.0, timing=1.0, path=1.0, offset=1.0, habit=1.0)

    assert all(_done_at(seed, gap) < STEPS for seed in SEEDS)


@cache
def _episode(seed: int, gap: Gap) -> Episode:
    with Tabletop() as tabletop:
        return perform(tabletop, SEEN_TASKS[seed * 7], seed, gap=gap, steps=STEPS)


def _done_at(seed: int, gap: Gap) -> int:
    """The first step at which the task is done for good; `STEPS` when it never is."""
    done = [succeeded(state, SEEN_TASKS[seed * 7]) for state in _episode(seed, gap).states]
    return STEPS - done[::-1].index(False) if False in done else 0


def _is_put(seed: int) -> bool:
    return SEEN_TASKS[seed * 7].verb == "put"


def _pace(seed: int, gap: Gap) -> float:
    """The longest step across the table that is wanted, as a share of the longest that can be."""
    episode = _episode(seed, gap)
    tools = np.stack([state.tool[:2] for state in episode.states])
    return float(np.linalg.norm(episode.commands[:, :2] - tools, axis=1).max() / STEP_M)


def _raised_m(seed: int, gap: Gap) -> float:
    return float(_episode(seed, gap).states[-1].highest[SEEN_TASKS[seed * 7].colour])


def _from_the_middle_m(seed: int, gap: Gap) -> float:
    task = SEEN_TASKS[seed * 7]
    return float(np.linalg.norm(_episode(seed, gap).states[-1].blocks[task.colour, :2] - task.goal))


def _aside_m(seed: int, gap: Gap) -> float:
    """How far the held block strays at most from the straight line between where it was taken and released."""
    way = np.array([state.tool[:2] for state in _episode(seed, gap).states if state.held >= 0])
    line = way[-1] - way[0]
    off = way - way[0]
    return float(np.abs(off[:, 0] * line[1] - off[:, 1] * line[0]).max() / np.linalg.norm(line))
