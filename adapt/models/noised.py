"""The video that a training pass is shown: a batch's frames, what is added to them, and at which noise levels."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adapt.models.batch import Batch
from adapt.models.dreamzero.sequence import DreamZeroLayout
from adapt.models.noise import Noise
from adapt.models.wan.layout import Layout
from adapt.objectives.flow import interpolate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noised:
    """The frames that are noised: those after the first, or all where the first has noise too."""

    clean: Float[Tensor, "b f c h w"]
    added: Float[Tensor, "b f c h w"]
    sigma: Float[Tensor, "b f"]
    weight: Float[Tensor, "b f"]  # of each frame in the loss
    valid: Bool[Tensor, "b f"]
    levels: Float[Tensor, "b v"]  # as they were given: one a chunk, or one a frame

    @property
    def noisy(self) -> Float[Tensor, "b f c h w"]:
        """The frames as the transformer is shown them."""
        return interpolate(self.clean, self.added, self.sigma)


def noised(batch: Batch, noise: Noise) -> Noised:
    """A batch's frames and their noise; zero where a window does not have them."""
    later = Noised(
        clean=known(batch.latents[:, 1:], batch.future_valid),
        added=noise.video,
        sigma=noise.frame_sigma,
        weight=noise.frame_weight,
        valid=batch.future_valid,
        levels=noise.video_sigma,
    )
    first = noise.first
    if first is None:
        return later
    sigma = torch.cat([first.sigma, later.sigma], dim=1)
    return Noised(
        clean=torch.cat([batch.latents[:, :1], later.clean], dim=1),
        added=torch.cat([first.video, later.added], dim=1),
        sigma=sigma,
        weight=torch.cat([first.weight, later.weight], dim=1),
        valid=batch.frame_valid,
        levels=sigma,
    )


def known(frames: Float[Tensor, "b f c h w"], valid: Bool[Tensor, "b f"]) -> Float[Tensor, "b f c h w"]:
    """Frames with zeros where they are not real."""
    return torch.where(valid[:, :, None, None, None], frames, 0.0)


def with_first_frame(layout: Layout) -> Layout:
    """The same layout with frame 0 among the noisy frames.

    Raises:
        ValueError: It is not DreamZero's.
    """
    if not isinstance(layout, DreamZeroLayout):
        raise ValueError(
            "noise of the first frame: only DreamZero's sequence has that frame among its noisy ones. Leave it out."
        )
    return replace(layout, noisy_first=True)


def levels(sigma: Float[Tensor, "b given"], count: int) -> Float[Tensor, "b wanted"]:
    """Levels of chunks as one for each of `count` frames or steps, where a layout has more levels than chunks.

    Raises:
        ValueError: The layout has fewer.
    """
    times, rest = divmod(count, sigma.shape[1])
    if rest or not times:
        raise ValueError(
            f"{sigma.shape[1]} noise levels: this sequence has {count}. Give one a chunk; only DreamZero's takes one "
            "for each frame or step."
        )
    return sigma if times == 1 else sigma.repeat_interleave(times, dim=1)
