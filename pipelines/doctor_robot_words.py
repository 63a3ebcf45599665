"""How is what the doctor found in a robot's data told on a terminal?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from adapt.quality.goals import minutes, sentence
from adapt.quality.robot.episodes import RecordedTask
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.report import RobotReport
from adapt.report.bands import wanted
from pipelines.doctor_robot import Checkup, headline
from pipelines.terminal import shown

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

_MOST_TASKS, _MOST_FINDINGS, _MOST_OTHERS = 20, 20, 8  # rows; the rest is in the page
_MARKS = {"wrong": "wrong", "suspect": "look at it"}


def show(checkup: Checkup) -> "RenderableType":
    """The whole summary."""
    from rich.console import Group
    from rich.text import Text

    report = checkup.report
    parts: list[RenderableType] = [Text(headline(report), style="bold"), Text()]
    if report.rules.guessed:
        parts += [Text("no --embodiment: units, grippers and cameras are guessed", style="dim"), Text()]
    parts += [_tasks(report.tasks), Text()]
    parts += [
        Text(f"{name}: {finding.found}. {sentence(finding.remedy)}") for name, finding in report.others[:_MOST_OTHERS]
    ]
    if (more := len(report.others) - _MOST_OTHERS) > 0:
        parts += [Text(f"and {more} more", style="dim")]
    if report.examination.episodes:
        parts += [_findings(report.findings)]
    parts += [Text(), *(Text(line, style="dim") for line in _times(report)), Text()]
    parts += [Text("what to mend and record next:" if report.steps else "nothing is missing.")]
    for number, step in enumerate(report.steps, start=1):
        parts += [Text(f"{number:3}. {step.what}"), Text(f"     {step.why}", style="dim")]
    parts += [Text(), *(Text(shown(path)) for path in checkup.written), Text("next:")]
    parts += [Text(f"  {command}") for _, command in checkup.next]
    return Group(*parts)


def _tasks(tasks: Sequence[RecordedTask]) -> "RenderableType":
    table = _table("left", "right", "right", "right", "right", "left")
    table.add_row(*_dim("task", "usable", "of", "wrong", "episodes", "still wanted"))
    for task in tasks[:_MOST_TASKS]:
        missing = wanted(task.missing_s, task.missing_sessions, "episode")
        row = (task.instruction or "(no words)", minutes(task.usable_s), minutes(task.seconds))
        table.add_row(*_plain(*row, minutes(task.doubted_s) if task.doubted_s else "-", str(task.sessions), missing))
    if (more := len(tasks) - _MOST_TASKS) > 0:
        table.add_row(*_dim(f"and {more} more"))
    return table


def _findings(findings: Sequence[Finding]) -> "RenderableType":
    """What weighs, in full; of notes only how many. Remedies stand below, and in full in the page."""
    table = _table("left", "left")
    serious = [finding for finding in findings if finding.gravity != "note"]
    for finding in serious[:_MOST_FINDINGS]:
        table.add_row(*_plain(_MARKS[finding.gravity], f"{finding.subject}: {finding.found}"))
    if (more := len(serious) - _MOST_FINDINGS) > 0:
        table.add_row(*_dim("", f"and {more} more"))
    if not serious:
        table.add_row(*_plain("", "nothing that was looked for is wrong"))
    if notes := len(findings) - len(serious):
        table.add_row(*_dim("", f"and {notes} note{'' if notes == 1 else 's'}, in the page"))
    return table


def _times(report: RobotReport) -> list[str]:
    if not report.examination.episodes:
        return ["no episode could be looked at"]
    lines = [f"the robot rests for {report.idle_share:.0%} of the time"]
    latency = report.examination.latency
    if latency is None:
        return lines
    lines.append(f"command to state: {latency.command_to_state.words}")
    for camera, lag in latency.state_to_picture.items():
        whole = latency.command_to_picture[camera]
        lines.append(f"state to picture of '{camera}': {lag.words}; command to picture: {whole.words}")
    return lines


def _table(*justify: Literal["left", "right"]) -> "Table":
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for each in justify:
        table.add_column(justify=each)
    return table


def _plain(*cells: str) -> "list[Text]":
    from rich.text import Text

    return [Text(cell) for cell in cells]


def _dim(*cells: str) -> "list[Text]":
    from rich.text import Text

    return [Text(cell, style="dim") for cell in cells]
