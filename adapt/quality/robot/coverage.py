"""Which ranges and speeds of each axis does the data cover, and do episodes differ from each other at all?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adapt.embodiment.spec import Embodiment
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.rows import Channel, EpisodeRows, Kind, channels, spread, together

BINS = 24
_NATURAL = {"share": (0.0, 1.0)}  # limits that come with the unit
_LITTLE = 0.1  # of the range between the limits
_POINTS = 48  # of an episode's course, evenly over it, that it is compared by
_TWIN = 0.02  # of each axis's spread, by which two courses differ at most: the same episode again
_TWIN_ROWS = 0.03  # Share by which their lengths may differ.
_MOST_NAMED = 5

Limits = Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts of rows between edges; `edges` has one more than `counts`."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisCoverage:
    """What the data covers of one axis, in the axis's unit.

    Attributes:
        kind: "action" or "state".
        name: Of the axis.
        unit: Its unit.
        low: Smallest value of all rows.
        high: Largest.
        limits: What the axis can reach, where that is known.
        used: Share of the range between the limits that is used; None without limits.
        values: How many rows lie where.
        speeds: How many rows are how fast, in units a second, from 0 to the fastest.
        speed_q99: The speed that 99 % of all rows stay below.
        by_episode: Smallest and largest value in each episode.
    """

    kind: Kind
    name: str
    unit: str
    low: float
    high: float
    limits: tuple[float, float] | None
    used: float | None
    values: Histogram
    speeds: Histogram
    speed_q99: float
    by_episode: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Two episodes that are nearly the same; `apart` is their largest difference as a share of an axis's spread."""

    one: int
    other: int
    apart: float


def measure_coverage(
    spec: Embodiment, episodes: Sequence[EpisodeRows], limits: Limits | None = None
) -> list[AxisCoverage]:
    """Ranges and speeds of every axis, actions first.

    Args:
        spec: The body.
        episodes: At least one.
        limits: By axis name, lowest and highest value that the robot can reach; a spec has none. "share" has its own.
    """
    return [_axis(channel, episodes, limits or {}) for channel in channels(spec)]


def find_twins(spec: Embodiment, episodes: Sequence[EpisodeRows]) -> list[Twins]:
    """Pairs of episodes whose whole course is nearly the same: copies, or a script that was played again."""
    used = [c for c in channels(spec) if spread(c, episodes) > c.noise]
    used = [c for c in used if c.kind == "state"] or used
    long = [episode for episode in episodes if episode.length > 1]
    if not used or len(long) < 2:
        return []
    scales = np.array([spread(c, episodes) for c in used])
    courses = np.stack([_course(used, episode) / scales for episode in long])
    lengths = np.array([episode.length for episode in long])
    found = []
    for place in range(len(long) - 1):
        apart = np.abs(courses[place + 1 :] - courses[place]).max(axis=(1, 2))
        alike = np.abs(lengths[place + 1 :] / lengths[place] - 1) <= _TWIN_ROWS
        found += [
            Twins(one=long[place].index, other=long[place + 1 + other].index, apart=float(apart[other]))
            for other in np.flatnonzero((apart <= _TWIN) & alike).tolist()
        ]
    return found


def examine_coverage(coverage: Sequence[AxisCoverage], twins: Sequence[Twins], episodes: int) -> list[Finding]:
    """Tell axes of which little is used, and episodes that say the same twice.

    Returns:
        Kinds "little covered" (a note) and "near-identical".
    """
    stated = {axis.name for axis in coverage if axis.kind == "state"}
    found = [
        Finding(
            kind="little covered",
            subject=f"{axis.kind} axis '{axis.name}'",
            found=f"goes from {axis.low:.3g} to {axis.high:.3g} {axis.unit}: {axis.used:.0%} of what it can reach "
            f"({axis.limits[0]:g} to {axis.limits[1]:g})",
            remedy="Record motions that go further, if the robot is to go there",
            gravity="note",
            share=axis.used,
        )
        for axis in coverage
        if axis.limits is not None
        and axis.used is not None
        and axis.used < _LITTLE
        and axis.high > axis.low
        and (axis.kind == "state" or axis.name not in stated)
    ]
    if twins:
        again = sorted({pair.other for pair in twins})
        named = ", ".join(f"{pair.one} and {pair.other}" for pair in twins[:_MOST_NAMED])
        found.append(
            Finding(
                kind="near-identical",
                subject="episodes",
                found=f"{len(again)} of {episodes} repeat another one's whole course within {_TWIN:.1%} of every "
                f"axis's range: {named}" + ("" if len(twins) <= _MOST_NAMED else ", ..."),
                remedy="Leave the repetitions out, or record episodes that differ: those held back must test something",
                gravity="suspect",
                episodes=tuple(again),
                share=len(again) / episodes if episodes else None,
            )
        )
    return found


def _axis(channel: Channel, episodes: Sequence[EpisodeRows], limits: Limits) -> AxisCoverage:
    values = together(channel, episodes)
    speeds = np.concatenate([np.abs(np.diff(channel.path(e))) * e.rate_hz for e in episodes])
    low, high = float(values.min()), float(values.max())
    known = None if channel.axis.increment else limits.get(channel.axis.name, _NATURAL.get(channel.axis.unit))
    used = None
    if known is not None and known[1] > known[0]:
        used = max(0.0, min(high, known[1]) - max(low, known[0])) / (known[1] - known[0])
    return AxisCoverage(
        kind=channel.kind,
        name=channel.axis.name,
        unit=channel.axis.unit,
        low=low,
        high=high,
        limits=known,
        used=used,
        values=_histogram(values, *((low, high) if known is None else (min(low, known[0]), max(high, known[1])))),
        speeds=_histogram(speeds, 0.0, float(speeds.max()) if len(speeds) else 0.0),
        speed_q99=float(np.quantile(speeds, 0.99)) if len(speeds) else 0.0,
        by_episode=tuple((float(channel.values(e).min()), float(channel.values(e).max())) for e in episodes),
    )


def _histogram(values: np.ndarray, low: float, high: float) -> Histogram:
    counts, edges = np.histogram(values, bins=BINS, range=(low, high if high > low else low + 1e-6))
    return Histogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()))


def _course(of: Sequence[Channel], episode: EpisodeRows) -> np.ndarray:
    """An episode's paths at evenly spaced points. Shape (points, axes)."""
    at = np.linspace(0, episode.length - 1, _POINTS)
    return np.stack([np.interp(at, np.arange(episode.length), channel.path(episode)) for channel in of], axis=1)
