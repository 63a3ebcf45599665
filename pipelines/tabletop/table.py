"""How does a study on the tabletop look in the terminal? The verdict in words, then each arm, then the differences."""

from typing import TYPE_CHECKING

from adapt.evaluate.closed_loop_record import ClosedLoopRecord, Table
from adapt.evaluate.closed_loop_words import headline
from adapt.evaluate.record import BETTER, WORSE
from pipelines.study_train import counted

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as Drawn

    from pipelines.tabletop.study import Answer

WIDTH = 80
_COLOURS = {BETTER: "green", WORSE: "red"}


def show(answer: "Answer") -> "RenderableType":
    """The answer as something rich can print; made for 80 columns."""
    from rich.text import Text

    if answer.record is None:
        left = ", ".join(f"{arm} {counted(number, 'training')}" for arm, number in answer.left.items())
        return Text(f"not all have acted yet, so there is no verdict; left: {left}")
    return _record(answer.record)


def _record(record: ClosedLoopRecord) -> "RenderableType":
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    words = Text.assemble((f"{headline(record.verdict, record.claim)}.\n", "bold"), record.summary)
    title = f"{record.plan} on {record.base}: {record.episodes} episodes, {counted(len(record.seeds), 'seed')}"
    parts: list[RenderableType] = [Panel(words, title=title, width=WIDTH)]
    for table in record.tables:
        parts += [_arms(table), _gains(table)] if table.gains else [_arms(table)]
    parts += [Text(f"  {finding}", style="dim") for finding in record.findings]
    parts += [Text(f"  given up before: {item.why} ({item.finished})", style="dim") for item in record.tried]
    return Group(*parts)


def _arms(table: Table) -> "RenderableType":
    drawn = _table(
        ", ".join(part for part in (table.condition, table.head, f"{table.tasks} tasks", table.body) if part)
    )
    drawn.add_column("arm", no_wrap=True, ratio=1)
    for head in ("success", "95 % interval", "progress", "by training"):
        drawn.add_column(head, justify="right", no_wrap=True)
    for arm in table.arms:
        seeds = " ".join(f"{value * 100:.0f}" for value in arm.by_seed) if arm.seeds > 1 else ""
        interval = f"{arm.low * 100:.1f} .. {arm.high * 100:.1f}"
        drawn.add_row(arm.name, f"{arm.success * 100:.1f} %", interval, f"{arm.progress:.2f}", seeds)
    return drawn


def _gains(table: Table) -> "RenderableType":
    drawn = _table("Difference in points of success")
    drawn.add_column("", no_wrap=True, ratio=1)
    for head in ("points", "95 % interval", "detectable"):
        drawn.add_column(head, justify="right", no_wrap=True)
    drawn.add_column("verdict", no_wrap=True)
    for gain in table.gains:
        seen = "" if gain.detectable is None else f"{gain.detectable * 100:.1f}"
        interval = f"{gain.low * 100:+.1f} .. {gain.high * 100:+.1f}"
        verdict = f"[{_COLOURS.get(gain.verdict, 'yellow')}]{gain.verdict}[/]"
        drawn.add_row(f"{gain.arm} - {gain.against}", f"{gain.mid * 100:+.1f}", interval, seen, verdict)
    return drawn


def _table(heading: str) -> "Drawn":
    from rich import box
    from rich.table import Table as Drawn

    drawn = Drawn(title=heading, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    drawn.width, drawn.padding = WIDTH, (0, 1, 0, 0)
    return drawn
