"""By how much does one thing come after another? Cross-correlation, with an interval by bootstrap over episodes.

- A state after its command: correlation of their changes.
- The picture after the robot's numbers: how much of the picture's motion the speeds of all axes explain together, a
  ridge regression at every lag. Joints differ in how much of the picture they move, which no sum of speeds knows.

Sums are kept per episode, so that drawing episodes again with replacement costs no second look at the data.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from adapt.embodiment.spec import Embodiment
from adapt.quality.robot.correlate import Following, added, changes, following
from adapt.quality.robot.rows import Channel, EpisodeRows, channels, counterpart, spread

LONGEST_S = 1.0  # either way
RESAMPLES = 300
CONFIDENCE = 0.95
_LEAST_EPISODES = 8  # Fewer are cut into thirds, so that there is something to draw from.
_PARTS = 3
_LEAST_ROWS = 20
_FOLLOWS = 0.3  # correlation of a state with its command, least
_EXPLAINS = 0.15  # share of the picture's motion that the speeds explain, least
_STANDS_OUT = 0.08  # by which the best lag beats the middle one of all
_WIDEST_S = 0.4  # interval that still says something
_RIDGE = 1e-3
_SMOOTH_S = 0.1
_BETWEEN_ROWS = 0.25  # Rows by which a peak between rows may be off, whatever episodes are drawn.


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How much later one thing is than another.

    Attributes:
        seconds: The estimate, positive where it is later; None where the data cannot tell.
        low: Lower end of the interval, in seconds; None with `seconds`.
        high: Upper end.
        fit: Correlation, or share explained, at the best lag.
        units: Episodes, or parts of them, that were drawn again.
        unknown: Why the data cannot tell, in words; "" where it can.
    """

    seconds: float | None
    low: float | None
    high: float | None
    fit: float
    units: int
    unknown: str = ""

    @property
    def words(self) -> str:
        """The estimate with its interval, for people."""
        if self.seconds is None or self.low is None or self.high is None:
            return f"cannot be told: {self.unknown}"
        # A zero has no sign.
        middle, low, high = (round(end, 2) + 0.0 for end in (self.seconds, self.low, self.high))
        return f"{middle:.2f} s ({low:.2f} to {high:.2f})"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explaining:
    """Sums of a regression of the picture's motion on speeds, for every lag; of one stretch."""

    squares: Float[np.ndarray, "lags c c"]
    products: Float[np.ndarray, "lags c"]
    total: Float[np.ndarray, " lags"]


def command_lag(spec: Embodiment, episodes: Sequence[EpisodeRows], *, seed: int = 0) -> Lag:
    """How much later the state is than its command, over all axes that have both; grippers are passed over."""
    every = [c for c in channels(spec) if not c.axis.gripper and spread(c, episodes) > c.noise]
    pairs = [(c, other) for c in every if c.kind == "action" and (other := counterpart(c, every)) is not None]
    if not pairs:
        return _unknown("no axis that moves has both a command and a state")
    lead, follow = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    sizes = np.array([(spread(a, episodes), spread(s, episodes)) for a, s in pairs])
    lags = lags_at(episodes[0].rate_hz)
    units = [
        following(changes(lead, part) / sizes[:, 0], changes(follow, part) / sizes[:, 1], lags)
        for part in _units(episodes)
    ]

    def fit(drawn: Sequence[int]) -> np.ndarray:
        """Correlation of all axes together at every lag, of the units drawn; shape (lags,)."""
        sums: Following = added([units[place] for place in drawn])
        own = np.einsum("laa->l", sums.products)
        return np.asarray(own / max(1e-300, float(np.sqrt(sums.lead.sum() * sums.follow.sum()))))

    return _estimate(fit, len(units), lags, episodes[0].rate_hz, seed=seed, least=_FOLLOWS)


