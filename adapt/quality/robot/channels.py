"""Is a channel constant, clipped, stuck, torn by jumps, or wrapped round?

One axis is looked at on its own and beside the axis of its name: a command and the state that follows it tell rest from
a fault.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adapt.embodiment.spec import Embodiment
from adapt.quality.robot.findings import Finding, Tally
from adapt.quality.robot.jumps import examine_jumps
from adapt.quality.robot.masks import beside, runs
from adapt.quality.robot.rows import (
    CONSTANT,
    Channel,
    EpisodeRows,
    channels,
    counterpart,
    spread,
    steps,
    together,
)

_FLAT_ROWS = 8
_FLAT_SHARE = 0.005
# Share of the flat rows in which the other of the pair must go on; a state may also press against a stop.
_OTHER_MOVES = {"action": 0.3, "state": 0.5}
_MOVES = 0.15  # of its high speed
_STUCK_S = 0.9
_ANSWER_S = 0.5  # A state may follow its command by as much.
_STUCK_WAY = 0.2  # of the other's spread, travelled meanwhile
_STOP = 0.02  # of the axis's spread, within which it is at the end of its range
_ARE_PAST = 0.25  # Share of the flat rows in which the other is further out, which is enough alone.
# Of the spread, by which the other must be further out than a command, or a state, ever is.
_BEYOND = {"action": 0.04, "state": 0.12}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A channel, the one it is held against, and how far both reach."""

    channel: Channel
    other: Channel | None
    spread: float
    other_spread: float


def examine_channels(spec: Embodiment, episodes: Sequence[EpisodeRows]) -> list[Finding]:
    """Look at every axis of a body in all episodes.

    Args:
        spec: The body.
        episodes: At least one.

    Returns:
        Kinds "constant", "clipped", "stuck", "jumps" and "wraps".
    """
    every = channels(spec)
    found: list[Finding] = []
    for channel in every:
        other = counterpart(channel, every)
        pair = _Pair(
            channel=channel,
            other=other,
            spread=spread(channel, episodes),
            other_spread=0.0 if other is None else spread(other, episodes),
        )
        if np.ptp(together(channel, episodes)) <= CONSTANT:
            found.append(_constant(pair, episodes))
            continue
        found += _clipped(pair, episodes) + _stuck(pair, episodes) + examine_jumps(channel, episodes)
    return found


def _constant(pair: _Pair, episodes: Sequence[EpisodeRows]) -> Finding:
    value = float(pair.channel.values(episodes[0])[0])
    if pair.other is not None and pair.other_spread > pair.other.noise:
        return Finding(
            kind="constant",
            subject=pair.channel.where,
            found=f"is {value:g} in every row, while the {pair.other.kind} of that name moves over "
            f"{pair.other_spread:.3g} {pair.other.axis.unit}",
            remedy="Check that its column is recorded; until then leave the axis out of the spec",
            gravity="wrong" if not pair.channel.axis.gripper else "suspect",
        )
    return Finding(
        kind="constant",
        subject=pair.channel.where,
        found=f"is {value:g} in every row",
        remedy="Record motions that use it, if the robot is to use it",
        gravity="note",
    )


def _clipped(pair: _Pair, episodes: Sequence[EpisodeRows]) -> list[Finding]:
    """Rows that stay at exactly the axis's extreme while the other of its name goes on."""
    channel, other = pair.channel, pair.other
    if channel.axis.gripper or channel.axis.increment or other is None or other.axis.gripper:
        return []  # A hand that is wide open, or a wish that nothing follows, is at its end by nature.
    if pair.spread <= channel.noise or pair.other_spread <= other.noise:
        return []
    values = together(channel, episodes)
    found: list[Finding] = []
    for side, extreme in (("lowest", float(values.min())), ("highest", float(values.max()))):
        flat = [_in_runs(np.abs(channel.values(episode) - extreme) <= CONSTANT * pair.spread) for episode in episodes]
        rows = sum(int(mask.sum()) for mask in flat)
        if rows < max(_FLAT_ROWS, _FLAT_SHARE * len(values)):
            continue
        past = _past(pair, other, episodes, extreme, side)
        on = [mask & (moves | far) for mask, moves, far in zip(flat, _goes_on(other, episodes), past, strict=True)]
        goes_on = sum(int(mask.sum()) for mask in on)
        beyond = sum(int((mask & far).sum()) for mask, far in zip(flat, past, strict=True))
        if goes_on < _OTHER_MOVES[channel.kind] * rows and beyond < _ARE_PAST * rows:
            continue
        found.append(
            Finding(
                kind="clipped",
                subject=channel.where,
                found=f"stays at exactly its {side} value {extreme:.4g} {channel.axis.unit} in {rows} rows "
                f"({rows / len(values):.1%}), while the {other.kind} of that name goes on in "
                f"{goes_on / rows:.0%} of them",
                remedy="Look for a limit in the recorder or the converter, and record or convert again without it",
                gravity="wrong",
                episodes=tuple(e.index for e, mask in zip(episodes, flat, strict=True) if mask.any()),
                share=rows / len(values),
            )
        )
    return found


