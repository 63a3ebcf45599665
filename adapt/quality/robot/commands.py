"""Are commands places to go to or displacements, as the spec has them? And does a command that only switches say so?"""

from collections.abc import Sequence

import numpy as np

from adapt.embodiment.spec import Embodiment
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.rows import Channel, EpisodeRows, channels, counterpart, spread, together

_FOLLOWS = 0.9  # correlation from which a state is where its command, or the sum of its commands, leads
_LATEST_S = 0.8  # within which a state answers
_SMALL = 0.2  # of the state's spread, that displacements of a row stay within
_AT_END, _SWITCHED = 0.02, 0.97  # of its range; share of the rows in which a switch is at either end


def examine_commands(spec: Embodiment, episodes: Sequence[EpisodeRows]) -> list[Finding]:
    """Hold what the spec calls an increment, or does not, against the states of the same names.

    Args:
        spec: The body.
        episodes: At least one.

    Returns:
        Kind "commands".
    """
    every = channels(spec)
    found = []
    for channel in every:
        other = counterpart(channel, every)
        if channel.kind != "action" or other is None or channel.axis.gripper or other.axis.gripper:
            continue
        if spread(other, episodes) <= other.noise or np.ptp(together(channel, episodes)) <= 0:
            continue
        as_place = _correlation([channel.values(e) for e in episodes], other, episodes)
        as_sum = _correlation([np.cumsum(channel.values(e)) for e in episodes], other, episodes)
        small = float(np.quantile(np.abs(together(channel, episodes)), 0.99)) < _SMALL * spread(other, episodes)
        if channel.axis.increment and as_place > max(_FOLLOWS, as_sum) and not small:
            found.append(_told(channel, "is an increment in the spec, but is the place the state goes to", as_place))
        elif not channel.axis.increment and as_sum > max(_FOLLOWS, as_place) and small:
            found.append(_told(channel, "is a place in the spec, but added up row by row it is the state", as_sum))
    return found


def examine_switches(spec: Embodiment, episodes: Sequence[EpisodeRows]) -> list[Finding]:
    """Look for commands that are nearly always at one of two ends, and are not called a gripper.

    Args:
        spec: The body.
        episodes: At least one.

    Returns:
        Kind "grippers".
    """
    found = []
    for channel in channels(spec):
        values = together(channel, episodes)
        reach = float(np.ptp(values))
        if channel.kind != "action" or channel.axis.gripper or reach <= channel.noise:
            continue
        places = (values - values.min()) / reach
        ends = np.minimum(places, 1 - places) < _AT_END
        low = float((places < 0.5).mean())
        if ends.mean() < _SWITCHED or not _AT_END < low < 1 - _AT_END:
            continue
        found.append(
            Finding(
                kind="grippers",
                subject=channel.where,
                found=f"is at {values.min():.4g} or {values.max():.4g} in {ends.mean():.0%} of the rows, as a switch "
                "is, but not a gripper in the spec: half-way between its ends would be trained, and is never commanded",
                remedy="Write gripper: true, and take relative away",
                gravity="wrong",
            )
        )
    return found


def _correlation(paths: Sequence[np.ndarray], other: Channel, episodes: Sequence[EpisodeRows]) -> float:
    """Of what the command says with what the state does later, each less its own mean, at the best delay."""
    late = max(1, round(_LATEST_S * episodes[0].rate_hz))
    best = 0.0
    for lag in range(0, late + 1, max(1, late // 8)):
        lead = [path[: len(path) - lag] for path in paths]
        follow = [other.path(episode)[lag:] for episode in episodes]
        one, two = (np.concatenate([part - part.mean() for part in parts if len(part)]) for parts in (lead, follow))
        size = float(np.sqrt((one**2).sum() * (two**2).sum()))
        best = max(best, float((one * two).sum()) / size if size > 0 else 0.0)
    return best


def _told(channel: Channel, words: str, correlation: float) -> Finding:
    wanted = (
        "increment: false (and relative: true)" if channel.axis.increment else "increment: true (and relative: false)"
    )
    return Finding(
        kind="commands",
        subject=channel.where,
        found=f"{words} (correlation {correlation:.2f}); wanted is {wanted}",
        remedy="Write that into the spec, or name the column that holds the other kind of command",
        gravity="wrong",
    )
