"""How well does the model imagine what comes next? Its error beside the base's, a frozen picture's, the codec's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.evaluate.baselines import copy_last_frame
from adapt.evaluate.held_out import Codec, HeldOut, Imagined
from adapt.evaluate.metrics import false_motion_error, frame_error, latent_error, motion_error, moving, psnr_db
from adapt.evaluate.record import CODEC_CEILING, COPY_LAST, ZERO_SHOT, Measure, Verdict
from adapt.evaluate.tables import ADAPTED, Errors, Label, make_measure, make_verdicts, window_errors
from adapt.evaluate.verdict import Bootstrap
from adapt.types import BaseGeometry

MOTION, FALSE_MOTION = "video.motion_error", "video.false_motion"
FRAME, LATENT = "video.frame_error", "video.latent_error"
PSNR = "video.psnr"
# Where the truth moves, a frozen picture is wrong by definition, so beating it there proves nothing; where it rests,
# it is right by definition.
REFERENCES = {
    MOTION: (ZERO_SHOT,),
    FALSE_MOTION: (ZERO_SHOT,),
    FRAME: (ZERO_SHOT, COPY_LAST),
    LATENT: (ZERO_SHOT, COPY_LAST),
}
_NAMES = {
    MOTION: "imagined video, where something moves",
    FALSE_MOTION: "imagined video, motion where nothing moves",
    FRAME: "imagined video, whole frames",
    LATENT: "imagined video, latents",
}
_NO_SOURCE = "the source video could not be read; compared with the codec's picture of it"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoScore:
    """Measures and verdicts about the imagined video, and which windows were worst."""

    measures: tuple[Measure, ...]
    verdicts: tuple[Verdict, ...]
    worst: tuple[str, ...]  # window ids, worst first
    errors: Mapping[str, Mapping[str, Errors]]  # by measure and contender


def score_video(
    held_out: Sequence[HeldOut],
    futures: Mapping[str, Sequence[Imagined]],
    codec: Codec,
    geometry: BaseGeometry,
    bootstrap: Bootstrap,
) -> VideoScore:
    """Measure imagined futures on held-out windows.

    Args:
        held_out: The windows.
        futures: For `ADAPTED` and `ZERO_SHOT`, what that model imagined for each window, in the same order.
        codec: Decodes them, and encodes a future in which nothing moves.
        geometry: The base's chunk lengths.
        bootstrap: How to resample for the intervals.
    """
    errors = video_errors(held_out, futures, codec, geometry)
    note = "" if all(item.frames is not None for item in held_out) else _NO_SOURCE
    sessions = [item.window.session for item in held_out]
    measures, verdicts = [], []
    for id_, name in _NAMES.items():
        measure = make_measure(Label(id=id_, group="video", name=name, note=note), errors[id_])
        measures.append(measure)
        if id_ == FRAME:
            measures.append(_as_psnr(measure))
        verdicts += make_verdicts(id_, errors[id_], REFERENCES[id_], bootstrap, first_chunk=False, sessions=sessions)
    by_window = window_errors(errors[LATENT][ADAPTED], first_chunk=False)
    order = sorted(range(len(held_out)), key=lambda place: -by_window[place])
    return VideoScore(
        measures=tuple(measures),
        verdicts=tuple(verdicts),
        worst=tuple(held_out[place].window.window_id for place in order),
        errors=errors,
    )


def video_errors(
    held_out: Sequence[HeldOut],
    futures: Mapping[str, Sequence[Imagined]],
    codec: Codec,
    geometry: BaseGeometry,
) -> dict[str, dict[str, Errors]]:
    """Errors by measure and contender, for each window one number a chunk.

    Args:
        held_out: The windows.
        futures: What each contender imagined for each window, in the same order; any names. `COPY_LAST` and, where the
            true frames are known, `CODEC_CEILING` are added.
        codec: Decodes them, and encodes a future in which nothing moves.
        geometry: The base's chunk lengths.
    """
    errors: dict[str, dict[str, list[Tensor]]] = {id_: {name: [] for name in futures} for id_ in _NAMES}
    for place, item in enumerate(held_out):
        latents = item.sample.latents.float()
        rebuilt = codec.decode(latents[None])[0] if item.round_trip is None else item.round_trip.frames
        true = rebuilt if item.frames is None else item.frames
        pictures = {COPY_LAST: copy_last_frame(true[0], len(true) - 1)}
        if any(other.frames is not None for other in held_out):
            pictures[CODEC_CEILING] = rebuilt[1:]
        # Encoded as a video in which nothing moves: the codec gives a first frame other latents than later ones.
        imagined = {COPY_LAST: codec.encode(torch.cat([true[:1], pictures[COPY_LAST]])[None])[0, 1:].float()}
        for name, answers in futures.items():
            imagined[name] = answers[place].latents
            pictures[name] = codec.decode(torch.cat([latents[:1], answers[place].latents])[None])[0, 1:]
        mask = moving(true[1:], true[0])
        for name, frames in pictures.items():
            found = {
                MOTION: motion_error(frames, true[1:], mask),
                FALSE_MOTION: false_motion_error(frames, true[1:], true[0]),
                FRAME: frame_error(frames, true[1:]),
            }
            unknown = name == CODEC_CEILING and item.frames is None
            for id_, values in found.items():
                values = torch.full_like(values, torch.nan) if unknown else values
                errors[id_].setdefault(name, []).append(_per_chunk(values, geometry.frames_per_chunk))
        for name, future in imagined.items():
            row = latent_error(future, latents[1:])
            errors[LATENT].setdefault(name, []).append(_per_chunk(row, geometry.latent_frames_per_chunk))
    return {id_: dict(rows) for id_, rows in errors.items()}


def _per_chunk(values: Float[Tensor, " t"], size: int) -> Float[Tensor, " m"]:
    return values.view(-1, size).nanmean(dim=1)


def _as_psnr(measure: Measure) -> Measure:
    """The whole-frame error in decibels, for readers who know that scale; its verdict is the error's."""
    return Measure(
        id=PSNR,
        group="video",
        name="imagined video, whole frames (PSNR)",
        unit="dB",
        direction="higher",
        windows=measure.windows,
        value=None if measure.value is None else psnr_db(measure.value),
        baselines={name: psnr_db(value) for name, value in measure.baselines.items()},
        by_chunk=tuple(psnr_db(value) for value in measure.by_chunk),
        note=measure.note,
    )
