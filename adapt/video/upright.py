"""Which way up is a frame? Phones store the sensor's picture and a matrix that says how to turn it."""

import numpy as np
import torch
from av.video.frame import VideoFrame
from jaxtyping import UInt8
from torch import Tensor


def upright_size(frame: VideoFrame) -> tuple[int, int]:
    """(height, width) in px after turning."""
    return (frame.width, frame.height) if frame.rotation % 180 else (frame.height, frame.width)


def upright_rgb(frame: VideoFrame, size: tuple[int, int] | None = None) -> UInt8[Tensor, "h w 3"]:
    """A decoded frame as RGB, turned by its display matrix.

    Args:
        frame: As the decoder gave it.
        size: (height, width) in px, upright, to scale to; None keeps it.
    """
    height, width = size or upright_size(frame)
    if frame.rotation % 180:
        height, width = width, height
    # ffmpeg's default filter grows with the scale, so shrinking averages instead of skipping pixels.
    rgb = frame.to_ndarray(format="rgb24", width=width, height=height)
    turned = np.rot90(rgb, k=frame.rotation // 90)
    return torch.from_numpy(np.ascontiguousarray(turned))
