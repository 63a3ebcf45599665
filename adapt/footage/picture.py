"""What does one picture look like? Figures of a single look, taken on a small copy of it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from torch import Tensor
from torch.nn.functional import interpolate

LONG_SIDE_PX = 320
VIVID = 180  # Step between a pixel's strongest and weakest colour; natural colours reach it almost nowhere.
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_WHITE, _BLACK = 250, 20
_EDGE = 12.0  # Grey levels by which a picture must rise where a bar ends; a dark scene fades in.
_REBLUR_PX = 9
_DETAIL = 0.3  # Mean step between neighbours, in grey levels, below which there is nothing that could be sharp.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A small copy of a look."""

    rgb: UInt8[np.ndarray, "h w 3"]
    grey: Float[np.ndarray, "h w"]  # 0 to 255


def shrink(frame: UInt8[Tensor, "_h _w 3"]) -> Picture:
    """A copy whose longer side is no longer than 320 px; a smaller one keeps its size."""
    height, width, _ = frame.shape
    scale = LONG_SIDE_PX / max(height, width)
    if scale < 1:
        size = max(1, round(height * scale)), max(1, round(width * scale))
        small = interpolate(frame.permute(2, 0, 1)[None], size=size, mode="bilinear", antialias=True)
        frame = small[0].permute(1, 2, 0)
    rgb = np.ascontiguousarray(frame.numpy())
    return Picture(rgb=rgb, grey=rgb @ _GREY)


def light(picture: Picture) -> tuple[float, float, float]:
    """(brightness, contrast, share of white): percentile 95, its step from percentile 5, what is blown out; 0 to 1."""
    sample = picture.grey[::2, ::2]
    dark, bright = np.percentile(sample, [5, 95])
    return float(bright) / 255, float(bright - dark) / 255, float((sample >= _WHITE).mean())


def vivid(picture: Picture) -> float:
    """Share of the picture in pure, full colours."""
    sample = picture.rgb[::2, ::2]
    return float((sample.max(2) - sample.min(2) >= VIVID).mean())


def blur(picture: Picture) -> float:
    """How little a picture loses when it is blurred once more, from 0 (sharp) to 1, in the worse of two directions.

    0 for a picture without detail, which cannot be called blurred.

    Source: Crete et al., "The blur effect" (SPIE 2007); here with the worse direction of those that have detail, since
    hands that move fast blur in one.
    """
    worst = 0.0
    for axis in (0, 1):
        steps = np.abs(np.diff(picture.grey, axis=axis))
        if steps.size == 0 or steps.mean() < _DETAIL:
            continue
        again = np.abs(np.diff(uniform_filter1d(picture.grey, _REBLUR_PX, axis=axis, mode="nearest"), axis=axis))
        worst = max(worst, 1.0 - float(np.maximum(0, steps - again).sum() / steps.sum()))
    return worst


def bars(picture: Picture) -> tuple[float, float, float, float]:
    """Black bars at (top, bottom, left, right), as shares of height or width; 0 where a side has none."""
    grey = picture.grey
    found = []
    for lines in (grey, grey[::-1], grey.T, grey.T[::-1]):
        black = lines.max(1) <= _BLACK
        size = len(black) if black.all() else int(black.argmin())
        ends = 0 < size < len(black) and _rises(lines, size)
        found.append(size / len(black) if ends else 0.0)
    top, bottom, left, right = found
    return top, bottom, left, right


def _rises(lines: NDArray[np.float32], size: int) -> bool:
    inside = lines[size + 1 : size + 3]
    return inside.size > 0 and float(inside.mean() - lines[:size].mean()) >= _EDGE


def cells(picture: Picture, side: int) -> NDArray[np.float32]:
    """The grey picture as side x side means, whatever its shape. Shape (side, side)."""
    grey = torch.from_numpy(picture.grey)[None, None]
    return np.asarray(interpolate(grey, size=(side, side), mode="area")[0, 0].numpy())
