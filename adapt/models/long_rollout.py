"""What happens long after the present: a rollout that goes on past its window, each further window from its own frames.

A base has seen windows of `max_chunks` chunks at most, and the first latent of a window is unlike the others: the
causal codec makes it of one still frame, every later one of four. So latents cannot slide: dropping the oldest chunk
would put a latent made of four frames where the model has only ever seen one made of one, and the codec's later latents
would remember frames that are no longer there. Instead the window's frames are decoded, and the last of them encoded
as a window of their own, which is what acting does each time it plans again (it sees a picture, not a latent).
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.models.batch import Text
from adapt.models.imagine import Sampling, rollout
from adapt.models.seeding import Generators
from adapt.models.world_action import WorldActionModel


@runtime_checkable
class Codec(Protocol):
    """Frames to latents and back, whole windows at a time."""

    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b l c h2 w2"]:
        """Latents of whole windows."""

    def decode(self, latents: Float[Tensor, "b l c h2 w2"]) -> UInt8[Tensor, "b t h w 3"]:
        """Frames of whole windows of latents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """How far a rollout goes, and how it gets from one window to the next.

    Args:
        chunks: How many chunks to imagine.
        codec: Decodes the end of a full window and encodes it as the start of the next.
        carried_chunks: How many chunks of its own past a further window starts with, 0 to max_chunks - 1. 0 starts
            from one still picture, as a robot that plans again does; 1 also shows how things were moving. More means
            more round trips through the codec: one each `max_chunks - carried_chunks` chunks.
    """

    chunks: int
    codec: Codec
    carried_chunks: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LongFuture:
    """An imagined future of many chunks, the present left out."""

    latents: Float[Tensor, "b l c h2 w2"]  # of every chunk as its own window has them
    frames: UInt8[Tensor, "b t h w 3"]
    starts: tuple[int, ...]  # for every chunk, the chunk with which its window starts


def rollout_long(
    model: WorldActionModel,
    present: Float[Tensor, "b 1 c h w"],
    text: Text,
    journey: Journey,
    sampling: Sampling,
    generator: Generators,
) -> LongFuture:
    """The next chunks, as many as asked for, each imagined from imagined ones; the first window is `rollout`'s.

    Args:
        model: What imagines.
        present: The present's latent, encoded as the first of a window.
        text: The instruction of each window.
        journey: How far, and how from window to window.
        sampling: Steps, solver and guidance.
        generator: On the CPU, one, or one for each window; the same seed imagines the same future.

    Raises:
        ValueError: No chunk is asked for, or a window that starts with `carried_chunks` has no room for another.
        RuntimeError: Called while training or acting, when nothing may be decoded.
    """
    longest = model.geometry.max_chunks
    if journey.chunks < 1 or not 0 <= journey.carried_chunks < longest:
        raise ValueError(
            f"a rollout of {journey.chunks} chunks that carries {journey.carried_chunks} from window to window: wanted "
            f"at least 1 chunk, and 0 to {longest - 1} carried, since a window of this base has {longest}."
        )
    latents: list[Tensor] = []
    frames: list[Tensor] = []
    starts: list[int] = []
    context, known = present, 0
    while True:
        more = min(longest - known, journey.chunks - len(starts))
        future = rollout(model, context, text, more, sampling, generator)
        shown = journey.codec.decode(torch.cat([context, future], dim=1))
        starts += [len(starts) - known] * more
        latents.append(future)
        frames.append(shown[:, -more * model.geometry.frames_per_chunk :])
        if len(starts) == journey.chunks:
            break
        known = min(journey.carried_chunks, known + more)
        context = journey.codec.encode(shown[:, -model.geometry.frames(known) :])
    return LongFuture(latents=torch.cat(latents, dim=1), frames=torch.cat(frames, dim=1), starts=tuple(starts))


def encode_alike(
    model: WorldActionModel, codec: Codec, frames: UInt8[Tensor, "b t h w 3"], starts: tuple[int, ...]
) -> Float[Tensor, "b l c h2 w2"]:
    """Latents of recorded frames, cut into the same windows as a `LongFuture`, so that the two compare like with like.

    A latent remembers frames before it, back to its window's first; so the truth of a chunk depends on where its window
    starts.

    Args:
        model: Gives the geometry.
        codec: The one that the future was imagined with.
        frames: From the present on, 1 + frames_per_chunk x chunks of them.
        starts: `LongFuture.starts`.

    Returns:
        One chunk of latent frames for each of `starts`.
    """
    geometry = model.geometry
    found = []
    for start in dict.fromkeys(starts):
        end = max(chunk for chunk, own in enumerate(starts) if own == start) + 1
        count = starts.count(start)
        window = codec.encode(frames[:, geometry.frames_per_chunk * start : geometry.frames(end)])
        found.append(window[:, -geometry.latent_frames_per_chunk * count :])
    return torch.cat(found, dim=1)
