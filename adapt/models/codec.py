"""Video to latents and back, through diffusers' Wan autoencoder or a plain small one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from adapt.errors import CheckpointError
from adapt.models.checkpoint import canonical_fingerprint
from adapt.models.frozen import DECODE, ENCODE, guard
from adapt.models.plain_codec import PlainAutoencoder
from adapt.models.seeding import seeded
from adapt.runs.fingerprint import fingerprint

WAN, PLAIN = "wan", "plain"
ARCHITECTURES = (WAN, PLAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecConfig:
    """Sizes of the autoencoder.

    Args:
        architecture: "wan" for Wan's, through diffusers; "plain" for `adapt.models.plain_codec`, the shipped tiny's.
        base_dim: Channels of the first layer.
        z_dim: Latent channels.
        dim_mult: Channels of each stage, times `base_dim`.
        num_res_blocks: Residual blocks a stage; of the plain architecture, of the smallest stage alone.
        temporal_downsample: Which of the stages but the last halve time; of the plain architecture only how many.
        latents_mean: Per latent channel, subtracted after encoding.
        latents_std: Per latent channel, divided by after encoding, so that latents have variance near 1.

    Raises:
        CheckpointError: There is no such architecture, or it has no stage.
    """

    architecture: str = WAN
    base_dim: int = 8
    z_dim: int = 16
    dim_mult: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 1
    temporal_downsample: tuple[bool, ...] = (False, True, True)
    latents_mean: tuple[float, ...] = ()
    latents_std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise CheckpointError(
                f"codec.architecture is '{self.architecture}'; known: {', '.join(ARCHITECTURES)}. "
                "Update wam-adapt: a newer one may know it."
            )
        if not self.dim_mult:
            raise CheckpointError("codec.dim_mult is empty; give the channels of at least one stage.")

    @property
    def depth(self) -> int:
        """Residual blocks that it is made of, at the least."""
        return self.num_res_blocks * len(self.dim_mult) if self.architecture == WAN else self.num_res_blocks

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        items = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        if self.architecture == WAN:  # Codecs that were fingerprinted before there was a choice keep their print.
            del items["architecture"]
        return items

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "CodecConfig":
        """Read what `to_json` wrote."""
        items: dict[str, Any] = {k: tuple(item) if isinstance(item, list) else item for k, item in value.items()}
        return cls(**items)


class VideoCodec(nn.Module):
    """A frozen causal video autoencoder: 1 + 4i frames to 1 + i latent frames, 8 px to one latent cell.

    `vae` is the trainable module underneath, for whoever pretrains it; `encode` and `decode` never track gradients.
    """

    def __init__(self, config: CodecConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        with seeded(seed):
            self.vae: Any = _plain(config) if config.architecture == PLAIN else _wan(config)
        self.eval().requires_grad_(requires_grad=False)

    @property
    def fingerprint(self) -> str:
        """What decides the latents: the weights and every setting; sha256, hex."""
        return fingerprint({"weights": canonical_fingerprint(self.vae.state_dict()), "config": self.config.to_json()})

    @torch.no_grad()
    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b l c h2 w2"]:
        """Latents of whole windows, near unit variance, without sampling: the same frames give the same latents.

        Args:
            frames: RGB, 1 + 4i of them, height and width multiples of 8 px.

        Raises:
            RuntimeError: Called while training.
        """
        guard(ENCODE)
        pixels = frames.permute(0, 4, 1, 2, 3).to(self._dtype) / 127.5 - 1.0
        coded = self.vae.encode(pixels.contiguous())
        latents: Tensor = coded if isinstance(coded, Tensor) else coded.latent_dist.mode()
        mean, std = self._statistics(latents)
        return ((latents - mean) / std).transpose(1, 2).contiguous()

    @torch.no_grad()
    def decode(self, latents: Float[Tensor, "b l c h2 w2"]) -> UInt8[Tensor, "b t h w 3"]:
        """Frames of whole windows of latents.

        Raises:
            RuntimeError: Called while training or acting.
        """
        guard(DECODE)
        channels_first = latents.transpose(1, 2).to(self._dtype)
        mean, std = self._statistics(channels_first)
        decoded = self.vae.decode((channels_first * std + mean).contiguous())
        pixels: Tensor = decoded if isinstance(decoded, Tensor) else decoded.sample
        return ((pixels + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 4, 1).contiguous()

    @property
    def _dtype(self) -> torch.dtype:
        parameter: Tensor = next(self.vae.parameters())
        return parameter.dtype

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation per channel, shaped to fit (b, c, l, h, w)."""
        channels = self.config.z_dim
        mean = torch.tensor(self.config.latents_mean or (0.0,) * channels, dtype=like.dtype, device=like.device)
        std = torch.tensor(self.config.latents_std or (1.0,) * channels, dtype=like.dtype, device=like.device)
        return mean.view(1, -1, 1, 1, 1), std.view(1, -1, 1, 1, 1)


def _plain(config: CodecConfig) -> PlainAutoencoder:
    return PlainAutoencoder(
        tuple(config.base_dim * times for times in config.dim_mult),
        z_dim=config.z_dim,
        blocks=config.num_res_blocks,
        frames=2 ** sum(config.temporal_downsample),
    )


def _wan(config: CodecConfig) -> nn.Module:
    from diffusers import AutoencoderKLWan

    made: nn.Module = AutoencoderKLWan(
        base_dim=config.base_dim,
        z_dim=config.z_dim,
        dim_mult=list(config.dim_mult),
        num_res_blocks=config.num_res_blocks,
        temperal_downsample=list(config.temporal_downsample),
        latents_mean=list(config.latents_mean or (0.0,) * config.z_dim),
        latents_std=list(config.latents_std or (1.0,) * config.z_dim),
    )
    return made
