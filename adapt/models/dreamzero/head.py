"""DreamZero's encoders and decoder of actions in the place of our joint head: every body's axes in slots they share.

DreamZero has one vector of 32 action slots and one of 64 state slots for all robots. An axis finds its weights by the
slot it lies in; slots that no axis lies in are noise in the sequence, as in training, and count in no loss.
"""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from adapt.errors import CheckpointError, EmbodimentError
from adapt.models.formats.dreamzero_parts import ActionSizes, DreamZeroActions
from adapt.models.heads.bodies import Readings
from adapt.models.wan.transformer import TIMESTEPS
from adapt.runs.documents import brief


class BodySlots(nn.Module):
    """In which slots one body's axes lie. Nothing of it is trained; it is stored with the weights."""

    action_slots: Int[Tensor, " d"]
    state_slots: Int[Tensor, " s"]

    def __init__(self, actions: Sequence[int], state: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("action_slots", torch.tensor(list(actions), dtype=torch.int32))
        self.register_buffer("state_slots", torch.tensor(list(state), dtype=torch.int32))

    @property
    def action_axes(self) -> int:
        """How many action axes the body has."""
        return len(self.action_slots)

    @property
    def state_axes(self) -> int:
        """How many state axes the body has."""
        return len(self.state_slots)


class Slots(nn.Module):
    """The slots of every body a DreamZero head knows; `BodyProjections` where its own weights do the work.

    Args:
        sizes: How many slots there are.
    """

    def __init__(self, sizes: ActionSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.bodies = nn.ModuleDict()

    @property
    def axes(self) -> dict[str, tuple[int, int]]:
        """Action and state axes of each body known here."""
        return {name: (self.of(name).action_axes, self.of(name).state_axes) for name in self.bodies}

    def of(self, name: str) -> BodySlots:
        """The slots of one body.

        Raises:
            EmbodimentError: The head does not know the body.
        """
        if name not in self.bodies:
            known = ", ".join(sorted(self.bodies)) or "none"
            raise EmbodimentError(
                f"body '{name}': DreamZero's action head has no slots for it; it knows: {known}. Take one of these, or "
                "add it."
            )
        return cast(BodySlots, self.bodies[name])

    def add(self, name: str, axes: tuple[int, int], seed: int = 0) -> None:
        """Put a body's axes into the first slots, in their order, as DreamZero puts a new robot's.

        Args:
            name: Of the body.
            axes: How many action and state axes it has.
            seed: Not used: no weight is a body's own.

        Raises:
            EmbodimentError: As `place`.
        """
        del seed
        self.place(name, range(axes[0]), range(axes[1]))

    def place(self, name: str, actions: Sequence[int], state: Sequence[int] = ()) -> None:
        """Put a body's axes into slots of its own choice: those in which the weights know such axes.

        Args:
            name: Of the body.
            actions: The slot of each action axis.
            state: The slot of each state axis.

        Raises:
            EmbodimentError: The body is known already, has no action axes or a name that torch does not take; or a
                slot is asked for twice or is not there.
        """
        if name in self.bodies or "." in name or hasattr(self.bodies, name):
            raise EmbodimentError(f"body '{name}': the head knows it, or cannot know that name. Choose another.")
        if len(actions) < 1:
            raise EmbodimentError(f"body '{name}': it has no action axes, so it needs no slots. Leave it out.")
        for what, slots, count in (
            ("action", actions, self.sizes.action_dim),
            ("state", state, self.sizes.state_dim),
        ):
            if not _fit(slots, count):
                raise EmbodimentError(
                    f"body '{name}': its {len(slots)} {what} axes were to go to the slots {list(slots)}; this base "
                    f"has slots 0 to {count - 1}, each for one axis. Choose among these."
                )
        self.bodies[name] = BodySlots(actions, state)

    def check(self) -> None:
        """See that the slots, which a file may have said, are slots of this head.

        Raises:
            CheckpointError: One is not there, or is there twice.
        """
        for name in self.bodies:
            body = self.of(name)
            for slots, count in (
                (body.action_slots.tolist(), self.sizes.action_dim),
                (body.state_slots.tolist(), self.sizes.state_dim),
            ):
                if not _fit(slots, count):
                    raise CheckpointError(
                        f"body '{name}': its stored slots {brief(slots)} are not of the {count} this base has. "
                        "Fetch or train it again."
                    )

    def spread(self, values: Shaped[Tensor, "r steps axes"], bodies: Sequence[str], *, state: bool = False) -> Tensor:
        """Each row's axes in its body's slots; zeros in the others, and in rows whose body is not known here."""
        count = self.sizes.state_dim if state else self.sizes.action_dim
        out = values.new_zeros(*values.shape[:2], count)
        for row, name in enumerate(bodies):
            if name not in self.bodies:
                continue
            slots = self.of(name).state_slots if state else self.of(name).action_slots
            if values.shape[-1] >= len(slots):
                out[row, :, slots.to(values.device).long()] = values[row, :, : len(slots)]
        return out

    def gather(self, values: Float[Tensor, "r k slots"], bodies: Sequence[str]) -> Float[Tensor, "r k d"]:
        """Each row's own axes again, zeros beyond them."""
        widest = max(self.of(name).action_axes for name in bodies)
        out = values.new_zeros(*values.shape[:2], widest)
        for row, name in enumerate(bodies):
            slots = self.of(name).action_slots.to(values.device).long()
            out[row, :, : len(slots)] = values[row, :, slots]
        return out


class DreamZeroHead(nn.Module):
    """DreamZero's ways in and out of the sequence, called as a `JointHead` is.

    Args:
        width: Of the token stream.
        sizes: Of the encoders and the decoder.
    """

    def __init__(self, width: int, sizes: ActionSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.actions = DreamZeroActions(width, sizes)
        self.projections = Slots(sizes)

    @property
    def noise_axes(self) -> int:
        """Action axes that are noised: all slots."""
        return self.sizes.action_dim

    def action_axes(self, bodies: Sequence[str]) -> int:
        """Action axes of what is denoised for these bodies: all slots.

        Raises:
            EmbodimentError: The head does not know one of them.
        """
        for name in bodies:
            self.projections.of(name)
        return self.sizes.action_dim

    def laid_out(self, values: Shaped[Tensor, "r k d"], bodies: Sequence[str]) -> Shaped[Tensor, "r k slots"]:
        """What there is for each of a body's own axes, where this head's sequence has them."""
        return self.projections.spread(values, bodies)

    def own_axes(self, actions: Readings) -> Float[Tensor, "r k d"]:
        """The other way round."""
        return self.projections.gather(actions.values, actions.bodies)

    def encode_actions(self, actions: Readings, sigma: Float[Tensor, "r k"]) -> Float[Tensor, "r k width"]:
        """Noisy slots to tokens, each step with its own noise level."""
        out: Tensor = self.actions.action_encoder(
            actions.values, TIMESTEPS * sigma.to(actions.values.dtype), self._category(actions.values)
        )
        return out

    def encode_state(self, state: Readings, given: Bool[Tensor, "r m"]) -> Float[Tensor, "r m width"]:
        """States to tokens; zeros where a state is not given, as DreamZero's loader fills them in."""
        values = torch.where(given.unsqueeze(-1), state.values, 0.0)
        slots = self.projections.spread(values, state.bodies, state=True)
        out: Tensor = self.actions.state_encoder(slots, self._category(slots))
        return out

    def decode(
        self, tokens: Float[Tensor, "r k width"], bodies: tuple[str, ...], axes: int
    ) -> Float[Tensor, "r k slots"]:
        """Action tokens, as the last block left them, to velocities of every slot.

        Args:
            tokens: Of the actions.
            bodies: Whose they are; one decoder serves all.
            axes: How many slots there are.
        """
        assert axes == self.sizes.action_dim, "actions go through the sequence in slots"
        del bodies
        out: Tensor = self.actions.action_decoder(tokens, self._category(tokens))
        return out

    def _category(self, like: Tensor) -> Int[Tensor, " r"]:
        """DreamZero's checkpoints have one set of weights, whatever robot they are asked for."""
        return torch.zeros(like.shape[0], dtype=torch.long, device=like.device)


def _fit(slots: Sequence[int], count: int) -> bool:
    return len(set(slots)) == len(slots) and all(0 <= slot < count for slot in slots)
