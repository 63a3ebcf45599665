"""The layers of a Wan-style transformer, with diffusers' parameter names so that weights exchange.

Normalisations and modulations run in at least single precision, as the reference does; double precision stays double.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from adapt.models.wan.config import WanConfig
from adapt.models.wan.context_cache import BlockCache, KeysValues


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conditions:
    """What every block is given besides the tokens."""

    rotation: tuple[Float[Tensor, "q half"], Float[Tensor, "q half"]]  # cosines and sines per token
    modulation: Float[Tensor, "b slots 6 width"]  # per noise level
    slot: Int[Tensor, " q"] | None  # which noise level each token has; None where there is one for all
    mask: Bool[Tensor, "#b 1 q k"] | None  # None: everything sees everything; a cache's tokens come before the q
    text: Float[Tensor, "b n width"]
    text_mask: Bool[Tensor, "b 1 1 n"] | None
    image: Float[Tensor, "b i width"] | None = None
    remember: bool = False  # whether the tokens' keys and values are added to the cache they are passed with


def widened(x: Tensor) -> Tensor:
    """`x` in at least single precision."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


class WideLayerNorm(nn.LayerNorm):
    """Layer normalisation in at least single precision, returned in the input's."""

    def forward(self, x: Float[Tensor, "*lead width"]) -> Float[Tensor, "*lead width"]:
        """Normalise the last axis."""
        weight = None if self.weight is None else widened(self.weight)
        bias = None if self.bias is None else widened(self.bias)
        return F.layer_norm(widened(x), self.normalized_shape, weight, bias, self.eps).to(x.dtype)


class Gelu(nn.Module):
    """A linear layer followed by GELU."""

    def __init__(self, width: int, hidden: int, *, approximate: str) -> None:
        super().__init__()
        self.proj = nn.Linear(width, hidden)
        self.approximate = approximate

    def forward(self, x: Float[Tensor, "*lead width"]) -> Float[Tensor, "*lead hidden"]:
        """Apply both."""
        return F.gelu(self.proj(x), approximate=self.approximate)


class FeedForward(nn.Module):
    """Two linear layers with GELU between; index 1 of `net` holds the reference's dropout place."""

    def __init__(self, width: int, hidden: int, out: int, *, approximate: str) -> None:
        super().__init__()
        self.net = nn.Sequential(Gelu(width, hidden, approximate=approximate), nn.Identity(), nn.Linear(hidden, out))

    def forward(self, x: Float[Tensor, "*lead width"]) -> Float[Tensor, "*lead out"]:
        """Apply both layers."""
        out: Tensor = self.net(x)
        return out


class TwoLayers(nn.Module):
    """Linear, activation, linear, under the names the reference's embedders use."""

    def __init__(self, width: int, out: int, activation: nn.Module) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(width, out)
        self.activation = activation
        self.linear_2 = nn.Linear(out, out)

    def forward(self, x: Float[Tensor, "*lead width"]) -> Float[Tensor, "*lead out"]:
        """Apply all three."""
        out: Tensor = self.linear_2(self.activation(self.linear_1(x)))
        return out


class ImageEmbedder(nn.Module):
    """CLIP image features to the model's width."""

    def __init__(self, image_dim: int, width: int, positions: int | None) -> None:
        super().__init__()
        self.norm1 = WideLayerNorm(image_dim)
        self.ff = FeedForward(image_dim, image_dim, width, approximate="none")
        self.norm2 = WideLayerNorm(width)
        self.pos_embed = None if positions is None else nn.Parameter(torch.zeros(1, positions, image_dim))

    def forward(self, image: Float[Tensor, "images i v"]) -> Float[Tensor, "b i2 width"]:
        """Project; with learned positions, two images of each window are joined into one sequence."""
        if self.pos_embed is not None:
            image = image.reshape(-1, 2 * image.shape[1], image.shape[2]) + self.pos_embed
        out: Tensor = self.norm2(self.ff(self.norm1(image)))
        return out


