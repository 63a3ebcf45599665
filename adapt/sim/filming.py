"""How are episodes filmed while they run? The scene, and beside it what the policy imagined of that moment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.evaluate.rollout_film import Rollout, Shot
from adapt.evaluate.trials import EpisodeRecord
from adapt.policy.many import Plans
from adapt.sim.state import CONTROL_HZ
from adapt.sim.trials import TabletopEpisode
from adapt.types import BaseGeometry

_TOGETHER = 16  # imagined chunks decoded at once

Decode = Callable[[Float[Tensor, "b l c h w"]], UInt8[Tensor, "b t h2 w2 3"]]


@dataclass(slots=True, kw_only=True, eq=False)
class _Reel:
    """What is kept of one episode."""

    looks: list[int] = field(default_factory=list)  # control step of each decision
    frames: list[Float[Tensor, "l c h w"]] = field(default_factory=list)  # latents imagined there
    steps: list[int] = field(default_factory=list)  # control step of each picture
    pictures: list[UInt8[Tensor, "h w 3"]] = field(default_factory=list)


class Filming:
    """Watches the first few episodes of a trial.

    Args:
        count: How many.
        geometry: Of the base that acts: its video rate is the film's.
        size: Side of the pictures, in pixels.
    """

    def __init__(self, count: int, geometry: BaseGeometry, *, size: int = 320) -> None:
        self._count, self._size = count, size
        self.rate_hz = geometry.video_hz
        self._stride = round(CONTROL_HZ / self.rate_hz)
        self._step = 0
        self._reels: dict[int, _Reel] = {}

    def decided(self, first: int, episodes: Sequence[TabletopEpisode], plans: Plans) -> None:
        """Keep what is imagined."""
        for row, reel in self._watched(first, episodes):
            reel.looks.append(self._step)
            reel.frames.append(plans.frames[row].clone())

    def stepped(self, first: int, episodes: Sequence[TabletopEpisode], step: int) -> None:
        """Take a picture, at the video's rate."""
        self._step = step
        if step % self._stride == 0:
            for row, reel in self._watched(first, episodes):
                reel.steps.append(step)
                reel.pictures.append(torch.from_numpy(episodes[row].picture(self._size)))

    def rollouts(
        self, records: Sequence[EpisodeRecord], decode: Decode | None, *, foreseen: str = "imagined"
    ) -> tuple[Rollout, ...]:
        """The watched episodes, after they have ended.

        Args:
            records: How they ended.
            decode: Makes pictures of windows of latents; None where nothing was foreseen.
            foreseen: What those pictures are, in a word.
        """
        return tuple(
            Rollout(
                instruction=records[index].instruction,
                success=records[index].success,
                shots=self._shots(reel, decode),
                foreseen=foreseen,
            )
            for index, reel in sorted(self._reels.items())
        )

    def _shots(self, reel: _Reel, decode: Decode | None) -> tuple[Shot, ...]:
        chunks: list[UInt8[Tensor, "t h w 3"]] = []
        if decode is not None:
            for part in torch.split(torch.stack(reel.frames), _TOGETHER):
                chunks += list(decode(part))
        shots = []
        for step, picture in zip(reel.steps, reel.pictures, strict=True):
            # What was imagined at the last look before this moment, however far ahead that is.
            look = max((place for place, at in enumerate(reel.looks) if at < step), default=0)
            ahead = step - reel.looks[look]
            shots.append(
                Shot(
                    time_s=step / CONTROL_HZ,
                    ahead_s=ahead / CONTROL_HZ,
                    real=picture,
                    foreseen=chunks[look][ahead // self._stride] if chunks else None,
                )
            )
        return tuple(shots)

    def _watched(self, first: int, episodes: Sequence[TabletopEpisode]) -> list[tuple[int, _Reel]]:
        """Rows of this group that are filmed, with what is kept of each."""
        rows = range(min(len(episodes), self._count - first))
        return [(row, self._reels.setdefault(first + row, _Reel())) for row in rows]
