"""The sizes of the bases that users own, and of the encoders they come with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from adapt.models.formats.dreamzero_parts import ActionSizes, DreamZeroActions, ImageEncoder, ImageSizes
from adapt.models.wan.config import WanConfig
from adapt.models.wan.transformer import WanTransformer

DIFFUSERS, WAN, DREAMZERO = "diffusers", "wan", "dreamzero"
FORMATS = (DIFFUSERS, WAN, DREAMZERO)
TRANSFORMER, ACTIONS, TEXT, IMAGE, CODEC = "transformer", "actions", "text", "image", "codec"
PARTS = (TRANSFORMER, ACTIONS, TEXT, IMAGE, CODEC)
_TEXT_TOKENS = 512  # every prompt is padded to as many, and the padding is attended to


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSizes:
    """Sizes of a UMT5 encoder; those of UMT5-XXL, which every Wan reads."""

    vocab: int = 256384
    dim: int = 4096
    dim_attn: int = 4096
    dim_ffn: int = 10240
    num_heads: int = 64
    num_layers: int = 24
    num_buckets: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecSizes:
    """Sizes of Wan's video autoencoder; those of Wan 2.1's.

    Args:
        z_dim: Latent channels.
        dim: Channels of the encoder's first layer.
        decoder_dim: Channels of the decoder's last stage; None takes `dim`.
        residual: Of Wan 2.2's kind: patches of 2 x 2 px, a row of blocks a stage with shortcuts around it.
    """

    z_dim: int = 16
    dim: int = 96
    decoder_dim: int | None = None
    residual: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSizes:
    """The sizes of everything a base's files hold; None for what they do not."""

    transformer: WanConfig
    actions: ActionSizes | None = None
    text: TextSizes | None = None
    image: ImageSizes | None = None
    codec: CodecSizes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBase:
    """A base as it is published.

    Args:
        repositories: Where it lies on the Hub, by format.
        licence: Of its weights, as its publisher states it.
        sizes: Of what its files hold.
    """

    repositories: Mapping[str, str]
    licence: str
    sizes: BaseSizes = field(repr=False)


def _wan(heads: int, ffn: int, layers: int, channels: tuple[int, int], *, image: bool = False) -> WanConfig:
    return WanConfig(
        num_attention_heads=heads,
        attention_head_dim=128,
        in_channels=channels[0],
        out_channels=channels[1],
        text_dim=4096,
        freq_dim=256,
        ffn_dim=ffn,
        num_layers=layers,
        image_dim=1280 if image else None,
        added_kv_proj_dim=128 * heads if image else None,
        text_length=_TEXT_TOKENS,
    )


I2V_14B = _wan(40, 13824, 40, (36, 16), image=True)
T2V_1_3B = _wan(12, 8960, 30, (16, 16))
TI2V_5B = _wan(24, 14336, 30, (48, 48))
WAN22_CODEC = CodecSizes(z_dim=48, dim=160, decoder_dim=256, residual=True)
DREAMZERO_14B = BaseSizes(
    transformer=I2V_14B, actions=ActionSizes(), text=TextSizes(), image=ImageSizes(), codec=CodecSizes()
)
# DreamZero gives the 5B image features, which Wan 2.2's own weights do not read.
DREAMZERO_5B = BaseSizes(
    transformer=_wan(24, 14336, 30, (48, 48), image=True),
    actions=ActionSizes(),
    text=TextSizes(),
    image=ImageSizes(),
    codec=WAN22_CODEC,
)


def _known(name: str, transformer: WanConfig) -> KnownBase:
    return KnownBase(
        repositories={DIFFUSERS: f"Wan-AI/{name}-Diffusers", WAN: f"Wan-AI/{name}"},
        licence="apache-2.0",
        sizes=BaseSizes(transformer=transformer),
    )


