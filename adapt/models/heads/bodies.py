"""Each body's own way in and out of a head: linear maps between its axes and the head's width."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from adapt.errors import EmbodimentError
from adapt.models.seeding import seeded


class BodyProjection(nn.Module):
    """One body's maps. A body without state axes has no `state_in`; `others` are those of a head's further members."""

    def __init__(
        self, width: int, action_axes: int, state_axes: int, *, members: int = 1, variances: bool = False
    ) -> None:
        super().__init__()
        self.action_axes = action_axes
        self.state_axes = state_axes
        self.action_in = nn.Linear(action_axes, width)
        self.action_out = nn.Linear(width, action_axes)
        self.state_in = nn.Linear(state_axes, width) if state_axes else None
        self.variance_out = nn.Linear(width, action_axes) if variances else None
        self.others = nn.ModuleList(
            [BodyProjection(width, action_axes, state_axes, variances=variances) for _ in range(members - 1)]
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """Actions or states of several rows, each row of its own body, padded to the body with most axes."""

    values: Float[Tensor, "r steps axes"]
    bodies: tuple[str, ...]


class BodyProjections(nn.Module):
    """The maps of every body a head knows, applied row by row to batches of mixed bodies.

    Args:
        width: Of the head's tokens.
        members: Sets of maps of each body, one for each member of the head.
        variances: Whether there are maps from tokens to variances of actions.
    """

    def __init__(self, width: int, *, members: int = 1, variances: bool = False) -> None:
        super().__init__()
        self.width = width
        self.members = members
        self.variances = variances
        self.bodies = nn.ModuleDict()

    @property
    def axes(self) -> dict[str, tuple[int, int]]:
        """Action and state axes of each body known here."""
        return {name: (self.of(name).action_axes, self.of(name).state_axes) for name in self.bodies}

    def of(self, name: str) -> BodyProjection:
        """The maps of one body: the first member's, which hold those of the others.

        Raises:
            EmbodimentError: The head does not know the body.
        """
        if name not in self.bodies:
            known = ", ".join(sorted(self.bodies)) or "none"
            raise EmbodimentError(
                f"body '{name}': the action head has no projections for it; it knows: {known}. Take one of these, or "
                "train it."
            )
        return cast(BodyProjection, self.bodies[name])

    def add(self, name: str, axes: tuple[int, int], seed: int) -> None:
        """Give a body fresh maps.

        Args:
            name: Of the body.
            axes: How many action and state axes it has.
            seed: Decides the fresh weights.

        Raises:
            EmbodimentError: The body is known already, has no action axes, or has a name that torch does not take.
        """
        if name in self.bodies:
            raise EmbodimentError(f"body '{name}': the head knows it already. Choose another name.")
        if "." in name or hasattr(self.bodies, name):  # Such as "keys": torch makes attributes of the names.
            raise EmbodimentError(
                f"body '{name}': no part of a model can have that name. Choose another, without dots."
            )
        if axes[0] < 1:
            raise EmbodimentError(
                f"body '{name}': it has no action axes, so a head has nothing to learn for it. Leave it out."
            )
        like = next(self.parameters(), torch.empty(0))
        with seeded(seed):
            made = BodyProjection(self.width, *axes, members=self.members, variances=self.variances)
            self.bodies[name] = made.to(device=like.device, dtype=like.dtype)

    def actions_in(self, actions: Readings, *, member: int = 0) -> Float[Tensor, "r k width"]:
        """Actions to tokens; zero for rows whose body is not known here."""
        tokens = actions.values.new_zeros(*actions.values.shape[:2], self.width)
        for name, rows in self._groups(actions.bodies, tokens.device):
            body = self._of(name, member)
            part = body.action_in(actions.values[rows, :, : body.action_axes])
            tokens = tokens.index_copy(0, rows, part)
        return tokens

    def actions_out(
        self, tokens: Float[Tensor, "r k width"], bodies: tuple[str, ...], axes: int, *, member: int = 0
    ) -> Float[Tensor, "r k axes"]:
        """Tokens to actions, zero beyond a body's own axes and for rows whose body is not known here."""
        actions = tokens.new_zeros(*tokens.shape[:2], axes)
        for name, rows in self._groups(bodies, tokens.device):
            part = self._of(name, member).action_out(tokens[rows])
            actions = actions.index_copy(0, rows, F.pad(part, (0, axes - part.shape[-1])))
        return actions

    def variances_out(
        self, tokens: Float[Tensor, "r k width"], bodies: tuple[str, ...], axes: int, *, member: int = 0
    ) -> Float[Tensor, "r k axes"]:
        """Tokens to what the variance of each action is made of, zero where `actions_out` is.

        Raises:
            ValueError: This head has no variances.
        """
        raw = tokens.new_zeros(*tokens.shape[:2], axes)
        for name, rows in self._groups(bodies, tokens.device):
            out = self._of(name, member).variance_out
            if out is None:
                raise ValueError(f"body '{name}': this head was made without variances. Use the gaussian objective.")
            part = out(tokens[rows])
            raw = raw.index_copy(0, rows, F.pad(part, (0, axes - part.shape[-1])))
        return raw

    def keep_own_axes(self, actions: Readings) -> Float[Tensor, "r k axes"]:
        """Actions with zeros beyond each body's own axes."""
        counts = torch.tensor([self.of(name).action_axes for name in actions.bodies], device=actions.values.device)
        own = torch.arange(actions.values.shape[-1], device=counts.device) < counts.unsqueeze(1)
        return torch.where(own.unsqueeze(1), actions.values, 0.0)

    def state_in(
        self, state: Readings, given: Bool[Tensor, "r m"], null: Float[Tensor, " width"], *, member: int = 0
    ) -> Float[Tensor, "r m width"]:
        """States to tokens; `null` where a state is not `given` or the body has no state axes."""
        values = torch.where(given.unsqueeze(-1), state.values, 0.0)
        tokens = null.expand(*values.shape[:2], -1)
        for name, rows in self._groups(state.bodies, values.device):
            body = self._of(name, member)
            if body.state_in is not None and values.shape[-1] >= body.state_axes:
                part = body.state_in(values[rows, :, : body.state_axes])
                tokens = tokens.index_copy(0, rows, torch.where(given[rows].unsqueeze(-1), part, null))
        return tokens

    def _of(self, name: str, member: int) -> BodyProjection:
        """One member's maps of a body that is known here."""
        first = self.of(name)
        return cast(BodyProjection, first.others[member - 1]) if member else first

    def _groups(self, bodies: Sequence[str], device: torch.device) -> list[tuple[str, Int[Tensor, " some"]]]:
        """Rows of each known body."""
        known = [name for name in dict.fromkeys(bodies) if name in self.bodies]
        return [
            (name, torch.tensor([i for i, body in enumerate(bodies) if body == name], device=device)) for name in known
        ]
