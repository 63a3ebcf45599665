"""How does a study look in the terminal? The verdict in words first, then each comparison, then the arms' errors."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from adapt.evaluate import actions, retention, video
from adapt.evaluate.record import BETTER, COPY_LAST, HOLD_LAST, MEAN, NO_GAIN, WORSE
from adapt.evaluate.study_record import ArmMeasure, Contrast, StudyRecord
from adapt.evaluate.study_settings import NEW
from adapt.evaluate.study_words import DATA, headline, in_short, reference_level
from pipelines.study_train import counted

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

WIDTH = 80
_HEADS = {
    video.LATENT: "video",
    video.MOTION: "moving",
    actions.OVERALL: "actions",
    retention.LATENT: "old video",
    retention.ACTION: "old acts",
}
_ROWS = {
    video.LATENT: "Video (latents)",
    video.MOTION: "Moving pixels",
    actions.OVERALL: "Actions",
    retention.LATENT: "Base's own video",
    retention.ACTION: "Base's own actions",
}
_TRIVIAL = {COPY_LAST: "frozen", HOLD_LAST: "hold", MEAN: "mean"}
_COLOURS = {BETTER: "green", WORSE: "red", NO_GAIN: "yellow"}
_LEGEND = (
    "video: imagined latents. moving: pixels where something moves. old: the base's own data. "
    "frozen: the present frame, repeated. hold: stand still. Lower is better."
)


def show(record: StudyRecord) -> "RenderableType":
    """The study as something rich can print; made for 80 columns."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    words = Text.assemble((f"{_capital(headline(record.verdict, record.kind))}.\n", "bold"), record.summary)
    parts: list[RenderableType] = [Panel(words, title=_title(record), width=WIDTH)]
    if record.contrasts:
        parts += [_comparisons(record), _dim(_how(record))]
    parts += [_arms(record), _dim([f"{arm.name}: {arm.problem or arm.about}" for arm in record.arms])]
    parts += [_dim([_LEGEND, *_notes(record)]), Text.assemble(("Robot effect: ", "bold"), record.robot_effect)]
    return Group(*parts)


def _title(record: StudyRecord) -> str:
    counts = (
        counted(record.windows, "held-out window"),
        counted(record.sessions, "session"),
        counted(len(record.seeds), "seed"),
    )
    return f"{record.body} on {record.base}: {', '.join(counts)}"


def _comparisons(record: StudyRecord) -> "Table":
    """One line a comparison, all of them relative to what is compared with."""
    confidence = f"{record.settings['evaluate']['confidence']:.0%}"
    table = _table(f"Error with {DATA[record.kind]}, compared with")
    table.add_column("", no_wrap=True, ratio=1)
    for head in ("error", f"{confidence} interval", "detectable"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for measure in record.measures:
        found = [item for item in record.contrasts if item.measure == measure.id and item.arm == NEW]
        if not found:
            continue
        table.add_row(f"[bold]{_ROWS.get(measure.id, measure.name)}[/]")
        for item in found:
            verdict = f"[{_COLOURS.get(item.verdict, 'yellow')}]{item.verdict}[/]"
            table.add_row(f"  {_TRIVIAL.get(item.against, item.against)}", *_figures(item, measure), verdict)
    return table


def _figures(item: Contrast, measure: ArmMeasure) -> tuple[str, str, str]:
    level = reference_level(measure, item.against)
    scale, unit = (100 / level, " %") if level else (1.0, "")
    seen = "" if item.detectable is None else f"{in_short(item.detectable * scale)}{unit}"
    interval = f"{item.low * scale:+.1f} .. {item.high * scale:+.1f}{unit}"
    return f"{item.difference * scale:+.1f}{unit}", interval, seen


def _arms(record: StudyRecord) -> "Table":
    """The mean error of every arm in every measure."""
    shown = [measure for measure in record.measures if measure.arms]
    table = _table(f"Mean errors ({record.steps} steps of {record.batch_size} windows in every training)")
    table.add_column("arm", no_wrap=True, ratio=1)
    for measure in shown:
        table.add_column(_HEADS.get(measure.id, measure.id), justify="right", no_wrap=True)
    for arm in record.arms:
        figures = [_figure(measure.arms.get(arm.name)) for measure in shown]
        table.add_row(arm.name, *figures, style="bold" if arm.name == NEW else "")
    for name, head in _TRIVIAL.items():
        if any(name in measure.references for measure in shown):
            table.add_row(head, *(_figure(measure.references.get(name)) for measure in shown), style="dim")
    return table


def _table(heading: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=heading, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.width, table.padding = WIDTH, (0, 1, 0, 0)
    return table


def _how(record: StudyRecord) -> list[str]:
    """What the intervals are of."""
    held_out = [item for item in record.contrasts if item.measure in (video.LATENT, video.MOTION, actions.OVERALL)]
    told = [f"Negative is less error. Intervals go by {' or '.join(dict.fromkeys(i.clustered_by for i in held_out))}."]
    return [*told, "detectable: the smallest difference that such a study finds 4 times in 5."]


def _dim(lines: Sequence[str]) -> "Text":
    """Small print, folded to the table's width."""
    from rich.text import Text

    folded = [textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent="    ") for line in lines]
    return Text("\n".join(folded), style="dim")


def _notes(record: StudyRecord) -> Sequence[str]:
    notes = [f"{_HEADS.get(measure.id, measure.id)}: {measure.note}" for measure in record.measures if measure.note]
    swaps = list(record.wrong_instructions.items())
    if swaps and any(arm.name == "wrong" for arm in record.arms):
        more = f", and {len(swaps) - 1} more in study.json" if len(swaps) > 1 else ""
        notes.append(f"wrong: '{swaps[0][0]}' became '{swaps[0][1]}'{more}")
    return notes


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:#.3g}"
