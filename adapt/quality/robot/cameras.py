"""Does every camera see, all the time, and is it the camera that it is called? Told by what its pictures look like."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from adapt.quality.robot.findings import Finding, Tally, listed
from adapt.quality.robot.masks import runs
from adapt.quality.robot.views import View

_DARK, _PLAIN = 30.0, 8.0  # grey levels: the brightest parts (percentile 95), and their step from the darkest
_BLIND_S = 1.0
_STILL = 0.6  # grey levels that no cell of a picture changes by
_FROZEN_S = 0.8
_MOVING = 0.8  # Share of a frozen stretch in which the robot moves.
_LIVELY = 4.0  # times the still level that pictures around a doubled frame change by
_TWICE_FRAMES, _TWICE_SHARE = 2, 0.01
_SLOWER = 0.15
_APART = 8.0  # grey levels by which two cameras' usual looks differ where they can be told from each other
_SWAP = 1.25  # times nearer to the other camera's look than to its own
_SAME = 1.0
_MOVED, _MOVED_TIMES = 12.0, 3.0
_FEW = 3


def examine_views(
    views: Mapping[str, Sequence[View]],
    moving: Mapping[int, np.ndarray],
    brisk: Mapping[int, np.ndarray],
    rate_hz: float,
) -> list[Finding]:
    """Look at all cameras of a data set.

    Args:
        views: By camera, one view per episode.
        moving: By episode, in which rows the robot moves.
        brisk: By episode, in which rows it does so without pausing.
        rate_hz: Rows a second.

    Returns:
        Kinds "black", "frozen", "doubled frames", "slower camera", "cameras swapped", "same picture" and
        "camera moved".
    """
    found: list[Finding] = []
    for camera, seen in views.items():
        found += _blind(camera, seen, rate_hz) + _frozen(camera, seen, moving, rate_hz)
        found += _doubled(camera, seen, brisk, rate_hz)
    swapped: set[int] = set()
    for one, other in combinations(views, 2):
        some = _swapped(one, other, views[one], views[other]) + _same(one, other, views[one], views[other])
        swapped |= {episode for finding in some for episode in finding.episodes}
        found += some
    for camera, seen in views.items():
        found += _moved(camera, [view for view in seen if view.episode not in swapped and not _is_blind(view).all()])
    return found


def _is_blind(view: View) -> np.ndarray:
    return np.asarray((view.high < _DARK) | (view.high - view.low < _PLAIN))


def _blind(camera: str, seen: Sequence[View], rate_hz: float) -> list[Finding]:
    tally = Tally(
        kind="black",
        subject=f"camera '{camera}'",
        remedy="Uncover or light the camera and record again, or leave these stretches out",
        gravity="wrong",
    )
    for view in seen:
        blind = _is_blind(view)
        if blind.sum() >= min(_BLIND_S * rate_hz, len(blind)):
            first = int(blind.argmax())
            tally.add(
                view.episode,
                float(blind.sum()),
                f"its picture is black or of one colour for {blind.sum() / rate_hz:.1f} of "
                f"{len(blind) / rate_hz:.1f} s, first at {first / rate_hz:.1f} s",
            )
    return tally.findings(len(seen))


def _frozen(camera: str, seen: Sequence[View], moving: Mapping[int, np.ndarray], rate_hz: float) -> list[Finding]:
    tally = Tally(
        kind="frozen",
        subject=f"camera '{camera}'",
        remedy="Look what held the camera up, and leave these stretches out or record them again",
        gravity="wrong",
    )
    for view in seen:
        busy = moving.get(view.episode, np.zeros(0, dtype=bool))
        longest = (0, 0)
        for first, after in runs(_still(view) & ~_is_blind(view)[1:]):
            there = busy[first:after]
            if after - first > longest[1] - longest[0] and len(there) and there.mean() >= _MOVING:
                longest = first, after
        seconds = (longest[1] - longest[0]) / rate_hz
        if seconds >= _FROZEN_S:
            tally.add(
                view.episode,
                seconds,
                f"its picture stands still for {seconds:.1f} s from {longest[0] / rate_hz:.1f} s, while the robot "
                "moves",
            )
    return tally.findings(len(seen))


def _still(view: View) -> np.ndarray:
    """Which frames are the one before again. Shape (t - 1,)."""
    return np.asarray(view.leap < _STILL)


def _doubled(camera: str, seen: Sequence[View], brisk: Mapping[int, np.ndarray], rate_hz: float) -> list[Finding]:
    tally = Tally(
        kind="doubled frames",
        subject=f"camera '{camera}'",
        remedy="Take doubled frames and their rows out, or look what held the camera up",
        gravity="suspect",
    )
    again = lively = 0
    for view in seen:
        step = view.leap
        busy = np.zeros(len(step), dtype=bool)
        there = brisk.get(view.episode, busy)[1 : len(step) + 1]
        busy[: len(there)] = there
        quick = (step > _LIVELY * _STILL) & busy
        alone = (step[1:-1] < _STILL) & busy[1:-1] & quick[:-2] & quick[2:]
        again, lively = again + int(alone.sum()), lively + int(quick.sum()) + int(alone.sum())
        if alone.sum() >= max(_TWICE_FRAMES, _TWICE_SHARE * (quick.sum() + alone.sum())):
            row = int(alone.argmax()) + 2
            tally.add(
                view.episode,
                float(alone.sum()),
                f"{alone.sum()} frames repeat the one before in the midst of motion, first frame {row} "
                f"({row / rate_hz:.2f} s)",
            )
    if lively and again > _SLOWER * lively:
        share = again / lively
        return [
            Finding(
                kind="slower camera",
                subject=f"camera '{camera}'",
                found=f"{share:.0%} of its frames in motion repeat the one before: it brings at most "
                f"{rate_hz * (1 - share):.0f} new pictures a second, rows come at {rate_hz:g} Hz",
                remedy="Record rows at the camera's rate, or set the camera to theirs",
                gravity="suspect",
                share=share,
            )
        ]
    return tally.findings(len(seen))


def _swapped(one: str, other: str, ones: Sequence[View], others: Sequence[View]) -> list[Finding]:
    """Episodes in which two cameras look like each other's usual; the fewer are the odd ones."""
    looks = {view.episode: _structure(view) for view in ones}
    pairs = [(v.episode, looks[v.episode], _structure(v)) for v in others if v.episode in looks]
    if len(pairs) < 2:
        return []
    flipped = np.zeros(len(pairs), dtype=bool)
    _, first, second = pairs[0]  # Whatever it is called there: which one is odd is told by number.
    for _ in range(_FEW):
        flipped = np.array([_crosswise(a, b, first, second) > _SWAP for _, a, b in pairs])
        kept = [(b, a) if flip else (a, b) for (_, a, b), flip in zip(pairs, flipped, strict=True)]
        first, second = (np.median(np.stack(side), axis=0) for side in zip(*kept, strict=True))
    if flipped.sum() > len(pairs) / 2:
        flipped = ~flipped
    if not flipped.any() or float(np.abs(first - second).mean()) < _APART:
        return []
    episodes = tuple(episode for (episode, _, _), flip in zip(pairs, flipped, strict=True) if flip)
    return [
        Finding(
            kind="cameras swapped",
            subject=f"cameras '{one}' and '{other}'",
            found=f"in {len(episodes)} of {len(pairs)} episodes ({listed(episodes)}) each shows what the other shows "
            "in the rest",
            remedy="Exchange their videos in these episodes",
            gravity="wrong",
            episodes=episodes,
            share=len(episodes) / len(pairs),
        )
    ]


