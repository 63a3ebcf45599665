"""What else does a scorecard tell? Which part is at fault, how long rollouts drift, whether spreads are honest."""

from typing import TYPE_CHECKING

from adapt.evaluate import blame
from adapt.evaluate.blame import Blame
from adapt.evaluate.calibration import Calibration
from adapt.evaluate.drift import Drift
from adapt.evaluate.record import CODEC_CEILING, COPY_LAST, HOLD_LAST, MEAN, ZERO_SHOT
from adapt.evaluate.tables import ADAPTED
from adapt.evaluate.verdict import LEAST_WINDOWS

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 80
# Short names of the rungs, from the worst that should be to the best that can be.
_RUNGS = {
    HOLD_LAST: "hold",
    MEAN: "mean",
    COPY_LAST: "frozen",
    blame.IMAGINED: "imagined",
    blame.ROUND_TRIP: "codec trip",
    CODEC_CEILING: "codec",
    blame.TRUE_FUTURE: "true future",
    blame.JOINT: "joint head",
}
_COLOURS = {blame.NOTHING: "green", blame.CANNOT_TELL: "yellow"}
_CONTENDERS = {ADAPTED: "adapted", ZERO_SHOT: "base", COPY_LAST: "frozen", HOLD_LAST: "hold"}
_MOST_WORST = 3
_MOST_CHUNKS = 8


def show_blame(found: Blame) -> "list[RenderableType]":
    """Which part is at fault, in a sentence, and the ladder it was read from."""
    from rich.text import Text

    colour = _COLOURS.get(found.at_fault, "red")
    parts: list[RenderableType] = [
        Text.assemble(("At fault: ", "bold"), (f"{found.at_fault}. ", f"bold {colour}"), found.reason)
    ]
    rungs = [f"{name} {found.ladder[rung]:#.3g}" for rung, name in _RUNGS.items() if rung in found.ladder]
    if rungs:
        what = "action error" if found.measure.startswith("actions") else "error where it moves"
        parts.append(Text(f"  {what}: {', '.join(rungs)}", style="dim"))
    if found.worst:
        parts.append(Text(f"  worst windows there: {', '.join(found.worst[:_MOST_WORST])}", style="dim"))
    return parts


def show_drift(drift: Drift) -> "list[RenderableType]":
    """The error of a long rollout at each chunk."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title="Long rollout, nothing corrects it", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold"
    )
    table.width, table.padding = WIDTH, (0, 1, 0, 0)
    table.add_column("error, seconds ahead", ratio=1, no_wrap=True, overflow="ellipsis")
    chunks = min(_MOST_CHUNKS, len(drift.rollouts))
    for chunk in range(chunks):
        table.add_column(f"{(chunk + 1) * drift.chunk_s:.1f}", justify="right", no_wrap=True)
    for what, rows in (("latents", drift.contenders), ("actions", drift.actions)):
        for name, label in _CONTENDERS.items():
            if name in rows:
                style = "bold" if name == ADAPTED else ""
                table.add_row(f"{what}, {label}", *(f"{value:#.2g}" for value in rows[name][:chunks]), style=style)
    return [table, Text(f"  {drift.note}", style="dim")]


def show_calibration(found: Calibration) -> "RenderableType":
    """Whether the interval that the action head tells holds what it promises."""
    from rich.text import Text

    if found.windows < LEAST_WINDOWS:
        word = f"too few windows to judge it ({found.windows})"
    elif found.low <= found.wanted <= found.high:
        word = "as it should"
    else:
        word = "too sure of itself" if found.inside < found.wanted else "less sure than it could be"
    return Text.assemble(
        ("Spread of the actions: ", "bold"),
        f"{found.inside:.0%} of the true ones lie inside its {found.wanted:.0%} interval "
        f"({found.low:.0%} to {found.high:.0%}): {word}",
    )
