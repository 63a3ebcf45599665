"""A world model of the parts of a DreamZero checkpoint, called, trained and imagined with as any of ours is.

Its parts, its geometry, and in which slots a robot's axes lie:

    found = load_published(folder, parts=("transformer", "actions"))
    model = world_model(found, geometry_of(found.config, canvas))
    model.joint.projections.place("arm", actions=range(7), state=range(7))
"""

from collections.abc import Mapping
from typing import Any

import torch

from adapt.errors import CheckpointError
from adapt.models.dreamzero.head import DreamZeroHead
from adapt.models.dreamzero.schedule import RELEASED, SHIFT
from adapt.models.formats.describe import head_config, refusing
from adapt.models.formats.dreamzero_parts import DreamZeroActions
from adapt.models.formats.published import Published
from adapt.models.formats.sizes import ACTIONS, TRANSFORMER
from adapt.models.heads.inverse_dynamics import InverseDynamics, InverseDynamicsConfig
from adapt.models.seeding import seeded
from adapt.models.world_action import INVERSE_DYNAMICS, JOINT, WorldActionConfig, WorldActionModel
from adapt.objectives.choices import COUPLED
from adapt.types import BaseGeometry, Canvas

_FRAMES_PER_LATENT = 4  # of both of Wan's codecs
# What DreamZero's model takes where its config.json says nothing.
_UNSAID = {
    "frame_seqlen": 220,
    "num_frame_per_block": 1,
    "num_action_per_block": 32,
    "num_state_per_block": 1,
    "max_chunk_size": -1,
}


def geometry_of(config: Mapping[str, Any], canvas: Canvas, *, video_hz: float = 5.0) -> BaseGeometry:
    """What a DreamZero checkpoint fixes for its data, by its config.json.

    Args:
        config: Of the checkpoint (`Published.config`).
        canvas: The picture it was trained on, 352 x 640 for four views of 176 x 320; config.json has only its tokens.
        video_hz: Frames per second it was trained on, which config.json does not have: 5 in the paper, and twice that
            where the released loader cut 30 Hz recordings into chunks of 24 steps.

    Raises:
        CheckpointError: The config does not say so, the canvas has other tokens, or it is of a sequence that is not
            here: more than one state a chunk, or windows without end.
    """
    with refusing("config.json"):
        told = _UNSAID | dict(head_config(config)["diffusion_model_cfg"])
        numbers = {name: int(told[name]) for name in _UNSAID}
        channels = int(told["out_dim"])
    cells = 16 if channels > 16 else 8  # px on a side of one latent cell
    height, width = canvas.height // cells, canvas.width // cells
    tokens = (height // 2) * (width // 2)
    if tokens != numbers["frame_seqlen"] or canvas.height % (2 * cells) or canvas.width % (2 * cells):
        raise CheckpointError(
            f"config.json: a frame has {numbers['frame_seqlen']} tokens, a canvas of {canvas.height} x {canvas.width} "
            f"px makes {tokens} of {2 * cells} x {2 * cells} px. Give the canvas that the checkpoint was trained on."
        )
    if numbers["num_state_per_block"] != 1 or numbers["max_chunk_size"] < 1:
        raise CheckpointError(
            f"config.json: {numbers['num_state_per_block']} states a chunk and windows of "
            f"{numbers['max_chunk_size']} chunks; known are one state a chunk and windows with an end, as in all "
            "released checkpoints. Give one of that kind."
        )
    return BaseGeometry(
        canvas=canvas,
        latent_channels=channels,
        latent_height=height,
        latent_width=width,
        action_steps=numbers["num_action_per_block"],
        video_hz=video_hz,
        frames_per_chunk=_FRAMES_PER_LATENT * numbers["num_frame_per_block"],
        latent_frames_per_chunk=numbers["num_frame_per_block"],
        max_chunks=numbers["max_chunk_size"],
    )


def world_model(
    found: Published,
    geometry: BaseGeometry,
    *,
    inverse_dynamics: InverseDynamicsConfig | None = None,
    seed: int = 0,
) -> WorldActionModel:
    """A frozen world model around a checkpoint's own modules; no weight is copied.

    Args:
        found: With transformer and actions, as `load_published` read them.
        geometry: As `geometry_of` gives it.
        inverse_dynamics: Sizes of the head that reads actions from frames, which DreamZero does not have; fresh.
        seed: Decides that head's weights.

    Raises:
        CheckpointError: A part was not read, or the transformer gives other channels than the geometry says.
    """
    missing = [name for name in (TRANSFORMER, ACTIONS) if name not in found.modules]
    if missing or found.sizes.actions is None:
        raise CheckpointError(
            f"the checkpoint: its {' and '.join(missing) or 'sizes of actions'} are not here. Read it with "
            'load_published(folder, parts=("transformer", "actions")).'
        )
    wan = found.sizes.transformer
    if wan.out_channels != geometry.latent_channels:
        raise CheckpointError(
            f"the checkpoint: gives {wan.out_channels} latent channels, the geometry has {geometry.latent_channels}. "
            "Make it with geometry_of."
        )
    config = WorldActionConfig(
        wan=wan,
        inverse_dynamics=InverseDynamicsConfig() if inverse_dynamics is None else inverse_dynamics,
        shift=SHIFT,
        noise_mode=COUPLED,
        video_sees_actions=True,
        guidance=1.0 if RELEASED.guidance is None else RELEASED.guidance,
        dreamzero=found.sizes.actions,
    )
    with torch.device("meta"):  # The transformer's memory is there already.
        model = WorldActionModel(config, geometry)
        head = DreamZeroHead(wan.width, found.sizes.actions)
    model.dit = found.transformer
    actions = found.modules[ACTIONS]
    assert isinstance(actions, DreamZeroActions)
    head.actions = actions
    with seeded(seed):
        reader = InverseDynamics(config.inverse_dynamics, geometry)
    like = next(found.transformer.parameters())
    model.heads[JOINT] = head
    model.heads[INVERSE_DYNAMICS] = reader.to(device=like.device, dtype=like.dtype)
    return model.eval().requires_grad_(requires_grad=False)
