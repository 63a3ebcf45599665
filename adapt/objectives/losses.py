"""Losses as sums over valid elements and their count; whoever has the whole batch divides.

A mean taken too early lets samples without a modality dilute the gradient of that modality, so nothing here takes
one: sums and counts are added over micro-batches and ranks, and divided once.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class MaskedSum:
    """A sum over valid elements and how many they were; adds like a number."""

    sum: Float[Tensor, ""]
    count: Int[Tensor, ""]

    def __add__(self, other: "MaskedSum") -> "MaskedSum":
        return MaskedSum(self.sum + other.sum, self.count + other.count)

    def mean(self) -> Float[Tensor, ""]:
        """The sum over the count; 0 where nothing was valid."""
        return self.sum / self.count.clamp(min=1)

    def over(self, count: int | Int[Tensor, ""]) -> Float[Tensor, ""]:
        """The sum divided by the valid count of the whole global batch; 0 where that is 0."""
        return self.sum / max(int(count), 1)


def masked_square_error(
    prediction: Float[Tensor, "*x"],
    target: Float[Tensor, "*x"],
    valid: Bool[Tensor, "*x"],
    weight: Float[Tensor, "*lead"] | None = None,
) -> MaskedSum:
    """Squared error summed where `valid`, each times its `weight`.

    Invalid elements may hold anything, NaN included: neither the sum nor a gradient sees them.

    Args:
        prediction: What the model said.
        target: What it should have said.
        valid: True where the target is known.
        weight: One factor per row of the first axis, or of the first few; 1 where not given. The count is not weighted.
    """
    error = torch.where(valid, prediction - target, 0.0).square()
    if weight is not None:
        error = error * weight.to(error.dtype).reshape(*weight.shape, *[1] * (error.ndim - weight.ndim))
    return MaskedSum(error.sum(), valid.sum())
