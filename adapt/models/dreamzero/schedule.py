"""DreamZero's noise levels and weights, to the number: in training, one of a thousand; in sampling, whole timesteps.

Our own training draws levels from the same law as a continuum (`adapt.objectives.timesteps`, shift 5, coupled) and
weighs them by its limit (`bell`); this is for comparing with DreamZero's own, and for its sampling.
"""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.models.imagine import Sampling

SHIFT = 5.0
LEVELS = 1000
# What the release samples with unless told otherwise: a velocity at 8 of 16 steps, each used until the next.
RELEASED = Sampling(steps=16, guidance=5.0, solver="unipc", fresh=(0, 1, 2, 6, 10, 13, 14, 15))


@lru_cache(maxsize=1)
def training_levels() -> Float[Tensor, " levels"]:
    """The noise levels of training by timestep id, falling from 1; each is as likely as any other.

    Source:
        dreamzero0/dreamzero at ab790c1, modules/flow_match_scheduler.py, with shift 5, no lowest level and one
        step more.
    """
    even = torch.linspace(1.0, 0.0, LEVELS + 1)[:-1]
    return SHIFT * even / (1 + (SHIFT - 1) * even)


@lru_cache(maxsize=1)
def training_weights() -> Float[Tensor, " levels"]:
    """How much each of these levels counts in both losses; 1 on average over the ids.

    Source:
        As `training_levels`: a bump around timestep 500, lowered to 0 at its lowest.
    """
    timestep = LEVELS * training_levels()
    bump = torch.exp(-2 * ((timestep - LEVELS / 2) / LEVELS) ** 2)
    lowered = bump - bump.min()
    return lowered * (LEVELS / lowered.sum())
