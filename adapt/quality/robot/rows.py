"""What does the examination look at? Every episode's numbers in the order of the body's axes, and how these move."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from adapt.data.episodes import Episode, EpisodeSource
from adapt.embodiment.spec import Axis, Embodiment
from adapt.errors import AdaptError

Kind = Literal["action", "state"]
# Motion below this is noise of a sensor or the hand of a teleoperator at rest; a unit that is not listed has none.
NOISE = {"rad": 0.02, "deg": 1.0, "m": 0.002, "share": 0.02}
GUESS = "?"  # ends a unit that nobody told: what counts as noise goes by it, and nothing else
CONSTANT = 1e-6  # As statistics of a body have it: a range below this, in any unit, is rounding.
_TAIL = 0.005  # of the rows on either side that a spread passes over: spikes are no range
_PACE_S = 0.3  # over which a speed is measured where rest is told from motion
_REST = 0.05  # of an axis's high speed: slower is rest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpisodeRows:
    """One episode: its clock, and one column per axis of the spec. All finite, in the data's own units."""

    index: int
    rate_hz: float
    time_s: Float[np.ndarray, " t"]
    actions: Float[np.ndarray, "t a"]
    state: Float[np.ndarray, "t s"]

    @property
    def length(self) -> int:
        """Rows."""
        return len(self.time_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One axis of the spec, and its place among the actions or the state."""

    kind: Kind
    place: int
    axis: Axis

    @property
    def where(self) -> str:
        """Its name in findings."""
        return f"{self.kind} axis '{self.axis.name}' ({self.axis.column}[{self.axis.index}])"

    @property
    def noise(self) -> float:
        """Motion that is none, in the axis's unit."""
        return noise_of(self.axis.unit)

    def values(self, episode: EpisodeRows) -> Float[np.ndarray, " t"]:
        """What the data has, row by row."""
        return (episode.actions if self.kind == "action" else episode.state)[:, self.place]

    def path(self, episode: EpisodeRows) -> Float[np.ndarray, " t"]:
        """Where the axis is, or is sent to: an increment's are added up."""
        values = self.values(episode)
        return np.cumsum(values) if self.axis.increment else values


def noise_of(unit: str) -> float:
    """Motion that is none, in this unit, which may be a guess."""
    return NOISE.get(unit.removesuffix(GUESS), CONSTANT)


def channels(spec: Embodiment) -> list[Channel]:
    """Every axis of a body, actions first."""
    pairs: tuple[tuple[Kind, tuple[Axis, ...]], ...] = (("action", spec.actions), ("state", spec.state))
    return [Channel(kind=kind, place=place, axis=axis) for kind, axes in pairs for place, axis in enumerate(axes)]


def counterpart(channel: Channel, of: Sequence[Channel]) -> Channel | None:
    """The state of an action's name, or the action of a state's; None where there is none."""
    return next((other for other in of if other.kind != channel.kind and other.axis.name == channel.axis.name), None)


def read_rows(
    source: EpisodeSource, episodes: Sequence[Episode], spec: Embodiment
) -> tuple[list[EpisodeRows], list[tuple[str, str]]]:
    """Read the axes of every episode; memory is 8 bytes a number.

    Returns:
        Episodes in order; and (session, reason) of those that cannot be read or hold NaN or infinity, which ingest
        leaves out as well.
    """
    good: list[EpisodeRows] = []
    problems: list[tuple[str, str]] = []
    for episode in episodes:
        try:
            table = source.table(episode, spec.columns)
        except AdaptError as error:
            problems.append((episode.session, str(error)))
            continue
        actions, state = (
            np.stack([table.columns[axis.column][:, axis.index].numpy() for axis in axes], axis=1)
            if axes
            else np.zeros((len(table.time_s), 0))
            for axes in (spec.actions, spec.state)
        )
        if not (np.isfinite(actions).all() and np.isfinite(state).all()):
            problems.append((episode.session, "its actions or state hold NaN or infinity"))
            continue
        rows = EpisodeRows(
            index=episode.index, rate_hz=episode.rate_hz, time_s=table.time_s.numpy(), actions=actions, state=state
        )
        good.append(rows)
    return good, problems


def together(channel: Channel, episodes: Sequence[EpisodeRows]) -> Float[np.ndarray, " n"]:
    """A channel's values in all episodes, one after the other."""
    return np.concatenate([channel.values(episode) for episode in episodes]) if episodes else np.zeros(0)


def spread(channel: Channel, episodes: Sequence[EpisodeRows]) -> float:
    """How far a channel's path reaches in the middle 99 % of all rows, in its unit; 0 where there are none."""
    if not episodes:
        return 0.0
    paths = [channel.path(episode) for episode in episodes]
    if channel.axis.increment:  # Its zero is each episode's own.
        return max(float(np.ptp(path)) for path in paths)
    low, high = np.quantile(np.concatenate(paths), [_TAIL, 1 - _TAIL])
    return float(high - low)


def steps(channel: Channel, episode: EpisodeRows) -> Float[np.ndarray, " _t"]:
    """Change of the path from each row to the next. Shape (t - 1,)."""
    return np.diff(channel.path(episode))


def moving(of: Sequence[Channel], episodes: Sequence[EpisodeRows]) -> list[np.ndarray]:
    """In which rows does the robot move? It rests while all of these channels are slow.

    Returns:
        For each episode a mask over its rows.
    """
    masks = [np.zeros(episode.length, dtype=bool) for episode in episodes]
    used = [channel for channel in of if spread(channel, episodes) > channel.noise]
    paces = [[_speed(channel, episode) for episode in episodes] for channel in used]
    high = [float(np.quantile(np.concatenate(speeds), 0.98)) for speeds in paces]
    for channel, speeds in zip(used, paces, strict=True):
        # A joint that hardly moves trembles; what counts as motion is told by the liveliest of its unit.
        liveliest = max(pace for other, pace in zip(used, high, strict=True) if other.axis.unit == channel.axis.unit)
        least = max(_REST * liveliest, channel.noise)
        for mask, speed in zip(masks, speeds, strict=True):
            mask |= speed > least
    return masks


def _speed(channel: Channel, episode: EpisodeRows) -> np.ndarray:
    """Speed around each row, in units a second."""
    path = channel.path(episode)
    back = max(1, round(_PACE_S * episode.rate_hz / 2))
    padded = np.pad(path, back, mode="edge")
    return np.asarray(np.abs(padded[2 * back :] - padded[: -2 * back]) * episode.rate_hz / (2 * back))
