"""Which words does `wam-adapt sim` take? Only argparse."""

import argparse
import math

from pipelines.parsers import Verbs, add_verb
from pipelines.sim_try_arguments import add_try
from pipelines.tabletop.arguments import add_study

_GROUP_EXAMPLES = """\
examples:
  wam-adapt sim tasks
  wam-adapt sim record human --out hand --tasks held-out --minutes 10
  wam-adapt sim record play --out play --body arm --minutes 30
  wam-adapt sim try tiny --tasks seen

Needs the extra: pip install 'wam-adapt[sim]'"""

_HUMAN_EXAMPLES = """\
examples:
  wam-adapt sim record human --out hand --tasks held-out
  wam-adapt sim record human --out one --tasks "put the red block far left" --minutes 2
  wam-adapt sim record human --out strange --gap looks=1,timing=0.5,path=0.5,offset=0.2

then:
  wam-adapt adapt human hand --out runs/hand"""

_PLAY_EXAMPLES = """\
examples:
  wam-adapt sim record play --out play --body arm --minutes 30

then:
  wam-adapt adapt play play --embodiment tabletop_arm --out runs/play"""

_TASKS_EXAMPLES = """\
examples:
  wam-adapt sim record tasks --out shown --body gripper --tasks seen --minutes 10

then:
  wam-adapt adapt play shown --embodiment tabletop_gripper --out runs/shown"""


def add_sim(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the group `sim`."""
    sim = add_verb(
        verbs, "sim", "the simulated tabletop: record on it, try models on it", shared, examples=_GROUP_EXAMPLES
    )
    kinds = sim.add_subparsers(title="what to do", metavar="WHAT", required=True)
    _add_record(kinds, shared)
    add_try(kinds, shared)
    add_study(kinds, shared)
    tasks = add_verb(kinds, "tasks", "list the instructions, and which the base `tiny` has never seen", shared)
    tasks.set_defaults(verb="sim_tasks")


def _add_record(kinds: Verbs, shared: argparse.ArgumentParser) -> None:
    record = add_verb(kinds, "record", "record what users bring: videos of a hand, or a robot's data set", shared)
    what = record.add_subparsers(title="what to record", metavar="KIND", required=True)
    human = add_verb(
        what, "human", "film a human hand doing tasks: a folder of videos with texts", shared, examples=_HUMAN_EXAMPLES
    )
    _add_amount(human, minutes=10)
    _add_tasks(human, default="held-out")
    human.add_argument(
        "--sessions", type=_above_zero, default=6, metavar="N", help="sittings with the camera, for validation (6)"
    )
    human.add_argument(
        "--gap",
        default="",
        metavar="KNOB=NUMBER,...",
        help="how far hand and robot are apart, each from 0 (none, the default) to 1 (strong): looks, timing, path, "
        "offset, habit",
    )
    play = add_verb(what, "play", "a robot at play without a task: a LeRobot data set", shared, examples=_PLAY_EXAMPLES)
    _add_amount(play, minutes=30)
    _add_body(play)
    tasks = add_verb(
        what, "tasks", "a robot doing tasks under instructions: a LeRobot data set", shared, examples=_TASKS_EXAMPLES
    )
    _add_amount(tasks, minutes=10)
    _add_tasks(tasks, default="seen")
    _add_body(tasks)
    for name, kind in (("human", human), ("play", play), ("tasks", tasks)):
        kind.set_defaults(verb="sim_record", kind=name, stopped="nothing is left of it; the same command begins anew")


def _add_amount(parser: argparse.ArgumentParser, *, minutes: int) -> None:
    parser.add_argument("--out", required=True, metavar="FOLDER", help="the folder to make; it must be new or empty")
    parser.add_argument(
        "--minutes", type=_minutes, default=float(minutes), metavar="M", help=f"how much, of simulated time ({minutes})"
    )
    parser.add_argument(
        "--seed", type=_from_zero, default=0, metavar="S", help="same seed, same bytes; another one, other scenes (0)"
    )


def _add_tasks(parser: argparse.ArgumentParser, *, default: str) -> None:
    parser.add_argument(
        "--tasks",
        nargs="+",
        default=[default],
        metavar="TASKS",
        help=f"held-out, seen, all, or instructions in quotes, of which each is done in turn ({default}); "
        "'wam-adapt sim tasks' lists them",
    )


def _add_body(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--body", default="gripper", metavar="ROBOT", help="gripper or arm (gripper)")


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0 < minutes < math.inf:
        raise argparse.ArgumentTypeError(f"{text} minutes cannot be recorded; give more than 0")
    return minutes


def _from_zero(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


def _above_zero(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return number


# argparse calls a type by its function's name: "invalid minutes value: 'ten'".
_minutes.__name__, _from_zero.__name__, _above_zero.__name__ = "minutes", "whole number", "whole number"
