"""Imagining what happens next: noise to latent frames, one chunk at a time, each given all before it."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adapt.models.batch import Text, no_text
from adapt.models.first_image import FirstImage
from adapt.models.heads.bodies import Readings
from adapt.models.passes import Acting, JointOutput, Scene, extend_cache, start_cache, velocities
from adapt.models.seeding import Generators, normal_rows
from adapt.models.solvers import Solver, check_solver
from adapt.models.wan.blocks import widened
from adapt.models.wan.context_cache import ContextCache
from adapt.models.wan.layout import Layout, Presence
from adapt.models.world_action import WorldActionModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the future is imagined. What it costs is passes through the transformer: `steps`, twice that with guidance.

    A step costs the same with every solver; what differs is how near few steps come to where many would lead. "euler"
    goes in straight lines: twice the steps halve its error. "unipc" bends them by what earlier steps said and then
    corrects the last one, "dpm++" bends without correcting: twice the steps quarter their error once there are enough
    of them. In 1 step all three are the same and in 4 nearly so; at 8 to 16 take "unipc", or "dpm++" where strong
    guidance makes it restless.

    More steps draw a sharper future, which is not always a nearer one: few steps end near the mean of all that may
    happen, and a squared error likes the mean.

    Args:
        steps: From noise to latents.
        guidance: Classifier-free guidance on the instruction, of the video alone; 1 is none and halves the cost, and
            None is what the base was made for (`WorldActionConfig.guidance`).
        solver: "euler", "unipc" or "dpm++".
        fresh: Steps at which velocities are computed, the first step among them; the others go on with the last that
            were, and cost nothing. None computes them at every step.

    Raises:
        ValueError: The solver is unknown, there is no step, or `fresh` does not name steps from the first on.

    Source:
        Euler: Liu et al. 2022, arXiv:2209.03003. UniPC: Zhao et al. 2023, arXiv:2302.04867, which DreamZero samples
        with (16 steps, guidance 5). DPM-Solver++ of second order: Lu et al. 2022, arXiv:2211.01095. All as diffusers
        has them for flows.
    """

    steps: int = 10
    guidance: float | None = None
    solver: str = "euler"
    fresh: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_solver(self.solver, self.steps)
        if self.fresh is not None and (0 not in self.fresh or not all(0 <= step < self.steps for step in self.fresh)):
            raise ValueError(
                f"fresh is {self.fresh}; wanted steps of 0 to {self.steps - 1}, 0 among them: there is no velocity to "
                "go on with before the first."
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
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
    generator: Generators,
    *,
    noise: Float[Tensor, "b f c h w"] | None = None,
) -> Float[Tensor, "b f c h w"]:
    """The latent frames of the next chunk.

    Args:
        model: What imagines.
        context: Present and past latent frames, one window each, 1 + f x chunks of them.
        text: The instruction of each window.
        sampling: Steps and guidance.
        generator: On the CPU, one, or one for each window; the same seed imagines the same future.
        noise: Start from this instead of drawing it.

    Raises:
        ValueError: The context is no whole number of chunks, or leaves no room for another.
    """
    return Imagination(model, context, text, sampling).next_chunk(generator, noise=noise)[0]


def rollout(
    model: WorldActionModel,
    present: Float[Tensor, "b l c h w"],
    text: Text,
    chunks: int,
    sampling: Sampling,
    generator: Generators,
) -> Float[Tensor, "b f c h w"]:
    """The latent frames of the next `chunks` chunks, each imagined from those before it.

    Raises:
        ValueError: Context and chunks together are longer than a window of this base.
    """
    imagination = Imagination(model, present, text, sampling)
    for _ in range(chunks):
        imagination.see(imagination.next_chunk(generator)[0])
    return imagination.context[:, present.shape[1] :]


