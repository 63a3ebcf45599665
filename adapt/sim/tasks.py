"""What can be asked for on the tabletop, and was it done?

A task composes a verb, a block and one of nine zones: 2 x 3 x 9 = 54 instructions. Both verbs grasp and release; "put"
carries the block through the air, "slide" keeps it on the table. The far left and the far centre zone are held out from
every pretraining, with every block and both verbs.
"""

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from adapt.errors import SimulatorError
from adapt.sim.state import COLOURS, SceneState

VERBS = ("put", "slide")
ROWS = ("near", "middle", "far")
COLUMNS = ("left", "centre", "right")
COLUMN_X_M = (-0.18, 0.0, 0.18)
ROW_Y_M = (-0.156, 0.015, 0.186)
ZONE_HALF_M = (0.09, 0.0855)  # in x and y

LIFTED_M = 0.03  # "put" asks that the block was raised so high at some time,
SLID_M = 0.015  # and "slide" that it never was higher than this


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Bring one block to one of nine zones, through the air or on the table.

    `verb` is one of `VERBS`; `colour`, `row` and `column` are indices into `COLOURS`, `ROWS` and `COLUMNS`.
    """

    verb: str
    colour: int
    row: int
    column: int

    @property
    def goal(self) -> NDArray[np.float64]:
        """Centre of the zone: x, y in metres. Shape (2,)."""
        return np.array([COLUMN_X_M[self.column], ROW_Y_M[self.row]])

    @property
    def instruction(self) -> str:
        """The task in words, such as "put the red block far left"."""
        return f"{self.verb} the {COLOURS[self.colour]} block {ROWS[self.row]} {COLUMNS[self.column]}"

    @property
    def held_out(self) -> bool:
        """Whether no pretraining may show this task."""
        return ROWS[self.row] == "far" and COLUMNS[self.column] != "right"


ALL_TASKS = tuple(
    Task(verb=verb, colour=colour, row=row, column=column)
    for verb in VERBS
    for colour in range(len(COLOURS))
    for row in range(len(ROWS))
    for column in range(len(COLUMNS))
)
HELD_OUT_TASKS = tuple(task for task in ALL_TASKS if task.held_out)
SEEN_TASKS = tuple(task for task in ALL_TASKS if not task.held_out)

_BY_INSTRUCTION = {task.instruction: task for task in ALL_TASKS}


def task_of(instruction: str) -> Task:
    """The task an instruction asks for; case and spaces do not matter.

    Raises:
        SimulatorError: No task has these words; the nearest one is named.
    """
    words = " ".join(instruction.lower().split())
    if words in _BY_INSTRUCTION:
        return _BY_INSTRUCTION[words]
    near = get_close_matches(words, _BY_INSTRUCTION, n=1, cutoff=0.0)[0]
    raise SimulatorError(
        f'instruction "{instruction}": the tabletop has no such task. Did you mean "{near}"? '
        f"The form is: {'|'.join(VERBS)} the {'|'.join(COLOURS)} block {'|'.join(ROWS)} {'|'.join(COLUMNS)}"
    )


def in_zone(state: SceneState, task: Task) -> bool:
    """Whether the centre of the task's block lies in its zone, held or not."""
    return bool((np.abs(state.blocks[task.colour, :2] - task.goal) <= np.array(ZONE_HALF_M)).all())


def succeeded(state: SceneState, task: Task) -> bool:
    """Whether the task is done in this state: block in its zone, not held, and brought there the way the verb asks."""
    raised = float(state.highest[task.colour])
    as_asked = raised >= LIFTED_M if task.verb == "put" else raised <= SLID_M
    return in_zone(state, task) and state.held != task.colour and as_asked


def progress(state: SceneState, start: SceneState, task: Task) -> float:
    """Share of the way from where the block started to its zone's centre, in [0, 1]; 1 anywhere in the zone."""
    if in_zone(state, task):
        return 1.0
    before = float(np.linalg.norm(start.blocks[task.colour, :2] - task.goal))
    now = float(np.linalg.norm(state.blocks[task.colour, :2] - task.goal))
    return float(np.clip(1 - now / max(before, 1e-9), 0, 1))
