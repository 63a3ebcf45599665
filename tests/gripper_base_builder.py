"""A base that knows the tabletop's gripper and nothing else: random weights, statistics made up to fit the table."""

from dataclasses import replace
from pathlib import Path

import torch

from adapt.embodiment.spec import Embodiment, load_embodiment
from adapt.embodiment.statistics import BodyStatistics, measure
from adapt.models.bases import Base, random_tiny
from adapt.policy.acting import Actor
from adapt.policy.policy import Policy

BODY = "tabletop_gripper"
FOLDER = Path(__file__).parents[1] / "recipes" / "embodiment"


def gripper_spec() -> Embodiment:
    """The shipped body."""
    return load_embodiment(BODY, [FOLDER])


def gripper_statistics() -> BodyStatistics:
    """Moves of up to 15 cm a chunk, and states all over the table."""
    spec = gripper_spec()
    moves = torch.tensor([[-0.15, -0.15, -0.15, 0.0], [0.15, 0.15, 0.15, 1.0]])
    places = torch.tensor([[-0.27, -0.27, 0.02, 0.0], [0.27, 0.27, 0.22, 1.0]])
    return BodyStatistics(actions=measure(moves, spec.actions), state=measure(places, spec.state), source="data")


def gripper_base(seed: int = 0) -> Base:
    """Untrained; every part there."""
    base = random_tiny(seed, bodies={BODY: (4, 4)})
    return replace(base, embodiments={BODY: gripper_spec()}, statistics={BODY: gripper_statistics()})


def gripper_policy(seed: int = 0) -> Policy:
    """It acts, wildly."""
    return Policy(gripper_base(seed), Actor(spec=gripper_spec(), statistics=gripper_statistics()), video_steps=2)