KNOWN = {
    "wan2.1-i2v-14b-480p": _known("Wan2.1-I2V-14B-480P", I2V_14B),
    "wan2.1-i2v-14b-720p": _known("Wan2.1-I2V-14B-720P", I2V_14B),
    "wan2.1-t2v-1.3b": _known("Wan2.1-T2V-1.3B", T2V_1_3B),
    "wan2.2-ti2v-5b": _known("Wan2.2-TI2V-5B", TI2V_5B),
    "dreamzero-agibot": KnownBase(
        repositories={DREAMZERO: "GEAR-Dreams/DreamZero-AgiBot"}, licence="apache-2.0", sizes=DREAMZERO_14B
    ),
    "dreamzero-droid": KnownBase(
        repositories={DREAMZERO: "GEAR-Dreams/DreamZero-DROID"}, licence="cc-by-nc-4.0", sizes=DREAMZERO_14B
    ),
}


def build(sizes: BaseSizes) -> dict[str, nn.Module]:
    """Every part of a base, untrained; on the meta device, without memory, where that is torch's default."""
    parts: dict[str, nn.Module] = {TRANSFORMER: WanTransformer(sizes.transformer)}
    if sizes.actions is not None:
        parts[ACTIONS] = DreamZeroActions(sizes.transformer.width, sizes.actions)
    if sizes.text is not None:
        parts[TEXT] = _text_encoder(sizes.text)
    if sizes.image is not None:
        parts[IMAGE] = ImageEncoder(sizes.image)
    if sizes.codec is not None:
        parts[CODEC] = _codec(sizes.codec)
    return parts


def _text_encoder(sizes: TextSizes) -> nn.Module:
    from transformers import UMT5Config, UMT5EncoderModel

    config = UMT5Config(
        vocab_size=sizes.vocab,
        d_model=sizes.dim,
        d_kv=sizes.dim_attn // sizes.num_heads,
        d_ff=sizes.dim_ffn,
        num_layers=sizes.num_layers,
        num_heads=sizes.num_heads,
        relative_attention_num_buckets=sizes.num_buckets,
    )
    made: nn.Module = UMT5EncoderModel(config)
    return made


def _codec(sizes: CodecSizes) -> nn.Module:
    from diffusers import AutoencoderKLWan

    settings: dict[str, Any] = {"z_dim": sizes.z_dim, "base_dim": sizes.dim, "decoder_base_dim": sizes.decoder_dim}
    if sizes.residual:
        settings |= {"is_residual": True, "in_channels": 12, "out_channels": 12}
        settings |= {"patch_size": 2, "scale_factor_spatial": 16}
    if sizes.residual and sizes.z_dim == len(WAN22_LATENTS_MEAN):
        settings |= {"latents_mean": list(WAN22_LATENTS_MEAN), "latents_std": list(WAN22_LATENTS_STD)}
    made: nn.Module = AutoencoderKLWan(**settings)
    return made


# Per latent channel, from wan/modules/vae2_2.py at 42bf4cf; diffusers' own defaults are those of Wan 2.1.
# fmt: off
WAN22_LATENTS_MEAN = (
    -0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174, 0.1838, 0.1557, -0.1382, 0.0542, 0.2813, 0.0891,
    0.1570, -0.0098, 0.0375, -0.1825, -0.2246, -0.1207, -0.0698, 0.5109, 0.2665, -0.2108, -0.2158, 0.2502,
    -0.2055, -0.0322, 0.1109, 0.1567, -0.0729, 0.0899, -0.2799, -0.1230, -0.0313, -0.1649, 0.0117, 0.0723,
    -0.2839, -0.2083, -0.0520, 0.3748, 0.0152, 0.1957, 0.1433, -0.2944, 0.3573, -0.0548, -0.1681, -0.0667,
)
WAN22_LATENTS_STD = (
    0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.4990, 0.4818, 0.5013, 0.8158, 1.0344, 0.5894, 1.0901,
    0.6885, 0.6165, 0.8454, 0.4978, 0.5759, 0.3523, 0.7135, 0.6804, 0.5833, 1.4146, 0.8986, 0.5659,
    0.7069, 0.5338, 0.4889, 0.4917, 0.4069, 0.4999, 0.6866, 0.4093, 0.5709, 0.6065, 0.6415, 0.4944,
    0.5726, 1.2042, 0.5458, 1.6887, 0.3971, 1.0600, 0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744,
)
# fmt: on
