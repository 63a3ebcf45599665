"""The world-action model: a video transformer that imagines what comes next, and heads that read actions from it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from adapt.errors import EmbodimentError
from adapt.models.batch import Batch
from adapt.models.dreamzero.head import DreamZeroHead
from adapt.models.dreamzero.sequence import DreamZeroLayout
from adapt.models.formats.dreamzero_parts import ActionSizes
from adapt.models.heads.bodies import Readings
from adapt.models.heads.inverse_dynamics import (
    ActionTargets,
    Hiding,
    InverseDynamics,
    InverseDynamicsConfig,
    Transitions,
)
from adapt.models.heads.joint import JointHead
from adapt.models.noise import Noise
from adapt.models.noised import known, levels, noised, with_first_frame
from adapt.models.passes import Acting, JointOutput, Scene, velocities
from adapt.models.seeding import seeded
from adapt.models.wan.config import WanConfig
from adapt.models.wan.layout import Layout, Presence
from adapt.models.wan.transformer import TIMESTEPS as TIMESTEP_SCALE
from adapt.models.wan.transformer import WanTransformer
from adapt.objectives.choices import INDEPENDENT, TIMESTEPS
from adapt.objectives.flow import interpolate, predicted_clean, velocity
from adapt.objectives.losses import MaskedSum, masked_square_error
from adapt.types import BaseGeometry

INVERSE_DYNAMICS, JOINT = "inverse_dynamics", "joint"
# In single precision, as its timesteps are rounded down; FlowUniPCMultistepScheduler at ab790c1.
_DREAMZERO_TOP = float(torch.tensor(0.999))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldActionConfig:
    """What a world-action model is made of.

    Args:
        wan: Sizes of the video transformer.
        inverse_dynamics: The head that reads actions from a transition.
        joint: Whether there is also a head with action tokens in the transformer's sequence.
        shift: How far training and sampling lean towards high noise levels; 1 is not at all.
        noise_mode: How the joint head's noise levels went with their chunk's when this base was trained:
            "independent", "coupled" or "decoupled"; see `adapt.objectives.timesteps.Timesteps`.
        video_sees_actions: Whether predicted video sees the joint head's actions and state.
        guidance: Classifier-free guidance on the instruction that its futures are imagined with; 1 is none.
        dreamzero: Sizes of DreamZero's encoders and decoder of actions, for a base in DreamZero's sequence; its video
            always sees actions. None is our own sequence and joint head.
    """

    wan: WanConfig
    inverse_dynamics: InverseDynamicsConfig
    joint: bool = True
    shift: float = 3.0
    noise_mode: str = INDEPENDENT
    video_sees_actions: bool = False
    guidance: float = 1.0
    dreamzero: ActionSizes | None = None

    def __post_init__(self) -> None:
        if self.noise_mode not in TIMESTEPS:
            raise ValueError(f"noise_mode is '{self.noise_mode}'; known: {', '.join(TIMESTEPS)}.")
        if self.dreamzero is not None and not (self.joint and self.video_sees_actions):
            raise ValueError(
                "dreamzero: in its sequence video sees actions, which its head encodes; set joint and "
                "video_sees_actions."
            )

    @property
    def top_level(self) -> float:
        """The noise level that sampling starts from, before the shift; DreamZero's and Wan's own stays below 1."""
        return 1.0 if self.dreamzero is None else _DREAMZERO_TOP

    def told_level(self, sigma: float) -> float:
        """The noise level that the transformer is told where a solver stands at `sigma`.

        DreamZero's samplers round down to whole timesteps.
        """
        return sigma if self.dreamzero is None else math.floor(TIMESTEP_SCALE * sigma) / TIMESTEP_SCALE

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        parts = {"wan": self.wan.to_json(), "inverse_dynamics": self.inverse_dynamics.to_json()}
        value = asdict(self) | parts
        if self.dreamzero is None:
            del value["dreamzero"]  # As bases of our own sequence have always been written.
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "WorldActionConfig":
        """Read what `to_json` wrote."""
        wan = WanConfig.from_json(value["wan"])
        head = InverseDynamicsConfig.from_json(value["inverse_dynamics"])
        sizes = {"dreamzero": ActionSizes(**value["dreamzero"])} if value.get("dreamzero") else {}
        return cls(**{**value, "wan": wan, "inverse_dynamics": head, **sizes})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainableReport:
    """What will be trained."""

    tensors: int
    parameters: int
    share: float  # of all parameters of the model
    by_part: Mapping[str, int]  # parameters trained in "dit" and in each head


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Losses:
    """Sums and counts of one pass; the caller divides, each by its own count over the global batch."""

    video: MaskedSum
    action: MaskedSum | None  # of the joint head; None where it was not asked for
    predicted_future: Float[Tensor, "b f c h w"]  # where each noisy frame's line meets the data; no gradient


class WorldActionModel(nn.Module):
    """The video transformer `dit` and the `heads`.

    Frozen or adapted: `dit`. Trained in full: `heads` (trunks and every body's projections).
    """

    def __init__(self, config: WorldActionConfig, geometry: BaseGeometry, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.geometry = geometry
        with seeded(seed):
            self.dit = WanTransformer(config.wan)
            self.heads = nn.ModuleDict({INVERSE_DYNAMICS: InverseDynamics(config.inverse_dynamics, geometry)})
            if config.dreamzero is not None:
                self.heads[JOINT] = DreamZeroHead(config.wan.width, config.dreamzero)
            elif config.joint:
                self.heads[JOINT] = JointHead(config.wan.width)

    @property
    def inverse_dynamics(self) -> InverseDynamics:
        """The head that reads actions from a transition."""
        return cast(InverseDynamics, self.heads[INVERSE_DYNAMICS])

    @property
    def joint(self) -> JointHead | DreamZeroHead:
        """The head with action tokens in the transformer's sequence.

        Raises:
            EmbodimentError: This model has none.
        """
        if JOINT not in self.heads:
            raise EmbodimentError("head 'joint': this base was made without it. Use inverse_dynamics.")
        return cast(JointHead | DreamZeroHead, self.heads[JOINT])

    @property
    def noise_axes(self) -> int | None:
        """How many action axes `draw_noise` is to noise; None: the batch's."""
        return self.joint.noise_axes if JOINT in self.heads else None

    @property
    def bodies(self) -> dict[str, tuple[int, int]]:
        """Action and state axes of every body the heads know."""
        return self.inverse_dynamics.projections.axes

    def add_body(self, name: str, action_axes: int, state_axes: int, seed: int) -> None:
        """Give a body fresh projections in every head.

        Raises:
            EmbodimentError: The body is known already or has no action axes.
        """
        self.inverse_dynamics.projections.add(name, (action_axes, state_axes), seed)
        if JOINT in self.heads:
            self.joint.projections.add(name, (action_axes, state_axes), seed + 1)

    def freeze(self, *, dit: bool, heads: bool) -> None:
        """Stop gradients to the transformer's own weights (not to adapters added later) and, or, to the heads."""
        self.dit.requires_grad_(not dit)
        self.heads.requires_grad_(not heads)

    def video_velocity(
        self, batch: Batch, noisy: Float[Tensor, "b f c h w"], sigma: Float[Tensor, "b m"]
    ) -> Float[Tensor, "b f c h w"]:
        """Velocity of every chunk's noisy frames, each given the recorded frames before it.

        Args:
            batch: Gives the clean frames, the instruction and what is real.
            noisy: Frames 1 to l - 1, noised.
            sigma: Noise level of each chunk; in DreamZero's sequence, of each frame if so given.
        """
        return self._training_pass(batch, noisy, sigma, None).video

    def joint_velocity(self, batch: Batch, noise: Noise) -> JointOutput:
        """Velocities of video and actions in one sequence.

        Those of video are of frames 1 to l - 1, and of frame 0 where the noise has one for it (`Noise.first`).

        Raises:
            EmbodimentError: A window with actions is of a body without projections, or there is no joint head.
        """
        video = noised(batch, noise)
        return self._training_pass(batch, video.noisy, video.levels, noise)

    def losses(self, batch: Batch, noise: Noise, *, joint: bool = False) -> Losses:
        """Flow-matching losses of the video and, if asked, of the joint head's actions.

        Raises:
            ValueError: The noise is not for this model's sequence.
            EmbodimentError: As `joint_velocity`.
        """
        video = noised(batch, noise)
        output = self._training_pass(batch, video.noisy, video.levels, noise if joint else None)
        valid = video.valid[:, :, None, None, None].expand_as(video.clean)
        action = None
        if output.action is not None:
            told = batch.action_valid & batch.has_action[:, None, None]
            own = torch.where(told, batch.actions, 0.0)
            told, own = (self.joint.laid_out(values, batch.embodiments) for values in (told, own))
            weight = batch.weight.unsqueeze(1) * noise.step_weight
            action = masked_square_error(output.action, velocity(own, noise.action), told, weight)
        future = video.noisy.shape[1] - noise.video.shape[1]
        return Losses(
            video=masked_square_error(output.video, velocity(video.clean, video.added), valid, video.weight),
            action=action,
            predicted_future=predicted_clean(video.noisy, output.video.detach(), video.sigma)[:, future:],
        )

    def inverse_dynamics_loss(
        self,
        batch: Batch,
        generator: torch.Generator,
        *,
        hiding: Hiding | None = None,
        future: Float[Tensor, "b f c h w"] | None = None,
    ) -> MaskedSum | None:
        """Loss of the inverse-dynamics head over every chunk with actions; None where the batch has none.

        Args:
            batch: Windows; those without actions are left out and cost nothing.
            generator: On the CPU.
            hiding: What the head is not shown, in training.
            future: Read actions from these frames 1 to l - 1 (imagined ones, say) instead of the recorded ones.
        """
        found = transitions(batch, future)
        return None if found is None else self.inverse_dynamics.loss(*found, generator, hiding)

    def trainable_report(self) -> TrainableReport:
        """How much of the model will be trained, and where."""
        trained = [(name, p.numel()) for name, p in self.named_parameters() if p.requires_grad]
        parts = {"dit": "dit.", **{head: f"heads.{head}." for head in self.heads}}
        count = sum(size for _, size in trained)
        return TrainableReport(
            tensors=len(trained),
            parameters=count,
            share=count / sum(p.numel() for p in self.parameters()),
            by_part={
                part: sum(size for name, size in trained if name.startswith(prefix)) for part, prefix in parts.items()
            },
        )

    def _training_pass(self, batch: Batch, noisy: Tensor, sigma: Tensor, actions: Noise | None) -> JointOutput:
        layout = self.layout(batch.max_chunks, first_noisy=0, acting=actions is not None)
        if noisy.shape[1] > layout.noisy_frames:
            layout = with_first_frame(layout)
        acting = None if actions is None else self._acting(batch, actions)
        if acting is not None:
            acting = replace(acting, sigma=levels(acting.sigma, layout.action_levels))
        scene = Scene(
            layout=layout,
            presence=Presence(
                chunks=batch.chunks,
                video=torch.ones_like(batch.has_action),
                action=batch.has_action,
                state=batch.has_action,
            ),
            clean=known(batch.latents, batch.frame_valid)[:, : layout.clean_frames],
            noisy=known(noisy, batch.frame_valid[:, -noisy.shape[1] :]),
            sigma=levels(sigma, layout.video_levels),
            text=batch.text,
            acting=acting,
            image=batch.image,
        )
        return velocities(self.dit, scene)

    def _acting(self, batch: Batch, noise: Noise) -> Acting:
        """The joint head's part of a training pass."""
        for name, acts in zip(batch.embodiments, batch.has_action.tolist(), strict=True):
            if acts:
                self.joint.projections.of(name)
        told = torch.where(batch.action_valid, batch.actions, 0.0)
        actions = self.joint.laid_out(told, batch.embodiments)
        if actions.shape != noise.action.shape:
            raise ValueError(
                f"the noise of actions is {list(noise.action.shape)}, this model's action head takes "
                f"{list(actions.shape)}. Draw it with action_axes=model.noise_axes."
            )
        return Acting(
            head=self.joint,
            noisy=Readings(values=interpolate(actions, noise.action, noise.step_sigma), bodies=batch.embodiments),
            sigma=noise.action_sigma,
            state=Readings(values=batch.state, bodies=batch.embodiments),
            state_given=batch.chunk_valid & batch.has_state.unsqueeze(1),
        )

    def layout(self, chunks: int, *, first_noisy: int, acting: bool, sampled: bool = False) -> Layout:
        """The arrangement of a sequence of so many chunks for this model's sizes.

        Args:
            chunks: Of the longest window.
            first_noisy: First chunk that is predicted.
            acting: Whether actions and states are in the sequence.
            sampled: Whether it is to imagine with rather than to train; it matters to DreamZero's sequence alone.
        """
        _, ph, pw = self.config.wan.patch_size
        kind = Layout if self.config.dreamzero is None else partial(DreamZeroLayout, sampled=sampled)
        return kind(
            chunks=chunks,
            rows=self.geometry.latent_height // ph,
            columns=self.geometry.latent_width // pw,
            frames_per_chunk=self.geometry.latent_frames_per_chunk,
            first_noisy=first_noisy,
            action_steps=self.geometry.action_steps if acting else 0,
            video_sees_actions=self.config.video_sees_actions,
        )


def transitions(
    batch: Batch, future: Float[Tensor, "b f c h w"] | None = None
) -> tuple[Transitions, ActionTargets] | None:
    """Every chunk with actions as one step from a present to a future; None where the batch has none.

    Args:
        batch: Windows of any kind.
        future: Frames 1 to l - 1 to take instead of the recorded ones.
    """
    m, f = batch.max_chunks, batch.latent_frames_per_chunk
    row, chunk = (batch.chunk_valid & batch.has_action.unsqueeze(1)).nonzero(as_tuple=True)
    if row.numel() == 0:
        return None
    frames = batch.latents[:, 1:] if future is None else future
    steps = (row, chunk)
    seen = Transitions(
        present=batch.latents[:, 0 : f * m : f][steps],
        future=_by_chunk(frames, m)[steps],
        state=batch.state[steps],
        has_state=batch.has_state[row],
        bodies=tuple(batch.embodiments[i] for i in row.tolist()),
    )
    targets = ActionTargets(
        actions=_by_chunk(batch.actions, m)[steps],
        valid=_by_chunk(batch.action_valid, m)[steps],
        weight=batch.weight[row],
        names=tuple(f"{batch.window_ids[i]}/{j}" for i, j in zip(row.tolist(), chunk.tolist(), strict=True)),
        sigma_floor=batch.action_floor[row],
    )
    return seen, targets


def _by_chunk(steps: Tensor, chunks: int) -> Tensor:
    """The second axis split into chunks and steps within them."""
    return steps.reshape(steps.shape[0], chunks, -1, *steps.shape[2:])
