"""Samples of any length, with or without actions, as one padded batch; everything padded is zero and masked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from adapt.models.first_image import FirstImage
from adapt.types import BaseGeometry, Sample


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Text:
    """Text features of a batch and which of them are words rather than padding."""

    values: Float[Tensor, "b n e"]
    valid: Bool[Tensor, "b n"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Windows of up to m chunks; axes as in `adapt.types`, d and s those of the body with most axes."""

    window_ids: tuple[str, ...]
    embodiments: tuple[str, ...]
    provenances: tuple[str, ...]  # of the actions; empty where there are none
    chunks: Int[Tensor, " b"]  # how many chunks of each window are real
    latents: Float[Tensor, "b l c h w"]
    text: Text
    has_action: Bool[Tensor, " b"]
    actions: Float[Tensor, "b k d"]  # normalised
    action_valid: Bool[Tensor, "b k d"]
    has_state: Bool[Tensor, " b"]
    state: Float[Tensor, "b m s"]  # normalised
    weight: Float[Tensor, " b"]  # of the sample's action loss
    action_floor: Float[Tensor, " b"]  # lowest noise level, in [0, 1), at which its action labels teach
    image: FirstImage | None = None  # for bases that were trained with one

    @property
    def max_chunks(self) -> int:
        """Chunks of the longest window: m."""
        return self.state.shape[1]

    @property
    def latent_frames_per_chunk(self) -> int:
        """Latent frames in one chunk."""
        return (self.latents.shape[1] - 1) // self.max_chunks

    @property
    def chunk_valid(self) -> Bool[Tensor, "b m"]:
        """True for the chunks a window really has."""
        steps = torch.arange(self.max_chunks, device=self.chunks.device)
        return steps < self.chunks.unsqueeze(1)

    @property
    def frame_valid(self) -> Bool[Tensor, "b l"]:
        """True for the latent frames a window really has."""
        return torch.cat([torch.ones_like(self.has_action).unsqueeze(1), self.future_valid], dim=1)

    @property
    def future_valid(self) -> Bool[Tensor, "b f"]:
        """True for the latent frames after the first that a window really has."""
        return self.chunk_valid.repeat_interleave(self.latent_frames_per_chunk, dim=1)

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "Batch":
        """The same batch on another device, its floating-point tensors as `dtype`."""

        def move(value: Tensor) -> Tensor:
            """To the device; to the type, too, unless it counts or masks."""
            return value.to(device=device, dtype=dtype if value.is_floating_point() else None)

        tensors: dict[str, Any] = {
            name: move(value) for name in self.__dataclass_fields__ if isinstance(value := getattr(self, name), Tensor)
        }
        text = Text(values=move(self.text.values), valid=move(self.text.valid))
        image = None if self.image is None else self.image.to(device, dtype)
        return replace(self, **tensors, text=text, image=image)


def collate(samples: Sequence[Sample], geometry: BaseGeometry) -> Batch:
    """Pad samples to the longest window, the longest prompt and the body with most axes among them.

    Raises:
        ValueError: No sample, or one whose latents or actions do not fit `geometry`.
    """
    if not samples:
        raise ValueError("a batch needs at least one sample; 0 were given.")
    chunks = [_chunks(sample, geometry) for sample in samples]
    longest = max(chunks)
    latents = samples[0].latents.new_zeros(
        len(samples), geometry.latent_frames(longest), *samples[0].latents.shape[1:], dtype=torch.float32
    )
    for row, sample in enumerate(samples):
        latents[row, : sample.latents.shape[0]] = sample.latents
    return Batch(
        window_ids=tuple(sample.window_id for sample in samples),
        embodiments=tuple(sample.embodiment for sample in samples),
        provenances=tuple(sample.provenance for sample in samples),
        chunks=torch.tensor(chunks),
        latents=latents,
        text=pad_text([sample.text for sample in samples]),
        has_action=torch.tensor([sample.actions is not None for sample in samples]),
        actions=_pad([s.actions for s in samples], geometry.action_steps * longest),
        action_valid=_pad([_validity(s) for s in samples], geometry.action_steps * longest).bool(),
        has_state=torch.tensor([sample.state is not None for sample in samples]),
        state=_pad([sample.state for sample in samples], longest),
        weight=torch.tensor([sample.weight for sample in samples], dtype=torch.float32),
        action_floor=torch.zeros(len(samples)),
        image=first_images(samples, geometry.latent_frames(longest)),
    )


