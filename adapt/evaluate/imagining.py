"""What does a model make of held-out windows? One pass over them, with noise that is the same for every model."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.evaluate.held_out import HeldOut, Imagined
from adapt.models.batch import pad_text
from adapt.models.imagine import Sampling, rollout
from adapt.models.world_action import WorldActionModel
from adapt.policy.acting import Actor, read_actions
from adapt.types import Sample

Done = Callable[[int], None]
_BATCH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """How futures are imagined: solver steps, and the seed of the noise they start from."""

    video_steps: int
    seed: int


def imagine_held_out(
    model: WorldActionModel, held_out: Sequence[HeldOut], actor: Actor | None, draw: Draw, done: Done = lambda _: None
) -> list[Imagined]:
    """A model's answers for held-out windows, actions in physical units.

    Args:
        model: The model.
        held_out: The windows.
        actor: The body and the statistics that this model was trained by; None where it does not know the body.
        draw: Steps and seed; give every model the same.
        done: Told how many more windows were imagined.
    """
    answers = []
    futures = _imagine(model, [item.sample for item in held_out], draw, done)
    for item, future in zip(held_out, futures, strict=True):
        if actor is None or item.window.actions is None:
            answers.append(Imagined(latents=future))
            continue
        state = item.window.state
        read = [
            actor.physical(
                _read(model, item.sample, frames, actor.scaled_state(state), draw), state, model.geometry.action_steps
            )
            for frames in (future, item.sample.latents[1:])
        ]
        answers.append(Imagined(latents=future, actions=read[0], actions_true_future=read[1]))
    return answers


def imagine_samples(
    model: WorldActionModel, samples: Sequence[Sample], draw: Draw, done: Done = lambda _: None
) -> list[Imagined]:
    """A model's answers for samples, actions normalised as the samples' are; arguments as above."""
    answers = []
    for sample, future in zip(samples, _imagine(model, samples, draw, done), strict=True):
        known = sample.actions is not None and sample.embodiment in model.bodies
        actions = _read(model, sample, future, sample.state, draw) if known else None
        answers.append(Imagined(latents=future, actions=actions))
    return answers


@torch.no_grad()
def _imagine(
    model: WorldActionModel, samples: Sequence[Sample], draw: Draw, done: Done
) -> list[Float[Tensor, "_l c h w"]]:
    """Each window's future from its present alone, windows of one length together."""
    model.eval()
    found: dict[int, Tensor] = {}
    for number, places in enumerate(_batches(samples)):
        latents = torch.stack([samples[place].latents.float() for place in places])
        text = pad_text([samples[place].text for place in places])
        chunks = (latents.shape[1] - 1) // model.geometry.latent_frames_per_chunk
        generator = torch.Generator().manual_seed(draw.seed + number)
        future = rollout(model, latents[:, :1], text, chunks, Sampling(steps=draw.video_steps), generator)
        found.update(zip(places, future, strict=True))
        done(len(places))
    return [found[place] for place in range(len(samples))]


def _batches(samples: Sequence[Sample]) -> Iterator[list[int]]:
    by_length: dict[int, list[int]] = {}
    for place, sample in enumerate(samples):
        by_length.setdefault(len(sample.latents), []).append(place)
    for _, places in sorted(by_length.items()):
        for start in range(0, len(places), _BATCH):
            yield places[start : start + _BATCH]


def _read(
    model: WorldActionModel, sample: Sample, future: Tensor, state: Tensor | None, draw: Draw
) -> Float[Tensor, "k d"]:
    frames = torch.cat([sample.latents[:1].float(), future.float()])
    return read_actions(model, frames, state, sample.embodiment, torch.Generator().manual_seed(draw.seed))
