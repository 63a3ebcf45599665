"""What does one training step minimise? Sums over valid elements, each divided by its count over the whole batch.

Four losses, none of which sees another's count:

- video (every window): rectified flow of each chunk given the recorded frames before it.
- action (windows with actions): inverse dynamics on recorded futures, a share of them noised and a share of states
  hidden (`Hiding`, which names its source), since what it will act on is never as clean as a recording.
- imagined (the same windows, now and then): inverse dynamics on futures that the model itself imagines under each
  window's instruction, against the actions that were really taken. A head that met recorded futures alone reads
  imagined ones badly; feeding a model its own output in training is scheduled sampling (Bengio et al. 2015,
  arXiv:1506.03099), here between two parts of one model and without a gradient to the part that imagines.
- joint (windows with actions, if asked): rectified flow of the joint head's actions, in the video's own pass.

At which noise levels, and how levels count: `adapt.objectives.timesteps`, `adapt.objectives.weighting`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn

from adapt.data.samples import generator
from adapt.errors import DataError
from adapt.models.batch import Batch, collate, first_images, pad_text
from adapt.models.heads.inverse_dynamics import Hiding
from adapt.models.imagine import Imagination, Sampling
from adapt.models.noise import draw_noise
from adapt.models.row_dropout import dropping
from adapt.models.seeding import row_seeds
from adapt.models.world_action import WorldActionModel
from adapt.objectives.choices import DECOUPLED
from adapt.objectives.losses import MaskedSum
from adapt.objectives.timesteps import Timesteps
from adapt.train.deal import Share, deal
from adapt.train.settings import BASE, TrainConfig
from adapt.types import Sample

VIDEO, ACTION, IMAGINED, JOINT = "video", "action", "imagined", "joint"
Sums = Mapping[str, MaskedSum]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """Which losses a training has.

    Args:
        model: What is trained.
        config: Shares, noise and how often futures are imagined.
        heads: Whether the inverse dynamics is trained.
        joint: Whether the joint head is trained.
        seed: Decides every draw, together with the step and the window.
    """

    model: WorldActionModel
    config: TrainConfig
    heads: bool
    joint: bool
    seed: int

    def prepare(self, samples: Sequence[Sample], step: int) -> list[Sample]:
        """The samples of a step, some without their instruction; which, hangs on each window alone."""
        seen: Counter[str] = Counter()
        prepared = []
        for sample in samples:
            draw = generator(self.seed, "text", step, sample.window_id, seen[sample.window_id])
            dropped = float(torch.rand((), generator=draw)) < self.config.text_dropout
            prepared.append(_without_text(sample) if dropped else sample)
            seen[sample.window_id] += 1
        return prepared

    def imagined(
        self, samples: Sequence[Sample], step: int, share: Share | None = None, *, together: bool = False
    ) -> list[Sample]:
        """Single chunks whose future the model itself imagines now, as it would when acting; empty on most steps.

        One chunk number is drawn for the whole step, so that all futures are imagined together. They are imagined
        without the dropout of training: the head is to learn from what it will be shown.

        Args:
            samples: Those at hand.
            step: Number of the step.
            share: Where in the step's batch they stand, by default they are all of it: each gets its place's noise.
            together: Run the transformer also where only other processes have something to imagine.
        """
        every = self.config.predicted_future_every
        if not self.heads or not every or step % every:
            return []
        share = share or Share.whole(samples, self.model.geometry.latent_frames_per_chunk)
        draw = generator(self.seed, "imagine", step)
        acting = [number for number, place in enumerate(share.batch) if place.acts]
        if not acting:
            return []
        chunk = int(torch.randint(max(share.batch[number].chunks for number in acting), (), generator=draw))
        long = [number for number in acting if share.batch[number].chunks > chunk]
        geometry = self.model.geometry
        cell = (geometry.latent_channels, geometry.latent_height, geometry.latent_width)
        noise = torch.randn((len(long), geometry.latent_frames_per_chunk, *cell), generator=draw)
        row = {number: row for row, number in enumerate(long)}
        own = [(row[place], sample) for place, sample in zip(share.places, samples, strict=True) if place in row]
        if not own and not together:
            return []
        return self._imagine([sample for _, sample in own], chunk, noise[[row for row, _ in own] or [0]])

    def counts(self, samples: Sequence[Sample], imagined: Sequence[Sample]) -> dict[str, int]:
        """Valid elements of each loss over a whole batch, before any of it is computed."""
        action = _valid_actions(samples)
        return {
            VIDEO: sum(sample.latents[1:].numel() for sample in samples),
            ACTION: action if self.heads else 0,
            IMAGINED: _valid_actions(imagined),
            JOINT: action if self.joint else 0,
        }

    def sums(self, samples: Sequence[Sample], imagined: Sequence[Sample], step: int) -> Iterator[Sums]:
        """The losses of a batch, as sums, part by part: together they are the batch's.

        Windows of one length make a part, so that nothing is computed for padding; `accumulation` cuts them further.
        A loss that no sample of a part has is absent from it.
        """
        config = self.config
        hiding = Hiding(
            future_share=config.noised_future_share,
            future_sigma=config.noised_future_sigma,
            state_share=config.hidden_state_share,
        )
        for part in self._parts(samples):
            batch = self.batch(part)
            with dropping(partial(self._dropout_seeds, batch, step)):
                found = self.video_sums(batch, generator(self.seed, "noise", step), joint=self.joint)
            if self.heads:
                # The 0 was a part's number: a draw must not hang on how the batch is cut.
                draw = generator(self.seed, "action", step, 0, len(part[0].latents))
                found[ACTION] = self.model.inverse_dynamics_loss(batch, draw, hiding=hiding)
            yield _present(found)
        if imagined:
            draw = generator(self.seed, "imagined", step)
            shown = replace(hiding, future_share=0.0)
            yield _present({IMAGINED: self.model.inverse_dynamics_loss(self.batch(imagined), draw, hiding=shown)})

    def passes(self, samples: Sequence[Sample]) -> int:
        """How often `sums` sends something through the transformer."""
        return len(self._parts(samples))

    def nothing(self) -> torch.Tensor:
        """A pass through the transformer that adds nothing: to be there where the other processes have one more."""
        batch = self.batch([self._blank(chunks=1)])
        noise = draw_noise(batch, generator("nothing"), shift=1.0)
        return self.model.losses(batch, noise).video.sum * 0.0

    def video_sums(self, batch: Batch, draw: torch.Generator, *, joint: bool) -> dict[str, MaskedSum | None]:
        """The video's loss and, if asked and there are actions, the joint head's."""
        levels = self.timesteps
        noise = draw_noise(
            batch,
            draw,
            shift=levels.shift,
            coupling=levels.coupling,
            weighting=self.config.weighting,
            action_axes=self.model.noise_axes,
        )
        losses = self.model.losses(batch, noise, joint=joint and bool(batch.has_action.any()))
        return {VIDEO: losses.video, JOINT: losses.action}

    def batch(self, samples: Sequence[Sample]) -> Batch:
        """Samples side by side, where the model is, each with the noise floor of its action labels.

        Raises:
            DataError: Actions whose provenance is not one that the recipe has a noise floor for.
        """
        batch = collate(samples, self.model.geometry)
        floors = torch.tensor([self._floor(sample) for sample in samples])
        return replace(batch, action_floor=floors).to(self._device)

    @property
    def timesteps(self) -> Timesteps:
        """How noise levels of the video and of the joint head's actions are drawn."""
        base, asked = self.model.config, self.config
        coupling = base.noise_mode if asked.timesteps == BASE else asked.timesteps
        # The decoupled laws lean as far as they are meant to; only a shift that is asked for comes on top.
        given = 1.0 if coupling == DECOUPLED else base.shift
        return Timesteps(coupling=coupling, shift=given if asked.shift is None else asked.shift)

    def _floor(self, sample: Sample) -> float:
        floors = self.config.noise_floor
        known = {"robot": floors.robot, "hand_retarget": floors.hand_retarget, "idm": floors.idm}
        if sample.actions is None:
            return 0.0
        if sample.provenance not in known:
            raise DataError(
                f"window {sample.window_id}: its actions come from '{sample.provenance}'; known are "
                f"{', '.join(known)}. Say in the clip table's provenance column where they come from."
            )
        return known[sample.provenance]

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _parts(self, samples: Sequence[Sample]) -> list[list[Sample]]:
        """Samples of one length together, after dealing them into as many heaps as the recipe says."""
        batch = Share.whole(samples, self.model.geometry.latent_frames_per_chunk).batch
        heaps = [[samples[place] for place in places] for places in deal(batch, self.config.accumulation)]
        return [part for heap in heaps for part in by_length(heap)]

    def _dropout_seeds(self, batch: Batch, step: int) -> list[int]:
        return row_seeds(batch.window_ids, generator(self.seed, "dropout", step))

    def _imagine(self, long: Sequence[Sample], chunk: int, noise: torch.Tensor) -> list[Sample]:
        """That chunk of each sample with an imagined future; without samples, only the passes are run."""
        start = chunk * self.model.geometry.latent_frames_per_chunk
        seen = long or [self._blank(chunks=chunk + 1)]
        context = torch.stack([sample.latents[: start + 1] for sample in seen]).to(self._device)
        text = pad_text([sample.text for sample in seen])
        text = replace(text, values=text.values.to(self._device), valid=text.valid.to(self._device))
        sampling = Sampling(steps=self.config.predicted_future_steps)
        with torch.no_grad(), _evaluating(self.model):
            image = first_images(seen, start + 1 + self.model.geometry.latent_frames_per_chunk)
            image = None if image is None else image.to(self._device)
            imagination = Imagination(self.model, context, text, sampling, image=image)
            future = imagination.next_chunk(torch.Generator(), noise=noise)[0]
        frames = torch.cat([context[:, -1:], future], dim=1).cpu()
        return [self._one_chunk(sample, chunk, frames[row]) for row, sample in enumerate(long)]

    def _blank(self, *, chunks: int) -> Sample:
        """A window with nothing in it."""
        geometry = self.model.geometry
        cell = (geometry.latent_channels, geometry.latent_height, geometry.latent_width)
        wan, frames = self.model.config.wan, geometry.latent_frames(chunks)
        beside = wan.in_channels - wan.out_channels
        return Sample(
            window_id="blank",
            embodiment="",
            latents=torch.zeros(frames, *cell),
            text=torch.zeros(1, wan.text_dim),
            image_features=None if wan.image_dim is None else torch.zeros(1, wan.image_dim),
            image_channels=torch.zeros(frames, beside, *cell[1:]) if beside else None,
        )

    def _one_chunk(self, sample: Sample, chunk: int, frames: torch.Tensor) -> Sample:
        steps = slice(chunk * self.model.geometry.action_steps, (chunk + 1) * self.model.geometry.action_steps)
        return replace(
            sample,
            latents=frames,
            actions=None if sample.actions is None else sample.actions[steps],
            action_valid=None if sample.action_valid is None else sample.action_valid[steps],
            state=None if sample.state is None else sample.state[chunk : chunk + 1],
            image_features=None,  # The head that reads them looks at latents alone.
            image_channels=None,
        )


def by_length(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Samples of equal length together, in order of length."""
    groups: dict[int, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(len(sample.latents), []).append(sample)
    return [groups[length] for length in sorted(groups)]


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Switch dropout off; afterwards every part is in the mode it was in."""
    training = [part for part in model.modules() if part.training]
    model.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _present(sums: Mapping[str, MaskedSum | None]) -> Sums:
    return {name: value for name, value in sums.items() if value is not None}


def _without_text(sample: Sample) -> Sample:
    # A single token of zeros: what the model takes for no instruction.
    return replace(sample, text=torch.zeros_like(sample.text[:1]))


def _valid_actions(samples: Sequence[Sample]) -> int:
    return sum(
        sample.actions.numel() if sample.action_valid is None else int(sample.action_valid.sum())
        for sample in samples
        if sample.actions is not None
    )
