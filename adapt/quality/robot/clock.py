"""Is a row missing, or there twice? Do stamps and rate agree, and does every row bring something new?

Time stamps are often made up from the row's number, so a lost row shows in the motion alone: every joint makes two
steps at once. What happens while the robot rests cannot be seen, and does no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import minimum_filter1d

from adapt.embodiment.spec import Embodiment
from adapt.quality.robot.findings import Finding, Tally
from adapt.quality.robot.masks import runs
from adapt.quality.robot.rows import Channel, EpisodeRows, channels, spread, steps

_LOST = 2.4  # times the larger of the steps around it
_ALIKE = 0.7  # cosine between a lost row's step and those around it: the same way, only further
_ONWARDS = 0.3  # cosine between the steps before and after a doubled row
_AXES = 2  # at least; one axis that leaps is a jump
_FAR = 2.2  # times a joint's high step
_LEAPING = 1.7  # times its own steps around it that most of the moving axes must make
_LEAST_STEP = 0.2  # of the set's high speed, that the robot must have around it
_HELD_ROWS = 3  # on end; more of them are a pause
_TWICE_ROWS = 3
_TWICE_SHARE = 0.02
_SLOWER = 0.15  # Share of the moving rows that bring nothing new, from which it is no accident but another rate.
_STAMP = 0.5  # Share of a period by which two stamps may be too near or too far apart.
_DRIFT_ROWS = 0.5
_NEIGHBOURS = 2
_AROUND_S = 0.15  # Pictures may be later than rows by as much.
_FULL_STEP = 0.3  # of the set's high speed: no braking, no start


def examine_clock(spec: Embodiment, episodes: Sequence[EpisodeRows]) -> list[Finding]:
    """Look for lost and doubled rows, uneven stamps, and columns that are slower than the data set's rate.

    Args:
        spec: The body.
        episodes: At least one.

    Returns:
        Kinds "missing rows", "doubled rows", "slower rate", "uneven clock" and "clock drifts".
    """
    every = [c for c in channels(spec) if not c.axis.gripper and spread(c, episodes) > c.noise]
    found = _stamps(episodes)
    found += _missing([c for c in every if c.kind == "state"] or every, episodes)
    return found + _doubled(every, episodes)


def missing_rows(of: Sequence[Channel], episode: EpisodeRows, scales: Sequence[float]) -> np.ndarray:
    """Rows before which time seems to be missing.

    Args:
        of: Channels that move, of one kind.
        episode: The episode.
        scales: High speed of each channel over the whole set, in units a row.

    Returns:
        Row numbers.
    """
    if len(of) < _AXES or episode.length < 2 * _NEIGHBOURS + 3:
        return np.zeros(0, dtype=np.int64)
    taken = np.stack([steps(c, episode) / s for c, s in zip(of, scales, strict=True)], axis=1)
    size = np.linalg.norm(taken, axis=1)
    found = []
    for place in np.flatnonzero(size > _LOST * _LEAST_STEP):
        first, last = place - _NEIGHBOURS, place + _NEIGHBOURS + 1
        if first < 0 or last > len(taken):
            continue
        around = np.concatenate([taken[first:place], taken[place + 1 : last]])
        if _is_leap(taken[place], around):
            found.append(place + 1)
    return np.array(found, dtype=np.int64)


def _is_leap(leap: np.ndarray, around: np.ndarray) -> bool:
    sizes = np.linalg.norm(around, axis=1)
    size = float(np.linalg.norm(leap))
    if int((np.abs(leap) > _FAR).sum()) >= _AXES and size > _LOST * sizes.max():
        return True  # so far that joints may have turned round meanwhile
    if sizes.min() < _LEAST_STEP * sizes.max() or size < _LOST * sizes.max() or sizes.max() < _LEAST_STEP:
        return False
    mean = around.mean(axis=0)
    if leap @ mean < _ALIKE * size * np.linalg.norm(mean):
        return False
    partakes = np.abs(leap) > 0.2 * np.abs(leap).max()
    leaping = np.abs(leap) > _LEAPING * np.abs(around).max(axis=0)
    return int((partakes & leaping).sum()) >= _AXES


def _missing(of: Sequence[Channel], episodes: Sequence[EpisodeRows]) -> list[Finding]:
    scales = high_steps(of, episodes)
    tally = Tally(
        kind="missing rows",
        subject="rows",
        remedy="Look whether the recorder dropped frames there; cut the episode at these rows",
        gravity="wrong",
    )
    for episode in episodes:
        rows = missing_rows(of, episode, scales)
        if len(rows):
            place = int(rows[0])
            tally.add(
                episode.index,
                float(len(rows)),
                f"time seems to be missing before {len(rows)} of {episode.length} rows: all joints take several steps "
                f"at once, first before row {place} ({episode.time_s[place]:.2f} s)",
            )
    return tally.findings(len(episodes))


@dataclass(frozen=True, slots=True)
class _Repeats:
    episode: EpisodeRows
    stretches: list[tuple[int, int]]  # in the midst of motion: first row that repeats the one before, and the row after
    moving: int  # rows in motion

    @property
    def rows(self) -> list[int]:
        """Every row that repeats the one before."""
        return [row for first, after in self.stretches for row in range(first, after)]


def _doubled(every: Sequence[Channel], episodes: Sequence[EpisodeRows]) -> list[Finding]:
    seen = {
        kind: [_repeats(of, episode, high_steps(of, episodes)) for episode in episodes]
        for kind in ("state", "action")
        if (of := [c for c in every if c.kind == kind])
    }
    slower = [each for kind, repeats in seen.items() for each in _slower(kind, repeats)]
    if slower or not seen:
        return slower
    tally = Tally(
        kind="doubled rows",
        subject="rows",
        remedy="Take the doubled rows and their frames out, or look what held the recorder up",
        gravity="suspect",
    )
    for of_episode in zip(*seen.values(), strict=True):
        # A robot that stops for a moment answers later than it is told to; a doubled row repeats all at once.
        common = set.intersection(*(set(each.stretches) for each in of_episode))
        rows = sorted(row for first, after in common for row in range(first, after))
        episode, moving = of_episode[0].episode, max(each.moving for each in of_episode)
        if len(rows) >= max(_TWICE_ROWS, _TWICE_SHARE * moving):
            tally.add(
                episode.index,
                float(len(rows)),
                f"{len(rows)} of {moving} rows in motion repeat the row before in every axis, first row {rows[0]} "
                f"({episode.time_s[rows[0]]:.2f} s)",
            )
    return tally.findings(len(episodes))


def _slower(kind: str, seen: Sequence[_Repeats]) -> list[Finding]:
    moving, again = sum(each.moving for each in seen), sum(len(each.rows) for each in seen)
    if not moving or again <= _SLOWER * moving:
        return []
    rate_hz = seen[0].episode.rate_hz
    return [
        Finding(
            kind="slower rate",
            subject=f"{kind} columns",
            found=f"{again} of {moving} rows in motion ({again / moving:.0%}) repeat the row before: new values "
            f"come at about {rate_hz * (1 - again / moving):.1f} Hz, rows at {rate_hz:g} Hz",
            remedy="Record at the rate of the slowest source, or convert the data set to that rate",
            gravity="suspect",
            share=again / moving,
        )
    ]


def _repeats(of: Sequence[Channel], episode: EpisodeRows, scales: Sequence[float]) -> _Repeats:
    """Rows that repeat the row before, with motion of the same way just before and just after."""
    taken = np.stack([steps(c, episode) / s for c, s in zip(of, scales, strict=True)], axis=1)
    size = np.linalg.norm(taken, axis=1)
    still = (taken == 0).all(axis=1)
    found: list[tuple[int, int]] = []
    for first, after in runs(still):
        if first == 0 or after == len(still) or after - first > _HELD_ROWS:
            continue
        before, behind = taken[first - 1], taken[after]
        least = min(size[first - 1], size[after])
        if least > _FULL_STEP and before @ behind > _ONWARDS * size[first - 1] * size[after]:
            found.append((first + 1, after + 1))
    rows = sum(after - first for first, after in found)
    return _Repeats(episode, found, int((size > _LEAST_STEP).sum()) + rows)


def brisk(of: Sequence[Channel], episodes: Sequence[EpisodeRows]) -> list[np.ndarray]:
    """Rows around which the robot moves at every single row: a picture that stands still there is none of its own.

    Returns:
        For each episode a mask over its rows.
    """
    scales = high_steps(of, episodes)
    found = []
    for episode in episodes:
        mask = np.zeros(episode.length, dtype=bool)
        if of:
            taken = np.stack([steps(c, episode) / s for c, s in zip(of, scales, strict=True)], axis=1)
            mask[1:] = np.linalg.norm(taken, axis=1) > _LEAST_STEP
        reach = max(1, round(_AROUND_S * episode.rate_hz))
        found.append(np.asarray(minimum_filter1d(mask.astype(np.uint8), 2 * reach + 1, mode="nearest") > 0))
    return found


def high_steps(of: Sequence[Channel], episodes: Sequence[EpisodeRows]) -> list[float]:
    """The step from row to row that 98 % of each channel's steps stay below, but no less than what is noise."""
    return [
        max(
            float(np.quantile(np.concatenate([np.abs(steps(c, e)) for e in episodes]), 0.98)),
            c.noise / max(1.0, episodes[0].rate_hz),
        )
        for c in of
    ]


