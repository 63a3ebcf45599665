"""What was measured, as charts and tables: every contender, over the horizon, axis by axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from adapt.evaluate.actions import OVERALL
from adapt.evaluate.blame import Blame
from adapt.evaluate.drift import Drift
from adapt.evaluate.record import REFERENCES, Evaluation, Measure
from adapt.evaluate.tables import ADAPTED
from adapt.report.dots import Dot, dot_chart
from adapt.report.lines import Frame, Series, line_chart
from adapt.report.looks import called
from adapt.report.numbers import count, number, percent

GROUPS = {"video": "Imagined video", "actions": "Actions", "retention": "What the base knew before"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart with its title and whose lines or marks it shows."""

    title: str
    drawing: Markup
    legend: Sequence[str] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; cells are ready to be put into the page."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Markup | str]]


def sentence(words: str) -> str:
    """Words as the start of a sentence; the rest of them keep their case."""
    return words[:1].upper() + words[1:]


def beside_others(evaluation: Evaluation) -> list[Chart]:
    """Each headline measure of the adapted model beside what simpler things reach."""
    chosen = [item for item in evaluation.measures if item.group != "actions" or item.id == OVERALL]
    return [_beside(measure) for measure in chosen if measure.value is not None]


def _beside(measure: Measure) -> Chart:
    assert measure.value is not None
    dots = [Dot(name=ADAPTED, value=measure.value)]
    dots += [Dot(name=name, value=value) for name, value in measure.baselines.items()]
    # The best first, so that the eye finds the rank without reading.
    dots.sort(key=lambda dot: dot.value if measure.direction == "lower" else -dot.value)
    unit = f" ({measure.unit})" if measure.unit else ""
    return Chart(
        title=sentence(measure.name) + unit,
        drawing=dot_chart(dots, f"{measure.name}, each contender", zero=measure.direction == "lower"),
        note=f"{measure.direction} is better; {count(measure.windows, 'window')}"
        + (f"; {measure.note}" if measure.note else ""),
    )


def over_the_horizon(evaluation: Evaluation, chunk_s: float) -> list[Chart]:
    """How errors grow with the distance into the future: over the chunks of a window, and within the first chunk."""
    charts = []
    for measure in evaluation.measures:
        # Decibels say again what the whole-frame error says.
        if measure.direction == "higher" or (measure.group != "video" and measure.id != OVERALL):
            continue
        if len(measure.by_chunk) > 1:
            points = [((place + 1) * chunk_s, value) for place, value in enumerate(measure.by_chunk)]
            charts.append(_horizon(measure, [Series(name=ADAPTED, points=points)], chunk_s * len(points)))
        if measure.by_step:
            steps = max(len(values) for values in measure.by_step.values())
            series = [
                Series(name=name, points=[((place + 1) * chunk_s / steps, value) for place, value in enumerate(values)])
                for name, values in sorted(measure.by_step.items(), key=lambda entry: _order(entry[0]))
            ]
            charts.append(_horizon(measure, series, chunk_s, "within the first chunk"))
    return charts


def _horizon(measure: Measure, series: Sequence[Series], upto: float, more: str = "") -> Chart:
    frame = Frame(
        label=f"{measure.name} by time into the future",
        x="time into the future (s)",
        y=_quantity(measure),
        since=0.0,
        zero=measure.direction == "lower",
        upto=upto,
    )
    title = sentence(measure.name) + (f", {more}" if more else "")
    return Chart(title=title, drawing=line_chart(series, frame), legend=[item.name for item in series])


def _quantity(measure: Measure) -> str:
    """What an axis shows, with its unit."""
    if measure.group == "actions":
        return f"error ({measure.unit})" if measure.unit else "error, share of range"
    return measure.unit or ("squared error of latents" if measure.id.endswith("latent_error") else "squared error")


