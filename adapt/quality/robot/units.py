"""Do the numbers look like the unit that the spec gives them? Judged by size, and by a command against its state."""

from collections.abc import Sequence

import numpy as np

from adapt.embodiment.spec import Embodiment
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.rows import Channel, EpisodeRows, channels, counterpart, spread, together

DEGREES = 180 / np.pi
# Unit: what no axis of it reaches beyond, what it then looks like, and how many of those make one of the unit.
_LARGEST: dict[str, tuple[float, str, float]] = {
    "rad": (4 * np.pi, "degrees", DEGREES),
    "m": (5.0, "millimetres", 1000.0),
    "share": (1.6, "per cent", 100.0),
}
_SMALL_DEGREES = 2 * np.pi  # All joints of a robot within it: radians.
_NEAR = 0.15  # by which the ratio of a command's spread to the state's may miss the factor
_FEWEST_DEGREES = 2  # axes: one may hardly move


def examine_units(spec: Embodiment, episodes: Sequence[EpisodeRows]) -> list[Finding]:
    """Hold every axis's numbers against its unit.

    Args:
        spec: The body.
        episodes: At least one.

    Returns:
        Kind "units".
    """
    every = channels(spec)
    found = [finding for channel in every for finding in _too_large(channel, episodes)]
    told = {finding.subject for finding in found}
    for channel in every:
        other = counterpart(channel, every)
        if channel.kind == "action" and other is not None and not {channel.where, other.where} & told:
            found += _apart(channel, other, episodes)
    return found + _too_small(every, episodes)


def _too_large(channel: Channel, episodes: Sequence[EpisodeRows]) -> list[Finding]:
    if channel.axis.unit not in _LARGEST:
        return []
    largest, name, factor = _LARGEST[channel.axis.unit]
    low, high = np.quantile(together(channel, episodes), [0.01, 0.99])
    reach = max(abs(float(low)), abs(float(high)))
    if reach <= largest:
        return []
    unit = channel.axis.unit
    return [
        Finding(
            kind="units",
            subject=channel.where,
            found=f"goes from {low:.4g} to {high:.4g}, too far for '{unit}', and looks like {name} "
            f"({reach / factor:.3g} {unit})",
            remedy=f"Write the unit of the data into the spec, or convert the column to '{unit}'",
            gravity="wrong",
        )
    ]


def _apart(action: Channel, state: Channel, episodes: Sequence[EpisodeRows]) -> list[Finding]:
    """A command and its state that differ by the factor between two units of one kind."""
    if action.axis.unit != state.axis.unit or action.axis.increment or action.axis.gripper:
        return []
    factor = _LARGEST.get(action.axis.unit, (0.0, "", 0.0))[2] or (DEGREES if action.axis.unit == "deg" else 0.0)
    wide, narrow = spread(action, episodes), spread(state, episodes)
    if not factor or min(wide, narrow) <= 0 or max(wide, narrow) <= action.noise:
        return []
    ratio = max(wide / narrow, narrow / wide)
    if abs(ratio / factor - 1) > _NEAR:
        return []
    larger = action if wide > narrow else state
    return [
        Finding(
            kind="units",
            subject=larger.where,
            found=f"spans {max(wide, narrow):.4g}, {ratio:.0f} times as much as the axis of its name on the other side "
            f"({min(wide, narrow):.4g}), though both are '{action.axis.unit}' in the spec",
            remedy="Write each one's own unit into the spec, or convert one of the two columns",
            gravity="wrong",
        )
    ]


def _too_small(every: Sequence[Channel], episodes: Sequence[EpisodeRows]) -> list[Finding]:
    """A column all of whose degrees are so few that they must be radians."""
    found: list[Finding] = []
    columns = sorted({channel.axis.column for channel in every if channel.axis.unit == "deg"})
    for column in columns:
        axes = [c for c in every if c.axis.unit == "deg" and c.axis.column == column and not c.axis.increment]
        reach = max((float(np.abs(together(c, episodes)).max()) for c in axes), default=0.0)
        if len(axes) >= _FEWEST_DEGREES and 0 < reach <= _SMALL_DEGREES:
            found.append(
                Finding(
                    kind="units",
                    subject=f"column '{column}'",
                    found=f"its {len(axes)} axes in 'deg' all stay within {reach:.3g}, which looks like radians",
                    remedy="Write 'rad' into the spec, or convert the column to degrees",
                    gravity="suspect",
                )
            )
    return found
