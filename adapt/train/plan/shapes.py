"""What goes through the transformer for one window: tokens of each kind, and what they are told besides."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.models.wan.blocks import Conditions
from adapt.models.wan.transformer import WanTransformer


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """The shape of a window's sequence in training.

    Args:
        clean_frames: Latent frames as they were recorded.
        noisy_frames: Latent frames that are to be denoised.
        height: Of a latent frame, in cells.
        width: Of a latent frame, in cells.
        chunks: Noise levels there are.
        action_tokens: Of the joint sequence.
        state_tokens: Of the joint sequence.
        words: Text tokens that are attended to.
        image_tokens: Of CLIP's features of the first picture; 0 without.
    """

    clean_frames: int
    noisy_frames: int
    height: int
    width: int
    chunks: int
    action_tokens: int = 0
    state_tokens: int = 0
    words: int = 512
    image_tokens: int = 0

    def cells(self, patch: tuple[int, int, int]) -> int:
        """Tokens of a latent frame."""
        return (self.height // patch[1]) * (self.width // patch[2])

    def tokens(self, patch: tuple[int, int, int]) -> int:
        """Length of the sequence."""
        frames = (self.clean_frames + self.noisy_frames) // patch[0]
        return frames * self.cells(patch) + self.action_tokens + self.state_tokens


def video_loss(
    dit: WanTransformer, shape: Passed, batch: int, acting: Float[Tensor, "b n width"] | None = None
) -> tuple[Float[Tensor, ""], Float[Tensor, "b n width"] | None]:
    """The training pass of `adapt.models.passes.velocities` over tensors without values, and the video's squared error.

    Args:
        dit: On the meta device.
        shape: Of each window.
        batch: Windows side by side.
        acting: Action and state tokens, (batch, tokens, width), where there are any.

    Returns:
        The loss, and what the transformer made of the action and state tokens.
    """
    config, weight = dit.config, dit.proj_out.weight

    def made(*sizes: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(sizes, device=weight.device, dtype=dtype)

    count = shape.tokens(config.patch_size)
    embedded, modulation = dit.condition_embedder.time(made(batch, 1 + 2 * shape.chunks), weight.dtype)
    text = dit.condition_embedder.text_embedder(made(batch, shape.words, config.text_dim, dtype=weight.dtype))
    embedder, image = dit.condition_embedder.image_embedder, None
    if embedder is not None:
        image = embedder(made(batch, shape.image_tokens, config.image_dim or 0, dtype=weight.dtype))
    half = config.attention_head_dim // 2
    given = Conditions(
        rotation=(made(count, half), made(count, half)),
        modulation=modulation,
        slot=made(count, dtype=torch.long),
        mask=torch.ones(1, 1, count, count, device=weight.device, dtype=torch.bool),
        text=text,
        text_mask=None if config.text_length else torch.ones(batch, 1, 1, shape.words, device=weight.device).bool(),
        image=image,
    )
    frame = (config.in_channels, shape.height, shape.width)
    target = made(batch, shape.noisy_frames, config.out_channels, shape.height, shape.width)
    parts = [dit.embed_patches(made(batch, frames, *frame)) for frames in (shape.clean_frames, shape.noisy_frames)]
    start, noisy = parts[0].shape[1], parts[1].shape[1]
    hidden = dit(torch.cat([*parts, *([] if acting is None else [acting])], dim=1), given)
    slots = made(noisy, dtype=torch.long)
    video = dit.project_out(hidden[:, start : start + noisy], embedded, slots)
    sizes = (shape.noisy_frames, shape.height // config.patch_size[1], shape.width // config.patch_size[2])
    loss = (dit.unpatch(video, sizes) - target).square().sum()
    return loss, None if acting is None else hidden[:, start + noisy :]