def picture_lag(
    of: Sequence[Channel], episodes: Sequence[EpisodeRows], motion: Sequence[Float[np.ndarray, " _t"]], *, seed: int = 0
) -> Lag:
    """How much later the picture is than these channels.

    Args:
        of: State axes for the offset of video and rows (0 where both are stamped alike), action axes for the whole
            latency from a command to the picture.
        episodes: At least one.
        motion: For each of them, how much the picture changes from each row's frame to the next; at most as long as its
            steps.
        seed: Of the bootstrap.
    """
    used = [c for c in of if spread(c, episodes) > c.noise]
    if not used:
        return _unknown("no axis moves")
    lags = lags_at(episodes[0].rate_hz)
    scales = [spread(c, episodes) for c in used]
    parts = 1 if len(episodes) >= _LEAST_EPISODES else _PARTS
    units = [
        sums
        for episode, seen in zip(episodes, motion, strict=True)
        for sums in explaining(used, scales, episode, seen, lags, parts)
    ]
    if not units:
        return _unknown("the episodes are too short")
    return _estimate(
        lambda drawn: explained([units[place] for place in drawn]),
        len(units),
        lags,
        episodes[0].rate_hz,
        seed=seed,
        least=_EXPLAINS,
    )


def explaining(
    used: Sequence[Channel],
    scales: Sequence[float],
    episode: EpisodeRows,
    motion: Float[np.ndarray, " _t"],
    lags: Sequence[int],
    parts: int,
) -> list[Explaining]:
    """Sums of an episode's parts, all of like length; none of an episode that is too short."""
    length = min(len(motion), episode.length - 1)
    if length < max(_LEAST_ROWS, 3 * max(lags)):
        return []
    speeds, seen = smoothed(used, scales, episode, motion)
    edges = np.linspace(0, length, parts + 1).round().astype(int)
    return [_sums(speeds, seen, lags, a, b) for a, b in pairwise(edges.tolist())]


def smoothed(
    used: Sequence[Channel], scales: Sequence[float], episode: EpisodeRows, motion: Float[np.ndarray, " _t"]
) -> tuple[Float[np.ndarray, "t c"], Float[np.ndarray, " t"]]:
    """Speeds of an episode's channels in units of their scales, and the picture's motion; means over some 0.1 s."""
    length = min(len(motion), episode.length - 1)
    paths = np.stack([c.path(episode) / s for c, s in zip(used, scales, strict=True)], axis=1)
    speeds = _smooth(np.abs(np.diff(paths, axis=0))[:length], episode.rate_hz)
    return speeds, _smooth(np.asarray(motion[:length], dtype=np.float64)[:, None], episode.rate_hz)[:, 0]


def explained_frames(length: int, lags: Sequence[int]) -> NDArray[np.int64]:
    """Frames of an episode that are explained: the same at every lag, so that all have rows."""
    reach = max(abs(lag) for lag in lags)
    return np.arange(reach, length - reach)


def _sums(speeds: np.ndarray, seen: np.ndarray, lags: Sequence[int], first: int, last: int) -> Explaining:
    """One stretch; the same frames are explained at every lag, by rows from before or after them."""
    frames = explained_frames(len(seen), lags)
    frames = frames[(frames >= first) & (frames < last)]
    size = speeds.shape[1]
    squares, products, total = np.zeros((len(lags), size, size)), np.zeros((len(lags), size)), np.zeros(len(lags))
    if len(frames) > 1:
        target = seen[frames] - seen[frames].mean()
        for place, lag in enumerate(lags):
            there = speeds[frames - lag]
            there = there - there.mean(axis=0)
            squares[place], products[place], total[place] = there.T @ there, there.T @ target, target @ target
    return Explaining(squares=squares, products=products, total=total)