def _crosswise(a: np.ndarray, b: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """How many times nearer the two looks are to the usual ones when exchanged."""
    straight = np.abs(a - first).mean() + np.abs(b - second).mean()
    crossed = np.abs(a - second).mean() + np.abs(b - first).mean()
    return float(straight / max(crossed, 1e-6))


def _structure(view: View) -> np.ndarray:
    """The usual look without the light's level, which changes from day to day."""
    return np.asarray(view.look - view.look.mean())


def _same(one: str, other: str, ones: Sequence[View], others: Sequence[View]) -> list[Finding]:
    by_episode = {view.episode: view for view in ones}
    alike = []
    for view in others:
        twin = by_episode.get(view.episode)
        if twin is None or _is_blind(view).all():
            continue
        if len(view.low) != len(twin.low):
            continue
        if float(np.abs(view.shots.astype(np.float64) - twin.shots).mean()) < _SAME:
            alike.append(view.episode)
    if not alike:
        return []
    return [
        Finding(
            kind="same picture",
            subject=f"cameras '{one}' and '{other}'",
            found=f"in {len(alike)} of {len(others)} episodes ({listed(alike)}) both hold the same pictures",
            remedy="Look which of the two is missing, and give the spec one camera until it is recorded",
            gravity="wrong",
            episodes=tuple(alike),
            share=len(alike) / len(others),
        )
    ]


def _moved(camera: str, seen: Sequence[View]) -> list[Finding]:
    """Episodes in which a camera's usual look is far from that of the others."""
    if len(seen) < _FEW + 1:
        return []
    looks = np.stack([_structure(view) for view in seen])
    away = np.abs(looks - np.median(looks, axis=0)).mean(axis=(1, 2, 3))
    least = max(_MOVED, _MOVED_TIMES * float(np.median(away)))
    tally = Tally(
        kind="camera moved",
        subject=f"camera '{camera}'",
        remedy="See whether it was moved or turned; if so, keep these episodes only if the robot will be filmed so",
        gravity="suspect",
    )
    for view, far in zip(seen, away, strict=True):
        if far > least:
            tally.add(
                view.episode,
                float(far),
                f"its picture differs from the usual by {far:.0f} grey levels, the others by {np.median(away):.0f}",
            )
    return tally.findings(len(seen))