def drift_charts(drift: Drift) -> list[Chart]:
    """A long rollout's error, chunk by chunk; beyond the dashed line the model sees only what it imagined itself."""
    charts = []
    for title, rows, unit in (
        ("Imagined video, long rollout", drift.contenders, "squared error of latents"),
        ("Actions, long rollout", drift.actions, "error, share of range"),
    ):
        if not rows:
            continue
        series = [
            Series(name=name, points=[((place + 1) * drift.chunk_s, value) for place, value in enumerate(values)])
            for name, values in sorted(rows.items(), key=lambda entry: _order(entry[0]))
        ]
        ends = drift.window_chunks * drift.chunk_s
        longest = max(len(item.points) for item in series) * drift.chunk_s
        rule = (ends, "end of one window") if 0 < ends < longest else None
        frame = Frame(
            label=f"{title}: error by time", x="time into the future (s)", y=unit, zero=True, since=0.0, rule=rule
        )
        charts.append(Chart(title=title, drawing=line_chart(series, frame), legend=[item.name for item in series]))
    return charts


def ladder(blame: Blame) -> Markup | None:
    """The error, rung by rung, the worst on top; None where there is no ladder."""
    if not blame.ladder:
        return None
    dots = [Dot(name=name, value=value) for name, value in sorted(blame.ladder.items(), key=lambda rung: -rung[1])]
    return dot_chart(dots, f"{blame.measure}: error by what it was read from")


def axes(evaluation: Evaluation) -> Table | None:
    """The error on each action axis, in its unit; None where there are no labels."""
    measures = [
        item
        for item in evaluation.measures
        if item.group == "actions" and item.id != OVERALL and item.value is not None
    ]
    if not measures:
        return None
    inside = {} if evaluation.calibration is None else evaluation.calibration.by_axis
    return _table("Error on each axis, first chunk", measures, inside)


def all_figures(evaluation: Evaluation) -> list[Table]:
    """Every measure with everything it is set beside, by group."""
    tables = []
    for group, title in GROUPS.items():
        measures = [item for item in evaluation.measures if item.group == group and item.value is not None]
        if measures:
            tables.append(_table(title, measures, {}))
    return tables


def comparisons(evaluation: Evaluation) -> Table | None:
    """Every verdict in the unit of its measure; None where there is none."""
    if not evaluation.verdicts:
        return None
    names = {item.id: item.name for item in evaluation.measures}
    rows = [
        (
            names.get(item.measure, item.measure),
            called(item.against),
            number(item.difference, sign=True),
            number(item.low, sign=True),
            number(item.high, sign=True),
            number(item.detectable),
            str(item.windows),
            str(item.sessions),
            item.clustered_by,
            item.verdict,
        )
        for item in evaluation.verdicts
    ]
    head = (
        "measure",
        "against",
        "difference",
        "from",
        "to",
        "detects",
        "windows",
        "sessions",
        "resampled by",
        "verdict",
    )
    return Table(title="Every comparison", head=head, rows=rows)


def calibration_words(evaluation: Evaluation) -> str:
    """Whether the action head knows how sure it is, in a sentence; empty where that was not measured."""
    known = evaluation.calibration
    if known is None:
        return ""
    words = (
        f"The action head gives an interval meant to hold {known.wanted:.0%} of the true actions. It held "
        f"{known.inside:.0%} ({known.low:.0%} to {known.high:.0%}), on {count(known.windows, 'window')} of "
        f"{count(known.sessions, 'session')}."
    )
    if known.stretch is not None:
        words += f" Its errors are {known.stretch:.1f} times what it tells; 1.0 would be honest."
    return words.replace("%", "\N{NO-BREAK SPACE}%")


def _table(title: str, measures: Sequence[Measure], inside: Mapping[str, float]) -> Table:
    references = [name for name in REFERENCES if any(name in item.baselines for item in measures)]
    rows = []
    for item in measures:
        unit = f" ({item.unit})" if item.unit else ""
        name = item.id.removeprefix("actions.") if item.group == "actions" and item.id != OVERALL else item.name
        row: list[Markup | str] = [name + unit, number(item.value)]
        row += [number(item.baselines.get(reference)) for reference in references]
        if inside:
            axis = item.id.removeprefix("actions.")
            row.append(percent(inside[axis]).lstrip("+") if axis in inside else "")
        rows.append(row)
    head = ["", "adapted", *(called(name) for name in references), *(["inside its interval"] if inside else [])]
    return Table(title=title, head=head, rows=rows)


def _order(name: str) -> int:
    names = (ADAPTED, "base", *REFERENCES)
    return names.index(name) if name in names else len(names)
