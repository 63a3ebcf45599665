"""A robot's episodes as clean as they come, and faults planted in them.

The clean ones are made here, of smooth reaches between rests, with a state that follows its command one row later, some
noise of a sensor, and two cameras that film the joints as discs before walls of their own. Every function that plants
takes a `Play` and gives another; what it is given stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from adapt.embodiment.spec import Embodiment
from adapt.quality.robot.rows import EpisodeRows
from adapt.quality.robot.views import View, view

RATE_HZ = 10.0
AXES = ("shoulder", "elbow", "wrist", "lift", "grip")
UNITS = ("rad", "rad", "rad", "m", "share")
SIZE = 48
CAMERAS = ("front", "side")


@dataclass(frozen=True, kw_only=True, eq=False)
class Play:
    """Episodes in memory: numbers, and by camera the frames of each, uint8 (t, h, w, 3)."""

    spec: Embodiment
    rows: tuple[EpisodeRows, ...]
    frames: dict[str, tuple[np.ndarray, ...]]

    @property
    def views(self) -> dict[str, list[View]]:
        return {
            camera: [
                view(rows.index, camera, torch.from_numpy(film), len(film))
                for rows, film in zip(self.rows, films, strict=True)
            ]
            for camera, films in self.frames.items()
        }


def arm_spec(cameras: Sequence[str] = CAMERAS) -> Embodiment:
    def axes(column: str) -> list[dict[str, object]]:
        return [
            {"name": name, "unit": unit, "column": column, "index": index, "gripper": name == "grip"}
            for index, (name, unit) in enumerate(zip(AXES, UNITS, strict=True))
        ]

    entry = {
        "name": "arm",
        "prompt": "A robot: {instruction}",
        "cameras": [{"name": name, "column": f"observation.images.{name}", "slot": name} for name in cameras],
        "actions": axes("action"),
        "state": axes("observation.state"),
    }
    return Embodiment.from_json(entry, source="arm.yaml")


def clean_play(episodes: int = 4, *, seconds: float = 16.0, seed: int = 0) -> Play:
    """Episodes without fault."""
    draw = np.random.default_rng(seed)
    walls = {camera: np.random.default_rng(place).integers(60, 200, (6, 6, 3)) for place, camera in enumerate(CAMERAS)}
    rows, films = [], {camera: [] for camera in CAMERAS}
    for index in range(episodes):
        told = _reaches(draw, round(seconds * RATE_HZ))
        state = np.vstack([told[:1], told[:-1]]) + draw.normal(0, [3e-4, 3e-4, 3e-4, 5e-5, 0], told.shape)
        rows.append(episode_rows(index, told, state))
        for camera in CAMERAS:
            films[camera].append(_film(state, walls[camera], turned=camera == "side"))
    return Play(spec=arm_spec(), rows=tuple(rows), frames={camera: tuple(some) for camera, some in films.items()})


def episode_rows(index: int, actions: np.ndarray, state: np.ndarray, rate_hz: float = RATE_HZ) -> EpisodeRows:
    clock = np.arange(len(state)) / rate_hz
    return EpisodeRows(
        index=index, rate_hz=rate_hz, time_s=clock, actions=actions.astype(np.float64), state=state.astype(np.float64)
    )


def with_rows(play: Play, place: int, rows: EpisodeRows) -> Play:
    return replace(play, rows=tuple(rows if at == place else old for at, old in enumerate(play.rows)))


def with_film(play: Play, place: int, camera: str, film: np.ndarray) -> Play:
    films = tuple(film if at == place else old for at, old in enumerate(play.frames[camera]))
    return replace(play, frames={**play.frames, camera: films})


def every_row(play: Play, change) -> Play:
    """Each episode's rows changed by a function of (rows)."""
    return replace(play, rows=tuple(change(rows) for rows in play.rows))


def with_column(rows: EpisodeRows, kind: str, axis: int, values: np.ndarray) -> EpisodeRows:
    table = (rows.actions if kind == "action" else rows.state).copy()
    table[:, axis] = values
    return replace(rows, **{"actions" if kind == "action" else "state": table})


def column(rows: EpisodeRows, kind: str, axis: int) -> np.ndarray:
    return (rows.actions if kind == "action" else rows.state)[:, axis]


def reach(play: Play, kind: str, axis: int) -> float:
    """From smallest to largest value in all episodes."""
    return float(np.ptp(np.concatenate([column(rows, kind, axis) for rows in play.rows])))


def picked(play: Play, place: int, order: np.ndarray) -> Play:
    """An episode's rows and frames in another order, under the clock of so many rows."""
    old = play.rows[place]
    changed = with_rows(play, place, episode_rows(old.index, old.actions[order], old.state[order], old.rate_hz))
    for camera in play.frames:
        changed = with_film(changed, place, camera, play.frames[camera][place][order])
    return changed


def pace(rows: EpisodeRows) -> np.ndarray:
    """How fast the joints (not the grip) move into each row, as a share of their reach, added up."""
    joints = rows.state[:, :4]
    sizes = np.maximum(np.ptp(joints, axis=0), 1e-9)
    return np.append(0.0, (np.abs(np.diff(joints, axis=0)) / sizes).sum(axis=1))