class ConditionEmbedder(nn.Module):
    """Noise level, text and image to what blocks are conditioned on."""

    def __init__(self, config: WanConfig) -> None:
        super().__init__()
        width = config.width
        self.freq_dim = config.freq_dim
        self.time_embedder = TwoLayers(config.freq_dim, width, nn.SiLU())
        self.time_proj = nn.Linear(width, 6 * width)
        self.text_embedder = TwoLayers(config.text_dim, width, nn.GELU(approximate="tanh"))
        self.image_embedder = (
            None if config.image_dim is None else ImageEmbedder(config.image_dim, width, config.pos_embed_seq_len)
        )

    def time(
        self, timestep: Float[Tensor, "b slots"], dtype: torch.dtype
    ) -> tuple[Float[Tensor, "b slots width"], Float[Tensor, "b slots 6 width"]]:
        """Embed timesteps in [0, 1000]; the second value modulates the blocks.

        Args:
            timestep: 1000 times the noise level.
            dtype: Of the token stream.
        """
        waves = sinusoid(timestep, self.freq_dim).to(self.time_embedder.linear_1.weight.dtype)
        embedded: Tensor = self.time_embedder(waves).to(dtype)
        modulation: Tensor = self.time_proj(F.silu(embedded))
        return embedded, modulation.reshape(*modulation.shape[:-1], 6, -1)


