"""What would something trivial have said? The references that any model has to beat."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


def copy_last_frame(present: UInt8[Tensor, "h w 3"], frames: int) -> UInt8[Tensor, "t h w 3"]:
    """A future in which nothing moves."""
    return present.expand(frames, *present.shape)


def hold_last(
    state: Float[Tensor, "m s"] | None,
    previous: Float[Tensor, " d"],
    state_of_axis: Sequence[int | None],
    shape: tuple[int, int],
) -> Float[Tensor, "k d"]:
    """Stay where you are, over the chunks of a window.

    Args:
        state: State at the start of each chunk, in physical units; None where the body has none.
        previous: What an axis without a state repeats: the last command before the window, physical units.
        state_of_axis: For each action axis, the column of the state it holds, or None.
        shape: Chunks, and action steps in a chunk.
    """
    chunks, steps = shape
    held = previous.repeat(chunks, 1)
    for axis, column in enumerate(state_of_axis):
        if column is not None and state is not None:
            held[:, axis] = state[:, column].to(held.dtype)
    return held.repeat_interleave(steps, dim=0)


def mean_action(mean: Float[Tensor, " d"], steps: int) -> Float[Tensor, "k d"]:
    """Always the average command of the training data."""
    return torch.as_tensor(mean).expand(steps, -1)