def busiest(of: np.ndarray, length: int) -> int:
    """Where a stretch of so many rows begins in which these numbers add up to most."""
    sums = np.convolve(of, np.ones(length), mode="valid")
    return int(sums.argmax())


# ---- channels -----------------------------------------------------------------------------------------------------


def stuck(play: Play, place: int, axis: int, rows: int) -> Play:
    """A state that keeps its value for so many rows, where it would have moved most."""
    values = column(play.rows[place], "state", axis).copy()
    first = 1 + busiest(np.abs(np.diff(values)), min(rows, len(values) - 2))
    values[first : first + rows] = values[first]
    return with_rows(play, place, with_column(play.rows[place], "state", axis, values))


def constant(play: Play, kind: str, axis: int, episodes: int) -> Play:
    """A column that holds one value in the first so many episodes."""
    changed = play
    for place in range(min(episodes, len(play.rows))):
        rows = play.rows[place]
        changed = with_rows(changed, place, with_column(rows, kind, axis, np.full(rows.length, 0.125)))
    return changed


def clipped(play: Play, kind: str, axis: int, quantile: float, *, upper: bool = True) -> Play:
    """A column that goes no further than a quantile of its values."""
    values = np.concatenate([column(rows, kind, axis) for rows in play.rows])
    limit = np.quantile(values, quantile if upper else 1 - quantile)
    cut = np.minimum if upper else np.maximum
    return every_row(play, lambda rows: with_column(rows, kind, axis, cut(column(rows, kind, axis), limit)))


def spiked(play: Play, place: int, kind: str, axis: int, share: float, row: int) -> Play:
    """One row that is off by a share of the axis's reach."""
    values = column(play.rows[place], kind, axis).copy()
    values[row] += share * reach(play, kind, axis)
    return with_rows(play, place, with_column(play.rows[place], kind, axis, values))


def wrapped(play: Play, kind: str, axis: int, quantile: float) -> Play:
    """An angle that is told within one turn, whose seam lies at a quantile of its values."""
    seam = np.quantile(np.concatenate([column(rows, kind, axis) for rows in play.rows]), quantile)
    turn = 2 * np.pi

    def turned(rows: EpisodeRows) -> EpisodeRows:
        return with_column(rows, kind, axis, np.mod(column(rows, kind, axis) - seam, turn) - turn / 2)

    return every_row(play, turned)


def in_other_unit(play: Play, axis: int, share: float) -> Play:
    """State and command of an axis in degrees or millimetres, its motion shrunk to a share around its middle."""
    factor = 1000.0 if UNITS[axis] == "m" else 180 / np.pi
    middle = float(np.median(np.concatenate([column(rows, "state", axis) for rows in play.rows])))

    def converted(rows: EpisodeRows) -> EpisodeRows:
        for kind in ("action", "state"):
            values = column(rows, kind, axis)
            small = share * (values - middle) + (middle if share == 1 else 0.0)
            rows = with_column(rows, kind, axis, factor * small)
        return rows

    return every_row(play, converted)


def reordered(play: Play, order: Sequence[int], episodes: Sequence[int]) -> Play:
    """Command columns in another order, in some episodes."""
    changed = play
    for place in episodes:
        rows = play.rows[place]
        changed = with_rows(changed, place, replace(rows, actions=rows.actions[:, list(order)]))
    return changed


# ---- time ---------------------------------------------------------------------------------------------------------


def missing(play: Play, place: int, rows: int) -> Play:
    """So many rows and frames taken out in the midst of motion."""
    length = play.rows[place].length
    first = 4 + busiest(pace(play.rows[place])[4:-4], rows + 6) + 3
    return picked(play, place, np.delete(np.arange(length), range(first, first + rows)))


def doubled(play: Play, place: int, rows: int) -> Play:
    """So many rows, those of most motion that are not neighbours, there twice, as are their frames."""
    brisk = np.convolve(pace(play.rows[place]), np.ones(3), mode="same")
    chosen: list[int] = []
    for row in np.argsort(-brisk[2:-2]) + 2:
        if all(abs(row - other) > 2 for other in chosen):
            chosen.append(int(row))
        if len(chosen) == rows:
            break
    return picked(play, place, np.sort(np.append(np.arange(play.rows[place].length), chosen)))


def slowed(play: Play, keep_every: int, of: int) -> Play:
    """Columns of the state that bring new values in `keep_every` rows of `of` only."""
    changed = play
    for place, rows in enumerate(play.rows):
        at = np.arange(rows.length)
        changed = with_rows(
            changed, place, replace(rows, state=rows.state[at - np.maximum(0, at % of - keep_every + 1)])
        )
    return changed