def imagine_jointly(
    model: WorldActionModel,
    context: Float[Tensor, "b l c h w"],
    text: Text,
    bodies: Bodies,
    sampling: Sampling,
    generator: Generators,
) -> tuple[Float[Tensor, "b f c h w"], Float[Tensor, "b k d"]]:
    """The latent frames of the next chunk and the joint head's normalised actions, denoised together.

    Guidance acts on the video alone, as in DreamZero.

    Raises:
        ValueError: As `imagine`.
        EmbodimentError: A body has no projections, or the model no joint head.
    """
    frames, actions = Imagination(model, context, text, sampling).next_chunk(generator, bodies)
    assert actions is not None
    return frames, actions


class Imagination:
    """A future being imagined: the context so far, and what the transformer keeps of having read it.

    Args:
        model: What imagines.
        context: Present and past latent frames, one window each, 1 + f x chunks of them.
        text: The instruction of each window.
        sampling: Steps, solver and guidance.
        image: For bases trained with one; of the first frame of `context`, with channels for every frame there will be.
            It is told in the passes without instruction too, as Wan's samplers do.
        recompute: Read the context again in every pass: slower, the same answer. For tests and benchmarks.

    Raises:
        ValueError: When a chunk is imagined: the base takes an image that is not given, or the other way round.
    """

    def __init__(
        self,
        model: WorldActionModel,
        context: Float[Tensor, "b l c h w"],
        text: Text,
        sampling: Sampling,
        *,
        image: FirstImage | None = None,
        recompute: bool = False,
    ) -> None:
        self.context = context
        self._image = image
        self._model = model
        self._sampling = sampling
        self._told = _Reader(model, text, recompute=recompute)
        # Each block reads the instruction into the context too, so a pass without one shares nothing with this.
        self._guidance = model.config.guidance if sampling.guidance is None else sampling.guidance
        self._untold = _Reader(model, no_text(text), recompute=recompute) if self._guidance != 1.0 else None

    @property
    def nbytes(self) -> int:
        """Memory that is kept of the context, with and without instruction, in bytes."""
        return sum(reader.nbytes for reader in (self._told, self._untold) if reader is not None)

    def lead_away_from(self, negative: Text) -> None:
        """Let guidance lead away from these instructions, one a window, instead of from none at all."""
        if self._untold is not None:
            self._untold = self._untold.told(negative)

    def see(self, frames: Float[Tensor, "b f c h w"]) -> None:
        """Add a chunk of frames, imagined or real, to the context."""
        self.context = torch.cat([self.context, frames], dim=1)

    @torch.no_grad()
    def next_chunk(
        self,
        generator: Generators,
        bodies: Bodies | None = None,
        *,
        noise: Float[Tensor, "b f c h w"] | None = None,
        action_noise: Float[Tensor, "b k d"] | None = None,
    ) -> tuple[Float[Tensor, "b f c h w"], Float[Tensor, "b k d2"] | None]:
        """The latent frames of the chunk after the context, and its actions where `bodies` asks for them.

        Args:
            generator: On the CPU, one, or one for each window.
            bodies: Whose actions are to be denoised; None leaves actions out.
            noise: Start the frames from this instead of drawing it.
            action_noise: Start the actions from this; where the head has them (`laid_out`).

        Raises:
            ValueError: The context is no whole number of chunks, or leaves no room for another.
        """
        model, context, sampling = self._model, self.context, self._sampling
        chunk = _next_chunk(model, context)
        layout = model.layout(chunk + 1, first_noisy=chunk, acting=bodies is not None, sampled=True)
        like = widened(context[:0])  # Samples are kept in at least single precision on their way.
        shape = (context.shape[0], layout.noisy_frames, *context.shape[2:])
        frames = _normal(shape, like, generator) if noise is None else noise.to(like)
        actions = None if bodies is None else _first_actions(model, bodies, like, generator, action_noise)
        schedule = (sampling.solver, sampling.steps, model.config.shift, model.config.top_level)
        solver, action_solver = Solver(*schedule), Solver(*schedule)
        flow: JointOutput | None = None
        for step, sigma in enumerate(solver.levels):
            if flow is None or sampling.fresh is None or step in sampling.fresh:
                flow = self._velocities(layout, frames, model.config.told_level(sigma), (bodies, actions))
            frames = solver.step(flow.video, frames)
            if actions is not None and flow.action is not None:
                actions = action_solver.step(flow.action, actions)
        if actions is not None and bodies is not None:
            own = Readings(values=actions, bodies=bodies.names)
            actions = model.joint.own_axes(own).to(context.dtype)
        return frames.to(context.dtype), actions

    def _velocities(
        self, layout: Layout, frames: Tensor, sigma: float, acting: tuple[Bodies | None, Tensor | None]
    ) -> JointOutput:
        """Of one step: the video's pushed away from the one without instruction, the actions' as it comes."""
        level = frames.new_full((frames.shape[0], layout.video_levels), sigma)
        bodies, actions = acting
        scene = Scene(
            layout=layout,
            presence=_everyone(layout, frames),
            clean=self.context,
            noisy=frames,
            sigma=level,
            text=self._told.text,
            acting=None if bodies is None or actions is None else _acting(self._model, layout, bodies, actions, sigma),
            image=self._image,
        )
        flow = self._told.velocities(scene)
        if self._untold is None:
            return flow
        if not layout.video_sees_actions:
            scene = replace(scene, layout=replace(layout, action_steps=0), acting=None)
        without = widened(self._untold.velocities(replace(scene, text=self._untold.text)).video)
        return replace(flow, video=without + self._guidance * (widened(flow.video) - without))


