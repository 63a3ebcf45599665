"""What did each camera see? One pass over a video, a small picture per row."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from adapt.data.episodes import Episode
from adapt.video.reader import frames_at

SIDE = 32
LOOK_SIDE = 8
_SHRUNK_PX = 160
_GREY = torch.tensor([0.299, 0.587, 0.114])  # ITU-R BT.601
_LOOKS = 24  # of a video, evenly over it, that its colours are taken from


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """What one camera saw in one episode.

    Attributes:
        episode: Its index.
        camera: Name in the spec.
        grey: A small grey picture per row, 0 to 255.
        look: The episode's usual colours, coarse: the median over time, 0 to 255.
    """

    episode: int
    camera: str
    grey: Float[np.ndarray, "t 32 32"]
    look: Float[np.ndarray, "8 8 3"]

    @property
    def motion(self) -> Float[np.ndarray, " _t"]:
        """Mean change from each row's frame to the next, in grey levels. Shape (t - 1,)."""
        return np.asarray(np.abs(np.diff(self.grey, axis=0)).mean(axis=(1, 2)))


def view(episode: int, camera: str, frames: Iterable[UInt8[Tensor, "_h _w 3"]], count: int) -> View:
    """Look at a video's frames, one per row.

    Args:
        episode: Its index.
        camera: Name in the spec.
        frames: One per row, in order; at least one.
        count: How many there will be, so that looks are spread over all of them.
    """
    every = max(1, count // _LOOKS)
    grey: list[np.ndarray] = []
    looks: list[np.ndarray] = []
    for place, frame in enumerate(frames):
        picture = _shrunk(frame)
        small = interpolate((picture * _GREY[:, None, None]).sum(dim=0)[None, None], size=(SIDE, SIDE), mode="area")
        grey.append(small[0, 0].numpy())
        if place % every == 0:
            coarse = interpolate(picture[None], size=(LOOK_SIDE, LOOK_SIDE), mode="area")
            looks.append(coarse[0].permute(1, 2, 0).numpy())
    return View(episode=episode, camera=camera, grey=np.stack(grey), look=np.median(np.stack(looks), axis=0))


def watch(episode: Episode, camera: str, column: str) -> View:
    """Decode one camera of an episode and look at it, the frame on show in the midst of every row.

    Raises:
        MediaError: The video cannot be read.
    """
    times_s = [(row + 0.5) / episode.rate_hz for row in range(episode.length)]
    return view(episode.index, camera, frames_at(episode.videos[column], times_s), episode.length)


def _shrunk(frame: Tensor) -> Tensor:
    """At most 160 px wide and high by leaving rows out, which costs next to nothing. Shape (3, h, w), float."""
    step = max(1, max(frame.shape[:2]) // _SHRUNK_PX)
    return frame[::step, ::step].permute(2, 0, 1).float()
