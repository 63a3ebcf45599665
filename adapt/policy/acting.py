"""From one present to actions: imagine the next chunk, read the actions that lead there, say them in physical units."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.embodiment.resample import to_absolute
from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics, denormalise, normalise
from adapt.models.heads.inverse_dynamics import Transitions
from adapt.models.world_action import WorldActionModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Actor:
    """A body, and how its numbers are scaled for the model."""

    spec: Embodiment
    statistics: BodyStatistics

    def scaled_state(self, state: Float[Tensor, "m s"] | None) -> Float[Tensor, "m s"] | None:
        """A state in physical units as the model takes it; None where there is none, or the body has no state axes."""
        if state is None or self.statistics.state is None:
            return None
        return torch.nan_to_num(normalise(state, self.statistics.state).float(), nan=0.0, posinf=0.0, neginf=0.0)

    def physical(
        self, actions: Float[Tensor, "k d"], state: Float[Tensor, "m s"] | None, action_steps: int
    ) -> Float[Tensor, "k d"]:
        """The model's actions as absolute ones, in physical units.

        Raises:
            EmbodimentError: An axis is relative to a state, and there is none.
        """
        assert self.statistics.actions is not None
        told = denormalise(actions.double(), self.statistics.actions)
        start = None if state is None else state.double()
        return to_absolute(told, start, self.spec, action_steps=action_steps).float()


def read_actions(
    model: WorldActionModel,
    frames: Float[Tensor, "l c h w"],
    state: Float[Tensor, "m s"] | None,
    body: str,
    generator: torch.Generator,
) -> Float[Tensor, "k d"]:
    """The normalised actions that lead through a window's latent frames, chunk by chunk.

    Args:
        model: Its inverse-dynamics head reads them.
        frames: The present and every frame after it, recorded or imagined.
        state: Normalised, at the start of each chunk; None where not known.
        body: Whose actions.
        generator: On the CPU; the same seed reads the same actions.

    Raises:
        EmbodimentError: The head does not know the body.
    """
    size = model.geometry.latent_frames_per_chunk
    chunks = (len(frames) - 1) // size
    axes = model.inverse_dynamics.projections.of(body).state_axes
    seen = Transitions(
        present=frames[: size * chunks : size],
        future=frames[1:].reshape(chunks, size, *frames.shape[1:]),
        state=frames.new_zeros(chunks, axes) if state is None else state.to(frames),
        has_state=torch.full((chunks,), state is not None),
        bodies=(body,) * chunks,
    )
    return model.inverse_dynamics.act(seen, generator).flatten(0, 1)
