"""What does one training step minimise? Sums over valid elements, each divided by its count over the whole batch.

Three losses, none of which sees another's count: the video's (every window), the inverse dynamics' (windows with
actions, on recorded and on imagined futures) and, if asked, the joint head's (windows with actions).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from adapt.data.samples import generator
from adapt.models.batch import Batch, collate, pad_text
from adapt.models.heads.inverse_dynamics import Hiding
from adapt.models.imagine import Sampling, imagine
from adapt.models.noise import draw_noise
from adapt.models.world_action import WorldActionModel
from adapt.objectives.losses import MaskedSum
from adapt.train.settings import TrainConfig
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

    def imagined(self, samples: Sequence[Sample], step: int) -> list[Sample]:
        """Single chunks whose future the model itself imagines now; empty on most steps.

        One chunk number is drawn for the whole step, so that all futures are imagined together.
        """
        every = self.config.predicted_future_every
        if not self.heads or not every or step % every:
            return []
        acting = [sample for sample in samples if sample.actions is not None]
        if not acting:
            return []
        longest = max(self._chunks(sample) for sample in acting)
        draw = generator(self.seed, "imagine", step)
        chunk = int(torch.randint(longest, (), generator=draw))
        long = [sample for sample in acting if self._chunks(sample) > chunk]
        start = chunk * self.model.geometry.latent_frames_per_chunk
        context = torch.stack([sample.latents[: start + 1] for sample in long]).to(self._device)
        text = pad_text([sample.text for sample in long])
        text = replace(text, values=text.values.to(self._device), valid=text.valid.to(self._device))
        sampling = Sampling(steps=self.config.predicted_future_steps)
        with torch.no_grad():
            future = imagine(self.model, context, text, sampling, draw)
        frames = torch.cat([context[:, -1:], future], dim=1).cpu()
        return [self._one_chunk(sample, chunk, frames[row]) for row, sample in enumerate(long)]

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
        for number in range(config.accumulation):
            for part in by_length(samples[number :: config.accumulation]):
                batch = self.batch(part)
                found = self.video_sums(batch, generator(self.seed, "noise", step), joint=self.joint)
                if self.heads:
                    draw = generator(self.seed, "action", step, number, len(part[0].latents))
                    found[ACTION] = self.model.inverse_dynamics_loss(batch, draw, hiding=hiding)
                yield _present(found)
        if imagined:
            draw = generator(self.seed, "imagined", step)
            shown = replace(hiding, future_share=0.0)
            yield _present({IMAGINED: self.model.inverse_dynamics_loss(self.batch(imagined), draw, hiding=shown)})

    def video_sums(self, batch: Batch, draw: torch.Generator, *, joint: bool) -> dict[str, MaskedSum | None]:
        """The video's loss and, if asked and there are actions, the joint head's."""
        settings = self.model.config
        noise = draw_noise(batch, draw, shift=settings.shift, coupled=settings.noise_mode == "coupled")
        losses = self.model.losses(batch, noise, joint=joint and bool(batch.has_action.any()))
        return {VIDEO: losses.video, JOINT: losses.action}

    def batch(self, samples: Sequence[Sample]) -> Batch:
        """Samples side by side, where the model is."""
        return collate(samples, self.model.geometry).to(self._device)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _chunks(self, sample: Sample) -> int:
        return (len(sample.latents) - 1) // self.model.geometry.latent_frames_per_chunk

    def _one_chunk(self, sample: Sample, chunk: int, frames: torch.Tensor) -> Sample:
        steps = slice(chunk * self.model.geometry.action_steps, (chunk + 1) * self.model.geometry.action_steps)
        return replace(
            sample,
            latents=frames,
            actions=None if sample.actions is None else sample.actions[steps],
            action_valid=None if sample.action_valid is None else sample.action_valid[steps],
            state=None if sample.state is None else sample.state[chunk : chunk + 1],
        )


def by_length(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Samples of equal length together, in order of length."""
    groups: dict[int, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(len(sample.latents), []).append(sample)
    return [groups[length] for length in sorted(groups)]


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
