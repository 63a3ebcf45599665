"""What a transformer answers to a small question, for telling whether two with the same task do the same."""

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.models.wan.transformer import WanTransformer

_WORDS, _IMAGE_TOKENS, _ROWS, _TIMESTEP = 8, 4, 4, 500.0


@torch.no_grad()
def answer(transformer: WanTransformer, *, seed: int = 0) -> Float[Tensor, "1 c f h w"]:
    """Velocities of two small latent frames of noise, with words and, where it takes one, a picture of noise.

    Args:
        transformer: On the CPU; a pass of a few tokens, so that a large one needs little more than to be read.
        seed: Of the noise.
    """
    config, generator = transformer.config, torch.Generator().manual_seed(seed)
    frames, high, wide = config.patch_size
    rows, columns = config.learned_positions or (_ROWS, _ROWS)
    dtype = transformer.proj_out.weight.dtype

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(dtype)

    image = None
    if config.image_dim is not None:
        both = config.pos_embed_seq_len  # of two pictures together, for models that take both ends of a film
        image = noise(1, _IMAGE_TOKENS, config.image_dim) if both is None else noise(2, both // 2, config.image_dim)
    x = noise(1, config.in_channels, 2 * frames, rows * high, columns * wide)
    return transformer.forward_plain(x, torch.tensor([_TIMESTEP]), noise(1, _WORDS, config.text_dim), image).float()


def furthest_apart(found: Tensor, wanted: Tensor) -> float:
    """The largest difference, as a share of the largest value wanted; NaN where either is not finite."""
    return float((found.float() - wanted.float()).abs().max() / wanted.float().abs().max())
