"""Record on the simulated tabletop what a user would bring, and tell how to go on with it."""

import shlex
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapt.errors import RunError
from adapt.runs.new_folder import refuse_used
from pipelines.bar import bar
from pipelines.terminal import shown

if TYPE_CHECKING:
    from adapt.sim.recording import Recorded, Tell
    from adapt.sim.takes import Takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be recorded.

    Attributes:
        kind: "human", "play" or "tasks".
        out: The folder to make.
        minutes: How much, of simulated time.
        seed: Same seed, same bytes.
        tasks: Names of sets of tasks, and instructions; not asked for in play.
        body: The robot; none for a human.
        sessions: Of a human's videos.
        gap: Between a human hand and a robot, such as "looks=1,timing=0.5".
    """

    kind: str
    out: Path
    minutes: float
    seed: int = 0
    tasks: Sequence[str] = ()
    body: str = ""
    sessions: int = 1
    gap: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was recorded, and the command that goes on with it."""

    recorded: "Recorded"
    thing: str  # of which there are so many: "video", "episode"
    next_command: str


def question(arguments: Namespace) -> Question:
    """The question in the words of the command line."""
    given = {name: value for name in Question.__slots__ if (value := getattr(arguments, name, None)) is not None}
    return Question(**{**given, "out": Path(arguments.out).expanduser().absolute()})


def run(question: Question) -> Answer:
    """Record.

    Raises:
        RunError: The folder holds something, or cannot be written.
        SimulatorError: The simulator or its drawing is not there, or a name is unknown.
        RecipeError: A gap is not between 0 and 1.
    """
    try:
        refuse_used(question.out)
    except RunError as error:
        raise RunError(f"--out {error}") from None
    from adapt.sim.choices import choose_body, choose_gap, choose_tasks
    from adapt.sim.takes import Takes

    tasks = choose_tasks(question.tasks) if question.kind != "play" else ()
    takes = Takes(tasks=tasks, minutes=question.minutes, seed=question.seed, gap=choose_gap(question.gap))
    body = None if question.kind == "human" else choose_body(question.body)
    with bar("recording", takes.expected_frames) as tell:
        if body is None:
            return _human(question, takes, tell)
        from adapt.sim.recording import record_robot

        recorded = record_robot(question.out, body, takes, tell=tell)
    return Answer(recorded=recorded, thing="episode", next_command=_next(question.out, f"--embodiment {body.name} "))


def table(answer: Answer) -> str:
    """The answer for people."""
    found = answer.recorded
    several = "" if found.episodes == 1 else "s"
    told = f"{found.episodes} {answer.thing}{several}, {found.minutes:.1f} minutes, {_texts(found.instructions)}"
    return f"{told}\nrecorded: {shown(found.folder)}\nnext:\n  {answer.next_command}"


def to_json(answer: Answer) -> dict[str, Any]:
    """The answer for machines."""
    return {
        "result": str(answer.recorded.folder),
        "episodes": answer.recorded.episodes,
        "minutes": round(answer.recorded.minutes, 3),
        "instructions": list(answer.recorded.instructions),
        "next": [answer.next_command],
    }


def _human(question: Question, takes: "Takes", tell: "Tell") -> Answer:
    from adapt.sim.recording import record_human

    recorded = record_human(question.out, takes, sessions=question.sessions, tell=tell)
    return Answer(recorded=recorded, thing="video", next_command=_next(question.out, "", kind="human"))


def _next(folder: Path, more: str, *, kind: str = "play") -> str:
    return f"wam-adapt adapt {kind} {shlex.quote(shown(folder))} {more}--out {shlex.quote(f'runs/{folder.name}')}"


def _texts(instructions: Sequence[str]) -> str:
    return f'"{instructions[0]}"' if len(instructions) == 1 else f"{len(instructions)} instructions"
