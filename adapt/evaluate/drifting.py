"""How fast does a long rollout leave the truth? Imagined on and on from one frame, measured chunk by chunk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.evaluate.actions import Body, action_errors
from adapt.evaluate.baselines import copy_last_frame
from adapt.evaluate.drift import Drift
from adapt.evaluate.held_out import Codec, HeldOut, Imagined
from adapt.evaluate.imagining import Done, Draw, Reader, batches
from adapt.evaluate.metrics import latent_error
from adapt.evaluate.record import COPY_LAST
from adapt.evaluate.tables import Errors, by_chunk
from adapt.models.batch import pad_text
from adapt.models.long_rollout import Journey, encode_alike, rollout_long
from adapt.models.world_action import WorldActionModel
from adapt.policy.acting import Actor
from adapt.types import BaseGeometry

Encode = Callable[[UInt8[Tensor, "t h w 3"], tuple[int, ...]], Float[Tensor, "l c h w"]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LongAnswer:
    """One model's rollout over one recording."""

    imagined: Imagined  # the latents of every chunk as its own window has it
    starts: tuple[int, ...]  # for every chunk, the chunk with which its window starts


def roll_out(
    model: WorldActionModel,
    recordings: Sequence[HeldOut],
    actor: Actor | None,
    draw: Draw,
    codec: Codec,
    done: Done = lambda _: None,
) -> list[LongAnswer]:
    """A model's rollouts, open loop: it sees the first frame of each recording and then only what it imagined itself.

    Args:
        model: The model.
        recordings: Long windows, as `adapt.evaluate.held_out.join` makes them, with their frames.
        actor: As for `imagine_held_out`. Actions are read with the recorded state at the start of each chunk, so that
            what drifts is the picture alone.
        draw: Steps and seed.
        codec: Carries a rollout from one window into the next.
        done: Told how many more recordings were imagined.
    """
    found: dict[int, LongAnswer] = {}
    generators = draw.generators([item.sample for item in recordings])
    for places in batches([item.window.chunks for item in recordings]):
        items = [recordings[place] for place in places]
        future = rollout_long(
            model,
            torch.stack([item.sample.latents[:1].float() for item in items]),
            pad_text([item.sample.text for item in items]),
            Journey(chunks=items[0].window.chunks, codec=codec),
            draw.sampling,
            [generators[place] for place in places],
        )
        for row, (place, item) in enumerate(zip(places, items, strict=True)):
            latents = future.latents[row]
            known = actor is not None and item.window.actions is not None
            actions = Reader(model, actor, draw).read(item, latents) if known and actor is not None else None
            found[place] = LongAnswer(imagined=Imagined(latents=latents, actions=actions), starts=future.starts)
        done(len(places))
    return [found[place] for place in range(len(recordings))]


def encoder(model: WorldActionModel, codec: Codec) -> Encode:
    """What `measure_drift` encodes with: the model's windows, through this codec."""
    return lambda frames, starts: encode_alike(model, codec, frames[None], starts)[0].float()


def measure_drift(
    recordings: Sequence[HeldOut],
    answers: Mapping[str, Sequence[LongAnswer]],
    encode: Encode,
    geometry: BaseGeometry,
    body: Body | None,
) -> Drift | None:
    """Average rollouts chunk by chunk.

    Args:
        recordings: What was rolled out.
        answers: By contender; of those that tell actions for every recording, these are judged too.
        encode: Frames of a recording, cut into the windows that start at these chunks, as latents.
        geometry: The base's chunk lengths.
        body: None where actions cannot be judged.

    Returns:
        Errors by chunk; None where there is no recording.
    """
    if not recordings:
        return None
    size = geometry.latent_frames_per_chunk

    def errors(rows: Sequence[Tensor]) -> Errors:
        """Of each recording, the mean error of latents, shape (chunks,): one number a chunk."""
        return [latent_error(row, other).view(-1, size).mean(dim=1) for row, other in zip(rows, true, strict=True)]

    # Every contender's windows start where the others' do.
    starts = [answer.starts for answer in next(iter(answers.values()))]
    frames = [_frames(item) for item in recordings]
    true = [encode(row, own) for row, own in zip(frames, starts, strict=True)]
    # Encoded as a video in which nothing moves: the codec gives a first frame other latents than later ones.
    still = [encode(copy_last_frame(row[0], len(row)), own) for row, own in zip(frames, starts, strict=True)]
    latents = {name: by_chunk(errors([answer.imagined.latents for answer in rows])) for name, rows in answers.items()}
    latents[COPY_LAST] = by_chunk(errors(still))
    told = {name: [row.imagined for row in rows] for name, rows in answers.items()}
    acting = {name: rows for name, rows in told.items() if all(row.actions is not None for row in rows)}
    actions: dict[str, tuple[float, ...]] = {}
    if body is not None and acting:
        actions = {name: by_chunk(rows) for name, rows in action_errors(recordings, acting, body).items()}
    longest = max(item.window.chunks for item in recordings)
    return Drift(
        chunk_s=geometry.chunk_s,
        contenders=latents,
        actions={name: row for name, row in actions.items() if row},
        rollouts=tuple(sum(item.window.chunks > chunk for item in recordings) for chunk in range(longest)),
        window_chunks=geometry.max_chunks,
        note=_note(longest, len(recordings), geometry, with_actions=bool(actions)),
    )


def _note(longest: int, recordings: int, geometry: BaseGeometry, *, with_actions: bool) -> str:
    shown = f"{recordings} recording{'' if recordings == 1 else 's'}"
    span = f"{longest * geometry.chunk_s:g} s"
    window = f"{geometry.window_s(geometry.max_chunks):g} s"
    if longest <= geometry.max_chunks:
        made = f"Imagined from one true frame on in {shown}; none is longer than {span}, so it stays within one window"
        made += f" of the model ({window})."
    else:
        made = f"Imagined from one true frame on for up to {span} in {shown}; after each window of {window} the model"
        made += " goes on from its own last frames, through the codec."
    return made + (" Actions are read with the recorded state of each chunk." if with_actions else "")


def _frames(item: HeldOut) -> Tensor:
    assert item.frames is not None, "a recording is rolled out beside its frames"
    return item.frames
