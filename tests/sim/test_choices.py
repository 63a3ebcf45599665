"""What people name on the tabletop."""

import pytest

from adapt.errors import AdaptError, SimulatorError
from adapt.sim.choices import choose_body, choose_gap, choose_tasks
from adapt.sim.gap import Gap
from adapt.sim.tasks import ALL_TASKS, HELD_OUT_TASKS, SEEN_TASKS


def test_sets_and_instructions_may_be_mixed_and_each_task_comes_once():
    one = HELD_OUT_TASKS[3]
    assert choose_tasks(["held-out"]) == HELD_OUT_TASKS
    assert choose_tasks([one.instruction.upper(), "Held-Out"]) == (one, *HELD_OUT_TASKS[:3], *HELD_OUT_TASKS[4:])
    assert set(choose_tasks(["seen", "held-out"])) == set(choose_tasks(["all"])) == set(ALL_TASKS)
    assert set(choose_tasks(["seen"])) == set(SEEN_TASKS)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "no task is named"),
        (["heldout"], "'seen', 'held-out' or 'all'"),
        (["put the red block far lft"], "far left"),
    ],
)
def test_an_unknown_task_is_refused_with_what_there_is(words, hint):
    with pytest.raises(SimulatorError, match=hint):
        choose_tasks(words)


def test_a_robot_has_a_short_name_and_the_name_of_its_embodiment():
    for short in ("gripper", "arm"):
        assert choose_body(short).name == choose_body(f"tabletop_{short}").name == f"tabletop_{short}"
    with pytest.raises(SimulatorError, match="gripper, arm"):
        choose_body("hand")


def test_a_gap_is_read_knob_by_knob():
    assert choose_gap("") == Gap()
    assert choose_gap("looks=1, timing=.5") == Gap(looks=1.0, timing=0.5)


@pytest.mark.parametrize(
    ("text", "hint"), [("lok=1", "looks"), ("path", "path=0.5"), ("path=far", "path=0.5"), ("path=2", "gap.path is 2")]
)
def test_a_gap_that_cannot_be_read_is_told_of(text, hint):
    with pytest.raises(AdaptError, match=hint):
        choose_gap(text)