def explained(parts: Sequence[Explaining]) -> Float[np.ndarray, " lags"]:
    """Share of the picture's motion that the speeds explain, at every lag."""
    squares = np.sum([part.squares for part in parts], axis=0)
    products = np.sum([part.products for part in parts], axis=0)
    total = np.sum([part.total for part in parts], axis=0)
    size = squares.shape[-1]
    level = np.trace(squares, axis1=1, axis2=2)[:, None, None] / size
    weights = np.linalg.solve(squares + (_RIDGE * level + 1e-12) * np.eye(size), products[:, :, None])[:, :, 0]
    return np.asarray((weights * products).sum(axis=1) / np.maximum(total, 1e-12))


def _estimate(
    fit: Callable[[Sequence[int]], np.ndarray],
    units: int,
    lags: Sequence[int],
    rate_hz: float,
    *,
    seed: int,
    least: float,
) -> Lag:
    curve = fit(range(units))
    best = float(curve.max())
    place = int(curve.argmax())
    draw = np.random.default_rng(seed)
    drawn = [_peak(fit(draw.integers(0, units, units).tolist()), lags) / rate_hz for _ in range(RESAMPLES)]
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(end) for end in np.quantile(drawn, [tail, 1 - tail]))
    why = ""
    if best < least:
        why = f"at no lag does one explain the other ({best:.2f} at best, {least:.2f} is needed)"
    elif place in (0, len(lags) - 1):
        why = f"the best lag lies at the end of the {LONGEST_S:g} s that are searched"
    elif best - float(np.median(curve)) < _STANDS_OUT:
        why = "no lag stands out: motion is too even"
    elif high - low > _WIDEST_S:
        why = f"the interval is too wide ({low:.2f} to {high:.2f} s)"
    if why:
        return _unknown(why, best, units)
    seconds, blur_s = _peak(curve, lags) / rate_hz, _BETWEEN_ROWS / rate_hz
    return Lag(seconds=seconds, low=min(low, seconds) - blur_s, high=max(high, seconds) + blur_s, fit=best, units=units)


def _peak(curve: np.ndarray, lags: Sequence[int]) -> float:
    """The best lag in rows, between rows by a parabola through the three best."""
    place = int(curve.argmax())
    if place in (0, len(curve) - 1):
        return float(lags[place])
    before, there, after = (float(value) for value in curve[place - 1 : place + 2])
    bend = before - 2 * there + after
    return lags[place] + (0.5 * (before - after) / bend if bend < 0 else 0.0)


def _unknown(why: str, fit: float = 0.0, units: int = 0) -> Lag:
    return Lag(seconds=None, low=None, high=None, fit=fit, units=units, unknown=why)


def lags_at(rate_hz: float) -> range:
    """Lags that are tried, in rows: a second either way."""
    longest = max(2, round(LONGEST_S * rate_hz))
    return range(-longest, longest + 1)


def _units(episodes: Sequence[EpisodeRows]) -> list[EpisodeRows]:
    """What is drawn again: episodes, or thirds of them where there are few."""
    if len(episodes) >= _LEAST_EPISODES:
        return list(episodes)
    return [part for episode in episodes for part in _thirds(episode)]


def _thirds(episode: EpisodeRows) -> list[EpisodeRows]:
    edges = np.linspace(0, episode.length, _PARTS + 1).round().astype(int)
    return [
        EpisodeRows(
            index=episode.index,
            rate_hz=episode.rate_hz,
            time_s=episode.time_s[first:last],
            actions=episode.actions[first:last],
            state=episode.state[first:last],
        )
        for first, last in pairwise(edges.tolist())
    ]


def _smooth(values: np.ndarray, rate_hz: float) -> np.ndarray:
    """Mean over about 0.1 s, evenly to both sides, so that it moves nothing in time."""
    half = round(_SMOOTH_S * rate_hz / 2)
    if half < 1:
        return values
    padded = np.pad(values, ((half + 1, half), (0, 0)), mode="edge").cumsum(axis=0)
    return np.asarray((padded[2 * half + 1 :] - padded[: -2 * half - 1]) / (2 * half + 1))
