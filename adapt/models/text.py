"""Instructions to text features: a small UMT5 encoder over UTF-8 bytes, so no vocabulary file is needed."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from adapt.models.checkpoint import canonical_fingerprint
from adapt.models.frozen import TEXT, guard
from adapt.models.seeding import seeded
from adapt.runs.fingerprint import fingerprint

PAD, END, _FIRST_BYTE = 0, 1, 3
VOCABULARY = 256 + _FIRST_BYTE
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextConfig:
    """Sizes of the text encoder. Defaults are the shipped tiny's.

    Args:
        d_model: Width of its output.
        d_kv: Width of one attention head.
        d_ff: Hidden width of the feed-forward layers.
        num_layers: Layers.
        num_heads: Attention heads.
        max_bytes: Longest prompt, the end mark included; what is longer is cut, with a warning.
        words: Give one feature a word, the mean of its bytes', instead of one a byte. Reading them costs a small
            model a fifth as much then.
        context: Let words read each other. Without, each is encoded as if it stood alone: their order is lost, and a
            combination that was never met is made of features that were. An encoder that learns along with the video
            writes "left" into the other words, and only beside words that it has met "left" with.
    """

    d_model: int = 64
    d_kv: int = 16
    d_ff: int = 128
    num_layers: int = 2
    num_heads: int = 4
    max_bytes: int = 128
    words: bool = False
    context: bool = True

    def __post_init__(self) -> None:
        if not (self.context or self.words):
            raise ValueError("without context a prompt has one feature a word; set words, or leave context")

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        items = asdict(self)
        # Encoders that were fingerprinted before there was a choice keep their print.
        for name, default in (("words", False), ("context", True)):
            if items[name] is default:
                del items[name]
        return items

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "TextConfig":
        """Read what `to_json` wrote."""
        return cls(**value)


class TextEncoder(nn.Module):
    """Prompts to features, one a byte or one a word. `encode` is frozen; `embed` tracks gradients, to pretrain it."""

    def __init__(self, config: TextConfig, *, seed: int = 0) -> None:
        from transformers import UMT5Config, UMT5EncoderModel

        super().__init__()
        self.config = config
        sizes = {"vocab_size": VOCABULARY, "d_model": config.d_model, "d_kv": config.d_kv, "d_ff": config.d_ff}
        layers = {"num_layers": config.num_layers, "num_heads": config.num_heads, "dropout_rate": 0.0}
        with seeded(seed):
            self.encoder: nn.Module = UMT5EncoderModel(UMT5Config(**sizes, **layers))
        self.eval().requires_grad_(requires_grad=False)

    @property
    def fingerprint(self) -> str:
        """What decides the features: the weights and every setting; sha256, hex."""
        weights = canonical_fingerprint(self.encoder.state_dict())
        return fingerprint({"weights": weights, "config": self.config.to_json(), "tokens": "bytes"})

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> list[Float[Tensor, "_n e"]]:
        """Features of each prompt, as long as the prompt; independent of the other prompts' lengths.

        Raises:
            RuntimeError: Called while training.
        """
        guard(TEXT)
        return [self.embed([prompt])[0][0] for prompt in prompts]

    def embed(self, prompts: Sequence[str]) -> tuple[Float[Tensor, "b n e"], Bool[Tensor, "b n"]]:
        """Features of a batch of prompts, zero where `valid` is False, and `valid`."""
        if not self.config.context:
            return self._embed_alone(prompts)
        features, ids = self._read(prompts)
        return _by_word(features, ids) if self.config.words else (features, ids != PAD)

    def _embed_alone(self, prompts: Sequence[str]) -> tuple[Float[Tensor, "b n e"], Bool[Tensor, "b n"]]:
        """Each word's feature by itself; every different one is read once."""
        said = [_cut(prompt, self.config.max_bytes).split() or [""] for prompt in prompts]
        known = sorted({word for words in said for word in words})
        features, ids = self._read(known)
        each = features.sum(1) / (ids != PAD).sum(1, keepdim=True)
        places = [torch.tensor([known.index(word) for word in words], device=self._device) for words in said]
        at = nn.utils.rnn.pad_sequence(places, batch_first=True, padding_value=-1)
        valid = at >= 0
        return torch.where(valid.unsqueeze(-1), each[at.clamp(min=0)], 0.0), valid

    def _read(self, prompts: Sequence[str]) -> tuple[Float[Tensor, "b n e"], Int[Tensor, "b n"]]:
        """Features of every byte, zero beyond a prompt's end, and the bytes."""
        tokens = [byte_tokens(prompt, self.config.max_bytes) for prompt in prompts]
        ids = nn.utils.rnn.pad_sequence(tokens, batch_first=True, padding_value=PAD).to(self._device)
        there = ids != PAD
        features: Tensor = self.encoder(input_ids=ids, attention_mask=there.long()).last_hidden_state
        return torch.where(there.unsqueeze(-1), features, 0.0), ids

    @property
    def _device(self) -> torch.device:
        return next(self.encoder.parameters()).device


def _by_word(
    features: Float[Tensor, "b n e"], ids: Int[Tensor, "b n"]
) -> tuple[Float[Tensor, "b words e"], Bool[Tensor, "b words"]]:
    """The mean of each word's features, its leading space among them, and which words are there."""
    real = ids != PAD
    word = (ids == ord(" ") + _FIRST_BYTE).cumsum(1)
    words = int(word.max()) + 1
    member = torch.nn.functional.one_hot(word, words).to(features.dtype) * real.unsqueeze(-1)
    count = member.sum(1)
    summed = member.transpose(1, 2) @ features
    return summed / count.clamp(min=1).unsqueeze(-1), count > 0


def byte_tokens(prompt: str, max_bytes: int) -> Int[Tensor, " n"]:
    """UTF-8 bytes shifted past the special ids, and the end mark.

    Source:
        ByT5's vocabulary (Xue et al. 2022, arXiv:2105.13626): 0 pad, 1 end, 2 unknown, byte value + 3.
    """
    return torch.tensor([byte + _FIRST_BYTE for byte in _cut(prompt, max_bytes).encode()] + [END])


def _cut(prompt: str, max_bytes: int) -> str:
    """As much of a prompt as is read, its end mark counted; what is longer is cut, with a warning."""
    data = prompt.encode()
    if len(data) < max_bytes:
        return prompt
    kept = data[: max_bytes - 1].decode(errors="ignore")
    _log.warning("prompt cut to %d of %d bytes: %r", len(kept.encode()), len(data), kept)
    return kept
