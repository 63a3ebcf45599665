"""What is added to a batch in one training step: each window's own noise and noise levels, and how these count."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.models.batch import Batch
from adapt.models.seeding import normal, row_seeds
from adapt.objectives.choices import INDEPENDENT, NONE
from adapt.objectives.timesteps import Timesteps
from adapt.objectives.weighting import level_weight


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstFrameNoise:
    """Noise of a window's first frame, which DreamZero's training denoises beside the others."""

    video: Float[Tensor, "b 1 c h w"]
    sigma: Float[Tensor, "b 1"]
    weight: Float[Tensor, "b 1"]  # of the frame in the video's loss


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noise:
    """Noise of a batch; f latent frames after the first, m chunks.

    Levels and weights are a chunk's. DreamZero's sequence also takes one for each frame, and one for each action step.
    """

    video: Float[Tensor, "b f c h w"]
    video_sigma: Float[Tensor, "b v"]
    video_weight: Float[Tensor, "b v"]  # in the video's loss
    action: Float[Tensor, "b k d"]
    action_sigma: Float[Tensor, "b a"]
    action_weight: Float[Tensor, "b a"]  # in the joint head's loss
    first: FirstFrameNoise | None = None

    @property
    def frame_sigma(self) -> Float[Tensor, "b f"]:
        """Noise level of each frame: its chunk's."""
        return self._by_frame(self.video_sigma)

    @property
    def frame_weight(self) -> Float[Tensor, "b f"]:
        """Weight of each frame in the video's loss: its chunk's."""
        return self._by_frame(self.video_weight)

    @property
    def step_sigma(self) -> Float[Tensor, "b k"]:
        """Noise level of each action: its chunk's."""
        return self._by_step(self.action_sigma)

    @property
    def step_weight(self) -> Float[Tensor, "b k"]:
        """Weight of each action in the joint head's loss: its chunk's."""
        return self._by_step(self.action_weight)

    def _by_frame(self, values: Float[Tensor, "b m"]) -> Float[Tensor, "b f"]:
        return values.repeat_interleave(self.video.shape[1] // values.shape[1], dim=1)

    def _by_step(self, values: Float[Tensor, "b m"]) -> Float[Tensor, "b k"]:
        return values.repeat_interleave(self.action.shape[1] // values.shape[1], dim=1)


def draw_noise(
    batch: Batch,
    generator: torch.Generator,
    *,
    shift: float,
    coupling: str = INDEPENDENT,
    weighting: str = NONE,
    action_axes: int | None = None,
) -> Noise:
    """Noise that depends on `generator` and on each window's id, not on what else is in the batch.

    So leaving windows out of a batch, or putting more in, changes nothing for the others, and the same generator
    state validates the same windows with the same noise. A window that is there twice gets two different noises.

    No action label gets a level below its floor (`Batch.action_floor`). Levels are mapped above the floor rather than
    drawn freely and masked: how many elements a loss has is then known before any noise is drawn, and no label is
    noised in vain. What is drawn above the floor is drawn more often than it would have been, by 1 over the share
    of the law that lies there, and weighs that share in return: at every level from the floor up a label teaches as
    much as it would without one, on average exactly what masking gives.

    Args:
        batch: What is to be noised.
        generator: On the CPU; one integer is drawn from it.
        shift: How far noise levels lean towards 1.
        coupling: How actions' levels go with their chunk's; see `Timesteps`.
        weighting: How levels count in the losses; see `level_weight`.
        action_axes: How many axes the actions' noise has, where that is not the batch's (`noise_axes` of a model).

    Raises:
        ValueError: A coupling or a weighting that does not exist, or a shift that is not positive.
    """
    timesteps = Timesteps(coupling=coupling, shift=shift)
    floors = batch.action_floor.tolist()
    seeds = row_seeds(batch.window_ids, generator)
    axes = batch.actions.shape[2] if action_axes is None else action_axes
    rows = [_row(batch, seed, timesteps, floor, axes) for seed, floor in zip(seeds, floors, strict=True)]
    video, action, video_sigma, action_sigma = (torch.stack(part).to(batch.latents) for part in zip(*rows, strict=True))
    above = batch.latents.new_tensor([1 - timesteps.action.below(floor) for floor in floors])
    return Noise(
        video=video,
        video_sigma=video_sigma,
        video_weight=level_weight(video_sigma, weighting, timesteps.video),
        action=action,
        action_sigma=action_sigma,
        action_weight=level_weight(action_sigma, weighting, timesteps.action) * above.unsqueeze(1),
    )


def _row(
    batch: Batch, seed: int, timesteps: Timesteps, floor: float, axes: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One window's noise: each part from a seed of its own, so that none depends on how far another is padded."""
    chunks = batch.max_chunks
    video_sigma, action_sigma = timesteps.draw(chunks, torch.Generator().manual_seed(seed), floor)
    video = normal(batch.latents[0, 1:].numel(), seed + 1).view(batch.latents[0, 1:].shape)
    steps = batch.actions.shape[1] // chunks
    actions = [normal(axes * steps, seed + 2 + chunk).view(axes, steps).T for chunk in range(chunks)]
    return video, torch.cat(actions), video_sigma, action_sigma
