"""The whole examination of a robot's data set: what the doctor asks for, and gets findings and figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adapt.data.episodes import Episode, EpisodeSource
from adapt.embodiment.spec import Embodiment
from adapt.errors import AdaptError
from adapt.quality.robot.cameras import examine_views
from adapt.quality.robot.channels import examine_channels
from adapt.quality.robot.clock import brisk, examine_clock
from adapt.quality.robot.coverage import AxisCoverage, Limits, Twins, examine_coverage, find_twins, measure_coverage
from adapt.quality.robot.findings import Finding, Tally, by_gravity
from adapt.quality.robot.idle import Idle, examine_idle, idle_times
from adapt.quality.robot.latency import Latency, examine_latency, measure_latency
from adapt.quality.robot.order import examine_order
from adapt.quality.robot.rows import EpisodeRows, channels, moving, read_rows, spread
from adapt.quality.robot.units import examine_units
from adapt.quality.robot.views import View, watch
from adapt.runs.cache import Cache

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotExamination:
    """Everything that was found in a robot's data set.

    Attributes:
        findings: The gravest first.
        episodes: How many were examined.
        seconds: How long they last, all in all.
        coverage: Per axis.
        idle: Per episode.
        latency: None where no episode could be examined.
        twins: Episodes that repeat another.
        unread: (session or file, reason) of what could not be examined; ingest leaves it out for the same reason.
    """

    findings: tuple[Finding, ...]
    episodes: int
    seconds: float
    coverage: tuple[AxisCoverage, ...]
    idle: tuple[Idle, ...]
    latency: Latency | None
    twins: tuple[Twins, ...]
    unread: tuple[tuple[str, str], ...]


def examine_robot(
    source: EpisodeSource, spec: Embodiment, *, limits: Limits | None = None, progress: Progress | None = None
) -> RobotExamination:
    """Read every row and every frame of a data set, and tell what is wrong and what is covered.

    Call `check_body` first: a spec that does not fit is refused there.

    Args:
        source: The data set.
        spec: The body.
        limits: By axis name, what the robot can reach.
        progress: Called after each episode with how many are watched, and of how many.

    Raises:
        DataError: The data set cannot be read at all.
    """
    episodes, problems = source.episodes([camera.column for camera in spec.cameras])
    found = examine_episodes(source, episodes, spec, limits=limits, progress=progress)
    return replace(found, unread=(*problems, *found.unread))


def examine_episodes(
    source: EpisodeSource,
    episodes: Sequence[Episode],
    spec: Embodiment,
    *,
    limits: Limits | None = None,
    cache: Cache | None = None,
    progress: Progress | None = None,
) -> RobotExamination:
    """As `examine_robot`, of episodes that were listed already.

    Args:
        source: The data set.
        episodes: Of the data set.
        spec: The body.
        limits: By axis name, what the robot can reach.
        cache: Where what the cameras saw is kept; None keeps nothing.
        progress: Called after each episode with how many are watched, and of how many.
    """
    rows, unread = read_rows(source, episodes, spec)
    good = {each.index for each in rows}
    watched = _watch_all([e for e in episodes if e.index in good], spec, cache, progress)
    found = examine(spec, rows, watched.views, limits=limits, unread=unread)
    return replace(found, findings=tuple(by_gravity([*watched.broken, *found.findings])))


def examine(
    spec: Embodiment,
    rows: Sequence[EpisodeRows],
    views: Mapping[str, Sequence[View]],
    *,
    limits: Limits | None = None,
    unread: Sequence[tuple[str, str]] = (),
) -> RobotExamination:
    """Examine what was read; a pure function.

    Args:
        spec: The body.
        rows: Its episodes' numbers, in order.
        views: By camera, views of these episodes in their order; episodes without one are looked at by numbers alone.
        limits: By axis name, what the robot can reach.
        unread: What could not be read.
    """
    if not rows:
        return RobotExamination(
            findings=(), episodes=0, seconds=0.0, coverage=(), idle=(), latency=None, twins=(), unread=tuple(unread)
        )
    coverage, twins = measure_coverage(spec, rows, limits), find_twins(spec, rows)
    idle = idle_times(spec, rows)
    units = examine_units(spec, rows)
    misread = {finding.subject for finding in units}
    # An axis in degrees, read as radians, seems to leap by whole turns.
    found = [f for f in examine_channels(spec, rows) if f.kind not in ("jumps", "wraps") or f.subject not in misread]
    found += units + examine_order(spec, rows)
    found += examine_clock(spec, rows) + examine_idle(idle) + examine_coverage(coverage, twins, len(rows))
    motion = {camera: _motion(rows, seen) for camera, seen in views.items()}
    latency = measure_latency(spec, rows, motion)
    found += examine_latency(spec, rows, motion, latency)
    arms = [c for c in channels(spec) if not c.axis.gripper]
    measured = [c for c in arms if c.kind == "state" and spread(c, rows) > c.noise]
    busy, without_pause = (
        {episode.index: mask for episode, mask in zip(rows, masks, strict=True)}
        for masks in (moving(arms, rows), brisk(measured or arms, rows))
    )
    found += examine_views(views, busy, without_pause, rows[0].rate_hz)
    return RobotExamination(
        findings=tuple(by_gravity(found)),
        episodes=len(rows),
        seconds=sum(episode.length / episode.rate_hz for episode in rows),
        coverage=tuple(coverage),
        idle=tuple(idle),
        latency=latency,
        twins=tuple(twins),
        unread=tuple(unread),
    )


def _motion(rows: Sequence[EpisodeRows], seen: Sequence[View]) -> list[np.ndarray]:
    by_episode = {view.episode: view.motion for view in seen}
    return [by_episode.get(episode.index, np.zeros(0)) for episode in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class _WatchedAll:
    """What all cameras saw, and videos that break off."""

    views: dict[str, list[View]]
    broken: list[Finding]


def _watch_all(
    episodes: Sequence[Episode], spec: Embodiment, cache: Cache | None, progress: Progress | None
) -> _WatchedAll:
    views: dict[str, list[View]] = {camera.name: [] for camera in spec.cameras}
    broken = {
        camera.name: Tally(
            kind="broken video",
            subject=f"camera '{camera.name}'",
            remedy="Copy these videos again, or leave the episodes out",
            gravity="wrong",
        )
        for camera in spec.cameras
    }
    for done, episode in enumerate(episodes, start=1):
        for camera in spec.cameras:
            try:
                views[camera.name].append(watch(episode, camera.name, camera.column, cache))
            except AdaptError as error:
                broken[camera.name].add(episode.index, 0.0, f"its video cannot be read to its end ({_short(error)})")
        if progress is not None:
            progress(done, len(episodes))
    found = [finding for tally in broken.values() for finding in tally.findings(len(episodes))]
    return _WatchedAll(views=views, broken=found)


def _short(error: AdaptError) -> str:
    return str(error).partition("; ")[0].rstrip(".")
