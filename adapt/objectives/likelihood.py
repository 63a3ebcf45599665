"""How likely is what happened, under a mean and a variance that were predicted? As sums over valid elements."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adapt.objectives.losses import MaskedSum


def masked_gaussian_nll(
    prediction: tuple[Float[Tensor, "*x"], Float[Tensor, "*x"]],
    target: Float[Tensor, "*x"],
    valid: Bool[Tensor, "*x"],
    weight: Float[Tensor, " b"] | None = None,
    *,
    beta: float = 0.0,
) -> MaskedSum:
    """Gaussian negative log likelihood, without its constant, summed where `valid`, each row times its `weight`.

    Invalid elements may hold anything, NaN included: neither the sum nor a gradient sees them.

    Args:
        prediction: Mean, and logarithm of the variance.
        target: What really was.
        valid: True where the target is known.
        weight: One factor per row of the first axis; 1 where not given. The count is not weighted.
        beta: Each element counts as its predicted variance to this power, which is not trained. 0 is the plain
            likelihood. It weighs the mean's error by one over the variance, so whatever the model first fails to
            fit is called noise and never learned; 1 gives the mean the gradient of squared error. 0.5 lies between.

    Source:
        Seitzer et al. 2022, arXiv:2203.09168, which recommends beta = 0.5.
    """
    mean, log_variance = (torch.where(valid, part, 0.0) for part in prediction)
    error = torch.where(valid, target, 0.0) - mean
    element = 0.5 * (error.square() * torch.exp(-log_variance) + log_variance)
    element = element * torch.exp(beta * log_variance.detach())
    if weight is not None:
        element = element * weight.to(element.dtype).reshape(-1, *[1] * (element.ndim - 1))
    return MaskedSum(element.sum(), valid.sum())
