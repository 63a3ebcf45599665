"""What is trained beside the transformer, as the trace of a step meets it: tensors without values in, a loss out."""

import torch
from torch import Tensor, nn

from adapt.models.formats.dreamzero_parts import DreamZeroActions
from adapt.models.formats.sizes import BaseSizes
from adapt.models.heads.inverse_dynamics import InverseDynamics, InverseDynamicsConfig, Transitions
from adapt.train.plan.shapes import Passed
from adapt.types import BaseGeometry

_BODY = "body"


class ReadsTransitions:
    """The inverse-dynamics head, which reads every chunk's present and future apart from the transformer.

    Args:
        config: Its sizes.
        geometry: Of its base.
        chunks: In a window.
        axes: Action and state axes of the body.
        acting: Share of the windows that have actions.
    """

    def __init__(
        self,
        config: InverseDynamicsConfig,
        geometry: BaseGeometry,
        *,
        chunks: int,
        axes: tuple[int, int],
        acting: float,
    ) -> None:
        with torch.device("meta"):
            self._head = InverseDynamics(config, geometry)
            self._head.projections.add(_BODY, axes, 0)
        self._geometry, self._chunks, self._axes, self._acting = geometry, chunks, axes, acting

    @property
    def module(self) -> nn.Module:
        """Its weights."""
        return self._head

    def tokens(self, _batch: int) -> None:
        """It adds none."""

    def loss(self, _hidden: Tensor | None, batch: int) -> Tensor:
        """Squared error of every chunk's actions."""
        geometry = self._geometry
        rows = max(round(batch * self._acting), 1) * self._chunks
        cell = (geometry.latent_channels, geometry.latent_height, geometry.latent_width)
        seen = Transitions(
            present=torch.zeros(rows, *cell),
            future=torch.zeros(rows, geometry.latent_frames_per_chunk, *cell),
            state=torch.zeros(rows, max(self._axes[1], 1)),
            has_state=torch.zeros(rows, dtype=torch.bool),
            bodies=(_BODY,) * rows,
        )
        actions = torch.zeros(rows, geometry.action_steps, self._axes[0])
        told = [self._head(seen, actions, torch.zeros(rows), member=n)[0] for n in range(self._head.config.members)]
        return torch.stack([(one - actions).square().sum() for one in told]).sum()


class JoinsSequence:
    """DreamZero's encoders of action and state and its decoder, trained in full, whose tokens join the sequence.

    Args:
        sizes: Of its base.
        shape: Of each window.
    """

    def __init__(self, sizes: BaseSizes, shape: Passed) -> None:
        assert sizes.actions is not None
        with torch.device("meta"):
            self._made = DreamZeroActions(sizes.transformer.width, sizes.actions)
        self._sizes, self._shape = sizes.actions, shape

    @property
    def module(self) -> nn.Module:
        """Its weights."""
        return self._made

    def tokens(self, batch: int) -> Tensor:
        """Of the actions, then of the states."""
        steps, states = self._shape.action_tokens, self._shape.state_tokens
        category = torch.zeros(batch, dtype=torch.long)
        noisy, times = torch.zeros(batch, steps, self._sizes.action_dim), torch.zeros(batch, steps)
        state = self._made.state_encoder(torch.zeros(batch, states, self._sizes.state_dim), category)
        both = torch.cat([self._made.action_encoder(noisy, times, category), state], dim=1)
        return both.to(torch.bfloat16)

    def loss(self, hidden: Tensor | None, batch: int) -> Tensor:
        """Squared error of the actions."""
        assert hidden is not None
        told = self._made.action_decoder(hidden[:, : self._shape.action_tokens].float(), torch.zeros(batch).long())
        out: Tensor = told.square().sum()
        return out
