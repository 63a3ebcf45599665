"""Small trainings for tests: a random tiny base with adapters, on encoded folders drawn from a seed."""

from pathlib import Path
from typing import Any

from encoded_builder import arm, hand, window, write_folder

from adapt.data.samples import Mixture, WindowDataset
from adapt.models.adapters import add_lora
from adapt.models.bases import random_tiny
from adapt.models.lora import LoraConfig
from adapt.models.world_action import WorldActionModel
from adapt.train.losses import Objective
from adapt.train.module import Training
from adapt.train.settings import TrainConfig
from adapt.train.trained import choose_trained


def adapted_model(*, dropout: float = 0.0) -> WorldActionModel:
    """A random base that knows the body "arm", with adapters."""
    model = random_tiny(0, bodies={"arm": (2, 2)}).model
    add_lora(model.dit, LoraConfig(rank=4, alpha=8.0, dropout=dropout), base_id="random-tiny", revision="0")
    return model


def training(folder: Path, *, dropout: float = 0.0, joint: bool = False, **settings: Any) -> Training:
    """Human video with arm replay, one validation window."""
    config = TrainConfig(**{"batch_size": 4, "steps": 6, "joint_head": joint, **settings})
    videos = [window(n, hand(), chunks=1 + n % 2) for n in range(5)] + [window(9, hand(), split="validation")]
    if not (folder / "new").exists():
        write_folder(folder / "new", videos, [hand()], text_width=16)
        write_folder(folder / "replay", [window(n, arm(), chunks=1 + n % 2) for n in range(4)], [arm()], text_width=16)
    model = adapted_model(dropout=dropout)
    return Training(
        objective=Objective(model=model, config=config, heads=config.train_heads, joint=joint, seed=0),
        trained=choose_trained(model, bodies={"arm"}, heads=config.train_heads, joint=joint),
        mixture=Mixture(
            datasets=[WindowDataset(folder / "new", "train"), WindowDataset(folder / "replay", "train")],
            shares=[1 - config.replay_share, config.replay_share],
            seed=0,
            batch_size=config.batch_size,
        ),
        validation=WindowDataset(folder / "new", "validation"),
    )
