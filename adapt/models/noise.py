"""What is added to a batch in one training step: each window's own noise and noise levels."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.models.batch import Batch
from adapt.models.seeding import normal, row_seeds
from adapt.objectives.flow import sample_sigmas


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Noise of a batch; f latent frames after the first, m chunks."""

    video: Float[Tensor, "b f c h w"]
    video_sigma: Float[Tensor, "b m"]
    action: Float[Tensor, "b k d"]
    action_sigma: Float[Tensor, "b m"]

    @property
    def frame_sigma(self) -> Float[Tensor, "b f"]:
        """Noise level of each frame: its chunk's."""
        return self.video_sigma.repeat_interleave(self.video.shape[1] // self.video_sigma.shape[1], dim=1)


def draw_noise(batch: Batch, generator: torch.Generator, *, shift: float, coupled: bool = False) -> Noise:
    """Noise that depends on `generator` and on each window's id, not on what else is in the batch.

    So leaving windows out of a batch, or putting more in, changes nothing for the others, and the same generator
    state validates the same windows with the same noise. A window that is there twice gets two different noises.

    Args:
        batch: What is to be noised.
        generator: On the CPU; one integer is drawn from it.
        shift: How far noise levels lean towards 1.
        coupled: Whether actions have their chunk's noise level, rather than their own.
    """
    rows = [_row(batch, seed, shift) for seed in row_seeds(batch.window_ids, generator)]
    video, action, video_sigma, action_sigma = (torch.stack(part).to(batch.latents) for part in zip(*rows, strict=True))
    return Noise(
        video=video, video_sigma=video_sigma, action=action, action_sigma=video_sigma if coupled else action_sigma
    )


def _row(batch: Batch, seed: int, shift: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One window's noise: each part from a seed of its own, so that none depends on how far another is padded."""
    chunks, axes = batch.max_chunks, batch.actions.shape[2]
    sigmas = sample_sigmas(chunks, 2, shift=shift, generator=torch.Generator().manual_seed(seed))
    video = normal(batch.latents[0, 1:].numel(), seed + 1).view(batch.latents[0, 1:].shape)
    steps = batch.actions.shape[1] // chunks
    actions = [normal(axes * steps, seed + 2 + chunk).view(axes, steps).T for chunk in range(chunks)]
    return video, torch.cat(actions), sigmas[:, 0], sigmas[:, 1]