def first_images(samples: Sequence[Sample], frames: int) -> FirstImage | None:
    """The first pictures of samples as a batch has them; None where no sample has one.

    Args:
        samples: One a window.
        frames: Latent frames to give channels for: what a window lacks is zeros, what it has beyond is left out.

    Raises:
        ValueError: Some samples have a picture and others have none.
    """
    parts = []
    for name in ("image_features", "image_channels"):
        values = [getattr(sample, name) for sample in samples]
        known = [value.float() for value in values if value is not None]
        if known and len(known) < len(values):
            lost = samples[next(row for row, value in enumerate(values) if value is None)].window_id
            raise ValueError(f"window {lost}: has no {name}, and others of its batch have. Encode it as them.")
        parts.append(known)
    features, channels = parts
    if not (features or channels):
        return None
    padded = [F.pad(value[:frames], (0,) * 7 + (max(0, frames - len(value)),)) for value in channels]
    return FirstImage(
        features=torch.stack(features) if features else None, channels=torch.stack(padded) if padded else None
    )


def pad_text(texts: Sequence[Float[Tensor, "_ e"]]) -> Text:
    """Prompts' features side by side, the shorter ones followed by zeros."""
    values = torch.nn.utils.rnn.pad_sequence([text.float() for text in texts], batch_first=True)
    lengths = torch.tensor([text.shape[0] for text in texts])
    return Text(values=values, valid=torch.arange(values.shape[1]) < lengths.unsqueeze(1))


def no_text(like: Text) -> Text:
    """The absence of an instruction, for as many windows as `like` has: a single zero token."""
    valid = torch.zeros_like(like.valid)
    valid[:, 0] = True
    return Text(values=torch.zeros_like(like.values), valid=valid)


def drop_text(batch: Batch, rate: float, generator: torch.Generator) -> Batch:
    """Take the instruction away from a share `rate` of the windows, for classifier-free guidance."""
    dropped = (torch.rand(len(batch.window_ids), generator=generator) < rate).to(batch.text.values.device)
    empty = no_text(batch.text)
    values = torch.where(dropped[:, None, None], empty.values, batch.text.values)
    valid = torch.where(dropped[:, None], empty.valid, batch.text.valid)
    return replace(batch, text=Text(values=values, valid=valid))


def _chunks(sample: Sample, geometry: BaseGeometry) -> int:
    """Chunks of a sample, its shapes checked."""
    frames, *cell = sample.latents.shape
    wanted = [geometry.latent_channels, geometry.latent_height, geometry.latent_width]
    chunks, rest = divmod(frames - 1, geometry.latent_frames_per_chunk)
    if rest or chunks < 1 or cell != wanted:
        raise ValueError(
            f"window {sample.window_id}: latents are {list(sample.latents.shape)}; wanted 1 + "
            f"{geometry.latent_frames_per_chunk} x chunks frames of {wanted}. Encode it again."
        )
    steps = chunks * geometry.action_steps
    if sample.actions is not None and sample.actions.shape[0] != steps:
        raise ValueError(
            f"window {sample.window_id}: {sample.actions.shape[0]} action steps; {chunks} chunks need {steps}."
        )
    if sample.state is not None and sample.state.shape[0] != chunks:
        raise ValueError(f"window {sample.window_id}: {sample.state.shape[0]} states for {chunks} chunks; one each.")
    return chunks


def _validity(sample: Sample) -> Tensor | None:
    if sample.actions is None or sample.action_valid is not None:
        return sample.action_valid
    return torch.ones_like(sample.actions)


def _pad(values: Sequence[Tensor | None], rows: int) -> Float[Tensor, "b rows d"]:
    """Tables side by side, zero where a table is missing, short or narrow."""
    width = max((value.shape[1] for value in values if value is not None), default=0)
    padded = torch.zeros(len(values), rows, width)
    for index, value in enumerate(values):
        if value is not None:
            padded[index, : value.shape[0], : value.shape[1]] = value
    return padded
