"""Do commands, state and pictures belong to the same moments? What the lags say, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from adapt.embodiment.spec import Embodiment
from adapt.quality.robot.chance import better_by_chance
from adapt.quality.robot.findings import Finding, Gravity, Tally
from adapt.quality.robot.lag import (
    Explaining,
    Lag,
    command_lag,
    explained,
    explained_frames,
    explaining,
    lags_at,
    picture_lag,
    smoothed,
)
from adapt.quality.robot.rows import EpisodeRows, channels, spread

_SLOW_S = 0.5  # A robot that answers later is slow, or its columns are not of one clock.
_BEFORE_ROWS = 0.5
_VIDEO_S, _VIDEO_ROWS = 0.12, 1.5  # Exposure and transfer take some 0.1 s with most cameras.
_OWN_S, _OWN_ROWS = 0.1, 2.0  # by which one episode's lag differs from the set's
_OWN_LENGTH_S, _OWN_LENGTH_ROWS = 6.0, 80  # Shorter episodes are not judged alone.
_OWN_FIT = 0.5  # correlation of what is predicted with what is seen, at the episode's own lag
_OWN_BETTER = 0.15  # than at the set's
_HALF_BETTER = 0.05  # in each half of the episode
_OWN_CHANCE = 0.05  # probability that the episode's own lag is better by chance, most
_RIDGE = 1e-3

Motion = Sequence[Float[np.ndarray, " _t"]]  # of one camera, by episode


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How the clocks of one data set stand to each other, in seconds.

    Attributes:
        command_to_state: How much later the state is than its command.
        state_to_picture: By camera: how much later the picture is than the state; 0 where both are stamped alike.
        command_to_picture: By camera: the whole latency from a command to its effect in the picture.
    """

    command_to_state: Lag
    state_to_picture: dict[str, Lag]
    command_to_picture: dict[str, Lag]


def measure_latency(spec: Embodiment, episodes: Sequence[EpisodeRows], motion: Mapping[str, Motion]) -> Latency:
    """Estimate all lags of a data set.

    Args:
        spec: The body.
        episodes: At least one.
        motion: By camera and, in the order of the episodes, how much its picture changes from row to row.
    """
    every = channels(spec)
    state, actions = ([c for c in every if c.kind == kind] for kind in ("state", "action"))
    return Latency(
        command_to_state=command_lag(spec, episodes),
        state_to_picture={camera: picture_lag(state, episodes, seen) for camera, seen in motion.items()},
        command_to_picture={camera: picture_lag(actions, episodes, seen) for camera, seen in motion.items()},
    )


def examine_latency(
    spec: Embodiment, episodes: Sequence[EpisodeRows], motion: Mapping[str, Motion], latency: Latency
) -> list[Finding]:
    """Tell lags that spoil training.

    Args:
        spec: The body.
        episodes: At least one.
        motion: As `measure_latency` takes it.
        latency: What it has measured.

    Returns:
        Kinds "state before command", "slow answer", "video shifted" and "episode's video shifted".
    """
    rate_hz = episodes[0].rate_hz
    found = examine_commands_lag(latency.command_to_state, rate_hz)
    for camera, seen in motion.items():
        lag = latency.state_to_picture[camera]
        found += _video(camera, lag, rate_hz)
        # Where the set's own lag cannot be told, that of one episode may be chance.
        gravity: Gravity = "suspect" if lag.seconds is None else "wrong"
        found += [replace(odd, gravity=gravity) for odd in _odd_episodes(spec, camera, episodes, seen)]
    return found


def examine_commands_lag(lag: Lag, rate_hz: float) -> list[Finding]:
    """Tell a state that comes before its command, or long after.

    Args:
        lag: How much later the state is than its command.
        rate_hz: Rows a second.

    Returns:
        Kinds "state before command" and "slow answer".
    """
    if lag.low is None or lag.high is None:
        return []
    if lag.high < -_BEFORE_ROWS / rate_hz:
        return [
            Finding(
                kind="state before command",
                subject="action columns",
                found=f"the state moves {_told(lag)} before its command, which nobody can teach",
                remedy="Look whether actions are stamped late or the state early, and shift one by whole rows",
                gravity="wrong",
            )
        ]
    if lag.low > _SLOW_S:
        return [
            Finding(
                kind="slow answer",
                subject="action columns",
                found=f"the state follows its command only {_told(lag)} later",
                remedy="Look whether actions are stamped early or the state late; a robot answers within 0.5 s",
                gravity="suspect",
            )
        ]
    return []


