"""From one present to actions: imagine the next chunk, read the actions that lead there, say them in physical units."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.embodiment.resample import to_absolute
from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics, denormalise, normalise
from adapt.models.heads.inverse_dynamics import DRAWS, ActionReading, Transitions
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

    def physical_spread(self, spread: Float[Tensor, "*k d"]) -> Float[Tensor, "*k d"]:
        """Deviations in the model's scale as deviations in physical units.

        They scale as the actions do, without the offset: neither the middle of an axis's range nor the state that a
        relative axis starts from is in doubt.
        """
        assert self.statistics.actions is not None
        one = denormalise(torch.ones(1, spread.shape[-1], dtype=torch.float64), self.statistics.actions)
        none = denormalise(torch.zeros(1, spread.shape[-1], dtype=torch.float64), self.statistics.actions)
        return (spread.double() * (one - none)[0].to(spread.device)).float()


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
    return model.inverse_dynamics.act(_steps(model, frames, state, body), generator).flatten(0, 1)


def read_with_spread(
    model: WorldActionModel,
    frames: Float[Tensor, "l c h w"],
    state: Float[Tensor, "m s"] | None,
    body: str,
    generator: torch.Generator,
    *,
    draws: int = DRAWS,
) -> ActionReading:
    """As `read_actions`, and how far each action may be off; both of shape (k, d), normalised.

    Args:
        model: As for `read_actions`.
        frames: As for `read_actions`.
        state: As for `read_actions`.
        body: As for `read_actions`.
        generator: As for `read_actions`; the same seed reads the same actions with a spread as without.
        draws: Samples behind the spread of a flow head.

    Raises:
        EmbodimentError: The head does not know the body.
    """
    reading = model.inverse_dynamics.read(_steps(model, frames, state, body), generator, draws=draws)
    spread = None if reading.spread is None else reading.spread.flatten(0, 1)
    return ActionReading(mean=reading.mean.flatten(0, 1), spread=spread)


def _steps(
    model: WorldActionModel, frames: Float[Tensor, "l c h w"], state: Float[Tensor, "m s"] | None, body: str
) -> Transitions:
    """A window's chunks as one transition each."""
    size = model.geometry.latent_frames_per_chunk
    chunks = (len(frames) - 1) // size
    axes = model.inverse_dynamics.projections.of(body).state_axes
    return Transitions(
        present=frames[: size * chunks : size],
        future=frames[1:].reshape(chunks, size, *frames.shape[1:]),
        state=frames.new_zeros(chunks, axes) if state is None else state.to(frames),
        has_state=torch.full((chunks,), state is not None),
        bodies=(body,) * chunks,
    )
