"""Heads small enough to train within a test, and transitions whose actions are known."""

from collections.abc import Callable
from typing import Any

import torch

from adapt.models.heads.inverse_dynamics import ActionTargets, InverseDynamics, InverseDynamicsConfig, Transitions
from adapt.models.seeding import seeded
from adapt.types import BaseGeometry, Canvas

# One latent cell of one channel, one future frame, two action steps: a transition is two numbers.
DOT = BaseGeometry(
    canvas=Canvas(height=2, width=2, slots={}),
    latent_channels=1,
    latent_height=1,
    latent_width=1,
    action_steps=2,
    latent_frames_per_chunk=1,
)


def dot_head(objective: str, *, axes: int = 1, seed: int = 0, **sizes: Any) -> InverseDynamics:
    """A head that knows the body "dot", which has so many action axes and no state."""
    with seeded(seed):
        config = InverseDynamicsConfig(
            **{"width": 32, "layers": 1, "heads": 2, "patch": 1, "objective": objective, **sizes}
        )
        head = InverseDynamics(config, DOT)
    head.projections.add("dot", (axes, 0), seed)
    return head


def dots(future: torch.Tensor) -> Transitions:
    """One transition a number: from 0 to it."""
    rows = len(future)
    return Transitions(
        present=torch.zeros(rows, 1, 1, 1),
        future=future.reshape(rows, 1, 1, 1, 1),
        state=torch.zeros(rows, 0),
        has_state=torch.zeros(rows, dtype=torch.bool),
        bodies=("dot",) * rows,
    )


def targets(actions: torch.Tensor, **more: Any) -> ActionTargets:
    """Actions that are all valid, and weigh alike."""
    rows = len(actions)
    return ActionTargets(
        actions=actions,
        valid=torch.ones_like(actions, dtype=torch.bool),
        weight=torch.ones(rows),
        names=tuple(map(str, range(rows))),
        **more,
    )


def train(
    head: InverseDynamics, sample: Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]], steps: int
) -> InverseDynamics:
    """Train on what `sample` draws anew at each step: futures, and the actions that lead there."""
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(head.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        future, actions = sample(generator)
        optimiser.zero_grad()
        head.loss(dots(future), targets(actions), generator).mean().backward()
        optimiser.step()
        schedule.step()
    return head
