"""A small causal video autoencoder without normalisations: what can be trained from nothing in minutes.

Wan's autoencoder normalises the channels of every pixel before every convolution, so how bright a pixel is has to be
told in roundabout ways, which it takes very many steps to find. This one is plain convolutions. Each latent frame holds
the frames since the one before it, side by side, and nothing else, so a scene that stands still has the same latents
again and again.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class PlainAutoencoder(nn.Module):
    """1 + ti frames to 1 + i latent frames and back; t frames a latent frame, 2 px to the power of the stages a cell.

    Args:
        widths: Channels of each halving of height and width, from the picture on.
        z_dim: Latent channels.
        blocks: Residual blocks at the smallest size, before and after the latents.
        frames: Video frames in one latent frame, t.
    """

    def __init__(self, widths: tuple[int, ...], *, z_dim: int, blocks: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        sizes = (3 * frames, *widths)
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for wide, narrow in zip(sizes[1:], sizes, strict=False):
            down += [nn.SiLU(), nn.Conv2d(narrow, wide, 4, 2, 1)]
            up = [nn.SiLU(), nn.ConvTranspose2d(wide, narrow, 4, 2, 1), *up]
        middle = [[_Residual(sizes[-1]) for _ in range(blocks)] for _ in range(2)]
        self.encoder = nn.Sequential(*down[1:], *middle[0], nn.Conv2d(sizes[-1], z_dim, 1))
        self.decoder = nn.Sequential(nn.Conv2d(z_dim, sizes[-1], 3, 1, 1), *middle[1], *up[1:])

    def encode(self, pixels: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, "b z l h2 w2"]:
        """Latents of frames in [-1, 1], of which there are 1 + ti; the first is taken for t of itself."""
        full = torch.cat([pixels[:, :, :1].expand(-1, -1, self.frames - 1, -1, -1), pixels], dim=2)
        b, z, _, h, w = full.shape
        groups = full.transpose(1, 2).reshape(-1, self.frames * z, h, w)  # a latent frame's frames, one after the other
        latents: Tensor = self.encoder(groups)
        return latents.reshape(b, -1, *latents.shape[1:]).transpose(1, 2)

    def decode(self, latents: Float[Tensor, "b z l h2 w2"]) -> Float[Tensor, "b 3 t h w"]:
        """Frames of latents, near [-1, 1]."""
        b, z, _, h, w = latents.shape
        found: Tensor = self.decoder(latents.transpose(1, 2).reshape(-1, z, h, w))
        frames = found.reshape(b, -1, 3, *found.shape[2:])
        return frames[:, self.frames - 1 :].transpose(1, 2)


class _Residual(nn.Module):
    """Adds what two convolutions make of the input; nothing at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Float[Tensor, "n width h w"]) -> Float[Tensor, "n width h w"]:
        """Pass a picture through the block."""
        out: Tensor = x + self.second(F.silu(self.first(F.silu(x))))
        return out
