"""Train the inverse-dynamics head on true, noised and imagined futures; it never sees an instruction."""

import logging
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
from pipelines.pretrain_schedule import one_cycle
from pipelines.pretrain_settings import ActionTraining
from pipelines.pretrain_windows import GEOMETRY, GRIPPER, TrainingSet
from pipelines.pretrain_world import with_text

log = logging.getLogger(__name__)

_IMAGINED_AT_ONCE = 40
_IMAGINE_STEPS = 5


def train_action(
    scratch: Path,
    data: TrainingSet,
    world: tuple[WorldActionModel, TextEncoder],
    config: ActionTraining,
    seed: int,
) -> dict[str, Json]:
    """Train the head of the model in `world`; writes the whole model's model.safetensors into `scratch`."""
    model, text = world
    places = data.select(split="train", body=GRIPPER, chunks=1)
    rng = np.random.default_rng([seed, 3])
    chosen = [int(place) for place in rng.permutation(places)[: config.imagined_windows]]
    imagined = dict(zip(chosen, imagine_futures(data, chosen, world, seed), strict=True))
    head = model.inverse_dynamics.requires_grad_(requires_grad=True).train()
    optimiser = torch.optim.AdamW(head.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    curve: list[float] = []
    for step in range(config.steps):
        for group in optimiser.param_groups:
            group["lr"] = one_cycle(step, config.steps, config.learning_rate)
        loss = _step_loss(model, data, (places, imagined), config, (seed, step))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimiser.step()
        curve.append(float(loss.detach()))
        if step % 100 == 99:
            log.info("action step %d of %d: loss %.4f", step + 1, config.steps, float(np.mean(curve[-100:])))
    model.eval().requires_grad_(requires_grad=False)
    write_tensors(scratch / "model.safetensors", model.state_dict())
    write_tensors(scratch / "text.safetensors", text.state_dict())
    return {"action_loss_last_100": round(float(np.mean(curve[-100:])), 4), "imagined_windows": len(chosen)}


def imagine_futures(
    data: TrainingSet,
    places: Sequence[int],
    world: tuple[WorldActionModel, TextEncoder],
    seed: int,
    steps: int = _IMAGINE_STEPS,
) -> list[Tensor]:
    """What the transformer imagines from the first frame of each window, under its own instruction."""
    model, text = world
    generator = torch.Generator().manual_seed(seed)
    futures: list[Tensor] = []
    for first in range(0, len(places), _IMAGINED_AT_ONCE):
        part = places[first : first + _IMAGINED_AT_ONCE]
        with torch.no_grad():
            batch = collate([data.samples[place] for place in part], GEOMETRY)
            batch = with_text(batch, [data.prompts[place] for place in part], text)
            future = imagine(model, batch.latents[:, :1], batch.text, Sampling(steps=steps), generator)
        futures += list(future)
    return futures


def _step_loss(
    model: WorldActionModel,
    data: TrainingSet,
    pool: tuple[Sequence[int], dict[int, Tensor]],
    config: ActionTraining,
    when: tuple[int, int],
) -> Tensor:
    """Mean loss of one step: a share of imagined futures, the others recorded, some of all of them noised.

    Imagined futures are noised too, unlike in fine-tuning, where they are shown as they were imagined. That was not
    meant, but the shipped weights were made so, and it stays until they are made anew.
    """
    places, imagined = pool
    rng = np.random.default_rng([*when, 4])
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    from_imagination = round(config.batch_size * config.predicted_share) if imagined else 0
    known = list(imagined)
    rows = [known[int(row)] for row in rng.integers(len(known), size=from_imagination)] if known else []
    rows += [places[int(row)] for row in rng.integers(len(places), size=config.batch_size - from_imagination)]
    batch = collate([data.samples[row] for row in rows], GEOMETRY)
    future = batch.latents[:, 1:].clone()
    for place in range(from_imagination):
        future[place] = imagined[rows[place]]
    recorded = 1 - config.predicted_share
    hiding = Hiding(future_share=min(1.0, config.noised_share / max(recorded, 1e-6)), future_sigma=0.6)
    loss = model.inverse_dynamics_loss(batch, generator, hiding=hiding, future=future)
    assert loss is not None
    return loss.mean()
