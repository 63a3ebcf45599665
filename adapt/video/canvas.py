"""How do camera views become the one frame that a base was trained on?"""

from collections.abc import Mapping

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import interpolate, pad

from adapt.types import Canvas


def place(views: Mapping[str, UInt8[Tensor, "_t _h _w 3"]], canvas: Canvas) -> UInt8[Tensor, "t h w 3"]:
    """Put each camera view into its slot: aspect kept, centred, black elsewhere.

    Args:
        views: Frames of each camera, by the name of its slot; sizes may differ, lengths may not.
        canvas: The base's frame and its slots.

    Returns:
        One canvas a time step. Shape (t, canvas.height, canvas.width, 3).

    Raises:
        ValueError: There is no view, a slot is not the canvas's, or the views differ in length.
    """
    lengths = {slot: len(frames) for slot, frames in views.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"views must be of one length and at least one; found {lengths}")
    unknown = sorted(set(views) - set(canvas.slots))
    if unknown:
        raise ValueError(f"slot {unknown[0]!r} is not on the canvas, which has {sorted(canvas.slots)}")
    frames = next(iter(lengths.values()))
    out = torch.zeros(frames, canvas.height, canvas.width, 3, dtype=torch.uint8)
    for name, view in views.items():
        slot = canvas.slots[name]
        out[:, slot.top : slot.top + slot.height, slot.left : slot.left + slot.width] = letterbox(
            view, slot.height, slot.width
        )
    return out


def letterbox(frames: UInt8[Tensor, "t h w 3"], height: int, width: int) -> UInt8[Tensor, "t _h _w 3"]:
    """Shrink or grow frames into a rectangle without bending them, black at the sides.

    Uses torch's antialiased bilinear filter on bytes, so shrinking averages instead of skipping pixels.
    """
    _, old_height, old_width, _ = frames.shape
    scale = min(height / old_height, width / old_width)
    new_height = max(1, min(height, round(old_height * scale)))
    new_width = max(1, min(width, round(old_width * scale)))
    channels_first = frames.permute(0, 3, 1, 2)  # A view: torch's fast path wants channels last in memory.
    small = interpolate(channels_first, size=(new_height, new_width), mode="bilinear", antialias=True)
    top, left = (height - new_height) // 2, (width - new_width) // 2
    sides = (left, width - new_width - left, top, height - new_height - top)
    return pad(small, sides).permute(0, 2, 3, 1).contiguous()
