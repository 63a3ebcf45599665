"""Does an axis jump from one row to the next, or wrap round after a turn?"""

from collections.abc import Sequence

import numpy as np

from adapt.quality.robot.findings import Finding, Tally
from adapt.quality.robot.masks import beside
from adapt.quality.robot.rows import Channel, EpisodeRows, spread, steps

_TURN = {"rad": 2 * np.pi, "deg": 360.0}
_NEAR_TURN = 0.15  # Share of a turn by which a wrap's step may differ from it: the joint moves meanwhile.
_JUMP = 5.0  # times the suddenness that 98 % of all steps stay below
_AROUND = 5  # steps
_FASTER = 1.5  # times the fastest motion that lasts
_LASTING = 3.0  # likewise, of a jump that does not come back: an arm near its full stretch turns its elbow fast
_JUMP_SPREAD = 0.08  # of the axis's spread, at least
_HELD = 0.9  # Share of steps that are none, from which an axis is a switch, whose jumps are its nature.


def examine_jumps(channel: Channel, episodes: Sequence[EpisodeRows]) -> list[Finding]:
    """Look for single steps far larger than the axis's usual; grippers and increments are passed over.

    Args:
        channel: The axis.
        episodes: At least one.

    Returns:
        Kinds "wraps", where a step is a whole turn, and "jumps".
    """
    reach = spread(channel, episodes)
    if channel.axis.gripper or channel.axis.increment or reach <= channel.noise:
        return []
    changes = [np.abs(steps(channel, episode)) for episode in episodes]
    if (np.concatenate(changes) == 0).mean() >= _HELD:
        return []
    flowing = [_flowing(channel, episode) for episode in episodes]
    sudden = [_inside(steps(channel, e) - flow) for e, flow in zip(episodes, flowing, strict=True)]
    usual = float(np.quantile(np.abs(np.concatenate(sudden)), 0.98))
    fastest = float(np.abs(np.concatenate(flowing)).max())
    least = max(_JUMP * usual, _JUMP_SPREAD * reach, _FASTER * fastest, channel.noise)
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
        torn = (np.abs(odd) > bound) & ~wrapped & ~beside(wrapped)
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


def _told(episode: EpisodeRows, change: np.ndarray, mask: np.ndarray, what: str, channel: Channel) -> str:
    row = int(np.where(mask, change, -1).argmax())
    times = f"{int(mask.sum())} times" if mask.sum() > 1 else "once"
    size = f"{change[row]:.3g} {channel.axis.unit}" + (f", {what}" if what else "")
    return (
        f"it jumps {times}, by {size}, from row {row} to the next ({episode.time_s[row]:.2f} s), "
        f"where its usual step is {np.median(change):.2g}"
    )
