"""What the blocks keep of a context, so that it is read once and not again at every solver step.

Clean tokens see only clean tokens of their own chunk and before, at noise level 0. So their keys and values depend
neither on the noisy tokens nor on the noise level: they are computed once, added to when a chunk becomes context, and
looked at by every later pass. They do depend on the instruction (each block reads it), so a pass without instruction
needs a cache of its own.

It costs 2 x blocks x clean tokens x width numbers a window, and 2 x blocks x words x width for the text: for 14B at
880 tokens a frame, with the 7 clean frames before a fourth chunk in bfloat16, 5.0 GB and 0.4 GB.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeysValues:
    """Keys, already turned by their positions, and values of one attention."""

    keys: Float[Tensor, "b heads n head"]
    values: Float[Tensor, "b heads n head"]

    def then(self, later: "KeysValues") -> "KeysValues":
        """These, followed by `later`."""
        return KeysValues(
            keys=torch.cat([self.keys, later.keys], dim=2), values=torch.cat([self.values, later.values], dim=2)
        )

    @property
    def nbytes(self) -> int:
        """Memory they take, in bytes."""
        return self.keys.nbytes + self.values.nbytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Words:
    """An instruction as every block reads it."""

    values: Float[Tensor, "b n width"]
    mask: Bool[Tensor, "b 1 1 n"] | None  # None: all of it is attended to


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A first picture as the transformer reads it; nothing of it where the base was not trained with one."""

    features: Float[Tensor, "b i width"] | None = None  # every token of every block attends to all of them
    channels: Float[Tensor, "b l c h w"] | None = None  # beside the latents of frame 0 on, clean and noisy alike

    def beside(self, frames: Float[Tensor, "b f c h w"], first: int) -> Float[Tensor, "b f c2 h w"]:
        """Latent frames, `first` and those that follow it, with the channels that go with each.

        Raises:
            ValueError: There are no channels for the last of them.
        """
        if self.channels is None:
            return frames
        channels = self.channels[:, first : first + frames.shape[1]]
        if channels.shape[1] < frames.shape[1]:
            raise ValueError(
                f"image channels are for {self.channels.shape[1]} latent frames; this sequence goes up to "
                f"{first + frames.shape[1]}. Make them for the longest window."
            )
        return torch.cat([frames, channels.to(frames.dtype)], dim=2)


class BlockCache:
    """What one block keeps: keys and values of the clean tokens, of the text, and of the image where there is one."""

    def __init__(self) -> None:
        self.clean: KeysValues | None = None
        self.text: KeysValues | None = None
        self.image: KeysValues | None = None

    @property
    def nbytes(self) -> int:
        """Memory it takes, in bytes."""
        return sum(part.nbytes for part in (self.clean, self.text, self.image) if part is not None)


class ContextCache:
    """What every block keeps of one context, instruction and picture. Passes through the transformer fill it.

    Args:
        blocks: How many blocks the transformer has.
        words: The instruction that goes with this context.
        picture: The first picture that does.
    """

    def __init__(self, blocks: int, words: Words, picture: Picture | None = None) -> None:
        self.blocks = [BlockCache() for _ in range(blocks)]
        self.words = words
        self.picture = Picture() if picture is None else picture
        self.frames = 0  # clean latent frames it holds

    @property
    def nbytes(self) -> int:
        """Memory that keys and values take, in bytes."""
        return sum(block.nbytes for block in self.blocks)
