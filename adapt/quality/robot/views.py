"""What did each camera see? One pass over a video, a few numbers per row, measured once per content.

A view is small, so that hours of video fit into memory and into the cache: no threshold plays a part in it.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from adapt.data.episodes import Episode
from adapt.data.films import film_frames, look_at
from adapt.runs.cache import Cache
from adapt.runs.fingerprint import fingerprint
from adapt.runs.turns import in_turn

KIND = "robot_views"  # of entries in the cache
SIDE = 32
LOOK_SIDE = 8
_VERSION = 1  # Raise by hand when the same video would be measured otherwise.
_SHRUNK_PX = 160
_GREY = torch.tensor([0.299, 0.587, 0.114])  # ITU-R BT.601
_LOOKS = 24  # of a video, evenly over it, that its colours are taken from
_SHOTS = 8  # likewise, that are kept as small pictures
_LOW, _HIGH = 5, 95  # percentiles that tell how dark and how plain a picture is
_DECIMALS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """What one camera saw in one episode; grey levels go from 0 to 255.

    Attributes:
        episode: Its index.
        camera: Name in the spec.
        low: Percentile 5 of each row's picture, in small cells.
        high: Percentile 95.
        motion: Mean change of the cells from each row's picture to the next.
        leap: Largest change of any cell.
        shots: A few small grey pictures, evenly over the episode.
        look: The episode's usual colours, coarse: the median over time.
    """

    episode: int
    camera: str
    low: Float[np.ndarray, " t"]
    high: Float[np.ndarray, " t"]
    motion: Float[np.ndarray, " _t"]
    leap: Float[np.ndarray, " _t"]
    shots: UInt8[np.ndarray, "_n 32 32"]
    look: Float[np.ndarray, "8 8 3"]

    def to_json(self) -> dict[str, Any]:
        """What was measured, as a JSON object; whose it is, is not part of it."""
        numbers = {name: getattr(self, name).tolist() for name in ("low", "high", "motion", "leap", "look")}
        return {**numbers, "shots": base64.b64encode(self.shots.tobytes()).decode("ascii")}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, episode: int, camera: str) -> "View":
        """Read what `to_json` wrote."""
        shots = np.frombuffer(base64.b64decode(value["shots"]), dtype=np.uint8).reshape(-1, SIDE, SIDE)
        numbers = {name: np.array(value[name], dtype=np.float64) for name in ("low", "high", "motion", "leap", "look")}
        return cls(episode=episode, camera=camera, shots=shots, **numbers)


def view(episode: int, camera: str, frames: Iterable[UInt8[Tensor, "_h _w 3"]], count: int) -> View:
    """Look at a video's frames, one per row.

    Args:
        episode: Its index.
        camera: Name in the spec.
        frames: One per row, in order; at least one.
        count: How many there will be, so that looks are spread over all of them.
    """
    ends: list[np.ndarray] = []
    steps: list[tuple[float, float]] = []
    shots: list[np.ndarray] = []
    looks: list[np.ndarray] = []
    before: np.ndarray | None = None
    for place, frame in enumerate(frames):
        picture = _shrunk(frame)
        grey = _grey(picture)
        ends.append(np.percentile(grey, [_LOW, _HIGH]))
        if before is not None:
            change = np.abs(grey - before)
            steps.append((float(change.mean()), float(change.max())))
        before = grey
        if place % max(1, count // _SHOTS) == 0:
            shots.append(grey.round().astype(np.uint8))
        if place % max(1, count // _LOOKS) == 0:
            coarse = interpolate(picture[None], size=(LOOK_SIDE, LOOK_SIDE), mode="area")
            looks.append(coarse[0].permute(1, 2, 0).numpy())
    low, high = np.stack(ends, axis=1)
    motion, leap = np.array(steps).reshape(-1, 2).T
    return View(
        episode=episode,
        camera=camera,
        low=_rounded(low),
        high=_rounded(high),
        motion=_rounded(motion),
        leap=_rounded(leap),
        shots=np.stack(shots),
        look=_rounded(np.median(np.stack(looks), axis=0)),
    )


def watch(episode: Episode, camera: str, column: str, cache: Cache | None = None) -> View:
    """Decode one camera of an episode and look at it, the frame on show in the midst of every row.

    Args:
        episode: The episode.
        camera: Name in the spec.
        column: Column of the data that is its video.
        cache: Where what was seen is kept, by the video's bytes; None keeps nothing.

    Raises:
        MediaError: The video cannot be read.
        DataError: Its bytes cannot be.
    """
    if cache is None:
        return _watched(episode, camera, column)
    film = episode.videos[column]
    digest = cache.file_digest(film.path)
    key = fingerprint([_VERSION, film.shown(digest), episode.length, float(episode.rate_hz)])
    if (known := _known(cache, key, episode, camera)) is not None:
        return known
    with in_turn(cache.root / KIND, key):
        if (known := _known(cache, key, episode, camera)) is not None:
            return known
        seen = _watched(episode, camera, column)
        cache.write_json(KIND, key, seen.to_json(), about=[digest])
    return seen


def _known(cache: Cache, key: str, episode: Episode, camera: str) -> View | None:
    known = cache.read_json(KIND, key)
    return View.from_json(known, episode=episode.index, camera=camera) if isinstance(known, dict) else None


def _watched(episode: Episode, camera: str, column: str) -> View:
    film = episode.videos[column]
    # A video may be shorter than its rows by as much as the reader lets pass; its last frame then stays on show.
    last_s = look_at(film).duration_s - 0.25 / episode.rate_hz
    times_s = [min((row + 0.5) / episode.rate_hz, last_s) for row in range(episode.length)]
    return view(episode.index, camera, film_frames(film, times_s), episode.length)


def _grey(picture: Float[Tensor, "3 _h _w"]) -> Float[np.ndarray, "32 32"]:
    grey = (picture * _GREY[:, None, None]).sum(dim=0)[None, None]
    return np.asarray(interpolate(grey, size=(SIDE, SIDE), mode="area")[0, 0].numpy())


def _shrunk(frame: Tensor) -> Tensor:
    """At most 160 px wide and high by leaving rows out, which costs next to nothing. Shape (3, h, w), float."""
    step = max(1, max(frame.shape[:2]) // _SHRUNK_PX)
    return frame[::step, ::step].permute(2, 0, 1).float()


def _rounded(values: np.ndarray | Sequence[float]) -> np.ndarray:
    """So that what comes from the cache is what was measured, to the last digit."""
    return np.asarray(np.round(np.asarray(values, dtype=np.float64), _DECIMALS))
