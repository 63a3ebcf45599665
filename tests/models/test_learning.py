"""Does the whole of it learn? A world in which the instruction says what colour the next frames have."""

import torch

from adapt.models.bases import random_tiny
from adapt.models.batch import Text, collate
from adapt.models.imagine import Sampling, imagine
from adapt.models.noise import draw_noise
from adapt.types import Sample

PALETTE = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
WORDS = torch.randn(2, 4, 16, generator=torch.Generator().manual_seed(1))


def world(index: int) -> Sample:
    """A dark present, and a future in one of two colours."""
    colour = index % 2
    latents = torch.zeros(3, 16, 8, 8)
    latents[1:] = PALETTE[colour][:, None, None]
    return Sample(window_id=str(index), embodiment="human_hand", latents=latents, text=WORDS[colour])


def test_imagined_frames_follow_the_instruction_after_a_short_training():
    model = random_tiny(0).model.requires_grad_(requires_grad=True)
    optimiser = torch.optim.Adam(model.dit.parameters(), lr=5e-3)
    generator = torch.Generator().manual_seed(2)
    batch = collate([world(index) for index in range(4)], model.geometry)
    for _ in range(150):
        noise = draw_noise(batch, generator, shift=model.config.shift)
        optimiser.zero_grad()
        model.losses(batch, noise).video.mean().backward()
        optimiser.step()

    future = imagine(
        model,
        batch.latents[:2, :1],
        Text(values=batch.text.values[:2], valid=batch.text.valid[:2]),
        Sampling(steps=8),
        generator,
    )
    colours = future.mean(dim=(1, 3, 4))

    distance = torch.cdist(colours, PALETTE)
    assert distance.argmin(dim=1).tolist() == [0, 1]
    assert distance.diagonal().max() < 0.3 * torch.dist(PALETTE[0], PALETTE[1])
