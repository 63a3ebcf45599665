"""How often is the truth decoded when many models are held against it? Once a window, and so is its still encoded."""

import hashlib
from collections.abc import Iterable

from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.evaluate.held_out import Codec


class RememberingCodec:
    """A codec that does not do again what it did for the model before; results are the same to the bit.

    Args:
        codec: Does the work.
        true: Latents of the judged windows, as they are asked for; other pictures are decoded and forgotten.
    """

    def __init__(self, codec: Codec, true: Iterable[Float[Tensor, "_l c h2 w2"]]) -> None:
        self._codec = codec
        self._true = {_digest(latents) for latents in true}
        self._pictures: dict[str, Tensor] = {}
        self._latents: dict[str, Tensor] = {}

    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b l c h2 w2"]:
        """Latents of whole windows; of the same pictures only once."""
        key = _digest(frames)
        if key not in self._latents:
            self._latents[key] = self._codec.encode(frames)
        return self._latents[key]

    def decode(self, latents: Float[Tensor, "b l c h2 w2"]) -> UInt8[Tensor, "b t h w 3"]:
        """Frames of whole windows; those of a true window only once."""
        key = _digest(latents)
        if key not in self._true:
            return self._codec.decode(latents)
        if key not in self._pictures:
            self._pictures[key] = self._codec.decode(latents)
        return self._pictures[key]


def _digest(value: Tensor) -> str:
    return hashlib.sha256(value.detach().cpu().contiguous().numpy().tobytes()).hexdigest()
