"""Small models, windows and batches for the tests of `adapt.models`."""

import torch

from adapt.models.bases import random_tiny
from adapt.models.batch import Batch, collate
from adapt.models.world_action import WorldActionModel
from adapt.types import Sample

BODIES = {"arm": (3, 2), "gripper": (2, 0)}


def small_model(seed: int = 0, dtype: torch.dtype = torch.float32) -> WorldActionModel:
    """A model whose every parameter is random, those that start at zero or one included; gradients on."""
    model = random_tiny(seed, bodies=BODIES).model.to(dtype)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator).to(dtype) * 0.1)
    return model.requires_grad_(requires_grad=True)


def window(name: str, chunks: int, body: str = "", *, seed: int = 0, with_state: bool = True) -> Sample:
    """A window of noise; video only where no body is named."""
    generator = torch.Generator().manual_seed(seed + sum(map(ord, name)))
    axes, state_axes = BODIES.get(body, (0, 0))

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    return Sample(
        window_id=name,
        embodiment=body or "human_hand",
        latents=normal(1 + 2 * chunks, 16, 8, 8),
        text=normal(3 + len(name), 16),
        actions=normal(16 * chunks, axes) if body else None,
        state=normal(chunks, state_axes) if state_axes and with_state else None,
        provenance="robot" if body else "",
    )


def batch_of(*samples: Sample, dtype: torch.dtype = torch.float32) -> Batch:
    """The samples as one batch."""
    return collate(samples, random_tiny().geometry).to("cpu", dtype)
