"""How does an evaluation look in the terminal? Verdicts in plain words first, then the figures behind them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adapt.evaluate.record import (
    BETTER,
    CODEC_CEILING,
    COPY_LAST,
    HOLD_LAST,
    MEAN,
    NO_GAIN,
    TOO_FEW,
    TRUE_FUTURE,
    WORSE,
    ZERO_SHOT,
    Evaluation,
    Measure,
    from_json,
)
from pipelines.scorecard_parts import WIDTH, show_blame, show_calibration, show_drift

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

Mark = tuple[str, str]  # sign, colour

_GROUPS = {
    "video": ("Imagined video", (ZERO_SHOT, COPY_LAST, CODEC_CEILING)),
    "actions": ("Actions, first chunk", (ZERO_SHOT, HOLD_LAST, MEAN, TRUE_FUTURE)),
    "retention": ("What the base knew", (ZERO_SHOT,)),
}
# Short heads, so that five columns of figures fit a terminal of 80.
_HEADS = {
    ZERO_SHOT: "base",
    COPY_LAST: "frozen",
    CODEC_CEILING: "codec",
    HOLD_LAST: "hold",
    MEAN: "mean",
    TRUE_FUTURE: "true fut.",
}
_LEGEND = {
    "video": "frozen: the present frame, repeated. codec: the best this base can show.\n"
    "  Held-out windows also chose which step was kept, which flatters it a little.",
    "actions": "hold: stand still. mean: average action. true fut.: read from what really came.",
    "retention": "base: before adapting.",
}
_SHORT = {
    "video.motion_error": "error where it moves",
    "video.false_motion": "motion where none is",
    "video.frame_error": "error, whole frame",
    "video.psnr": "PSNR (dB, higher is better)",
    "video.latent_error": "error, latents",
    "actions.overall": "all axes, share of range",
    "retention.latent_error": "video error, latents",
    "retention.action_error": "actions, share of range",
}
# Put behind a reference's figure: what the adapted model is, compared with it.
_MARKS = {BETTER: ("+", "green"), WORSE: ("-", "red"), NO_GAIN: ("=", "yellow"), TOO_FEW: ("?", "yellow")}
_MARKS_LEGEND = "+ better, - worse, = no measurable difference, ? too few windows"
_MOST_AXES = 8


def show(evaluation: Evaluation) -> "RenderableType":
    """The scorecard as something rich can print; made for 80 columns."""
    from rich.console import Group
    from rich.constrain import Constrain
    from rich.panel import Panel
    from rich.text import Text

    parts: list[RenderableType] = [Panel(Text(evaluation.summary), title=_title(evaluation), width=WIDTH)]
    parts += show_blame(evaluation.blame)
    for group, (heading, references) in _GROUPS.items():
        measures = [measure for measure in evaluation.measures if measure.group == group]
        if not measures:
            continue
        if all(measure.value is None for measure in measures):
            parts.append(Text.assemble((f"{heading}: ", "bold"), measures[0].note))
            continue
        marks = {(verdict.measure, verdict.against): _MARKS[verdict.verdict] for verdict in evaluation.verdicts}
        parts.append(_table(heading, measures, references, marks))
        parts += [Text(f"  {line}", style="dim") for line in (_LEGEND[group], *_notes(measures))]
        if group == "actions" and evaluation.calibration is not None:
            parts.append(show_calibration(evaluation.calibration))
    if evaluation.drift is not None:
        parts += show_drift(evaluation.drift)
    confidence = f"{evaluation.settings.get('confidence', 0.95):.0%}"
    parts.append(Text(f"{_MARKS_LEGEND} ({confidence} interval{_clusters(evaluation)})", style="dim"))
    if evaluation.same_session:  # Not in the title, which is cut where it does not fit.
        parts.append(Text.assemble(("Same session: ", "bold"), "trained and judged on one recording session"))
    parts.append(Text.assemble(("Robot effect: ", "bold"), evaluation.robot_effect))
    return Constrain(Group(*parts), width=WIDTH)


def read(folder: Path) -> Evaluation:
    """The evaluation of a finished evaluate stage or of a bundle.

    Raises:
        DataError: The file is missing or is no evaluation.
    """
    from adapt.errors import DataError
    from adapt.runs.documents import parse_object

    path = folder / "evaluation.json"
    try:
        value = parse_object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Run `wam-adapt evaluate` again.") from error
    return from_json(value)


def _clusters(evaluation: Evaluation) -> str:
    """By what the intervals were resampled, where every verdict says the same."""
    told = {verdict.clustered_by for verdict in evaluation.verdicts if verdict.measure.partition(".")[0] != "retention"}
    return f", by {told.pop()}" if len(told) == 1 and told != {""} else ""


def _title(evaluation: Evaluation) -> str:
    sessions = f"{evaluation.sessions} session{'' if evaluation.sessions == 1 else 's'}"
    windows = f"{evaluation.windows} held-out window{'' if evaluation.windows == 1 else 's'}"
    return f"{evaluation.body} on {evaluation.base}: {windows}, {sessions}"


def _table(
    heading: str, measures: Sequence[Measure], references: Sequence[str], marks: Mapping[tuple[str, str], Mark]
) -> "Table":
    from rich import box
    from rich.table import Table

    used = [name for name in references if any(name in measure.baselines for measure in measures)]
    table = Table(title=heading, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.width, table.padding = WIDTH, (0, 1, 0, 0)
    table.add_column("lower is better", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("adapted", justify="right", style="bold")
    for name in used:
        table.add_column(f"{_HEADS[name]}  ", justify="right", no_wrap=True)
    for measure in _shown(measures):
        figures = [_marked(_figure(measure.baselines.get(name)), marks.get((measure.id, name))) for name in used]
        table.add_row(_name(measure), _figure(measure.value), *figures)
    return table


def _shown(measures: Sequence[Measure]) -> Sequence[Measure]:
    """What fits: of many action axes those that move most, which is where standing still is furthest off."""
    known = [measure for measure in measures if measure.value is not None]
    if measures[0].group != "actions":
        return known
    overall, axes = known[:1], known[1:]
    most = sorted(axes, key=lambda measure: -measure.baselines.get(HOLD_LAST, 0.0))[:_MOST_AXES]
    return [*overall, *(measure for measure in axes if measure in most)]


def _notes(measures: Sequence[Measure]) -> list[str]:
    notes = list(dict.fromkeys(measure.note for measure in measures if measure.note))
    hidden = sum(measure.value is not None for measure in measures) - 1 - _MOST_AXES
    if measures[0].group == "actions" and hidden > 0:
        notes.append(f"the {_MOST_AXES} axes that move most; {hidden} more in evaluation.json")
    return notes


def _name(measure: Measure) -> str:
    unit = f" ({measure.unit})" if measure.unit else ""
    return _SHORT.get(measure.id, measure.id.partition(".")[2] + unit)


def _marked(figure: str, mark: Mark | None) -> str:
    return f"{figure}  " if mark is None else f"{figure} [{mark[1]}]{mark[0]}[/]"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:#.3g}"
