"""What is judged? Held-out windows with everything known of them, and what one model made of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.types import BaseGeometry, Sample, Window

T = TypeVar("T")
_TOUCH_S = 1e-3  # Windows whose ends are closer than this follow upon each other.


@runtime_checkable
class Codec(Protocol):
    """What turns pictures into latents and back."""

    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b l c h2 w2"]:
        """Latents of whole windows."""
        ...

    def decode(self, latents: Float[Tensor, "b l c h2 w2"]) -> UInt8[Tensor, "b t h w 3"]:
        """Frames of whole windows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoundTrip:
    """A window's true latents made into pictures by the codec, and those encoded again."""

    frames: UInt8[Tensor, "t h w 3"]
    latents: Float[Tensor, "l c h2 w2"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """One window that training did not see."""

    window: Window
    sample: Sample
    frames: UInt8[Tensor, "t h w 3"] | None = None  # on the canvas; None where its video cannot be read any more
    previous: Float[Tensor, " d"] | None = None  # last command before it, physical units; None where not known
    round_trip: RoundTrip | None = None  # None where it was not made (yet)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Imagined:
    """One model's answer for one window, from its present frame and its instruction alone.

    Actions are absolute, in physical units; None where the model has no head for the body, there is none to compare,
    or it was not asked.
    """

    latents: Float[Tensor, "l c h w"]  # all chunks, each imagined from the ones before; without the present
    actions: Float[Tensor, "k d"] | None = None  # read from those latents
    spread: Float[Tensor, "k d"] | None = None  # one standard deviation of `actions`
    actions_true_future: Float[Tensor, "k d"] | None = None  # read from what really happened
    actions_round_trip: Float[Tensor, "k d"] | None = None  # read from the codec's round trip of that
    actions_joint: Float[Tensor, "k1 d"] | None = None  # told by the joint head, for the first chunk


def with_round_trip(item: HeldOut, codec: Codec) -> HeldOut:
    """The window with its true latents decoded and encoded again."""
    frames = codec.decode(item.sample.latents.float()[None])
    return replace(item, round_trip=RoundTrip(frames=frames[0], latents=codec.encode(frames)[0].float()))


def join(items: Sequence[HeldOut], geometry: BaseGeometry, most_chunks: int) -> HeldOut:
    """Windows that follow upon each other in one recording, as one long window.

    Its latents are those of the windows, each encoded from its own first frame.

    Args:
        items: In order of time; their instruction is the first one's.
        geometry: The base's chunk lengths.
        most_chunks: Anything beyond is cut off.
    """
    first = items[0]
    chunks = min(sum(item.window.chunks for item in items), most_chunks)
    labelled = all(item.window.actions is not None for item in items)
    actions = _join([item.window.actions for item in items]) if labelled else None
    state = _join([item.window.state for item in items]) if labelled else None
    latents = torch.cat([first.sample.latents, *(item.sample.latents[1:] for item in items[1:])])
    frames = _join([item.frames if item is first or item.frames is None else item.frames[1:] for item in items])
    return HeldOut(
        window=replace(
            first.window,
            chunks=chunks,
            actions=None if actions is None else actions[: chunks * geometry.action_steps],
            state=None if state is None else state[:chunks],
        ),
        sample=Sample(
            window_id=first.sample.window_id,
            embodiment=first.sample.embodiment,
            latents=latents[: geometry.latent_frames(chunks)],
            text=first.sample.text,
        ),
        frames=None if frames is None else frames[: geometry.frames(chunks)],
        previous=first.previous,
    )


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
        if other.actions is not None and follows(window, other, chunk_s):
            last = other.actions[-1]
            return last if bool(torch.isfinite(last).all()) else None
    return None


def follows(window: Window, other: Window, chunk_s: float) -> bool:
    """Whether a window starts where another of the same recording ends."""
    ends_s = other.start_s + other.chunks * chunk_s
    return other.videos == window.videos and abs(ends_s - window.start_s) < _TOUCH_S


def _join(parts: Sequence[Tensor | None]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.cat(known) if len(known) == len(parts) else None
