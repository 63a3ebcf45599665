"""World models in DreamZero's sequence: with the released classes' random weights, and small ones of our own."""

from dataclasses import replace

import torch
from formats_builder import GOLDEN
from safetensors.torch import load_file
from torch import Tensor
from variant_builder import enliven

from adapt.models.bases import TINY_GEOMETRY, Base, random_tiny
from adapt.models.batch import Batch, Text
from adapt.models.dreamzero.schedule import training_levels, training_weights
from adapt.models.first_image import FirstImage
from adapt.models.formats.dreamzero_parts import ActionSizes
from adapt.models.formats.wan_names import transformer_places
from adapt.models.heads.inverse_dynamics import InverseDynamicsConfig
from adapt.models.noise import FirstFrameNoise, Noise
from adapt.models.wan.config import WanConfig
from adapt.models.world_action import WorldActionConfig, WorldActionModel

KINDS = ("dreamzero_joint", "dreamzero_joint_5b")
ROWS, AXES = 2, 3
Tensors = dict[str, Tensor]
WAN = WanConfig(
    num_attention_heads=2,
    attention_head_dim=12,
    in_channels=8,
    out_channels=8,
    text_dim=10,
    freq_dim=16,
    ffn_dim=32,
    num_layers=2,
    image_dim=12,
    added_kv_proj_dim=24,
    text_length=9,
)
CONFIG = WorldActionConfig(
    wan=WAN,
    inverse_dynamics=InverseDynamicsConfig(width=24, layers=1, heads=2, steps=2),
    shift=5.0,
    noise_mode="coupled",
    video_sees_actions=True,
    guidance=5.0,
    dreamzero=ActionSizes(action_dim=5, state_dim=6, hidden=7),
)
GEOMETRY = replace(
    TINY_GEOMETRY,
    latent_channels=8,
    latent_height=4,
    latent_width=6,
    action_steps=4,
    video_hz=5.0,
    max_chunks=3,
)


def released(kind: str) -> tuple[WorldActionModel, Tensors, Tensors]:
    """A model with the released classes' weights, what these were given, and what they made of it."""
    stored = load_file(GOLDEN / "outputs" / f"{kind}.safetensors")
    weights, given, wanted = (
        {key.removeprefix(f"{part}."): value for key, value in stored.items() if key.startswith(f"{part}.")}
        for part in ("weights", "given", "wanted")
    )
    wan = replace(WAN, in_channels=weights["patch_embedding.weight"].shape[1])
    model = WorldActionModel(replace(CONFIG, wan=wan), GEOMETRY)
    ours = model.dit.state_dict()
    for place in transformer_places(list(ours)):
        for name, value in place.apart(weights.pop(place.stored)).items():
            ours[name].copy_(value.reshape(ours[name].shape))
    model.joint.actions.load_state_dict(weights)
    model.joint.projections.place("robot", range(AXES), range(6))
    return model, given, wanted


def batch_of(given: Tensors, *, channels: bool) -> Batch:
    """Windows of the one robot, of whose action slots the last two are nobody's."""
    yes = torch.ones(ROWS, dtype=torch.bool)
    return Batch(
        window_ids=("a", "b"),
        embodiments=("robot", "robot"),
        provenances=("robot", "robot"),
        chunks=torch.full((ROWS,), 3),
        latents=given["latents"],
        text=words(given["text"], 6),
        has_action=yes,
        actions=given["actions"][..., :AXES],
        action_valid=given["action_valid"][..., :AXES],
        has_state=yes,
        state=given["state"],
        weight=torch.ones(ROWS),
        action_floor=torch.zeros(ROWS),
        image=picture(given, channels=channels),
    )


def picture(given: Tensors, *, channels: bool) -> FirstImage:
    """The first picture; its channels only where the kind takes them."""
    return FirstImage(features=given["image"], channels=given["channels"] if channels else None)


def words(values: Tensor, count: int) -> Text:
    """The words of prompts that were padded with zeros."""
    return Text(values=values[:, :count], valid=torch.ones(ROWS, count, dtype=torch.bool))


def noise_of(given: Tensors) -> Noise:
    """The released run's noise: of a frame's drawn timestep ids, the first of each chunk counts for all of it."""
    ids = given["timestep_id"]
    levels, weights = training_levels()[ids], training_weights()[ids]
    return Noise(
        video=given["noise"][:, 1:],
        video_sigma=levels[:, 1::2],
        video_weight=weights[:, 1::2],
        action=given["noise_action"],
        action_sigma=levels[:, 1::2],
        action_weight=weights[:, 1::2],
        first=FirstFrameNoise(video=given["noise"][:, :1], sigma=levels[:, :1], weight=weights[:, :1]),
    )


def own_model(*, dtype: torch.dtype = torch.float32) -> WorldActionModel:
    """A model without pictures, every parameter random; "arm" lies in slots 3, 1 and 4, "gripper" in 0."""
    wan = replace(WAN, image_dim=None, added_kv_proj_dim=None)
    model = WorldActionModel(replace(CONFIG, wan=wan), GEOMETRY, seed=0)
    enliven(model)
    model.joint.projections.place("arm", (3, 1, 4), (5, 0))
    model.joint.projections.place("gripper", (0,))
    for name, axes in model.joint.projections.axes.items():
        model.inverse_dynamics.projections.add(name, axes, seed=0)
    return model.to(dtype)


def own_base(*, pictures: bool = False, state: tuple[int, ...] = (0, 3)) -> Base:
    """A random tiny base in DreamZero's sequence; it knows "arm", of two action axes and, unless told, two of state."""
    base = random_tiny(0)
    wan = replace(base.model.config.wan, text_length=40)
    if pictures:
        wan = replace(wan, in_channels=36, image_dim=12, added_kv_proj_dim=wan.width)
    config = replace(CONFIG, wan=wan)
    model = WorldActionModel(config, base.geometry, seed=0)
    enliven(model)
    model.joint.projections.place("arm", (4, 2), state)
    model.inverse_dynamics.projections.add("arm", (2, len(state)), seed=0)
    model.eval().requires_grad_(requires_grad=False)
    return replace(base, parts={**base.parts, "model": model})
