"""How much does a noise level count in a loss? A curve over the levels, scaled to 1 on average over its law.

The average is over the law from which levels are drawn, so a weighting moves attention between levels and leaves the
size of the loss, and with it the meaning of a learning rate, where it was. The count that a loss is divided by stays
that of valid elements: weights are in the sum alone, and one batch's weights are not made to average 1 themselves, or
windows would scale each other's gradients.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.objectives.choices import BELL, LOGIT_NORMAL, NONE, WEIGHTINGS
from adapt.objectives.timesteps import Law

_POINTS = 1 << 14  # of the midpoint rule behind the average


def level_weight(sigma: Float[Tensor, "*x"], weighting: str, law: Law) -> Float[Tensor, "*x"]:
    """Weight of each noise level; its expectation is 1 where levels are drawn from `law`.

    Args:
        sigma: Noise levels in [0, 1].
        weighting: "none": 1 everywhere. "bell": `bell`. "logit_normal": `logit_normal`.
        law: From which the levels were drawn.

    Raises:
        ValueError: No weighting has this name.
    """
    if weighting not in WEIGHTINGS:
        raise ValueError(f"weighting is '{weighting}'; known: {', '.join(WEIGHTINGS)}.")
    if weighting == NONE:
        return torch.ones_like(sigma)
    return _CURVES[weighting](sigma) / _average(weighting, law)


def bell(sigma: Float[Tensor, "*x"]) -> Float[Tensor, "*x"]:
    """A Gaussian bump around 1/2, lowered to be 0 at both ends.

    Source:
        The weights with which DiffSynth-Studio trains Wan, and DreamZero after it: diffsynth/schedulers/flow_match.py
        @04d0350, `set_timesteps(training=True)`, with y = exp(-2 ((t - 500) / 1000)^2) - min y over t = 1000 sigma.
        There y is averaged over the 1000 steps of the schedule; here over the law, its limit for many steps.
    """
    return torch.exp(-2 * (sigma - 0.5).square()) - math.exp(-0.5)


def logit_normal(sigma: Float[Tensor, "*x"]) -> Float[Tensor, "*x"]:
    """The density of a level whose logit is standard normal: most around 1/2, 0 at both ends.

    With levels drawn uniformly, the expected loss is the one of drawing them from this density and not weighing them.

    Source:
        Esser et al. 2024, arXiv:2403.03206, eq. 19 with location 0 and scale 1, their rf/lognorm(0.00, 1.00); they draw
        from it, we weigh by it, so that one law of levels serves every weighting.
    """
    inside = sigma.clamp(1e-6, 1 - 1e-6)  # The ends would be 0 times infinity.
    return torch.exp(-torch.logit(inside).square() / 2) / (math.sqrt(2 * math.pi) * inside * (1 - inside))


_CURVES: dict[str, Callable[[Tensor], Tensor]] = {BELL: bell, LOGIT_NORMAL: logit_normal}


@lru_cache(maxsize=64)
def _average(weighting: str, law: Law) -> float:
    """Expectation of a curve over a law, by the midpoint rule over quantiles."""
    quantiles = (torch.arange(_POINTS, dtype=torch.float64) + 0.5) / _POINTS
    return float(_CURVES[weighting](law.at(quantiles)).mean())
