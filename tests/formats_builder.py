"""Reads the manifests of `tests/golden`, and makes small bases of every format."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from adapt.models.formats.dreamzero_parts import ActionSizes, ImageSizes
from adapt.models.formats.sizes import BaseSizes, CodecSizes, TextSizes, build
from adapt.models.wan.config import WanConfig

GOLDEN = Path(__file__).parent / "golden"
Shapes = dict[str, tuple[int, ...]]
SMALL_WAN = WanConfig(
    num_attention_heads=2,
    attention_head_dim=12,
    in_channels=36,
    text_dim=16,
    freq_dim=16,
    ffn_dim=48,
    num_layers=3,
    image_dim=20,
    added_kv_proj_dim=24,
    text_length=512,
)
SMALL = BaseSizes(
    transformer=SMALL_WAN,
    actions=ActionSizes(action_dim=5, state_dim=6, hidden=7),
    text=TextSizes(vocab=30, dim=16, dim_attn=16, dim_ffn=20, num_heads=2, num_layers=2, num_buckets=8),
    image=ImageSizes(hidden=20, mlp=24, layers=2, heads=2, image=28, patch=14, projection=8),
    codec=CodecSizes(z_dim=4, dim=4),
)

# What DreamZero's config.json says of such sizes, where its own has paths and settings of training as well.
DREAMZERO_CONFIG: dict[str, Any] = {
    "action_head_cfg": {
        "config": {
            "diffusion_model_cfg": {
                "model_type": "i2v",
                "dim": 24,
                "in_dim": 36,
                "out_dim": 16,
                "ffn_dim": 48,
                "freq_dim": 16,
                "eps": 1e-6,
                "num_heads": 2,
                "num_layers": 3,
                "text_dim": 16,
                "image_dim": 20,
                "action_dim": 5,
                "max_state_dim": 6,
                "hidden_size": 7,
            },
            "text_encoder_cfg": {
                "vocab": 30, "dim": 16, "dim_attn": 16, "dim_ffn": 20,
                "num_heads": 2, "num_layers": 2, "num_buckets": 8,
            },
            "image_encoder_cfg": {
                "hidden": 20, "mlp": 24, "layers": 2, "heads": 2, "image": 28, "patch": 14, "projection": 8,
            },
            "lora_alpha": 4,
            "vae_cfg": {"_target_": "groot.WanVideoVAE", "z_dim": 4, "dim": 4},
        }
    }
}  # fmt: skip


def manifest(name: str) -> dict[str, Any]:
    """A manifest as it is written."""
    value: dict[str, Any] = json.loads((GOLDEN / "manifests" / f"{name}.json").read_text(encoding="utf-8"))
    return value


@cache
def manifest_shapes(name: str) -> Shapes:
    """Every tensor of a manifest, by its full name."""
    written = manifest(name)
    shapes: Shapes = {}
    for pattern, shape in written["shapes"].items():
        head, _, rest = pattern.partition("{")
        runs, _, tail = rest.partition("}")
        for run in runs.split(",") if runs else ():
            first, _, last = run.partition("-")
            for number in range(int(first), int(last or first) + 1):
                shapes[f"{head}{number}{tail}"] = tuple(shape)
        if not runs:
            shapes[pattern] = tuple(shape)
    assert len(shapes) == written["tensors"]
    return shapes


def on_meta(sizes: BaseSizes) -> dict[str, nn.Module]:
    """A base's parts without memory."""
    with torch.device("meta"):
        return build(sizes)


def small_base(sizes: BaseSizes = SMALL, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> dict[str, nn.Module]:
    """A base's parts, every parameter and buffer of them random."""
    parts = build(sizes)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in parts.values():
            for value in part.state_dict().values():
                value.copy_(torch.randn(value.shape, generator=generator))
            for value in (*part.parameters(), *part.buffers()):
                value.data = value.data.to(dtype) if value.is_floating_point() else value.data
            part.eval().requires_grad_(requires_grad=False)
    return parts