def paused(play: Play, place: int, rows: int) -> Play:
    """The robot waits for so many rows in the midst of the episode."""
    length = play.rows[place].length
    return picked(play, place, np.insert(np.arange(length), length // 2, np.full(rows, length // 2)))


def stamped(play: Play, place: int, clock: np.ndarray) -> Play:
    return with_rows(play, place, replace(play.rows[place], time_s=clock))


def late_commands(play: Play, rows: int) -> Play:
    """Commands that are written so many rows after they were given."""
    return every_row(play, lambda old: replace(old, actions=old.actions[np.maximum(0, np.arange(old.length) - rows)]))


def twin(play: Play, place: int, of: int, share: float, seed: int = 0) -> Play:
    """An episode that repeats another, but for noise of a share of each axis's reach."""
    draw, old = np.random.default_rng(seed), play.rows[of]
    sizes = np.array([[reach(play, "state", axis) for axis in range(len(AXES))]])
    smooth = np.cumsum(draw.normal(0, 1, old.state.shape), axis=0)
    smooth = smooth / np.maximum(np.abs(smooth).max(axis=0), 1e-9)
    changed = replace(
        play.rows[place], time_s=old.time_s, actions=old.actions, state=old.state + share * sizes * smooth
    )
    play = with_rows(play, place, changed)
    for camera in play.frames:
        play = with_film(play, place, camera, play.frames[camera][of])
    return play


# ---- cameras ------------------------------------------------------------------------------------------------------


def late_film(play: Play, place: int, camera: str, rows: int) -> Play:
    """A video that shows everything so many rows later."""
    film = play.frames[camera][place]
    return with_film(play, place, camera, film[np.clip(np.arange(len(film)) - rows, 0, len(film) - 1)])


def black(play: Play, place: int, camera: str, rows: int) -> Play:
    film = play.frames[camera][place].copy()
    film[len(film) // 3 : len(film) // 3 + rows] = 2
    return with_film(play, place, camera, film)


def frozen(play: Play, place: int, camera: str, rows: int) -> Play:
    """A picture that stands still where the robot moves most."""
    film = play.frames[camera][place].copy()
    first = busiest(pace(play.rows[place])[: len(film) - 1], min(rows, len(film) - 2))
    film[first : first + rows] = film[first]
    return with_film(play, place, camera, film)


def held_frames(play: Play, place: int, camera: str, frames: int) -> Play:
    """So many frames that are the one before again, at moments of most motion that are not neighbours."""
    film = play.frames[camera][place].copy()
    brisk = np.convolve(pace(play.rows[place]), np.ones(5), mode="same")
    chosen: list[int] = []
    for row in np.argsort(-brisk[3:-3]) + 3:
        if all(abs(row - other) > 3 for other in chosen):
            chosen.append(int(row))
        if len(chosen) == frames:
            break
    for row in chosen:
        film[row] = film[row - 1]
    return with_film(play, place, camera, film)


def slower_camera(play: Play, camera: str, new: int, of: int) -> Play:
    """A camera with a new picture in `new` rows of `of` only."""
    films = []
    for film in play.frames[camera]:
        at = np.arange(len(film))
        films.append(film[at - np.maximum(0, at % of - new + 1)])
    return replace(play, frames={**play.frames, camera: tuple(films)})


def swapped(play: Play, place: int, one: str, other: str) -> Play:
    first, second = play.frames[one][place], play.frames[other][place]
    return with_film(with_film(play, place, one, second), place, other, first)


def _reaches(draw: np.random.Generator, length: int) -> np.ndarray:
    """Commands: smooth reaches of half a second to two, each to a place of its own, with short rests."""
    low, high = np.array([-1.5, 0.2, -1.0, 0.02]), np.array([0.2, 2.2, 1.5, 0.2])
    there = draw.uniform(low, high)
    grip, path = 0.0, []
    while len(path) < length:
        goal, steps = draw.uniform(low, high), int(draw.integers(8, 20))
        share = np.linspace(0, 1, steps + 1)[1:]
        least_jerk = share**3 * (10 - 15 * share + 6 * share**2)
        path += [[*(there + part * (goal - there)), grip] for part in least_jerk]
        there = goal
        path += [[*there, grip]] * int(draw.integers(0, 4))
        grip = 1.0 - grip if draw.random() < 0.5 else grip
    return np.array(path[:length])


def _film(state: np.ndarray, wall: np.ndarray, *, turned: bool) -> np.ndarray:
    """Discs that joints move over a wall. Shape (t, 48, 48, 3)."""
    back = np.kron(wall, np.ones((SIZE // 6, SIZE // 6, 1)))
    y, x = np.mgrid[:SIZE, :SIZE]
    frames = np.empty((len(state), SIZE, SIZE, 3), np.uint8)
    for row, joints in enumerate(state):
        picture = back.copy()
        spots = (
            (24 + 12 * joints[0], 20 + 8 * joints[1], (250, 120, 20)),
            (20 + 9 * joints[1], 26 + 9 * joints[2], (240, 240, 235)),
            (24 + 10 * joints[0] + 6 * joints[2], 14 + 120 * joints[3], (20, 20, 25)),
        )
        for across, down, colour in spots:
            soft = np.clip(4.5 - np.hypot(x - across, y - down), 0, 1)[..., None]
            picture = picture * (1 - soft) + soft * np.array(colour)
        frames[row] = (picture[:, ::-1].transpose(1, 0, 2) if turned else picture).round()
    return frames
