"""What an image-to-video base is told of a window's first picture, besides its latents."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstImage:
    """What goes with every window of a batch. Which of the two a base takes is settled by its sizes (`WanConfig`).

    Args:
        features: CLIP's features of the picture: all tokens of its last layer but one, 257 x 1280 for Wan; for models
            that want both ends of a video, those of the first and of the last in turn.
        channels: What stands beside the latents of each latent frame, the first included, as `first_frame_channels`
            makes it; for as many frames as a sequence reaches, or more. Beside frames that a window does not have,
            anything but NaN.
    """

    features: Float[Tensor, "images i v"] | None = None
    channels: Float[Tensor, "b l c h w"] | None = None

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "FirstImage":
        """The same on another device and, if asked, in another precision."""
        moved = (
            None if part is None else part.to(device=device, dtype=dtype) for part in (self.features, self.channels)
        )
        features, channels = moved
        return FirstImage(features=features, channels=channels)


def first_frame_channels(
    latents: Float[Tensor, "b l c h w"], frames_per_latent: int = 4
) -> Float[Tensor, "b l c2 h w"]:
    """The channels Wan 2.1's image-to-video models were trained with beside the noise: a mask, then latents.

    Args:
        latents: What the codec makes of the first picture followed by frames of 0, halfway between black and white, in
            the scale of the model's own latents.
        frames_per_latent: Frames that one latent frame stands for; as many mask channels, 1 where a frame is known.

    Source:
        Wan-Video/Wan2.1 at 9737cba, wan/image2video.py; DreamZero at ab790c1 does the same. The one frame that the
        first latent stands for counts there as all of its frames.
    """
    b, frames, _, h, w = latents.shape
    mask = latents.new_zeros(b, frames, frames_per_latent, h, w)
    mask[:, 0] = 1
    return torch.cat([mask, latents], dim=2)