def _goes_on(channel: Channel, episodes: Sequence[EpisodeRows]) -> list[np.ndarray]:
    """Rows into and out of which a channel moves at more than a slow pace."""
    changes = [np.abs(steps(channel, episode)) for episode in episodes]
    least = _MOVES * float(np.quantile(np.concatenate(changes), 0.95))
    return [np.append(change > least, False) & np.insert(change > least, 0, False) for change in changes]


def _past(pair: _Pair, other: Channel, episodes: Sequence[EpisodeRows], extreme: float, side: str) -> list[np.ndarray]:
    """Rows in which the other is further out than this one ever is.

    A state beyond all its commands was told to go there. A command beyond its state may press on the table, but not by
    much.
    """
    if other.axis.increment or pair.channel.axis.unit != other.axis.unit:
        return [np.zeros(episode.length, dtype=bool) for episode in episodes]
    sign = 1.0 if side == "highest" else -1.0
    far = _BEYOND[pair.channel.kind] * pair.spread
    return [sign * (other.values(episode) - extreme) > far for episode in episodes]


def _stuck(pair: _Pair, episodes: Sequence[EpisodeRows]) -> list[Finding]:
    """Stretches of exactly one value during which the other of its name travels."""
    channel, other = pair.channel, pair.other
    if other is None or pair.other_spread <= other.noise or channel.axis.gripper or channel.axis.increment:
        return []
    tally = Tally(
        kind="stuck",
        subject=channel.where,
        remedy="Check the sensor and its driver, and leave these stretches out or record them again",
        gravity="wrong",
    )
    ends = together(channel, episodes)
    stops = float(ends.min()) + _STOP * pair.spread, float(ends.max()) - _STOP * pair.spread
    for episode in episodes:
        worst, way = _longest_way(pair, other, episode, stops)
        if way > max(other.noise, _STUCK_WAY * pair.other_spread):
            value = channel.values(episode)[worst[0]]
            seconds = (worst[1] - worst[0]) / episode.rate_hz
            tally.add(
                episode.index,
                seconds,
                f"it stays at {value:.4g} for {seconds:.1f} s from {episode.time_s[worst[0]]:.1f} s, while "
                f"the {other.kind} of that name travels {way:.3g} {other.axis.unit}",
            )
    return tally.findings(len(episodes))


def _longest_way(
    pair: _Pair, other: Channel, episode: EpisodeRows, stops: tuple[float, float]
) -> tuple[tuple[int, int], float]:
    """The run of equal values in which the other travels furthest, and how far that is; short runs do not count.

    An arm that presses on the table stands still while it is told to go further. So for a state at the end of its range
    only commands count that lead back.
    """
    values, path = pair.channel.values(episode), other.path(episode)
    comparable = pair.channel.kind == "state" and other.axis.unit == pair.channel.axis.unit and not other.axis.increment
    best: tuple[tuple[int, int], float] = ((0, 0), 0.0)
    for first, last in runs(np.diff(values) == 0):
        if last - first < _STUCK_S * episode.rate_hz:
            continue
        there, value = _settled(path[first : last + 1], pair.channel, episode.rate_hz), float(values[first])
        way = float(np.ptp(there))
        if comparable and value <= stops[0]:
            way = float(there.max()) - value
        elif comparable and value >= stops[1]:
            way = value - float(there.min())
        best = max(best, ((first, last), way), key=lambda each: each[1])
    return best


def _settled(path: np.ndarray, channel: Channel, rate_hz: float) -> np.ndarray:
    """The other's way without what is only its answer to before, or is yet to be answered."""
    late = round(_ANSWER_S * rate_hz)
    return path[: len(path) - late] if channel.kind == "state" else path[late:]


def _in_runs(mask: np.ndarray) -> np.ndarray:
    """Only those rows whose neighbour is in the mask too: one row at the extreme is what every axis has."""
    return np.asarray(mask & beside(mask))
