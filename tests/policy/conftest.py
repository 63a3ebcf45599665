"""A complete bundle of toy size, its tensors made up."""

import pytest
import torch

from adapt.embodiment.spec import Axis, Camera, Embodiment
from adapt.embodiment.statistics import BodyStatistics, measure
from adapt.policy.bundle import BaseRecord, Bundle
from adapt.policy.golden import Golden
from adapt.types import Observation

ADAPTER_CONFIG = {
    "peft_type": "LORA",
    "auto_mapping": None,
    "base_model_name_or_path": "wam-adapt/tiny",
    "revision": "0.1.0",
    "r": 2,
    "lora_alpha": 4.0,
    "target_modules": {"to_v", "to_q"},
    "loftq_config": {},
}


@pytest.fixture
def body() -> Embodiment:
    """Two joints, the first relative to its state, seen by one camera."""
    return Embodiment(
        name="arm",
        prompt="A video shows that a robot {instruction}",
        cameras=(Camera(name="main", column="observation.images.main", slot="full"),),
        actions=(
            Axis(name="shoulder", unit="rad", column="action", index=0, relative=True),
            Axis(name="grip", unit="share", column="action", index=1, gripper=True),
        ),
        state=(Axis(name="shoulder", unit="rad", column="observation.state", index=0),),
    )


@pytest.fixture
def statistics(body: Embodiment) -> BodyStatistics:
    """Shoulder from -1 to 1 rad, grip from 0 to 1."""
    actions = measure(torch.tensor([[-1.0, 0.0], [1.0, 1.0]]), body.actions)
    return BodyStatistics(actions=actions, state=measure(torch.tensor([[-2.0], [2.0]]), body.state), source="data")


@pytest.fixture
def golden() -> Golden:
    """A grey picture, and an answer counted out by hand."""
    return Golden(
        observation=Observation(
            images={"main": torch.full((4, 6, 3), 128, dtype=torch.uint8)}, state=torch.tensor([0.5])
        ),
        instruction="wave",
        seed=3,
        latents=torch.arange(8.0).view(2, 1, 2, 2),
        actions=torch.tensor([[0.5, 0.0], [0.6, 1.0]]),
        latent_tolerance=0.01,
        action_tolerance=torch.tensor([0.01, 0.005]),
    )


@pytest.fixture
def contents(body: Embodiment, statistics: BodyStatistics, golden: Golden) -> Bundle:
    """Everything a bundle holds."""
    return Bundle(
        kind="play",
        instructions=("wave",),
        base=BaseRecord(repo="wam-adapt/tiny", revision="0.1.0", fingerprint="ab" * 32, licence="apache-2.0"),
        adapter_config=ADAPTER_CONFIG,
        adapter={"base_model.model.blocks.0.attn1.to_q.lora_A.weight": torch.ones(2, 3)},
        heads={"inverse_dynamics.null_state": torch.arange(4.0)},
        embodiment=body,
        statistics=statistics,
        golden=golden,
        recipe="base: tiny\n",
        evaluation={"format": 1},
        card="# An arm\n",
        pictures={"pictures/window_0.png": b"\x89PNG\r\n\x1a\n..."},
    )
