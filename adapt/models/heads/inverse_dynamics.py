"""Inverse dynamics: the actions that lead from the present to a given future.

A small transformer of its own. It sees the present, the future (recorded, or imagined by the video model) and, where
there is one, the body's state: never the instruction, nor features that carry it. So what it does follows the future
it is shown, and a video model that imagines better acts better without this head being trained again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from adapt.errors import CheckpointError
from adapt.models.heads.bodies import BodyProjections, Readings
from adapt.models.seeding import normal, row_seeds, uniform
from adapt.models.wan.blocks import TwoLayers, sinusoid
from adapt.models.wan.transformer import TIMESTEPS
from adapt.objectives.flow import interpolate, velocity
from adapt.objectives.losses import MaskedSum, masked_square_error
from adapt.types import BaseGeometry

OBJECTIVES = ("flow", "regression")
_LEVEL, _HIDDEN, _FUTURE = 1, 2, 3  # added to a row's seed, so that its draws do not repeat each other


@dataclass(frozen=True, slots=True, kw_only=True)
class InverseDynamicsConfig:
    """Sizes and training of the inverse-dynamics head. Defaults are the shipped tiny's.

    Args:
        width: Of its token stream.
        layers: Transformer layers.
        heads: Attention heads.
        patch: Latent cells on a side of one token.
        objective: "flow" denoises actions in `steps` Euler steps; "regression" reads them off directly.
        steps: Euler steps of the flow objective. One step gives the mean of what the head thinks possible, whatever
            the noise; more give one sample of it, whose squared error is larger by the spread.
    """

    width: int = 128
    layers: int = 4
    heads: int = 4
    patch: int = 2
    objective: str = "flow"
    steps: int = 1

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise CheckpointError(f"inverse_dynamics.objective is '{self.objective}'; known: {', '.join(OBJECTIVES)}.")

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "InverseDynamicsConfig":
        """Read what `to_json` wrote."""
        return cls(**value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transitions:
    """Steps from a present to a future, one row a chunk."""

    present: Float[Tensor, "r c h w"]
    future: Float[Tensor, "r f c h w"]
    state: Float[Tensor, "r s"]  # normalised, at the present; anything where not given
    has_state: Bool[Tensor, " r"]
    bodies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTargets:
    """The actions that were really taken, one row a chunk."""

    actions: Float[Tensor, "r k d"]  # normalised; anything where not valid
    valid: Bool[Tensor, "r k d"]
    weight: Float[Tensor, " r"]
    names: tuple[str, ...]  # of window and chunk; decide each row's noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Hiding:
    """What the head is not shown in training, so that it bears imagined futures and missing states.

    Args:
        future_share: Share of futures that are noised.
        future_sigma: Highest noise level of those, drawn uniformly from 0.
        state_share: Share of states that are hidden.
    """

    future_share: float = 0.5
    future_sigma: float = 0.5
    state_share: float = 0.3


class InverseDynamics(nn.Module):
    """Action expert over (present, future, state); one projection in and out per body."""

    def __init__(self, config: InverseDynamicsConfig, geometry: BaseGeometry) -> None:
        super().__init__()
        self.config = config
        self.action_steps = geometry.action_steps
        width, patch = config.width, config.patch
        cells = (geometry.latent_height // patch) * (geometry.latent_width // patch)
        seen = geometry.latent_channels * (1 + geometry.latent_frames_per_chunk) * patch * patch
        self.frames_in = nn.Linear(seen, width)
        self.time_embedder = TwoLayers(width, width, nn.SiLU())
        self.null_state = nn.Parameter(torch.randn(width) * 0.02)
        self.frame_positions = nn.Parameter(torch.randn(cells, width) * 0.02)
        self.action_positions = nn.Parameter(torch.randn(geometry.action_steps, width) * 0.02)
        self.layers = nn.ModuleList([_Layer(width, config.heads) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(width)
        self.projections = BodyProjections(width)

    def forward(
        self, seen: Transitions, noisy: Float[Tensor, "r k d"], sigma: Float[Tensor, " r"]
    ) -> Float[Tensor, "r k d"]:
        """Velocity of the noisy actions; with the regression objective, the actions (noise is not looked at)."""
        steps = self.action_positions.expand(len(seen.bodies), -1, -1)
        if self.config.objective == "flow":
            time = self.time_embedder(sinusoid(TIMESTEPS * sigma, self.config.width).to(noisy.dtype))
            steps = steps + time.unsqueeze(1) + self.projections.actions_in(Readings(values=noisy, bodies=seen.bodies))
        frames = self.frames_in(self._patches(seen)) + self.frame_positions
        state = self.projections.state_in(
            Readings(values=seen.state.unsqueeze(1), bodies=seen.bodies), seen.has_state.unsqueeze(1), self.null_state
        )
        tokens = torch.cat([frames, state, steps], dim=1)
        for layer in self.layers:
            tokens = layer(tokens)
        return self.projections.actions_out(self.norm(tokens[:, -self.action_steps :]), seen.bodies, noisy.shape[-1])

    def loss(
        self, seen: Transitions, targets: ActionTargets, generator: torch.Generator, hiding: Hiding | None = None
    ) -> MaskedSum:
        """Squared error summed over valid action elements.

        Args:
            seen: What led where.
            targets: The actions that led there.
            generator: On the CPU; decides, with each row's name, its noise, noise level and what is hidden.
            hiding: How much of `seen` is hidden; None hides nothing, as when validating.

        Raises:
            EmbodimentError: A row's body has no projections here.
        """
        for name in set(seen.bodies):
            self.projections.of(name)
        seeds = row_seeds(targets.names, generator)
        seen = seen if hiding is None else hide(seen, hiding, seeds)
        actions = torch.where(targets.valid, targets.actions, 0.0)
        # By axis, then step, so that padding to a body with more axes comes last.
        noise = torch.stack([normal(actions[0].numel(), seed).view(actions[0].T.shape).T for seed in seeds]).to(actions)
        sigma = torch.cat([uniform(1, seed + _LEVEL) for seed in seeds]).to(actions)
        wanted = velocity(actions, noise) if self.config.objective == "flow" else actions
        predicted = self(seen, interpolate(actions, noise, sigma), sigma)
        return masked_square_error(predicted, wanted, targets.valid, targets.weight)

    @torch.no_grad()
    def act(self, seen: Transitions, generator: torch.Generator) -> Float[Tensor, "r k d"]:
        """Normalised actions for each transition, zero beyond a body's own axes.

        Args:
            seen: What happened, or is imagined to happen.
            generator: On the CPU; the same seed gives the same actions.

        Raises:
            EmbodimentError: A row's body has no projections here.
        """
        axes = max(self.projections.of(name).action_axes for name in seen.bodies)
        like = seen.present.new_empty(len(seen.bodies), self.action_steps, axes)
        actions = _normal(like, generator)
        if self.config.objective == "regression":
            return self.forward(seen, actions, actions.new_zeros(actions.shape[0]))
        for step in range(self.config.steps):
            sigma = actions.new_full((actions.shape[0],), 1.0 - step / self.config.steps)
            actions = actions - self(seen, actions, sigma) / self.config.steps
        return self.projections.keep_own_axes(Readings(values=actions, bodies=seen.bodies))

    def _patches(self, seen: Transitions) -> Float[Tensor, "r cells seen"]:
        """Each cell's present and future side by side, so that motion is within one token."""
        patch = self.config.patch
        frames = torch.cat([seen.present.unsqueeze(1), seen.future], dim=1).flatten(1, 2)
        return F.unfold(frames, kernel_size=patch, stride=patch).transpose(1, 2)


