"""Was this window decoded before? A codec that remembers its last pictures, so that showing them costs nothing more."""

import hashlib
from collections import OrderedDict

from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.evaluate.held_out import Codec

_MOST_BYTES = 256 << 20  # All windows of a small base; of one with real pictures the last few.


class FrameMemory:
    """A codec whose `decode` gives the frames it gave before for equal latents; least recently used ones are let go.

    Args:
        codec: What really decodes and encodes.
        most_bytes: Of frames held at once.
    """

    def __init__(self, codec: Codec, *, most_bytes: int = _MOST_BYTES) -> None:
        self._codec = codec
        self._most = most_bytes
        self._held: OrderedDict[str, Tensor] = OrderedDict()

    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b l c h2 w2"]:
        """Latents of whole windows."""
        return self._codec.encode(frames)

    def decode(self, latents: Float[Tensor, "b l c h2 w2"]) -> UInt8[Tensor, "b t h w 3"]:
        """Frames of whole windows; not to be changed in place."""
        key = f"{tuple(latents.shape)} {hashlib.sha256(latents.float().numpy().tobytes()).hexdigest()}"
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        frames = self._codec.decode(latents)
        self._held[key] = frames
        while sum(held.numel() for held in self._held.values()) > self._most:
            self._held.popitem(last=False)
        return frames
