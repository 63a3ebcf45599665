"""Where has the robot hardly been? Axes that do not move, and ranges that it only passed through."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapt.embodiment.spec import Embodiment
from adapt.quality.robot.coverage import AxisCoverage
from adapt.quality.robot.rows import noise_of

_ROWS = 0.01  # Share of all rows that lie in a range which is hardly visited.
_SPAN = 0.25  # Share of the axis's range, at least, that such a range is worth a word.
_WORKS = 0.15  # of the widest motion of the same unit; what moves less holds still while others work
_STILL = 2.5  # times what is noise
_STILL_SHARE = 0.02  # of the widest motion of the same unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A range of an axis that hardly any row lies in."""

    axis: AxisCoverage
    low: float
    high: float
    share: float  # of all rows, in [0, 1]

    @property
    def span(self) -> float:
        """As a share of the axis's range, in [0, 1]."""
        edges = self.axis.values.edges
        return (self.high - self.low) / (edges[-1] - edges[0])


def judged_axes(coverage: Sequence[AxisCoverage], spec: Embodiment) -> list[AxisCoverage]:
    """Axes whose range means something: states, and commands without one; no displacements."""
    odd = {axis.name for axis in spec.actions if axis.increment} - {axis.name for axis in spec.state}
    stated = {axis.name for axis in coverage if axis.kind == "state"}
    return [axis for axis in coverage if axis.name not in odd and (axis.kind == "state" or axis.name not in stated)]


def still_axes(coverage: Sequence[AxisCoverage], spec: Embodiment) -> list[AxisCoverage]:
    """Axes that hardly move in any episode."""
    axes = judged_axes(coverage, spec)
    return [axis for axis in axes if _range(axis) <= _hardly(axis, axes)]


def find_gaps(coverage: Sequence[AxisCoverage], spec: Embodiment) -> list[Gap]:
    """The widest range of each moving axis that hardly any row lies in, widest first."""
    still = {axis.name for axis in still_axes(coverage, spec)}
    grippers = {axis.name for axis in (*spec.actions, *spec.state) if axis.gripper}
    axes = [axis for axis in judged_axes(coverage, spec) if axis.name not in grippers]
    moving = [axis for axis in axes if axis.name not in still and _range(axis) >= _WORKS * _widest_of(axis, axes)]
    gaps = [gap for axis in moving if (gap := _widest(axis)) is not None and gap.span >= _SPAN]
    return sorted(gaps, key=lambda gap: (-gap.span, gap.axis.name))


def _hardly(axis: AxisCoverage, axes: Sequence[AxisCoverage]) -> float:
    return max(_STILL * noise_of(axis.unit), _STILL_SHARE * _widest_of(axis, axes))


def _widest_of(axis: AxisCoverage, axes: Sequence[AxisCoverage]) -> float:
    """How far the one of its unit goes that goes furthest."""
    return max(_range(other) for other in axes if other.unit == axis.unit)


def _range(axis: AxisCoverage) -> float:
    return axis.high - axis.low


def _widest(axis: AxisCoverage) -> Gap | None:
    counts, edges = axis.values.counts, axis.values.edges
    most, rows = _ROWS * sum(counts), sum(counts)
    best: tuple[int, int, int] | None = None  # from, to, rows
    first, inside = 0, 0
    for last, count in enumerate(counts):
        inside += count
        while inside > most:
            inside -= counts[first]
            first += 1
        if last + 1 > first and (best is None or last + 1 - first > best[1] - best[0]):
            best = first, last + 1, inside
    if best is None or not rows:
        return None
    return Gap(axis=axis, low=edges[best[0]], high=edges[best[1]], share=best[2] / rows)
