"""How is what the doctor found told on a terminal?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adapt.quality.files import FileReport
from adapt.quality.findings import HINT
from adapt.quality.goals import minutes
from adapt.quality.videos import VideosReport
from adapt.report.doctor_page import worst_first
from pipelines.doctor import Checkup, headline
from pipelines.terminal import shown

if TYPE_CHECKING:
    from rich.console import RenderableType

_MOST_FILES = 40  # rows; the rest is in the page
_FILES_TOLD = 4


def show(checkup: Checkup) -> "RenderableType":
    """The whole summary."""
    from rich.console import Group
    from rich.text import Text

    report = checkup.report
    parts: list[RenderableType] = [Text(headline(report), style="bold"), Text(), _tasks(report), Text(), _files(report)]
    if report.others:
        parts += [Text(f"{name}: {finding.words}", style="dim") for name, finding in report.others]
    parts += [Text(), Text("what to film and do next:" if report.steps else "nothing is missing.")]
    for number, step in enumerate(report.steps, start=1):
        parts += [Text(f"{number:3}. {step.what}"), Text(f"     {step.why}{_named(step.files)}", style="dim")]
    parts += [Text(), *(Text(shown(path)) for path in checkup.written), Text("next:")]
    parts += [Text(f"  {command}") for command in checkup.next]
    return Group(*parts)


def _tasks(report: VideosReport) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "right", "right", "left"):
        table.add_column(justify=justify)
    table.add_row(*(Text(head, style="dim") for head in ("task", "usable", "of", "sessions", "still wanted")))
    for task in report.tasks:
        missing = f"{minutes(task.missing_s)}, {task.missing_sessions} sessions"
        wanted = missing if task.missing_s or task.missing_sessions else "nothing"
        name = task.instruction or "(nobody says what is done)"
        row = (name, minutes(task.usable_s), minutes(task.seconds), str(task.sessions))
        table.add_row(*(Text(cell) for cell in (*row, wanted)))
    return table


def _files(report: VideosReport) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    table.add_row(*(Text(head, style="dim") for head in ("file", "usable", "of", "what is wrong")))
    for file in worst_first(report.files)[:_MOST_FILES]:
        name, told = file.name, _told(file)
        table.add_row(Text(name), Text(f"{file.usable_s:.1f} s"), Text(f"{file.duration_s:.1f} s"), Text(told))
    if (more := len(report.files) - _MOST_FILES) > 0:
        table.add_row(Text(f"and {more} more", style="dim"))
    return table


def _told(file: FileReport) -> str:
    """What costs something; of what does not, only its kind. Remedies stand below, and in full in the page."""
    costly = [finding.found for finding in file.findings if finding.weight != HINT]
    hints = [finding.code.replace("_", " ") for finding in file.findings if finding.weight == HINT]
    told = "; ".join(costly) or "good"
    return f"{told} (also: {', '.join(hints)})" if hints else told


def _named(files: Sequence[str]) -> str:
    if not files:
        return ""
    more = len(files) - _FILES_TOLD
    return f" In {', '.join(files[:_FILES_TOLD])}" + (f" and {more} more" if more > 0 else "")
