"""What is judged? Held-out windows with everything known of them, and what one model made of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.types import Sample, Window

T = TypeVar("T")
_TOUCH_S = 1e-3  # Windows whose ends are closer than this follow upon each other.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """One window that training did not see."""

    window: Window
    sample: Sample
    frames: UInt8[Tensor, "t h w 3"] | None = None  # on the canvas; None where its video cannot be read any more
    previous: Float[Tensor, " d"] | None = None  # last command before it, physical units; None where not known


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Imagined:
    """One model's answer for one window, from its present frame and its instruction alone.

    Actions are absolute, in physical units; None where the model has no head for the body, or there is none to compare.
    """

    latents: Float[Tensor, "l c h w"]  # all chunks, each imagined from the ones before; without the present
    actions: Float[Tensor, "k d"] | None = None  # read from those latents
    actions_true_future: Float[Tensor, "k d"] | None = None  # read from what really happened


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of the items, evenly over all of them, first and last included."""
    if len(items) <= most:
        return list(items)
    if most == 1:
        return [items[0]]
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def previous_action(window: Window, windows: Sequence[Window], chunk_s: float) -> Float[Tensor, " d"] | None:
    """The last command before a window, from the window that ends where it starts.

    Args:
        window: The window.
        windows: All windows of the run, of any split: what a robot did just before is known when it acts.
        chunk_s: Seconds in a chunk.

    Returns:
        Physical units; None where no window ends there, or it has no actions.
    """
    for other in windows:
        ends_s = other.start_s + other.chunks * chunk_s
        if other.videos == window.videos and other.actions is not None and abs(ends_s - window.start_s) < _TOUCH_S:
            last = other.actions[-1]
            return last if bool(torch.isfinite(last).all()) else None
    return None
