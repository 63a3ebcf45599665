"""Which tasks, which body, how wide a gap? What people name, turned into what the tabletop knows."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches

from adapt.errors import SimulatorError
from adapt.sim.arm import Arm
from adapt.sim.body import Body
from adapt.sim.gap import Gap
from adapt.sim.gripper import Gripper
from adapt.sim.tasks import ALL_TASKS, HELD_OUT_TASKS, SEEN_TASKS, Task, task_of

TASK_SETS: Mapping[str, tuple[Task, ...]] = {"seen": SEEN_TASKS, "held-out": HELD_OUT_TASKS, "all": ALL_TASKS}
ROBOTS: Mapping[str, type[Gripper] | type[Arm]] = {"gripper": Gripper, "arm": Arm}


def choose_tasks(words: Sequence[str]) -> tuple[Task, ...]:
    """The tasks that are named, each once, in the order they are named.

    Args:
        words: Names of sets ("seen", "held-out", "all") and instructions ("put the red block far left").

    Raises:
        SimulatorError: Nothing is named, or no task has these words.
    """
    found: dict[Task, None] = {}
    for word in words:
        found |= dict.fromkeys(TASK_SETS.get(word.strip().lower()) or (_task(word),))
    if not found:
        raise SimulatorError(f"tasks: no task is named; name {_SETS}, or an instruction such as {_EXAMPLE}")
    return tuple(found)


def choose_body(word: str) -> Body:
    """The robot of a name: "gripper" or "arm", or the name of its embodiment.

    Raises:
        SimulatorError: The tabletop has no such robot.
    """
    robot = ROBOTS.get(word.strip().lower().removeprefix("tabletop_"))
    if robot is None:
        raise SimulatorError(f"body '{word}': the tabletop has no such robot; name one of {', '.join(ROBOTS)}")
    return robot()


def choose_gap(text: str) -> Gap:
    """The gap that a text such as "looks=1,timing=0.5" says; "" says none.

    Raises:
        SimulatorError: A part is not KNOB=NUMBER, or there is no such knob.
        RecipeError: A number is not in [0, 1].
    """
    knobs = [knob.name for knob in fields(Gap)]
    values = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = (piece.strip() for piece in part.partition("="))
        if name not in knobs:
            near = get_close_matches(name, knobs, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise SimulatorError(f"gap '{part}': there is no knob '{name}'.{hint} Name one of: {', '.join(knobs)}")
        try:
            values[name] = float(number)
        except ValueError:
            raise SimulatorError(f"gap '{part}': give a number from 0 to 1, such as {name}=0.5") from None
    return Gap(**values)


_SETS = "'seen', 'held-out' or 'all'"
_EXAMPLE = f'"{HELD_OUT_TASKS[0].instruction}"'


def _task(word: str) -> Task:
    # A single word is no instruction: then the names of sets are the better help.
    if len(word.split()) < 2:
        raise SimulatorError(f"tasks '{word}': name {_SETS}, or an instruction such as {_EXAMPLE}")
    return task_of(word)