class _Layer(nn.Module):
    """Attention of every token to every token, then a feed-forward, each on its normalised input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width)
        self.to_out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.ffn = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))

    def forward(self, x: Float[Tensor, "r n width"]) -> Float[Tensor, "r n width"]:
        """Pass the tokens through the layer."""
        q, k, v = self.to_qkv(self.norm1(x)).reshape(*x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        x = x + self.to_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        out: Tensor = x + self.ffn(self.norm2(x))
        return out


def hide(seen: Transitions, hiding: Hiding, seeds: Sequence[int]) -> Transitions:
    """Noise a share of the futures and hide a share of the states, each row by its own seed."""
    noised, level, kept = torch.stack([uniform(3, seed + _HIDDEN) for seed in seeds]).unbind(1)
    sigma = level * hiding.future_sigma * (noised < hiding.future_share)
    noise = torch.stack([normal(seen.future[0].numel(), seed + _FUTURE).view(seen.future[0].shape) for seed in seeds])
    future = interpolate(seen.future, noise.to(seen.future), sigma.to(seen.future))
    shown = (kept >= hiding.state_share).to(seen.has_state.device)
    return replace(seen, future=future, has_state=seen.has_state & shown)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise shaped like `like`, drawn on the CPU in single precision."""
    return torch.randn(like.shape, generator=generator).to(like)
