"""Train the inverse-dynamics head on true, noised and imagined futures; it never sees an instruction."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from adapt.models.batch import collate
from adapt.models.checkpoint import write_tensors
from adapt.models.heads.inverse_dynamics import Hiding
from adapt.models.imagine import Sampling, imagine
from adapt.models.text import TextEncoder
from adapt.models.world_action import WorldActionModel
from adapt.runs.fingerprint import Json
from pipelines.pretrain.halves import HALVES
from pipelines.pretrain.progress import Progress
from pipelines.pretrain.settings import ActionTraining
from pipelines.pretrain.windows import GEOMETRY, TrainingSet
from pipelines.pretrain.world import Prompts

_IMAGINED_AT_ONCE = 64
_IMAGINE_STEPS = 6
_HIGHEST_NOISE = 0.6  # of a noised future
_HIDDEN_STATES = 0.1  # share; the gripper always tells where it is, so this is for bodies to come

Futures = dict[int, Tensor]  # by place in the training set


def train_action(
    scratch: Path,
    data: TrainingSet,
    world: tuple[WorldActionModel, TextEncoder],
    config: ActionTraining,
    seed: int,
    processes: int = 1,
) -> dict[str, Json]:
    """Train the head of the model in `world`; writes model.safetensors and text.safetensors into `scratch`.

    Started again in the same folder after it was stopped, it goes on from its last checkpoint.
    """
    model, text = world
    pools = {kind: data.select("train", kind) for kind in ("robot", "play")}
    rng = np.random.default_rng([seed, 3])
    chosen = [int(place) for place in rng.permutation(pools["robot"])[: config.imagined_windows]]
    futures = dict(zip(chosen, imagine_futures(data, chosen, world, seed), strict=True))
    head = model.inverse_dynamics.requires_grad_(requires_grad=True).train()
    trained = list(head.parameters())
    optimiser = torch.optim.AdamW(trained, lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    progress = Progress(scratch, "action", config.steps, {"head": head}, [optimiser], [config.learning_rate])

    def loss_of(step: int, half: int) -> tuple[Tensor, float]:
        loss = _loss(model, data, (pools, futures), config, (seed, step, half))
        return loss, float(loss.detach())

    progress.carry_out(trained, loss_of, processes)
    model.eval().requires_grad_(requires_grad=False)
    write_tensors(scratch / "model.safetensors", model.state_dict())
    write_tensors(scratch / "text.safetensors", text.state_dict())
    progress.finish()
    return {"action_loss_last_100": round(progress.mean(), 4), "imagined_windows": len(chosen)}


def imagine_futures(
    data: TrainingSet,
    places: Sequence[int],
    world: tuple[WorldActionModel, TextEncoder],
    seed: int,
    steps: int = _IMAGINE_STEPS,
) -> list[Tensor]:
    """What the transformer imagines from the first frame of each window, under its own instruction."""
    model, text = world
    prompts = Prompts(text)
    generator = torch.Generator().manual_seed(seed)
    futures: list[Tensor] = []
    for first in range(0, len(places), _IMAGINED_AT_ONCE):
        part = places[first : first + _IMAGINED_AT_ONCE]
        batch = collate([data.samples[place] for place in part], GEOMETRY)
        batch = prompts.into(batch, [data.prompts[place] for place in part])
        futures += list(imagine(model, batch.latents[:, :1], batch.text, Sampling(steps=steps), generator))
    return futures


def _loss(
    model: WorldActionModel,
    data: TrainingSet,
    seen: tuple[dict[str, list[int]], Futures],
    config: ActionTraining,
    when: tuple[int, int, int],
) -> Tensor:
    """Mean loss of half a step: recorded futures, some of them noised, and imagined ones as they were imagined."""
    pools, futures = seen
    rng = np.random.default_rng([*when, 4])
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    size = max(1, config.batch_size // HALVES)
    imagined = round(size * config.predicted_share) if futures else 0
    play = round((size - imagined) * config.play_share) if pools["play"] else 0
    recorded = _draw(rng, pools["robot"], size - imagined - play) + _draw(rng, pools["play"], play)
    noised = min(1.0, config.noised_share / max(1 - config.predicted_share, 1e-6))
    hiding = Hiding(future_share=noised, future_sigma=_HIGHEST_NOISE, state_share=_HIDDEN_STATES)
    batch = collate([data.samples[place] for place in recorded], GEOMETRY)
    loss = model.inverse_dynamics_loss(batch, generator, hiding=hiding)
    assert loss is not None
    if not imagined:
        return loss.mean()
    rows = _draw(rng, list(futures), imagined)
    batch = collate([data.samples[place] for place in rows], GEOMETRY)
    future = torch.stack([futures[place] for place in rows])
    shown = Hiding(future_share=0.0, state_share=_HIDDEN_STATES)
    other = model.inverse_dynamics_loss(batch, generator, hiding=shown, future=future)
    assert other is not None
    return (loss.sum + other.sum) / (loss.count + other.count)


def _draw(rng: np.random.Generator, places: Sequence[int], count: int) -> list[int]:
    return [places[int(row)] for row in rng.integers(len(places), size=count)] if count else []
