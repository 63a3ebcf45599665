"""What can be asked for on the simulated tabletop?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One instruction, and whether no pretraining of `tiny` shows it."""

    instruction: str
    held_out: bool


def run() -> tuple[Row, ...]:
    """Every instruction, in order."""
    from adapt.sim.tasks import ALL_TASKS

    return tuple(Row(instruction=task.instruction, held_out=task.held_out) for task in ALL_TASKS)


def table(rows: Sequence[Row]) -> "RenderableType":
    """The instructions for people."""
    from rich import box
    from rich.table import Table

    view = Table(box=box.SIMPLE_HEAD)
    view.add_column("instruction")
    view.add_column("set")
    for row in rows:
        view.add_row(row.instruction, "held-out" if row.held_out else "seen")
    return view


def summary(rows: Sequence[Row]) -> str:
    """How many there are of each kind."""
    held_out = sum(row.held_out for row in rows)
    return f"{len(rows)} instructions: {len(rows) - held_out} seen, {held_out} held out from every pretraining of tiny"