def _stamps(episodes: Sequence[EpisodeRows]) -> list[Finding]:
    """What the stamps say, within what ingest lets pass."""
    uneven = Tally(
        kind="uneven clock",
        subject="time stamps",
        remedy="Stamp rows when they are measured, at an even rate; or resample the episode when converting",
        gravity="suspect",
    )
    drifts = Tally(
        kind="clock drifts",
        subject="time stamps",
        remedy="Write the true rate into meta/info.json, or stamp rows and frames by one clock",
        gravity="suspect",
    )
    for episode in episodes:
        gaps = np.diff(episode.time_s) * episode.rate_hz
        odd = np.flatnonzero(np.abs(gaps - 1) > _STAMP)
        if len(odd):
            worst = int(np.abs(gaps - 1).argmax())
            uneven.add(
                episode.index,
                float(len(odd)),
                f"{len(odd)} of {len(gaps)} rows come more than half a period early or late; row {worst + 1} comes "
                f"{gaps[worst]:.2f} periods after the one before",
            )
        off = float(gaps.sum() - len(gaps))
        slow = np.median(gaps) - 1
        if abs(off) > _DRIFT_ROWS and abs(slow * len(gaps)) > _DRIFT_ROWS:
            drifts.add(
                episode.index,
                abs(off),
                f"the last row is stamped {off:+.1f} periods off: stamps run at {episode.rate_hz / (1 + slow):.3f} Hz, "
                f"the data set says {episode.rate_hz:g} Hz",
            )
    return uneven.findings(len(episodes)) + drifts.findings(len(episodes))
