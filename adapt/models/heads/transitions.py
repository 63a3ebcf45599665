"""What goes into an inverse-dynamics head and what comes out: steps from a present to a future, and actions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adapt.models.seeding import normal, uniform
from adapt.objectives.flow import interpolate

_HIDDEN, _FUTURE = 2, 3  # added to a row's seed, so that its draws do not repeat each other


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transitions:
    """Steps from a present to a future, one row a chunk. Nothing here says what was asked for."""

    present: Float[Tensor, "r c h w"]
    future: Float[Tensor, "r f c h w"]
    state: Float[Tensor, "r s"]  # normalised, at the present; anything where not given
    has_state: Bool[Tensor, " r"]
    bodies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActionTargets:
    """The actions that were really taken, one row a chunk."""

    actions: Float[Tensor, "r k d"]  # normalised; anything where not valid
    valid: Bool[Tensor, "r k d"]
    weight: Float[Tensor, " r"]
    names: tuple[str, ...]  # of window and chunk; decide each row's noise
    sigma_floor: Float[Tensor, " r"] | None = None  # lowest noise level in [0, 1) a row teaches at; None: every level


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActionReading:
    """Actions read from transitions, and how far they may be off, given that the future comes true.

    Whether the future comes true is another question, which the head cannot answer: a sharp reading of a wrong
    picture has a small spread.
    """

    mean: Float[Tensor, "*r k d"]  # normalised; what `act` gives for the same generator
    spread: Float[Tensor, "*r k d"] | None  # one standard deviation, normalised; None: the head cannot tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Hiding:
    """What the head is not shown in training, so that it bears imagined futures and missing states.

    Args:
        future_share: Share of futures that are noised.
        future_sigma: Highest noise level of those, drawn uniformly from 0.
        state_share: Share of states that are hidden.

    Source:
        Futures: half of them noised at a level of their own, as Fast-WAM's inverse-dynamics variant does
        (arXiv:2603.16666, `video_cond_noise_prob` = 0.5); ours stay below a level up to which motion can still be told.
        States: replaced by a learned stand-in, as in GR00T's action head (`state_dropout_prob`), so that the head
        cannot rest on them alone.
    """

    future_share: float = 0.5
    future_sigma: float = 0.5
    state_share: float = 0.3


def hide(seen: Transitions, hiding: Hiding, seeds: Sequence[int]) -> Transitions:
    """Noise a share of the futures and hide a share of the states, each row by its own seed."""
    noised, level, kept = torch.stack([uniform(3, seed + _HIDDEN) for seed in seeds]).unbind(1)
    sigma = level * hiding.future_sigma * (noised < hiding.future_share)
    noise = torch.stack([normal(seen.future[0].numel(), seed + _FUTURE).view(seen.future[0].shape) for seed in seeds])
    future = interpolate(seen.future, noise.to(seen.future), sigma.to(seen.future))
    shown = (kept >= hiding.state_share).to(seen.has_state.device)
    return replace(seen, future=future, has_state=seen.has_state & shown)