def _video(camera: str, lag: Lag, rate_hz: float) -> list[Finding]:
    tolerated_s = max(_VIDEO_S, _VIDEO_ROWS / rate_hz)
    if lag.low is None or lag.high is None or lag.seconds is None or -tolerated_s <= lag.seconds <= tolerated_s:
        return []
    if lag.low <= tolerated_s / 2 and lag.high >= -tolerated_s / 2:
        return []  # Too uncertain to say.
    late = lag.seconds > 0
    rows = abs(round(lag.seconds * rate_hz))
    return [
        Finding(
            kind="video shifted",
            subject=f"camera '{camera}'",
            found=f"the picture shows what the rows say {_told(lag)} {'earlier' if late else 'later'}: "
            f"some {rows} rows",
            remedy=f"Shift the video by {rows} frames against the rows when converting, and mend the recorder's clock",
            gravity="wrong",
        )
    ]


def _odd_episodes(spec: Embodiment, camera: str, episodes: Sequence[EpisodeRows], seen: Motion) -> list[Finding]:
    """Episodes whose own lag is another than the set's, which these very episodes may have made uncertain."""
    tally = Tally(
        kind="episode's video shifted",
        subject=f"camera '{camera}'",
        remedy="Look at these episodes beside their rows; shift their videos, or leave them out",
        gravity="wrong",
    )
    rate_hz = episodes[0].rate_hz
    lags = lags_at(rate_hz)
    used = [c for c in channels(spec) if c.kind == "state" and spread(c, episodes) > c.noise]
    scales = [spread(c, episodes) for c in used]
    sums = [explaining(used, scales, e, motion, lags, 1) for e, motion in zip(episodes, seen, strict=True)]
    parts = [part[0] for part in sums if part]
    if not used or not parts:
        return []
    usual = int(explained(parts).argmax())
    least = max(_OWN_ROWS, _OWN_S * rate_hz)
    for episode, own, motion in zip(episodes, sums, seen, strict=True):
        others = [part for part in parts if not own or part is not own[0]]
        if not own or not others or episode.length < max(_OWN_LENGTH_ROWS, _OWN_LENGTH_S * rate_hz):
            continue
        weights = _weights(others, usual)
        curve = _fit(own[0], weights)
        place = int(curve.argmax())
        off = lags[place] - lags[usual]
        if abs(off) < least or curve[place] < _OWN_FIT or curve[place] - curve[usual] < _OWN_BETTER:
            continue
        halves = [_fit(half, weights) for half in explaining(used, scales, episode, motion, lags, 2)]
        if not all(half[place] - half[usual] > _HALF_BETTER for half in halves):
            continue
        speeds, shown = smoothed(used, scales, episode, motion)
        if _chance(speeds @ weights, shown, lags, place, usual) < _OWN_CHANCE:
            tally.add(
                episode.index,
                float(abs(off)),
                f"the picture shows what the rows say {abs(off) / rate_hz:.2f} s {'earlier' if off > 0 else 'later'} "
                f"({abs(off)} rows) than in the other episodes",
            )
    return tally.findings(len(episodes))


def _chance(predicted: np.ndarray, seen: np.ndarray, lags: Sequence[int], place: int, usual: int) -> float:
    """How likely what is seen fits the prediction better at one lag than at the usual one by chance."""
    frames = explained_frames(len(seen), lags)
    better, worse = (predicted[frames - lags[each]] for each in (place, usual))
    return better_by_chance(seen[frames], better, worse, tried=len(lags))


def _weights(parts: Sequence[Explaining], place: int) -> np.ndarray:
    squares = np.sum([part.squares[place] for part in parts], axis=0)
    products = np.sum([part.products[place] for part in parts], axis=0)
    ridge = _RIDGE * float(np.trace(squares)) / len(squares) + 1e-12
    return np.asarray(np.linalg.solve(squares + ridge * np.eye(len(squares)), products))


def _fit(part: Explaining, weights: np.ndarray) -> np.ndarray:
    """Correlation of what these weights predict with what is seen, at every lag."""
    size = np.sqrt(np.maximum(np.einsum("i,lij,j->l", weights, part.squares, weights) * part.total, 1e-24))
    return np.asarray(part.products @ weights / size)


def _told(lag: Lag) -> str:
    assert lag.seconds is not None
    assert lag.low is not None
    assert lag.high is not None
    ends = sorted((abs(lag.low), abs(lag.high)))
    return f"{abs(lag.seconds):.2f} s ({ends[0]:.2f} to {ends[1]:.2f})"
