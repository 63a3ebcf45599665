"""The transformer: tokens of any layout in, velocities and features out."""

import math
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from adapt.models.row_dropout import dropping_as_here
from adapt.models.wan.blocks import (
    Block,
    ConditionEmbedder,
    Conditions,
    WideLayerNorm,
    line_rotation_table,
    rotation_table,
    widened,
)
from adapt.models.wan.config import WanConfig
from adapt.models.wan.context_cache import ContextCache, Picture, Words
from adapt.models.wan.layout import Layout, attention_mask, time_slots, token_table

TIMESTEPS = 1000.0  # timestep = TIMESTEPS x sigma, Wan's scale


class WanTransformer(nn.Module):
    """A video diffusion transformer that also takes action and state tokens in its sequence."""

    def __init__(self, config: WanConfig) -> None:
        super().__init__()
        self.config = config
        self.name_or_path = ""  # PEFT writes it into an adapter's config
        width = config.width
        self.patch_embedding = nn.Conv3d(config.in_channels, width, config.patch_size, config.patch_size)
        if config.learned_positions is not None:
            self.positions = nn.Parameter(torch.randn(*config.learned_positions, width) * 0.02)
        self.condition_embedder = ConditionEmbedder(config)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.num_layers)])
        self.norm_out = WideLayerNorm(width, config.eps, elementwise_affine=False)
        self.proj_out = nn.Linear(width, config.out_channels * math.prod(config.patch_size))
        self.scale_shift_table = nn.Parameter(torch.randn(1, 2, width) / width**0.5)
        self.checkpointing = False  # whether blocks keep only their input for the backward pass, and are computed again

    def forward(
        self, tokens: Float[Tensor, "b n width"], given: Conditions, cache: ContextCache | None = None
    ) -> Float[Tensor, "b n width"]:
        """Pass tokens through every block, seeing those that `cache` holds, and adding to it if `given` says so."""
        if self.checkpointing and cache is None and torch.is_grad_enabled():
            for block in self.blocks:
                tokens = _computed_again(block, tokens, given)
            return tokens
        for index, block in enumerate(self.blocks):
            tokens = block(tokens, given, None if cache is None else cache.blocks[index])
        return tokens

    def forward_plain(
        self,
        x: Float[Tensor, "b c f h w"],
        timestep: Float[Tensor, " b"] | Float[Tensor, "b n"],
        text: Float[Tensor, "b words e"],
        image: Float[Tensor, "images i v"] | None = None,
    ) -> Float[Tensor, "b c2 f h w"]:
        """The reference's own forward pass: every token sees every other, no actions.

        Args:
            x: Noisy latents, with the channels an I2V model wants concatenated.
            timestep: 0 to 1000, per window or per token.
            text: Text features, padded as the weights expect.
            image: CLIP image features, for models with an image branch; two images a window where it wants both ends.
        """
        sizes = tuple(size // patch for size, patch in zip(x.shape[2:], self.config.patch_size, strict=True))
        per_token = timestep.ndim == 2
        tokens = self.embed_patches(x.transpose(1, 2))
        embedded, modulation = self.condition_embedder.time(
            timestep if per_token else timestep.unsqueeze(1), tokens.dtype
        )
        embedder = self.condition_embedder.image_embedder
        given = Conditions(
            rotation=_grid_rotation(sizes, self.config.attention_head_dim),
            modulation=modulation,
            slot=None,
            mask=None,
            text=self.condition_embedder.text_embedder(text),
            text_mask=None,
            image=None if image is None or embedder is None else embedder(image),
        )
        given = _on(given, tokens)
        return self.unpatch(self.project_out(self(tokens, given), embedded), sizes).transpose(1, 2)

    def words(self, text: Float[Tensor, "b n e"], valid: Bool[Tensor, "b n"]) -> Words:
        """Text features as the blocks read them.

        Args:
            text: Text features; those that are not valid are replaced by zeros, which are attended to only where the
                weights expect a fixed length.
            valid: Which of them are words.
        """
        text = torch.where(valid.unsqueeze(-1), text.to(self.proj_out.weight.dtype), 0.0)
        length = self.config.text_length
        if length is not None:
            text = F.pad(text, (0, 0, 0, length - text.shape[1]))
        mask = None if length is not None or bool(valid.all()) else valid[:, None, None, :]
        return Words(values=self.condition_embedder.text_embedder(text), mask=mask)

    def picture(
        self, features: Float[Tensor, "images i v"] | None, channels: Float[Tensor, "b l c h w"] | None
    ) -> Picture:
        """A first picture as the transformer reads it.

        Args:
            features: CLIP's, for models with an image branch.
            channels: Mask and latents, for models that take more channels than they give.

        Raises:
            ValueError: The model takes what was not given, or does not take what was. Wan's image-to-video weights
                were never trained without them, and what is not looked at should not seem to be.
        """
        embedder = self.condition_embedder.image_embedder
        beside = self.config.in_channels - self.config.out_channels
        found = 0 if channels is None else channels.shape[2]
        if (features is None) != (embedder is None) or found != beside:
            raise ValueError(
                f"first picture: {'no' if features is None else 'with'} image features and {found} channels; this "
                f"model takes {'none' if embedder is None else 'image features'} and {beside} channels beside its "
                f"latents. Give it a FirstImage of what its base was trained with."
            )
        if features is not None and embedder is not None:
            features = embedder(features.to(self.proj_out.weight.dtype))
        return Picture(features=features, channels=channels)

    def conditions(
        self,
        layout: Layout,
        valid: Bool[Tensor, "b n"],
        sigmas: Float[Tensor, "b slots"],
        words: Words,
        part: slice = slice(None),
        *,
        picture: Picture,
    ) -> tuple[Conditions, Float[Tensor, "b slots width"]]:
        """What the blocks need for a layout, and the embedded noise levels `project_out` needs.

        Args:
            layout: Of the sequence.
            valid: Which tokens are real.
            sigmas: Noise levels in [0, 1], by slot (`layout.time_slots`); slot 0 is the clean tokens'.
            words: The instruction.
            part: Which tokens of the sequence are passed; those before it are in a cache.
            picture: Its features are what tokens attend to besides the words.
        """
        device, dtype = valid.device, self.proj_out.weight.dtype
        start, stop, _ = part.indices(layout.tokens)
        embedded, modulation = self.condition_embedder.time(TIMESTEPS * sigmas, dtype)
        cos, sin = _layout_rotation(layout, self.config.attention_head_dim)
        given = Conditions(
            rotation=(cos[start:stop], sin[start:stop]),
            modulation=modulation,
            slot=time_slots(layout)[start:stop].to(device),
            mask=attention_mask(layout, valid, start, stop),
            text=words.values,
            text_mask=words.mask,
            image=picture.features,
        )
        return _on(given, embedded), embedded

    def embed_patches(self, frames: Float[Tensor, "b f c h w"]) -> Float[Tensor, "b n width"]:
        """Latent frames to tokens: frame by frame, row by row.

        Raises:
            ValueError: The frames have other rows and columns than the learned positions.
        """
        pf, ph, pw = self.config.patch_size
        b, f, c, h, w = frames.shape
        patches = frames.reshape(b, f // pf, pf, c, h // ph, ph, w // pw, pw).permute(0, 1, 4, 6, 3, 2, 5, 7)
        weight = self.patch_embedding.weight.flatten(1)  # a convolution as wide as its stride is a linear layer
        tokens = F.linear(patches.reshape(b, -1, weight.shape[1]).to(weight.dtype), weight, self.patch_embedding.bias)
        learned = self.config.learned_positions
        if learned is None:
            return tokens
        if learned != (h // ph, w // pw):
            raise ValueError(
                f"frames have {h // ph} x {w // pw} tokens, and this model learned positions for "
                f"{learned[0]} x {learned[1]}. Bring frames to the size it knows."
            )
        return tokens + self.positions.flatten(0, 1).repeat(f // pf, 1)

    def project_out(
        self,
        tokens: Float[Tensor, "b n width"],
        embedded: Float[Tensor, "b slots width"],
        slot: Int[Tensor, " n"] | None = None,
    ) -> Float[Tensor, "b n patch"]:
        """Tokens to the velocities of their patches."""
        shift, scale = (self.scale_shift_table + widened(embedded).unsqueeze(2)).unbind(2)
        if slot is not None:
            shift, scale = shift.index_select(1, slot), scale.index_select(1, slot)
        out: Tensor = self.proj_out((self.norm_out(widened(tokens)) * (1 + scale) + shift).to(tokens.dtype))
        return out

    def unpatch(self, patches: Float[Tensor, "b n patch"], sizes: tuple[int, ...]) -> Float[Tensor, "b f c h w"]:
        """Patches back to latent frames; `sizes` is frames, rows and columns of tokens."""
        pf, ph, pw = self.config.patch_size
        f, rows, columns = sizes
        grid = patches.reshape(patches.shape[0], f, rows, columns, pf, ph, pw, -1).permute(0, 1, 4, 7, 2, 5, 3, 6)
        return grid.reshape(patches.shape[0], f * pf, -1, rows * ph, columns * pw)


def _computed_again(block: nn.Module, tokens: Tensor, given: Conditions) -> Tensor:
    """Pass tokens through a block of whose intermediate values nothing is kept: they come again when gradients do."""
    dropping = dropping_as_here() or nullcontext
    out: Tensor = checkpoint(
        block,
        tokens,
        given,
        use_reentrant=False,
        preserve_rng_state=dropping is nullcontext,
        context_fn=lambda: (nullcontext(), dropping()),
    )
    return out


@lru_cache(maxsize=64)
def _layout_rotation(layout: Layout, head_dim: int) -> tuple[Tensor, Tensor]:
    table = token_table(layout)
    cos, sin = rotation_table(table.position, head_dim)
    if table.index is None:
        return cos, sin
    on_line = (table.index >= 0).unsqueeze(1)
    line_cos, line_sin = line_rotation_table(table.index, head_dim)
    return torch.where(on_line, line_cos, cos), torch.where(on_line, line_sin, sin)


@lru_cache(maxsize=16)
def _grid_rotation(sizes: tuple[int, ...], head_dim: int) -> tuple[Tensor, Tensor]:
    return rotation_table(torch.cartesian_prod(*(torch.arange(size) for size in sizes)).double(), head_dim)


def _on(given: Conditions, like: Tensor) -> Conditions:
    """`given` with its rotation where `like` lives, in at least single precision."""
    dtype = widened(like[:0]).dtype
    cos, sin = (table.to(device=like.device, dtype=dtype) for table in given.rotation)
    return replace(given, rotation=(cos, sin))
