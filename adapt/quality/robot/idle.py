"""For how long does the robot do nothing?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adapt.embodiment.spec import Embodiment
from adapt.quality.robot.findings import Finding, listed
from adapt.quality.robot.masks import runs
from adapt.quality.robot.rows import EpisodeRows, channels, moving

LONG_S = 3.0  # A rest as long as this is no pause in the work.
_MOST_SHARE = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Rest in one episode."""

    episode: int
    seconds: float  # of the episode
    idle_s: float  # at rest, all in all
    rests: tuple[tuple[float, float], ...]  # from, to; in seconds, in order

    @property
    def stretches(self) -> tuple[tuple[float, float], ...]:
        """Rests of at least `LONG_S`."""
        return tuple((first, last) for first, last in self.rests if last - first >= LONG_S)


def idle_times(spec: Embodiment, episodes: Sequence[EpisodeRows]) -> list[Idle]:
    """When neither command nor state moves, one entry per episode.

    Args:
        spec: The body; with no axes everything is rest.
        episodes: In any order.
    """
    found = []
    for episode, mask in zip(episodes, moving(channels(spec), episodes), strict=True):
        found.append(
            Idle(
                episode=episode.index,
                seconds=episode.length / episode.rate_hz,
                idle_s=float(np.count_nonzero(~mask)) / episode.rate_hz,
                rests=tuple((first / episode.rate_hz, after / episode.rate_hz) for first, after in runs(~mask)),
            )
        )
    return found


def idle_share(times: Sequence[Idle]) -> float:
    """Share of all time at rest, in [0, 1]; 0 where there is none."""
    total = sum(each.seconds for each in times)
    return sum(each.idle_s for each in times) / total if total else 0.0


def examine_idle(times: Sequence[Idle]) -> list[Finding]:
    """Tell long rests, and a data set that rests too much.

    Returns:
        Kind "idle".
    """
    found: list[Finding] = []
    share = idle_share(times)
    if share > _MOST_SHARE:
        found.append(
            Finding(
                kind="idle",
                subject="rows",
                found=f"the robot rests for {share:.0%} of {sum(each.seconds for each in times) / 60:.1f} minutes",
                remedy="Cut the waiting away, or record again without it",
                gravity="suspect",
                share=share,
            )
        )
    long = [each for each in times if each.stretches]
    if long:
        worst_s, worst, start_s = max((last - first, e.episode, first) for e in long for first, last in e.stretches)
        places = tuple(each.episode for each in long)
        found.append(
            Finding(
                kind="idle",
                subject="rows",
                found=f"in {len(long)} of {len(times)} episodes ({listed(places)}) the robot rests for {LONG_S:g} s or "
                f"more on end; longest in episode {worst}, {worst_s:.1f} s from {start_s:.1f} s",
                remedy="Begin recording when it begins to move, end when it is done, and cut pauses away",
                gravity="suspect",
                episodes=places,
                share=len(long) / len(times),
            )
        )
    return found
