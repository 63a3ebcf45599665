"""The joint head: actions as tokens in the video transformer's own sequence, denoised along with the video.

DreamZero's way (arXiv 2602.15922). Kept for its weights and for comparison: its actions can follow the instruction
past the imagined video, which `inverse_dynamics` cannot.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from adapt.models.heads.bodies import BodyProjections, Readings


class JointHead(nn.Module):
    """Encoders of action and state tokens, and the decoder of action velocities; one projection per body."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.action_trunk = _Trunk(width)
        self.state_trunk = _Trunk(width)
        self.out_trunk = _Trunk(width)
        self.null_state = nn.Parameter(torch.randn(width) * 0.02)
        self.projections = BodyProjections(width)

    @property
    def noise_axes(self) -> int | None:
        """Action axes that are noised; None: those of the widest body in the batch."""
        return None

    def action_axes(self, bodies: Sequence[str]) -> int:
        """Action axes of what is denoised for these bodies: the widest one's.

        Raises:
            EmbodimentError: The head does not know one of them.
        """
        return max(self.projections.of(name).action_axes for name in bodies)

    def laid_out(self, values: Shaped[Tensor, "b k d"], bodies: Sequence[str]) -> Shaped[Tensor, "b k d"]:
        """What there is for each of a body's own axes, where this head's sequence has them: as it is."""
        del bodies
        return values

    def own_axes(self, actions: Readings) -> Float[Tensor, "b k d"]:
        """The other way round: zeros beyond each body's own axes."""
        return self.projections.keep_own_axes(actions)

    def encode_actions(self, actions: Readings, sigma: Float[Tensor, "b a"]) -> Float[Tensor, "b k width"]:
        """Noisy actions to tokens.

        Args:
            actions: What is noisy.
            sigma: Not used here: their noise level reaches them through the transformer's modulation.
        """
        del sigma
        out: Tensor = self.action_trunk(self.projections.actions_in(actions))
        return out

    def encode_state(self, state: Readings, given: Bool[Tensor, "b m"]) -> Float[Tensor, "b m width"]:
        """States to tokens; a learned stand-in for a body without state axes."""
        out: Tensor = self.state_trunk(self.projections.state_in(state, given, self.null_state))
        return out

    def decode(
        self, tokens: Float[Tensor, "b k width"], bodies: tuple[str, ...], axes: int
    ) -> Float[Tensor, "b k axes"]:
        """Action tokens, as the last block left them, to velocities."""
        return self.projections.actions_out(self.out_trunk(tokens), bodies, axes)


class _Trunk(nn.Module):
    """A residual two-layer network that every body shares."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.net = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, x: Float[Tensor, "b n width"]) -> Float[Tensor, "b n width"]:
        """Apply it."""
        out: Tensor = x + self.net(self.norm(x))
        return out
