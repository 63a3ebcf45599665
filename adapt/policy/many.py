"""What would a policy do in each of many situations? All of them at once, each answered as if it were alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adapt.errors import EmbodimentError, RecipeError
from adapt.models.bases import Base
from adapt.models.batch import Text, pad_text
from adapt.models.frozen import forbid_decoding
from adapt.models.heads.inverse_dynamics import Transitions
from adapt.models.imagine import Bodies, Sampling, imagine, imagine_jointly
from adapt.models.world_action import INVERSE_DYNAMICS, JOINT
from adapt.policy.acting import Actor
from adapt.policy.observation import as_observation
from adapt.types import BaseGeometry, Observation
from adapt.video.canvas import place

BOTH = "both"
HEADS = (INVERSE_DYNAMICS, JOINT, BOTH)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plans:
    """What is to be done next in each situation, and what was imagined to come of it."""

    actions: Float[Tensor, "b k d"]  # absolute, in the body's own units
    frames: Float[Tensor, "b l c h w"]  # latents: the present, then the chunk that the actions lead through


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _States:
    """States side by side; a row is anything where it is not known."""

    physical: Float[Tensor, "b s"]
    known: Bool[Tensor, " b"]


class Crowd:
    """A policy that answers many observations together. A row's answer depends on its own observation and seed alone.

    The head that reads the actions is one of:

    - "inverse_dynamics": reads them from the present and the imagined frames, as `Policy.act` does.
    - "joint": denoises them beside the frames, in the transformer that also reads the instruction.
    - "both": joint as long as the gripper holds nothing, inverse dynamics while it holds something. Approaching a
      thing is where a joint head is precise; where to bring it is what an imagined future tells and a joint head tends
      not to follow. Their mean would do neither: half-way between closing and not closing is no command.

    Args:
        base: With the adapter and the heads on its model, ready to run.
        actor: The body and its statistics.
        video_steps: Solver steps for imagining a chunk.
        head: One of `HEADS`.

    Raises:
        EmbodimentError: The body has no action axes.
        RecipeError: The head is unknown, or the base has no joint head.
    """

    def __init__(self, base: Base, actor: Actor, *, video_steps: int, head: str = INVERSE_DYNAMICS) -> None:
        if not actor.spec.actions:
            raise EmbodimentError(
                f"embodiment '{actor.spec.name}': has no action axes, so it cannot act. Name a robot that has."
            )
        if head not in HEADS:
            raise RecipeError(f"head '{head}': there is none of that name. Take one of {', '.join(HEADS)}.")
        if head != INVERSE_DYNAMICS and not base.model.config.joint:
            raise RecipeError(f"head '{head}': {base.identity.name} has no joint head. Take {INVERSE_DYNAMICS}.")
        self._base, self._actor = base, actor
        self._sampling = Sampling(steps=video_steps)
        self._head = head
        self._features: dict[str, Tensor] = {}  # of each prompt, since episodes ask the same thing at every decision

    def act(
        self,
        observations: Sequence[object],
        instructions: Sequence[str],
        *,
        seeds: Sequence[int],
        holding: Sequence[bool] | None = None,
    ) -> Plans:
        """The next chunk of every row.

        Args:
            observations: As for `Policy.act`, one a row.
            instructions: What to do, one a row.
            seeds: Of each row's noise. With the inverse-dynamics head, and up to the last digits, a row's actions are
                those of `Policy.act` with this seed.
            holding: Whether the body feels something in its grip; asked for by the head "both" alone.

        Raises:
            DataError: An observation does not fit the body; the message names the field.
            ValueError: The arguments differ in length, or `holding` is missing.
        """
        if holding is None and self._head == BOTH:
            raise ValueError("the head 'both' changes with what is held; give `holding`, one a row.")
        if {len(instructions), len(seeds), len(observations if holding is None else holding)} != {len(observations)}:
            raise ValueError(
                f"{len(observations)} observations, {len(instructions)} instructions and {len(seeds)} seeds; "
                "one of each a row."
            )
        with torch.no_grad(), forbid_decoding():
            seen = [as_observation(observation, self._actor.spec) for observation in observations]
            return self._answer(seen, self._text(instructions), _generators(seeds), holding)

    def see(self, windows: Sequence[Sequence[object]]) -> Float[Tensor, "b l c h w"]:
        """Latents of what was seen, or is to be seen: windows of equally many observations, 1 + 4i of each.

        Raises:
            DataError: An observation does not fit the body; the message names the field.
        """
        body, canvas = self._actor.spec, self._base.geometry.canvas
        placed = []
        for window in windows:
            rows = [as_observation(observation, body) for observation in window]
            # One by one, since pictures may differ in size.
            parts = [
                place({camera.slot: row.images[camera.name][None] for camera in body.cameras}, canvas) for row in rows
            ]
            placed.append(torch.cat(parts))
        return self._base.codec.encode(torch.stack(placed))

    @property
    def geometry(self) -> BaseGeometry:
        """The base's rates and chunk length."""
        return self._base.geometry

    def read(
        self, frames: Float[Tensor, "b l c h w"], observations: Sequence[object], *, seeds: Sequence[int]
    ) -> Plans:
        """What the inverse-dynamics head does to bring given frames about, whoever imagined or drew them.

        Args:
            frames: Latents of the present and of one chunk after it.
            observations: What is seen and felt now, one a row; only the state is looked at.
            seeds: Of each row's noise.

        Raises:
            DataError: An observation does not fit the body; the message names the field.
        """
        states = self._states([as_observation(observation, self._actor.spec) for observation in observations])
        told = self._by_inverse_dynamics(frames, states, _generators(seeds))
        return Plans(actions=self._physical(told, states), frames=frames)

    def _answer(
        self,
        seen: Sequence[Observation],
        text: Text,
        generators: list[torch.Generator],
        holding: Sequence[bool] | None,
    ) -> Plans:
        present, states = self.see([[row] for row in seen]), self._states(seen)
        model = self._base.model
        if self._head == INVERSE_DYNAMICS:
            future = imagine(model, present, text, self._sampling, generators)
            frames = torch.cat([present, future], dim=1)
            told = self._by_inverse_dynamics(frames, states, generators)
            return Plans(actions=self._physical(told, states), frames=frames)
        bodies = Bodies(names=self._names(len(seen)), state=self._scaled(states), has_state=states.known)
        future, told = imagine_jointly(model, present, text, bodies, self._sampling, generators)
        frames = torch.cat([present, future], dim=1)
        if holding is not None and self._head == BOTH:
            read = self._by_inverse_dynamics(frames, states, generators)
            told = torch.where(torch.tensor(list(holding)).view(-1, 1, 1), read, told)
        return Plans(actions=self._physical(told, states), frames=frames)

    def _by_inverse_dynamics(
        self, frames: Float[Tensor, "b l c h w"], states: _States, generators: list[torch.Generator]
    ) -> Float[Tensor, "b k d"]:
        """Normalised actions. No instruction comes in here, and none may."""
        steps = Transitions(
            present=frames[:, 0],
            future=frames[:, 1:],
            state=self._scaled(states),
            has_state=states.known,
            bodies=self._names(len(frames)),
        )
        return self._base.model.inverse_dynamics.act(steps, generators)

    def _states(self, seen: Sequence[Observation]) -> _States:
        rows = [row.state for row in seen]
        nothing = torch.zeros(len(self._actor.spec.state))
        return _States(
            physical=torch.stack([nothing if row is None else row.float() for row in rows]),
            known=torch.tensor([row is not None for row in rows]),
        )

    def _scaled(self, states: _States) -> Float[Tensor, "b s"]:
        scaled = self._actor.scaled_state(states.physical)
        if scaled is not None:
            return scaled
        axes = self._base.model.inverse_dynamics.projections.of(self._actor.spec.name).state_axes
        return torch.zeros(len(states.known), axes)

    def _physical(self, told: Float[Tensor, "b k d"], states: _States) -> Float[Tensor, "b k d"]:
        """Absolute actions in the body's units: every row is a chunk that starts at its own state."""
        flat = self._actor.physical(told.flatten(0, 1), states.physical, self._base.geometry.action_steps)
        return flat.view_as(told)

    def _text(self, instructions: Sequence[str]) -> Text:
        prompts = [self._actor.spec.prompt_for(instruction) for instruction in instructions]
        for prompt in dict.fromkeys(prompts):
            if prompt not in self._features:
                self._features[prompt] = self._base.text.encode([prompt])[0]
        return pad_text([self._features[prompt] for prompt in prompts])

    def _names(self, rows: int) -> tuple[str, ...]:
        return (self._actor.spec.name,) * rows


def _generators(seeds: Sequence[int]) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]
