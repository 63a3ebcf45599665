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
        learned_positions: Rows and columns of tokens in a frame, where each place has a learned vector of its own
            beside Wan's rotary positions; None as in Wan. Rotary positions say how far one token is from another, so
            a plain patch of table can tell that it is far left only by way of others: with a table of places, a small
            model trained from nothing follows "far left" much sooner.
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
    learned_positions: tuple[int, int] | None = None

    @property
    def width(self) -> int:
        """Width of the token stream."""
        return self.num_attention_heads * self.attention_head_dim

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        value = asdict(self) | {"patch_size": list(self.patch_size)}
        if self.learned_positions is None:
            del value["learned_positions"]  # As models without them have always been written.
        else:
            value["learned_positions"] = list(self.learned_positions)
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "WanConfig":
        """Read what `to_json` wrote.

        Raises:
            CheckpointError: A key that this version does not know.
        """
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(value) - known)
        if unknown:
            raise CheckpointError(
                f"transformer config: unknown keys {unknown}; a newer version of wam-adapt wrote it. Update yours."
            )
        tuples = {name: tuple(value[name]) for name in ("patch_size", "learned_positions") if name in value}
        return cls(**{**value, **tuples})