class Attention(nn.Module):
    """Multi-head attention with normalised queries and keys, and optionally keys and values of an image."""

    def __init__(self, config: WanConfig, added_kv_dim: int | None = None) -> None:
        super().__init__()
        width = config.width
        self.heads = config.num_attention_heads
        self.to_q = nn.Linear(width, width)
        self.to_k = nn.Linear(width, width)
        self.to_v = nn.Linear(width, width)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])
        self.norm_q = nn.RMSNorm(width, eps=config.eps)
        self.norm_k = nn.RMSNorm(width, eps=config.eps)
        self.add_k_proj: nn.Linear | None = None
        self.add_v_proj: nn.Linear | None = None
        if added_kv_dim is not None:
            self.add_k_proj = nn.Linear(added_kv_dim, width)
            self.add_v_proj = nn.Linear(added_kv_dim, width)
            self.norm_added_k = nn.RMSNorm(width, eps=config.eps)

    def over_itself(
        self, x: Float[Tensor, "b q width"], given: Conditions, cache: BlockCache | None = None
    ) -> Float[Tensor, "b q width"]:
        """Self-attention with rotary positions under the mask, to the tokens of `cache` too."""
        q = rotate(self._split(self.norm_q(self.to_q(x))), given.rotation)
        k = rotate(self._split(self.norm_k(self.to_k(x))), given.rotation)
        seen = KeysValues(keys=k, values=self._split(self.to_v(x)))
        if cache is not None:
            seen = seen if cache.clean is None else cache.clean.then(seen)
            cache.clean = seen if given.remember else cache.clean
        return self._out(F.scaled_dot_product_attention(q, seen.keys, seen.values, attn_mask=given.mask))

    def over_context(
        self, x: Float[Tensor, "b q width"], given: Conditions, cache: BlockCache | None = None
    ) -> Float[Tensor, "b q width"]:
        """Attention to the text and, where there is one, to the image, whose results are added."""
        q = self._split(self.norm_q(self.to_q(x)))
        cache = cache or BlockCache()
        text = cache.text = cache.text or self._text(given.text)
        seen = F.scaled_dot_product_attention(q, text.keys, text.values, attn_mask=given.text_mask)
        if given.image is not None and self.add_k_proj is not None and self.add_v_proj is not None:
            image = cache.image = cache.image or self._image(given.image, self.add_k_proj, self.add_v_proj)
            seen = seen + F.scaled_dot_product_attention(q, image.keys, image.values)
        return self._out(seen)

    def _text(self, text: Tensor) -> KeysValues:
        return KeysValues(keys=self._split(self.norm_k(self.to_k(text))), values=self._split(self.to_v(text)))

    def _image(self, image: Tensor, to_k: nn.Linear, to_v: nn.Linear) -> KeysValues:
        return KeysValues(keys=self._split(self.norm_added_k(to_k(image))), values=self._split(to_v(image)))

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def _out(self, x: Tensor) -> Tensor:
        out: Tensor = self.to_out[0](x.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """Self-attention, attention to text and image, feed-forward; the first and last scaled by the noise level."""

    def __init__(self, config: WanConfig) -> None:
        super().__init__()
        width = config.width
        self.norm1 = WideLayerNorm(width, config.eps, elementwise_affine=False)
        self.attn1 = Attention(config)
        self.attn2 = Attention(config, config.added_kv_proj_dim)
        self.norm2 = WideLayerNorm(width, config.eps) if config.cross_attn_norm else nn.Identity()
        self.ffn = FeedForward(width, config.ffn_dim, width, approximate="tanh")
        self.norm3 = WideLayerNorm(width, config.eps, elementwise_affine=False)
        self.scale_shift_table = nn.Parameter(torch.randn(1, 6, width) / width**0.5)

    def forward(
        self, x: Float[Tensor, "b q width"], given: Conditions, cache: BlockCache | None = None
    ) -> Float[Tensor, "b q width"]:
        """Pass the tokens through the block; what it computes of the context goes into `cache`, where there is one."""
        shift, scale, gate, ff_shift, ff_scale, ff_gate = self._modulation(given)
        inner = torch.addcmul(shift, self.norm1(widened(x)), scale).to(x.dtype)
        x = torch.addcmul(widened(x), widened(self.attn1.over_itself(inner, given, cache)), gate).to(x.dtype)
        x = x + self.attn2.over_context(self.norm2(widened(x)).to(x.dtype), given, cache)
        inner = torch.addcmul(ff_shift, self.norm3(widened(x)), ff_scale).to(x.dtype)
        return torch.addcmul(widened(x), widened(self.ffn(inner)), ff_gate).to(x.dtype)

    def _modulation(self, given: Conditions) -> tuple[Tensor, ...]:
        """Shift, scale and gate of attention and of feed-forward, per token."""
        levels = self.scale_shift_table + widened(given.modulation)
        levels = levels + levels.new_tensor([0, 1, 0, 0, 1, 0]).unsqueeze(1)  # scales are learned as what to add to 1
        if given.slot is not None:
            levels = levels.index_select(1, given.slot)
        return levels.unbind(2)


def sinusoid(timestep: Float[Tensor, "*lead"], width: int) -> Float[Tensor, "*lead width"]:
    """Cosines, then sines, of a timestep at falling frequencies, in single precision.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, sec. 3.5, with the halves in the order Wan's weights were trained with.
        The order of operations matters: at timestep 1000 a frequency off by one ulp moves a cosine by 1e-4.
    """
    half = width // 2
    exponent = torch.arange(half, dtype=torch.float32, device=timestep.device) * -math.log(10000.0) / half
    phase = timestep.float().unsqueeze(-1) * exponent.exp()
    return torch.cat([phase.cos(), phase.sin()], dim=-1)


def rotation_table(
    position: Float[Tensor, "q 3"], head_dim: int
) -> tuple[Float[Tensor, "q half"], Float[Tensor, "q half"]]:
    """Cosines and sines that turn a head's pairs of channels by a token's frame, row and column.

    A third of the channels, rounded down to even, goes to rows, as much to columns, the rest to frames. Positions
    may fall between the grid's.

    Source:
        Su et al. 2021, arXiv:2104.09864, split over three axes as Wan does.
    """
    side = 2 * (head_dim // 6)
    angles = []
    for axis, width in enumerate((head_dim - 2 * side, side, side)):
        frequency = 1.0 / 10000.0 ** (torch.arange(0, width, 2, dtype=torch.float64) / width)
        angles.append(position[:, axis, None].double() * frequency)
    angle = torch.cat(angles, dim=1)
    return angle.cos().float(), angle.sin().float()


def line_rotation_table(
    index: Int[Tensor, " q"], head_dim: int
) -> tuple[Float[Tensor, "q half"], Float[Tensor, "q half"]]:
    """Cosines and sines that turn all of a head's pairs of channels by a token's number on a line.

    Source:
        Su et al. 2021, arXiv:2104.09864, as DreamZero turns the tokens of actions and states.
    """
    frequency = 1.0 / 10000.0 ** (torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    angle = index.double().unsqueeze(1) * frequency
    return angle.cos().float(), angle.sin().float()


def rotate(
    x: Float[Tensor, "b heads q head"], rotation: tuple[Float[Tensor, "q half"], Float[Tensor, "q half"]]
) -> Float[Tensor, "b heads q head"]:
    """Turn each neighbouring pair of channels by its token's angles."""
    cos, sin = rotation
    pairs = torch.view_as_complex(widened(x).reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * torch.complex(cos, sin)).flatten(-2).to(x.dtype)
