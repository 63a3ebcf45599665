"""One action expert: a small transformer over the cells of a transition, the body's state and action steps."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from adapt.errors import CheckpointError
from adapt.models.heads.transitions import Transitions
from adapt.models.wan.blocks import TwoLayers, sinusoid
from adapt.models.wan.transformer import TIMESTEPS
from adapt.types import BaseGeometry

FLOW, REGRESSION, GAUSSIAN = "flow", "regression", "gaussian"
OBJECTIVES = (FLOW, REGRESSION, GAUSSIAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class InverseDynamicsConfig:
    """Sizes and training of the inverse-dynamics head. Defaults are the shipped tiny's.

    Args:
        width: Of its token stream.
        layers: Transformer layers.
        heads: Attention heads.
        patch: Latent cells on a side of one token.
        objective: "flow" denoises actions in `steps` Euler steps; "regression" reads them off directly; "gaussian"
            reads them off together with how far they may be off, per step and axis.
        steps: Euler steps of the flow objective. One step gives the mean of what the head thinks possible, whatever
            the noise; more give one sample of it, whose squared error is larger by the spread.
        members: Experts of the same make, each with weights of its own from a start of its own. The action is their
            mean; they disagree where the head is unsure, which is no alarm for scenes it has never seen.
        beta: Of the gaussian objective: how far errors weigh alike whatever variance is predicted, from 0, the plain
            likelihood, to 1.
    """

    width: int = 128
    layers: int = 4
    heads: int = 4
    patch: int = 2
    objective: str = FLOW
    steps: int = 1
    members: int = 1
    beta: float = 0.5

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise CheckpointError(f"inverse_dynamics.objective is '{self.objective}'; known: {', '.join(OBJECTIVES)}.")
        if self.steps < 1 or self.members < 1:
            name = "steps" if self.steps < 1 else "members"
            raise CheckpointError(f"inverse_dynamics.{name} is {getattr(self, name)}; give 1 or more.")
        if not 0.0 <= self.beta <= 1.0:
            raise CheckpointError(f"inverse_dynamics.beta is {self.beta}; give a number from 0 to 1.")
        if self.objective == FLOW and self.steps > 1 and self.members > 1:
            raise CheckpointError(
                f"inverse_dynamics.steps is {self.steps} with {self.members} members; the mean of their samples is "
                "no sample of anything. Set steps to 1, or members to 1."
            )

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "InverseDynamicsConfig":
        """Read what `to_json` wrote."""
        return cls(**value)


class ActionExpert(nn.Module):
    """The trunk: everything but the maps between a body's axes and the token width."""

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

    def steps_in(
        self, noisy: Float[Tensor, "r k width"] | None, sigma: Float[Tensor, " r"]
    ) -> Float[Tensor, "#r k width"]:
        """Tokens of the action steps: their places and, where actions are denoised, the noisy ones and their level."""
        steps = self.action_positions.expand(len(sigma), -1, -1)
        if noisy is None:
            return steps
        time: Tensor = self.time_embedder(sinusoid(TIMESTEPS * sigma, self.config.width).to(noisy.dtype))
        return steps + time.unsqueeze(1) + noisy

    def think(
        self, seen: Transitions, state: Float[Tensor, "r 1 width"], steps: Float[Tensor, "r k width"]
    ) -> Float[Tensor, "r k width"]:
        """Let everything attend to everything; what the action steps' tokens have become."""
        frames = self.frames_in(self._patches(seen)) + self.frame_positions
        tokens = torch.cat([frames, state, steps], dim=1)
        for layer in self.layers:
            tokens = layer(tokens)
        out: Tensor = self.norm(tokens[:, -self.action_steps :])
        return out

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
