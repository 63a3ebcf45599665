"""What does a good or bad prediction look like? The present, the imagined and the true frame side by side."""

import io

import torch
from jaxtyping import UInt8
from torch import Tensor

_LEAST_SIDE_PX = 128
_GAP_PX = 4


def draw_strip(
    true: UInt8[Tensor, "t h w 3"], imagined: UInt8[Tensor, "t h w 3"], frames_per_chunk: int
) -> UInt8[Tensor, "_h _w 3"]:
    """One row a chunk: the window's present, the last frame imagined for the chunk, and the true one.

    Args:
        true: All frames of a window, its present first.
        imagined: Likewise; the first is not looked at.
        frames_per_chunk: Of the base.

    Returns:
        A picture with white gaps; small frames are enlarged by a whole number.
    """
    factor = max(1, -(-_LEAST_SIDE_PX // min(true.shape[1:3])))
    rows = []
    for last in range(frames_per_chunk, len(true), frames_per_chunk):
        panels = [_enlarge(frame, factor) for frame in (true[0], imagined[last], true[last])]
        rows.append(_join(panels, axis=1))
    return _join(rows, axis=0)


def draw_film(frames: UInt8[Tensor, "t h w 3"]) -> UInt8[Tensor, "_h _w 3"]:
    """All frames in a row, in order of time."""
    factor = max(1, -(-_LEAST_SIDE_PX // min(frames.shape[1:3])))
    return _join([_enlarge(frame, factor) for frame in frames], axis=1)


def to_png(picture: UInt8[Tensor, "h w 3"]) -> bytes:
    """The bytes of a PNG file, the same for equal pictures."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture.numpy()).save(buffer, format="PNG", compress_level=9)
    return buffer.getvalue()


def _enlarge(frame: UInt8[Tensor, "h w 3"], factor: int) -> UInt8[Tensor, "_h _w 3"]:
    return frame.repeat_interleave(factor, dim=0).repeat_interleave(factor, dim=1)


def _join(parts: list[Tensor], axis: int) -> Tensor:
    shape = list(parts[0].shape)
    shape[axis] = _GAP_PX
    gap = torch.full(shape, 255, dtype=torch.uint8)
    joined = [piece for part in parts for piece in (gap, part)][1:]
    return torch.cat(joined, dim=axis)
