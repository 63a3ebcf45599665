"""Imagining what happens next: noise to latent frames, one chunk at a time, each given all before it."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adapt.models.batch import Text, no_text
from adapt.models.heads.bodies import Readings
from adapt.models.passes import Acting, JointOutput, Scene, velocities
from adapt.models.wan.layout import Presence
from adapt.models.world_action import WorldActionModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the future is imagined.

    Args:
        steps: Euler steps from noise to latents.
        guidance: Classifier-free guidance on the instruction; 1 is none and halves the cost.
    """

    steps: int = 10
    guidance: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """Whose actions the joint head is to denoise, and their state."""

    names: tuple[str, ...]
    state: Float[Tensor, "b s"]  # normalised; anything where not given
    has_state: Bool[Tensor, " b"]


def imagine(
    model: WorldActionModel,
    context: Float[Tensor, "b l c h w"],
    text: Text,
    sampling: Sampling,
    generator: torch.Generator,
) -> Float[Tensor, "b f c h w"]:
    """The latent frames of the next chunk.

    Args:
        model: What imagines.
        context: Present and past latent frames, one window each, 1 + f x chunks of them.
        text: The instruction of each window.
        sampling: Steps and guidance.
        generator: On the CPU; the same seed imagines the same future.

    Raises:
        ValueError: The context is no whole number of chunks, or leaves no room for another.
    """
    return _sample(model, context, text, sampling, generator, None)[0]


def rollout(
    model: WorldActionModel,
    present: Float[Tensor, "b l c h w"],
    text: Text,
    chunks: int,
    sampling: Sampling,
    generator: torch.Generator,
) -> Float[Tensor, "b f c h w"]:
    """The latent frames of the next `chunks` chunks, each imagined from those before it.

    Raises:
        ValueError: Context and chunks together are longer than a window of this base.
    """
    context = present
    for _ in range(chunks):
        context = torch.cat([context, imagine(model, context, text, sampling, generator)], dim=1)
    return context[:, present.shape[1] :]


def imagine_jointly(
    model: WorldActionModel,
    context: Float[Tensor, "b l c h w"],
    text: Text,
    bodies: Bodies,
    sampling: Sampling,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "b f c h w"], Float[Tensor, "b k d"]]:
    """The latent frames of the next chunk and the joint head's normalised actions, denoised together.

    Guidance acts on the video alone, as in DreamZero.

    Raises:
        ValueError: As `imagine`.
        EmbodimentError: A body has no projections, or the model no joint head.
    """
    frames, actions = _sample(model, context, text, sampling, generator, bodies)
    assert actions is not None
    return frames, actions


@torch.no_grad()
def _sample(
    model: WorldActionModel,
    context: Tensor,
    text: Text,
    sampling: Sampling,
    generator: torch.Generator,
    bodies: Bodies | None,
) -> tuple[Tensor, Tensor | None]:
    """Euler steps from noise to the next chunk, and to its actions where `bodies` asks for them."""
    chunk = _next_chunk(model, context)
    layout = model.layout(chunk + 1, first_noisy=chunk, acting=bodies is not None)
    frames = _normal((context.shape[0], layout.noisy_frames, *context.shape[2:]), context, generator)
    actions = None if bodies is None else _first_actions(model, bodies, context, generator)
    guided = sampling.guidance != 1.0
    schedules = [_schedule(sampling.steps, model.config.shift) for _ in range(2)]
    for sigma, time in zip(schedules[0].sigmas.tolist(), schedules[0].timesteps, strict=False):
        level = frames.new_full((frames.shape[0], 1), sigma)
        everyone = torch.ones(frames.shape[0], dtype=torch.bool, device=frames.device)
        scene = Scene(
            layout=layout,
            presence=Presence(chunks=(chunk + 1) * everyone.long(), video=everyone, action=everyone, state=everyone),
            clean=context,
            noisy=frames,
            sigma=level,
            text=text,
            acting=None if bodies is None or actions is None else _acting(model, bodies, actions, level),
        )
        flow = velocities(model.dit, scene)
        video = _guided(model, scene, flow, sampling.guidance) if guided else flow.video
        frames = schedules[0].step(video, time, frames).prev_sample
        if actions is not None:
            actions = schedules[1].step(flow.action, time, actions).prev_sample
    if actions is not None and bodies is not None:
        actions = model.joint.projections.keep_own_axes(Readings(values=actions, bodies=bodies.names))
    return frames, actions


def _guided(model: WorldActionModel, scene: Scene, flow: JointOutput, guidance: float) -> Tensor:
    """The video's velocity pushed away from the one without instruction."""
    layout = replace(scene.layout, action_steps=0) if not scene.layout.video_sees_actions else scene.layout
    acting = scene.acting if scene.layout.video_sees_actions else None
    without = velocities(model.dit, replace(scene, text=no_text(scene.text), layout=layout, acting=acting)).video
    return without + guidance * (flow.video - without)


def _acting(model: WorldActionModel, bodies: Bodies, actions: Tensor, level: Tensor) -> Acting:
    """The joint head's part of one step."""
    return Acting(
        head=model.joint,
        noisy=Readings(values=actions, bodies=bodies.names),
        sigma=level,
        state=Readings(values=bodies.state.unsqueeze(1), bodies=bodies.names),
        state_given=bodies.has_state.unsqueeze(1),
    )


def _first_actions(model: WorldActionModel, bodies: Bodies, like: Tensor, generator: torch.Generator) -> Tensor:
    """Noise for the bodies' actions."""
    axes = max(model.joint.projections.of(name).action_axes for name in bodies.names)
    return _normal((len(bodies.names), model.geometry.action_steps, axes), like, generator)


def _next_chunk(model: WorldActionModel, context: Tensor) -> int:
    """Index of the chunk that follows `context`."""
    per_chunk, longest = model.geometry.latent_frames_per_chunk, model.geometry.max_chunks
    chunk, rest = divmod(context.shape[1] - 1, per_chunk)
    if rest or not 0 <= chunk < longest:
        raise ValueError(
            f"context has {context.shape[1]} latent frames; wanted 1 + {per_chunk} x chunks and at most "
            f"{1 + per_chunk * (longest - 1)}, so that one more chunk fits a window. Shorten it or roll out fewer."
        )
    return chunk


def _schedule(steps: int, shift: float) -> Any:
    """Noise levels from 1 to 0 in `steps` Euler steps."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    schedule = FlowMatchEulerDiscreteScheduler(shift=shift)
    schedule.set_timesteps(sigmas=[1.0 - step / steps for step in range(steps)])
    return schedule


def _normal(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise, drawn on the CPU in single precision."""
    return torch.randn(shape, generator=generator).to(like)
