"""What any base must offer, whatever its transformer: heads and policies ask for this and never for its internals."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.models.batch import Text
from adapt.models.imagine import Sampling
from adapt.types import BaseGeometry


@runtime_checkable
class Backbone(Protocol):
    """Video in and out of latents, instructions in, futures out.

    The frames of `imagine` are the features a head reads: latents of the present and of a predicted future. A base
    that predicts features which no decoder turns into pictures raises in `decode`.
    """

    @property
    def geometry(self) -> BaseGeometry:
        """Rates, canvas and latent shape."""

    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b l c h2 w2"]:
        """Latents of whole windows."""

    def condition(self, prompts: Sequence[str]) -> Text:
        """What the instructions mean to the model."""

    def imagine(
        self, context: Float[Tensor, "b l c h w"], text: Text, sampling: Sampling, generator: torch.Generator
    ) -> Float[Tensor, "b f c h w"]:
        """The latent frames of the next chunk."""

    def decode(self, latents: Float[Tensor, "b l c h2 w2"]) -> UInt8[Tensor, "b t h w 3"]:
        """Frames of whole windows of latents."""
