"""What does a model make of held-out windows? One pass over them, with noise that is the same for every model.

Each window's noise is its own, so that judging other windows beside it, or fewer, changes nothing for it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.evaluate.held_out import HeldOut, Imagined
from adapt.models.batch import pad_text
from adapt.models.imagine import Bodies, Sampling, imagine_jointly, rollout
from adapt.models.seeding import row_seeds
from adapt.models.world_action import JOINT, WorldActionModel
from adapt.policy.acting import Actor, read_actions, read_with_spread
from adapt.types import Sample

Done = Callable[[int], None]
_BATCH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """How futures are imagined: solver steps, and the seed of the noise they start from."""

    video_steps: int
    seed: int

    @property
    def sampling(self) -> Sampling:
        """As the model takes it."""
        return Sampling(steps=self.video_steps)

    def generators(self, samples: Sequence[Sample]) -> list[torch.Generator]:
        """A generator for each window, in the same state whichever other windows there are."""
        seeds = row_seeds([sample.window_id for sample in samples], torch.Generator().manual_seed(self.seed))
        return [torch.Generator().manual_seed(seed) for seed in seeds]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rungs:
    """What is told besides actions from the imagined future: to see which part of the model is at fault.

    Args:
        spread_draws: Samples behind the spread of the actions told; 0 for no spread.
        joint: Whether the joint head is asked too.
    """

    spread_draws: int = 8
    joint: bool = False


def imagine_held_out(
    model: WorldActionModel,
    held_out: Sequence[HeldOut],
    actor: Actor | None,
    draw: Draw,
    done: Done = lambda _: None,
    *,
    rungs: Rungs | None = None,
) -> list[Imagined]:
    """A model's answers for held-out windows, actions in physical units.

    Args:
        model: The model.
        held_out: The windows.
        actor: The body and the statistics that this model was trained by; None where it does not know the body.
        draw: Steps and seed; give every model the same.
        done: Told how many more windows were imagined.
        rungs: Read actions also from the true future and, where the windows have one, from its round trip.
    """
    samples = [item.sample for item in held_out]
    futures = _imagine(model, samples, draw, done)
    if actor is None:
        return [Imagined(latents=future) for future in futures]
    reader = Reader(model, actor, draw)
    asked = rungs is not None and rungs.joint and JOINT in model.heads
    told = reader.joint(held_out) if asked else {}
    answers = []
    for place, (item, future) in enumerate(zip(held_out, futures, strict=True)):
        if item.window.actions is None:
            answers.append(Imagined(latents=future))
        elif rungs is None:
            answers.append(Imagined(latents=future, actions=reader.read(item, future)))
        else:
            actions, spread = reader.read_with_spread(item, future, rungs.spread_draws)
            again = None if item.round_trip is None else reader.read(item, item.round_trip.latents[1:])
            answers.append(
                Imagined(
                    latents=future,
                    actions=actions,
                    spread=spread,
                    actions_true_future=reader.read(item, item.sample.latents[1:]),
                    actions_round_trip=again,
                    actions_joint=told.get(place),
                )
            )
    return answers


def imagine_samples(
    model: WorldActionModel, samples: Sequence[Sample], draw: Draw, done: Done = lambda _: None
) -> list[Imagined]:
    """A model's answers for samples, actions normalised as the samples' are; arguments as above."""
    answers = []
    generators = draw.generators(samples)
    for sample, future, generator in zip(samples, _imagine(model, samples, draw, done), generators, strict=True):
        known = sample.actions is not None and sample.embodiment in model.bodies
        frames = torch.cat([sample.latents[:1].float(), future.float()])
        actions = read_actions(model, frames, sample.state, sample.embodiment, generator) if known else None
        answers.append(Imagined(latents=future, actions=actions))
    return answers


@torch.no_grad()
def _imagine(
    model: WorldActionModel, samples: Sequence[Sample], draw: Draw, done: Done
) -> list[Float[Tensor, "_l c h w"]]:
    """Each window's future from its present alone, windows of one length together."""
    model.eval()
    found: dict[int, Tensor] = {}
    generators = draw.generators(samples)
    for places in batches([len(sample.latents) for sample in samples]):
        latents = torch.stack([samples[place].latents.float() for place in places])
        text = pad_text([samples[place].text for place in places])
        chunks = (latents.shape[1] - 1) // model.geometry.latent_frames_per_chunk
        future = rollout(model, latents[:, :1], text, chunks, draw.sampling, [generators[place] for place in places])
        found.update(zip(places, future, strict=True))
        done(len(places))
    return [found[place] for place in range(len(samples))]


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of things of one length, a few at a time."""
    by_length: dict[int, list[int]] = {}
    for place, length in enumerate(lengths):
        by_length.setdefault(length, []).append(place)
    for _, places in sorted(by_length.items()):
        for start in range(0, len(places), _BATCH):
            yield places[start : start + _BATCH]


class Reader:
    """Reads one body's actions out of windows, with the same noise for a window whatever is read."""

    def __init__(self, model: WorldActionModel, actor: Actor, draw: Draw) -> None:
        self.model = model
        self.actor = actor
        self.draw = draw

    def read(self, item: HeldOut, future: Tensor) -> Float[Tensor, "k d"]:
        """Absolute actions from a future."""
        state = self.actor.scaled_state(item.window.state)
        told = read_actions(self.model, _frames(item, future), state, item.sample.embodiment, self._generator(item))
        return self._physical(item, told)

    def read_with_spread(self, item: HeldOut, future: Tensor, draws: int) -> tuple[Tensor, Tensor | None]:
        """The same, and one standard deviation of them; None where the head does not tell it."""
        if draws == 0:
            return self.read(item, future), None
        state = self.actor.scaled_state(item.window.state)
        body, generator = item.sample.embodiment, self._generator(item)
        reading = read_with_spread(self.model, _frames(item, future), state, body, generator, draws=draws)
        spread = None if reading.spread is None else self.actor.physical_spread(reading.spread)
        return self._physical(item, reading.mean), spread

    def joint(self, held_out: Sequence[HeldOut]) -> dict[int, Float[Tensor, "k1 d"]]:
        """What the joint head tells for the first chunk of each window with actions, by place."""
        labelled = [place for place, item in enumerate(held_out) if item.window.actions is not None]
        generators = self.draw.generators([item.sample for item in held_out])
        found = {}
        for start in range(0, len(labelled), _BATCH):
            places = labelled[start : start + _BATCH]
            items = [held_out[place] for place in places]
            present = torch.stack([item.sample.latents[:1].float() for item in items])
            _, told = imagine_jointly(
                self.model,
                present,
                pad_text([item.sample.text for item in items]),
                self._bodies(items),
                self.draw.sampling,
                [generators[place] for place in places],
            )
            found.update({p: self._physical(item, row) for p, item, row in zip(places, items, told, strict=True)})
        return found

    def _bodies(self, items: Sequence[HeldOut]) -> Bodies:
        name = items[0].sample.embodiment
        axes = self.model.joint.projections.of(name).state_axes
        states = [self.actor.scaled_state(item.window.state) for item in items]
        return Bodies(
            names=(name,) * len(items),
            state=torch.stack([torch.zeros(axes) if state is None else state[0] for state in states]),
            has_state=torch.tensor([state is not None for state in states]),
        )

    def _physical(self, item: HeldOut, told: Tensor) -> Tensor:
        chunks = len(told) // self.model.geometry.action_steps
        state = None if item.window.state is None else item.window.state[:chunks]
        return self.actor.physical(told, state, self.model.geometry.action_steps)

    def _generator(self, item: HeldOut) -> torch.Generator:
        return self.draw.generators([item.sample])[0]


def _frames(item: HeldOut, future: Tensor) -> Float[Tensor, "l c h w"]:
    """The true present and a future."""
    return torch.cat([item.sample.latents[:1].float(), future.float()])
