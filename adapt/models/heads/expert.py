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
CELLS, PICTURE = "cells", "picture"
READERS = (CELLS, PICTURE)

_CHANNELS, _KEPT = 96, 48  # of the convolutions that read a picture: inside, and of what is kept of each cell


@dataclass(frozen=True, slots=True, kw_only=True)
class InverseDynamicsConfig:
    """Sizes and training of the inverse-dynamics head. Defaults are the shipped tiny's.

    Args:
        width: Of its token stream.
        layers: Transformer layers.
        heads: Attention heads.
        reader: How frames become tokens. "cells": one token for each square of cells, present and future side by side.
            "picture": convolutions, then every action step reads every cell at its own place. It finds where a tool is
            to a fraction of a cell with far less training, and has weights for every cell of the base's latent frames,
            so it is for small ones.
        patch: Latent cells on a side of one token, for the reader of cells.
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
    reader: str = CELLS
    patch: int = 2
    objective: str = FLOW
    steps: int = 1
    members: int = 1
    beta: float = 0.5

    def __post_init__(self) -> None:
        if self.reader not in READERS:
            raise CheckpointError(
                f"inverse_dynamics.reader is '{self.reader}'; known: {', '.join(READERS)}. Choose one."
            )
        if self.objective not in OBJECTIVES:
            raise CheckpointError(
                f"inverse_dynamics.objective is '{self.objective}'; known: {', '.join(OBJECTIVES)}. Choose one."
            )
        if self.steps < 1 or self.members < 1:
            name = "steps" if self.steps < 1 else "members"
            raise CheckpointError(f"inverse_dynamics.{name} is {getattr(self, name)}; give 1 or more.")
        if self.heads < 1 or self.width % self.heads:
            raise CheckpointError(
                f"inverse_dynamics.heads is {self.heads}; give a number that divides the width of {self.width}."
            )
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
        width = config.width
        self.frames_in: _Cells | _Picture = (_Cells if config.reader == CELLS else _Picture)(config, geometry)
        places = self.frames_in.tokens
        self.time_embedder = TwoLayers(width, width, nn.SiLU())
        self.null_state = nn.Parameter(torch.randn(width) * 0.02)
        self.frame_positions = nn.Parameter(torch.randn(places, width) * 0.02)
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
        frames = torch.cat([seen.present.unsqueeze(1), seen.future], dim=1).flatten(1, 2)
        frames = self.frames_in(frames) + self.frame_positions
        if self.config.reader == PICTURE:
            tokens = torch.cat([state, steps + frames], dim=1)
        else:
            tokens = torch.cat([frames, state, steps], dim=1)
        for layer in self.layers:
            tokens = layer(tokens)
        out: Tensor = self.norm(tokens[:, -self.action_steps :])
        return out


class _Cells(nn.Linear):
    """Each square of cells as one token, its present and future side by side, so that motion is within one token."""

    def __init__(self, config: InverseDynamicsConfig, geometry: BaseGeometry) -> None:
        self.patch = config.patch
        self.tokens = (geometry.latent_height // config.patch) * (geometry.latent_width // config.patch)
        super().__init__(_channels(geometry) * config.patch**2, config.width)

    def forward(self, frames: Float[Tensor, "r seen h w"]) -> Float[Tensor, "r tokens width"]:
        """The tokens of a transition whose frames are stacked along the channels."""
        return super().forward(F.unfold(frames, kernel_size=self.patch, stride=self.patch).transpose(1, 2))


class _Picture(nn.Module):
    """What each action step reads off the whole transition: every cell at its own place."""

    def __init__(self, config: InverseDynamicsConfig, geometry: BaseGeometry) -> None:
        super().__init__()
        self.tokens = geometry.action_steps
        self.cells = nn.Sequential(
            nn.Conv2d(_channels(geometry), _CHANNELS, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(_CHANNELS, _KEPT, 1),
            nn.SiLU(),
        )
        width = 4 * config.width
        self.all = nn.Sequential(
            nn.Linear(_KEPT * geometry.latent_height * geometry.latent_width, width),
            nn.SiLU(),
            nn.LayerNorm(width),
            nn.Linear(width, self.tokens * config.width),
        )

    def forward(self, frames: Float[Tensor, "r seen h w"]) -> Float[Tensor, "r tokens width"]:
        """One token for each action step, from frames stacked along the channels."""
        out: Tensor = self.all(self.cells(frames).flatten(1))
        return out.reshape(len(out), self.tokens, -1)


def _channels(geometry: BaseGeometry) -> int:
    """Of a transition's frames, present and future, side by side."""
    return geometry.latent_channels * (1 + geometry.latent_frames_per_chunk)


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
