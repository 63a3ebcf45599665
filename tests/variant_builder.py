"""Small world-action models like each kind of Wan, every parameter random and of a size that keeps signals alive."""

from dataclasses import replace

import torch

from adapt.models.bases import TINY_GEOMETRY
from adapt.models.batch import Text, pad_text
from adapt.models.first_image import FirstImage, first_frame_channels
from adapt.models.heads.inverse_dynamics import InverseDynamicsConfig
from adapt.models.wan.config import WanConfig
from adapt.models.world_action import WorldActionConfig, WorldActionModel

SIZES = WanConfig(num_attention_heads=2, attention_head_dim=12, text_dim=16, freq_dim=16, ffn_dim=48, num_layers=3)
KINDS = {
    "t2v": SIZES,
    "t2v_fixed_text": replace(SIZES, text_length=12, cross_attn_norm=False),
    "i2v": replace(SIZES, in_channels=36, image_dim=20, added_kv_proj_dim=24),
    "ti2v": replace(SIZES, in_channels=48, out_channels=48),
}
GEOMETRY = replace(TINY_GEOMETRY, action_steps=16, video_hz=5.0)
BODIES = {"arm": (3, 2), "gripper": (2, 0)}


def variant(
    kind: str = "t2v", *, dtype: torch.dtype = torch.float32, joint: bool = True, video_sees_actions: bool = False
) -> WorldActionModel:
    """A frozen model of one kind, on tiny's canvas and DreamZero's rates, with its own latent channels."""
    wan = KINDS[kind]
    config = WorldActionConfig(
        wan=wan,
        inverse_dynamics=InverseDynamicsConfig(width=24, layers=1, heads=2, steps=2),
        joint=joint,
        video_sees_actions=video_sees_actions,
    )
    model = WorldActionModel(config, replace(GEOMETRY, latent_channels=wan.out_channels), seed=0)
    for name, (action_axes, state_axes) in BODIES.items():
        model.add_body(name, action_axes, state_axes, seed=0)
    enliven(model)
    if joint:
        with torch.no_grad():  # The joint head reads the stream as the last block leaves it, which is large.
            for name in BODIES:
                model.joint.projections.of(name).action_out.weight.mul_(0.1)
    return model.to(dtype).eval().requires_grad_(requires_grad=False)


def enliven(module: torch.nn.Module, seed: int = 7) -> None:
    """Overwrite every parameter with noise that neither swells nor dies on its way through, biases too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            spread = 0.1 if parameter.ndim < 2 else parameter[0].numel() ** -0.5
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread + (parameter.ndim == 1))


def frames_of(model: WorldActionModel, count: int, *, windows: int = 2, seed: int = 1) -> torch.Tensor:
    """Latent frames of noise in the model's own precision."""
    geometry = model.geometry
    shape = (windows, count, geometry.latent_channels, geometry.latent_height, geometry.latent_width)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return noise.to(model.dit.proj_out.weight.dtype)


def image_of(model: WorldActionModel, *, windows: int = 2, seed: int = 4) -> FirstImage | None:
    """Five image tokens and the channels beside every frame of the longest window; None for kinds without a picture."""
    wan, dtype = model.config.wan, model.dit.proj_out.weight.dtype
    if wan.image_dim is None:
        return None
    features = torch.randn(windows, 5, wan.image_dim, generator=torch.Generator().manual_seed(seed))
    length = model.geometry.latent_frames(model.geometry.max_chunks)
    channels = first_frame_channels(frames_of(model, length, windows=windows, seed=seed + 1))
    return FirstImage(features=features.to(dtype), channels=channels)


def text_of(model: WorldActionModel, *lengths: int) -> Text:
    """Instructions of so many words each."""
    generator = torch.Generator().manual_seed(2)
    text = pad_text([torch.randn(length, model.config.wan.text_dim, generator=generator) for length in lengths])
    return replace(text, values=text.values.to(model.dit.proj_out.weight.dtype))
