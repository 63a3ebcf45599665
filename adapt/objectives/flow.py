"""Rectified flow: straight lines between data and noise.

One convention everywhere: x_sigma = (1 - sigma) x + sigma noise, so sigma 0 is data and sigma 1 is noise, and the
velocity learned is noise - x.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def interpolate(
    clean: Float[Tensor, "b *x"], noise: Float[Tensor, "b *x"], sigma: Float[Tensor, "b *lead"]
) -> Float[Tensor, "b *x"]:
    """Move `clean` a fraction `sigma` of the way to `noise`, in a straight line.

    Args:
        clean: Data.
        noise: Standard normal noise of the same shape.
        sigma: In [0, 1]; its axes are the leading axes of `clean`.

    Source:
        Liu et al. 2022, arXiv:2209.03003, eq. 1, with time reversed so that sigma = 1 is noise.
    """
    s = sigma.reshape(*sigma.shape, *[1] * (clean.ndim - sigma.ndim)).to(clean.dtype)
    return torch.lerp(clean, noise, s)


def velocity(clean: Float[Tensor, "*x"], noise: Float[Tensor, "*x"]) -> Float[Tensor, "*x"]:
    """Direction of the line from `clean` to `noise`: what the model learns to predict."""
    return noise - clean


def predicted_clean(
    noisy: Float[Tensor, "b *x"], flow: Float[Tensor, "b *x"], sigma: Float[Tensor, "b *lead"]
) -> Float[Tensor, "b *x"]:
    """Where the line through `noisy` with velocity `flow` meets the data, sigma = 0."""
    s = sigma.reshape(*sigma.shape, *[1] * (noisy.ndim - sigma.ndim)).to(noisy.dtype)
    return noisy - s * flow


def shift_sigma(u: Float[Tensor, "*x"], shift: float) -> Float[Tensor, "*x"]:
    """Push noise levels towards 1 for `shift` above 1; 0 and 1 stay where they are.

    Raises:
        ValueError: `shift` is not positive.

    Source:
        Esser et al. 2024, arXiv:2403.03206, eq. 23; the form diffusers' flow schedulers use.
    """
    if shift <= 0:
        raise ValueError(f"shift is {shift}; it must be above 0. 1 leaves noise levels as they are.")
    return shift * u / (1 + (shift - 1) * u)
