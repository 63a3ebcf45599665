"""Train the video transformer, its joint head and the text encoder together, on the gripper and on the hand."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from adapt.models.batch import Batch, Text, collate, drop_text
from adapt.models.checkpoint import write_tensors
from adapt.models.heads.inverse_dynamics import InverseDynamicsConfig
from adapt.models.noise import draw_noise
from adapt.models.text import TextConfig, TextEncoder
from adapt.models.wan.config import WanConfig
from adapt.models.world_action import WorldActionConfig, WorldActionModel
from adapt.runs.fingerprint import Json
from pipelines.pretrain_schedule import one_cycle
from pipelines.pretrain_settings import WorldTraining
from pipelines.pretrain_windows import GEOMETRY, GRIPPER, HAND, TrainingSet

log = logging.getLogger(__name__)

_LONG_EVERY = 4  # every fourth step shows long windows, a quarter as many
_CHECKPOINT_EVERY = 250


def new_model(seed: int) -> tuple[WorldActionModel, TextEncoder]:
    """The shipped sizes with fresh weights; the heads know the gripper."""
    sizes = WorldActionConfig(wan=WanConfig(), inverse_dynamics=InverseDynamicsConfig())
    model = WorldActionModel(sizes, GEOMETRY, seed=seed)
    model.add_body(GRIPPER, 3, 3, seed)
    return model, TextEncoder(TextConfig(), seed=seed)


def train_world(scratch: Path, data: TrainingSet, config: WorldTraining, seed: int) -> dict[str, Json]:
    """Train; writes model.safetensors and text.safetensors into `scratch`, and a checkpoint to go on from."""
    model, text = new_model(seed)
    model.train()
    model.inverse_dynamics.requires_grad_(requires_grad=False)
    text.requires_grad_(requires_grad=True)
    trained = [*model.dit.parameters(), *model.joint.parameters(), *text.parameters()]
    optimiser = _optimiser(trained)
    first = _resume(scratch, model, text, optimiser)
    curve: list[float] = []
    total = config.steps + config.second_steps
    for step in range(first, total):
        text.requires_grad_(requires_grad=step < config.steps * config.freeze_text_at)
        if step == config.steps:
            optimiser = _optimiser(trained)
        for group in optimiser.param_groups:
            group["lr"] = _rate(step, config)
        video, action = _step_losses(model, text, data, config, (seed, step))
        optimiser.zero_grad(set_to_none=True)
        (video + config.joint_weight * action).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        curve.append(float(video.detach()))
        if step % 50 == 49:
            log.info("world step %d of %d: video %.4f", step + 1, total, float(np.mean(curve[-50:])))
        if step % _CHECKPOINT_EVERY == _CHECKPOINT_EVERY - 1:
            _checkpoint(scratch, model, text, optimiser, step + 1)
    write_tensors(scratch / "model.safetensors", model.state_dict())
    write_tensors(scratch / "text.safetensors", text.state_dict())
    (scratch / "checkpoint.pt").unlink(missing_ok=True)
    return {"video_loss_last_100": round(float(np.mean(curve[-100:])), 4)}


def _optimiser(trained: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(trained, betas=(0.9, 0.98), weight_decay=0.01)


def _rate(step: int, config: WorldTraining) -> float:
    """Learning rate of a step: one rise and fall, then a second one at half the height."""
    if step < config.steps:
        return one_cycle(step, config.steps, config.learning_rate)
    return one_cycle(step - config.steps, config.second_steps, config.learning_rate / 2)


def load_world(folder: Path) -> tuple[WorldActionModel, TextEncoder]:
    """The model and text encoder that `train_world` left in `folder`, frozen."""
    model, text = new_model(0)
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    text.load_state_dict(load_file(folder / "text.safetensors"), strict=True)
    return model.eval().requires_grad_(requires_grad=False), text


def with_text(batch: Batch, prompts: Sequence[str], text: TextEncoder) -> Batch:
    """The batch with its prompts embedded, each different prompt once."""
    different = sorted(set(prompts))
    values, valid = text.embed(different)
    rows = torch.tensor([different.index(prompt) for prompt in prompts])
    return replace(batch, text=Text(values=values[rows], valid=valid[rows]))


def _step_losses(
    model: WorldActionModel, text: TextEncoder, data: TrainingSet, config: WorldTraining, when: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Mean video loss and mean joint action loss of one step; what it sees depends on seed and step alone."""
    rng = np.random.default_rng(when)
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    long = when[1] % _LONG_EVERY == _LONG_EVERY - 1
    places = _pick(rng, data, config, long=long)
    batch = collate([data.samples[place] for place in places], GEOMETRY)
    batch = with_text(batch, [data.prompts[place] for place in places], text)
    batch = drop_text(batch, config.text_drop, generator)
    noise = draw_noise(batch, generator, shift=model.config.shift)
    losses = model.losses(batch, noise, joint=True)
    assert losses.action is not None
    return losses.video.mean(), losses.action.mean()


def _pick(rng: np.random.Generator, data: TrainingSet, config: WorldTraining, *, long: bool) -> list[int]:
    size = max(2, config.batch_size // 4) if long else config.batch_size
    human = max(1, round(size * config.human_share))
    places: list[int] = []
    for body, count in ((HAND, human), (GRIPPER, size - human)):
        known = data.select(split="train", body=body, chunks=2 if long else 1)
        places += [known[int(place)] for place in rng.integers(len(known), size=count)]
    return places


def _checkpoint(
    scratch: Path, model: WorldActionModel, text: TextEncoder, optimiser: torch.optim.Optimizer, step: int
) -> None:
    state = {
        "model": model.state_dict(),
        "text": text.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
    }
    torch.save(state, scratch / "checkpoint.new")
    (scratch / "checkpoint.new").replace(scratch / "checkpoint.pt")


def _resume(scratch: Path, model: WorldActionModel, text: TextEncoder, optimiser: torch.optim.Optimizer) -> int:
    """Load the checkpoint a killed run left, if any; the step to go on with."""
    path = scratch / "checkpoint.pt"
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    text.load_state_dict(state["text"])
    optimiser.load_state_dict(state["optimiser"])
    log.info("world goes on from step %d", state["step"])
    return int(state["step"])
