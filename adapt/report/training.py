"""How did training go? Each loss over the steps, and on held-out windows, with the step that was kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from adapt.report.facts import Curves
from adapt.report.lines import Frame, Series, line_chart

STEP = "step"
# What each loss is, for somebody who did not write the training.
LOSSES = {
    "video": "imagining video",
    "action": "reading actions from true futures",
    "imagined": "reading actions from imagined futures",
    "joint": "telling actions along with the video",
}
TRAINING, HELD_OUT = "training", "held out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The training's charts."""

    charts: Sequence[Markup]
    kept: str  # which step's weights were kept, in words


def progress(curves: Curves) -> Progress:
    """One chart a loss; training and held-out windows together."""
    charts = []
    for name in losses_in([*curves.training, *curves.validation]):
        series = [
            Series(name=who, points=loss_points(entries, name))
            for who, entries in ((TRAINING, curves.training), (HELD_OUT, curves.validation))
            if any(name in entry for entry in entries)
        ]
        frame = Frame(
            label=f"loss of {LOSSES.get(name, name)} over training steps",
            x="training step",
            y=f"loss: {LOSSES.get(name, name)}",
            since=0.0,
            rule=(curves.best_step, "kept"),
        )
        charts.append(line_chart(series, frame))
    steps = max((int(entry[STEP]) for entry in (*curves.training, *curves.validation)), default=0)
    return Progress(charts=charts, kept=f"kept: step {curves.best_step} of {steps}, the best on held-out windows")


def losses_in(entries: Sequence[Mapping[str, int | float]]) -> list[str]:
    """The losses that curves have, the video's first."""
    found = {name for entry in entries for name in entry if name != STEP}
    return [*(name for name in LOSSES if name in found), *sorted(found - LOSSES.keys())]


def loss_points(entries: Sequence[Mapping[str, int | float]], name: str) -> list[tuple[float, float]]:
    """A loss by step, where it was recorded."""
    return [(float(entry[STEP]), float(entry[name])) for entry in entries if name in entry]
