"""The sizes of a Wan-style transformer, named as diffusers names them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from adapt.errors import CheckpointError


@dataclass(frozen=True, slots=True, kw_only=True)
class WanConfig:
    """Sizes of one transformer. Defaults are the shipped tiny's.

    Args:
        num_attention_heads: Heads of every attention.
        attention_head_dim: Width of one head; even, at least 6.
        in_channels: Latent channels in (I2V adds mask and first-frame channels).
        out_channels: Latent channels out.
        text_dim: Width of the text encoder's output.
        freq_dim: Width of the sinusoidal embedding of time.
        ffn_dim: Hidden width of the feed-forward layers.
        num_layers: Blocks.
        patch_size: Latent frames, rows and columns of one token.
        cross_attn_norm: Whether the text attention's input is normalised with learned scale.
        eps: Of every normalisation.
        image_dim: Width of the CLIP image features, where there is an image branch (Wan2.1 I2V).
        added_kv_proj_dim: Input width of the image keys and values; the model's width where there is an image branch.
        pos_embed_seq_len: Learned positions of the image features, where the checkpoint has them.
        text_length: Text tokens every prompt is padded to with zeros that are attended to, as Wan does (512);
            None attends only to real tokens.
    """

    num_attention_heads: int = 4
    attention_head_dim: int = 32
    in_channels: int = 16
    out_channels: int = 16
    text_dim: int = 64
    freq_dim: int = 64
    ffn_dim: int = 512
    num_layers: int = 6
    patch_size: tuple[int, int, int] = (1, 2, 2)
    cross_attn_norm: bool = True
    eps: float = 1e-6
    image_dim: int | None = None
    added_kv_proj_dim: int | None = None
    pos_embed_seq_len: int | None = None
    text_length: int | None = None

    @property
    def width(self) -> int:
        """Width of the token stream."""
        return self.num_attention_heads * self.attention_head_dim

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self) | {"patch_size": list(self.patch_size)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "WanConfig":
        """Read what `to_json` wrote.

        Raises:
            CheckpointError: A key that this version does not know.
        """
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(value) - known)
        if unknown:
            raise CheckpointError(f"transformer config: unknown keys {unknown}; a newer version of wam-adapt wrote it.")
        return cls(**{**value, "patch_size": tuple(value.get("patch_size", (1, 2, 2)))})