class _Reader:
    """The transformer with one instruction, and what it keeps of the context it has read under that instruction."""

    def __init__(self, model: WorldActionModel, text: Text, *, recompute: bool) -> None:
        self.text = text
        self._model = model
        self._dit = model.dit
        self._recompute = recompute
        self._cache: ContextCache | None = None

    def told(self, text: Text) -> "_Reader":
        """The same with another instruction, which has read nothing yet."""
        return _Reader(self._model, text, recompute=self._recompute)

    @property
    def nbytes(self) -> int:
        """Memory that is kept, in bytes."""
        return 0 if self._cache is None else self._cache.nbytes

    def velocities(self, scene: Scene) -> JointOutput:
        """Of a scene, after reading those of its clean frames that were not read before."""
        if self._recompute:
            return velocities(self._dit, scene)
        if self._cache is None:
            self._cache = start_cache(self._dit, self.text, scene.image)
        if self._cache.frames < scene.clean.shape[1]:
            extend_cache(self._dit, self._cache, scene.layout, scene.clean[:, self._cache.frames :])
        return velocities(self._dit, scene, self._cache)


def _everyone(layout: Layout, frames: Tensor) -> Presence:
    """Every window has all that the layout has."""
    there = torch.ones(frames.shape[0], dtype=torch.bool, device=frames.device)
    return Presence(chunks=layout.chunks * there.long(), video=there, action=there, state=there)


def _acting(model: WorldActionModel, layout: Layout, bodies: Bodies, actions: Tensor, sigma: float) -> Acting:
    """The joint head's part of one step."""
    dtype = next(model.joint.parameters()).dtype
    return Acting(
        head=model.joint,
        noisy=Readings(values=actions.to(dtype), bodies=bodies.names),
        sigma=actions.new_full((len(actions), layout.action_levels), sigma),
        state=Readings(values=bodies.state.unsqueeze(1).to(dtype), bodies=bodies.names),
        state_given=bodies.has_state.unsqueeze(1),
    )


def _first_actions(
    model: WorldActionModel, bodies: Bodies, like: Tensor, generator: Generators, given: Tensor | None
) -> Tensor:
    """Noise for the bodies' actions."""
    axes = model.joint.action_axes(bodies.names)
    if given is not None:
        return given.to(like)
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


def _normal(shape: tuple[int, ...], like: Tensor, generator: Generators) -> Tensor:
    """Standard normal noise, drawn on the CPU in single precision."""
    return normal_rows(shape, generator).to(like)
