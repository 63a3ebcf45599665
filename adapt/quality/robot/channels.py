"""Is a channel constant, clipped, stuck, torn by jumps, or wrapped round?

One axis is looked at on its own and beside the axis of its name: a command and the state that follows it tell rest from
a fault.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adapt.embodiment.spec import Embodiment
from adapt.quality.robot.findings import Finding, Tally
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

_TURN = {"rad": 2 * np.pi, "deg": 360.0}
_NEAR_TURN = 0.15  # Share of a turn by which a wrap's step may differ from it: the joint moves meanwhile.
_JUMP = 5.0  # times the suddenness that 98 % of all steps stay below
_AROUND = 5  # steps
_FASTER = 1.5  # times the fastest motion that lasts
_LASTING = 3.0  # likewise, of a jump that does not come back: an arm near its full stretch turns its elbow fast
_JUMP_SPREAD = 0.08  # of the axis's spread, at least
_HELD = 0.9  # Share of steps that are none, from which an axis is a switch, whose jumps are its nature.
_FLAT_ROWS = 8
_FLAT_SHARE = 0.005
# Share of the flat rows in which the other of the pair must go on; a state may also press against a stop.
_OTHER_MOVES = {"action": 0.3, "state": 0.5}
_MOVES = 0.15  # of its high speed
_STUCK_S = 0.9
_ANSWER_S = 0.5  # A state may follow its command by as much.
_STUCK_WAY = 0.2  # of the other's spread, travelled meanwhile
_STOP = 0.02  # of the axis's spread, within which it is at the end of its range
# Of the spread, by which the other must be further out than a command, or a state, ever is.
_BEYOND = {"action": 0.04, "state": 0.2}


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
        found += _clipped(pair, episodes) + _stuck(pair, episodes) + _torn(pair, episodes)
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
        on = zip(_goes_on(other, episodes), _past(pair, other, episodes, extreme, side), strict=True)
        goes_on = sum(int((mask & (moves | past)).sum()) for mask, (moves, past) in zip(flat, on, strict=True))
        if goes_on < _OTHER_MOVES[channel.kind] * rows:
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


def _torn(pair: _Pair, episodes: Sequence[EpisodeRows]) -> list[Finding]:
    """Single steps far larger than the axis's usual: wraps where they are a turn, else jumps."""
    channel = pair.channel
    if channel.axis.gripper or channel.axis.increment or pair.spread <= channel.noise:
        return []
    changes = [np.abs(steps(channel, episode)) for episode in episodes]
    if (np.concatenate(changes) == 0).mean() >= _HELD:
        return []
    flowing = [_flowing(channel, episode) for episode in episodes]
    sudden = [_inside(steps(channel, e) - flow) for e, flow in zip(episodes, flowing, strict=True)]
    usual = float(np.quantile(np.abs(np.concatenate(sudden)), 0.98))
    fastest = float(np.abs(np.concatenate(flowing)).max())
    least = max(_JUMP * usual, _JUMP_SPREAD * pair.spread, _FASTER * fastest, channel.noise)
    turn = _TURN.get(channel.axis.unit, np.inf)
    wraps = Tally(
        kind="wraps",
        subject=channel.where,
        remedy="Record the angle without wrapping it, or unwrap it (numpy.unwrap) when converting",
        gravity="wrong",
    )
    jumps = Tally(
        kind="jumps",
        subject=channel.where,
        remedy="Look at these rows: leave them out, or cut the episode there",
        gravity="suspect",
    )
    for episode, change, odd in zip(episodes, changes, sudden, strict=True):
        wrapped = np.abs(change - turn) <= _NEAR_TURN * turn if np.isfinite(turn) else np.zeros(len(change), bool)
        bound = np.where(_comes_back(odd), least, max(least, _LASTING * fastest))
        torn = (np.abs(odd) > bound) & ~wrapped & ~_beside(wrapped)
        for mask, tally, what in ((wrapped, wraps, "a whole turn"), (torn, jumps, "")):
            if mask.any():
                tally.add(episode.index, float(mask.sum()), _told(episode, change, mask, what, channel))
    return wraps.findings(len(episodes)) + jumps.findings(len(episodes))


def _flowing(channel: Channel, episode: EpisodeRows) -> np.ndarray:
    """The middle one of five steps around each: how the axis moves there, but for what is sudden. Shape (t - 1,)."""
    taken = steps(channel, episode)
    if len(taken) < _AROUND:
        return np.asarray(taken)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(taken, _AROUND // 2, mode="reflect"), _AROUND)
    return np.asarray(np.median(around, axis=1))


def _inside(sudden: np.ndarray) -> np.ndarray:
    """Nothing at either end, where a motion that begins looks like a jump."""
    sudden[: _AROUND // 2] = 0
    sudden[-(_AROUND // 2) :] = 0
    return sudden


def _comes_back(odd: np.ndarray) -> np.ndarray:
    """Sudden steps with one of about the same size the other way beside them: a row that is off, alone."""
    back = np.zeros(len(odd))
    back[1:] = np.maximum(back[1:], -np.sign(odd[1:]) * odd[:-1])
    back[:-1] = np.maximum(back[:-1], -np.sign(odd[:-1]) * odd[1:])
    return np.asarray(back > 0.5 * np.abs(odd))


def _beside(mask: np.ndarray) -> np.ndarray:
    """Places next to those of a mask."""
    beside = np.zeros_like(mask)
    beside[1:] |= mask[:-1]
    beside[:-1] |= mask[1:]
    return beside


def _told(episode: EpisodeRows, change: np.ndarray, mask: np.ndarray, what: str, channel: Channel) -> str:
    row = int(np.where(mask, change, -1).argmax())
    times = f"{int(mask.sum())} times" if mask.sum() > 1 else "once"
    size = f"{change[row]:.3g} {channel.axis.unit}" + (f", {what}" if what else "")
    return (
        f"it jumps {times}, by {size}, from row {row} to the next ({episode.time_s[row]:.2f} s), "
        f"where its usual step is {np.median(change):.2g}"
    )


def _in_runs(mask: np.ndarray) -> np.ndarray:
    """Only those rows whose neighbour is in the mask too: one row at the extreme is what every axis has."""
    return np.asarray(mask & _beside(mask))


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First place and the place after the last of every unbroken stretch of a mask."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
