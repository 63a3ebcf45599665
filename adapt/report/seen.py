"""What did the model imagine? Films beside the truth, and the actions read from them as curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from markupsafe import Markup
from torch import Tensor

from adapt.evaluate.record import ZERO_SHOT
from adapt.evaluate.shown import ADAPTED, BASE, TRUE, Shown, Traces
from adapt.report.films import make_film, screen
from adapt.report.lines import Frame, Series, line_chart
from adapt.report.looks import look_of
from adapt.report.numbers import number

_TITLES = {TRUE: "what happened", ADAPTED: "adapted model", BASE: "unadapted base"}
_TRACE_HEIGHT = 150
_IMAGINED = "imagined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One film."""

    who: str  # TRUE, ADAPTED or BASE
    title: str
    screen: Markup
    tone: str  # class of its colour
    error: Markup | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One held-out window."""

    number: int
    window_id: str
    instruction: str
    where: str  # its session and start
    rank: str
    panels: Sequence[Panel]
    differs: bool  # the adapted film can be laid over the true one
    frames: int
    rate_hz: float
    legend: Sequence[str]  # whose lines the charts show
    band: bool  # around the imagined one
    charts: Sequence[Markup]
    no_charts: str = ""  # why there are none


def scenes(shown: Sequence[Shown]) -> list[Scene]:
    """Each window ready for the page, in the order given."""
    ranges = _ranges(shown)
    return [_scene(number, item, ranges) for number, item in enumerate(shown, start=1)]


def _scene(number: int, item: Shown, ranges: Mapping[tuple[str, ...], Tensor]) -> Scene:
    panels = [_panel(who, item) for who in _TITLES if who in item.frames]
    frames = max((len(film) for film in item.frames.values()), default=0)
    traces = item.traces
    return Scene(
        number=number,
        window_id=item.window_id,
        instruction=item.instruction,
        where=f"{item.session}, from {item.start_s:.1f} s",
        rank=f"worst imagined of {item.of}" if item.rank == 1 else f"{item.rank} of {item.of} from the worst imagined",
        panels=panels,
        differs=TRUE in item.frames and ADAPTED in item.frames,
        frames=frames,
        rate_hz=item.video_hz,
        legend=() if traces is None else (TRUE, *traces.told),
        band=traces is not None and traces.spread is not None,
        charts=() if traces is None else _charts(traces, ranges[traces.names], (frames - 1) / item.video_hz),
        no_charts="" if traces else "No action curves: this window carries no action labels.",
    )


def _panel(who: str, item: Shown) -> Panel:
    error = item.error.get(ZERO_SHOT if who == BASE and ZERO_SHOT in item.error else who)
    return Panel(
        who=who,
        title=_TITLES[who],
        screen=screen(make_film(item.frames[who]), who, f"{_TITLES[who]}: {item.instruction}"),
        tone=look_of(who).color,
        error=None if error is None else number(error),
    )


def _ranges(shown: Sequence[Shown]) -> dict[tuple[str, ...], Float[Tensor, " d"]]:
    """How far each axis truly moves over all windows shown, by the body's axes."""
    together: dict[tuple[str, ...], list[Tensor]] = {}
    for item in shown:
        if item.traces is not None:
            together.setdefault(item.traces.names, []).append(item.traces.true)
    ranges = {}
    for names, rows in together.items():
        true = torch.cat(rows)
        lowest = torch.where(true.isfinite(), true, torch.inf).amin(dim=0)
        highest = torch.where(true.isfinite(), true, -torch.inf).amax(dim=0)
        ranges[names] = (highest - lowest).clamp(min=0)
    return ranges


def _charts(traces: Traces, ranges: Float[Tensor, " d"], seconds: float) -> list[Markup]:
    """One chart an axis, first the axes that were told worst as a share of their range."""
    told = traces.told.get(_IMAGINED, next(iter(traces.told.values())))
    off = (told - traces.true).abs().nanmean(dim=0) / ranges
    # An axis that never moves has no share to be wrong by, and comes last.
    off = torch.where(off.isfinite() & (ranges > 0), off, -1.0)
    order = sorted(range(len(traces.names)), key=lambda axis: (-float(off[axis]), axis))
    return [_chart(traces, axis, seconds) for axis in order]


def _chart(traces: Traces, axis: int, seconds: float) -> Markup:
    def points(values: Tensor) -> list[tuple[float, float]]:
        """One axis of steps by axes as (seconds, value)."""
        return [(step / traces.rate_hz, float(value)) for step, value in enumerate(values[:, axis])]

    spread = () if traces.spread is None else tuple(float(value) for value in traces.spread[:, axis])
    rows = {TRUE: traces.true, **{name: row for name, row in traces.told.items() if name != _IMAGINED}}
    # Last, and so drawn below the others: its band is wide, and near-equal lines would vanish under it.
    rows |= {name: row for name, row in traces.told.items() if name == _IMAGINED}
    lines = [
        Series(name=name, points=points(row), band=spread if name == _IMAGINED else ()) for name, row in rows.items()
    ]
    name, unit = traces.names[axis], traces.units[axis]
    frame = Frame(
        label=f"{name} over time: true, and as read from " + ", ".join(traces.told),
        x="time (s)",
        y=f"{name} ({unit})" if unit else name,
        since=0.0,
        upto=max(seconds, 0.0),
        cursor=True,
        height=_TRACE_HEIGHT,
    )
    return line_chart(lines, frame)
