"""What does a person look at? Held-out windows with true and imagined frames, and actions as curves; never stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.evaluate.actions import Body
from adapt.evaluate.blame import IMAGINED, JOINT, TRUE_FUTURE
from adapt.evaluate.held_out import Codec, HeldOut, Imagined
from adapt.evaluate.record import Evaluation
from adapt.evaluate.video import LATENT
from adapt.types import BaseGeometry

TRUE, ADAPTED, BASE = "true", "adapted", "base"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traces:
    """One window's actions: what was done and what was told, absolute, in each axis's unit."""

    names: tuple[str, ...]  # of the d axes
    units: tuple[str, ...]
    rate_hz: float
    true: Float[Tensor, "k d"]  # NaN where not known
    told: Mapping[str, Float[Tensor, "_k d"]]  # by source: blame.IMAGINED, TRUE_FUTURE, JOINT (its first chunk only)
    spread: Float[Tensor, "k d"] | None = None  # of what "imagined" tells: one standard deviation; None without one


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """One held-out window, as a person looks at it."""

    window_id: str
    session: str
    instruction: str
    start_s: float  # in its recording
    rank: int  # 1 is the worst imagined
    of: int  # windows ranked
    error: Mapping[str, float]  # latent error by contender
    frames: Mapping[str, UInt8[Tensor, "t h w 3"]]  # TRUE, ADAPTED, BASE: whole windows, the present first
    video_hz: float
    traces: Traces | None = None  # None without action labels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gallery:
    """All that windows are shown from: the same places in every list are the same window."""

    held_out: Sequence[HeldOut]
    adapted: Sequence[Imagined]
    base: Sequence[Imagined]
    codec: Codec
    geometry: BaseGeometry
    body: Body | None  # None where there are no labels

    def show(self, evaluation: Evaluation, window_ids: Sequence[str]) -> list[Shown]:
        """Decode some windows, in the order asked for.

        Args:
            evaluation: Of these windows: their errors and ranks.
            window_ids: Of windows in it.
        """
        places = {item.window.window_id: place for place, item in enumerate(self.held_out)}
        ranks = {window_id: rank for rank, window_id in enumerate(evaluation.worst, start=1)}
        errors = {item.window_id: item.errors.get(LATENT, {}) for item in evaluation.by_window}
        found = []
        for window_id in window_ids:
            item, answer = self.held_out[places[window_id]], self.adapted[places[window_id]]
            found.append(
                Shown(
                    window_id=window_id,
                    session=item.window.session,
                    instruction=item.window.instruction,
                    start_s=item.window.start_s,
                    rank=ranks[window_id],
                    of=len(ranks),
                    error=errors.get(window_id, {}),
                    frames=self._frames(item, {ADAPTED: answer, BASE: self.base[places[window_id]]}),
                    video_hz=self.geometry.video_hz,
                    traces=None if self.body is None else _traces(item, answer, self.body, self.geometry),
                )
            )
        return found

    def _frames(self, item: HeldOut, answers: Mapping[str, Imagined]) -> dict[str, UInt8[Tensor, "t h w 3"]]:
        latents = item.sample.latents.float()
        rows = {name: torch.cat([latents[:1], answer.latents]) for name, answer in answers.items()}
        true = item.frames
        if true is None:
            true = self.codec.decode(latents[None])[0] if item.round_trip is None else item.round_trip.frames
        # One window at a time: at a real base's size a window of pictures is all that should be in the codec at once.
        imagined = {name: self.codec.decode(row[None])[0] for name, row in rows.items()}
        # The present is given, so every film starts with the true one.
        return {TRUE: true} | {name: torch.cat([true[:1], frames[1:]]) for name, frames in imagined.items()}


def _traces(item: HeldOut, answer: Imagined, body: Body, geometry: BaseGeometry) -> Traces | None:
    sources = {
        IMAGINED: answer.actions,
        TRUE_FUTURE: answer.actions_true_future,
        JOINT: answer.actions_joint,
    }
    told = {name: actions for name, actions in sources.items() if actions is not None}
    if item.window.actions is None or IMAGINED not in told:
        return None
    return Traces(
        names=body.spec.action_names,
        units=body.spec.action_units,
        rate_hz=geometry.action_hz,
        true=item.window.actions.float(),
        told=told,
        spread=answer.spread,
    )
