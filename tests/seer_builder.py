"""In place of MediaPipe: sees what the test says, and counts how often anybody looked."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import pytest
from hand_builder import seen_hand
from torch import Tensor

from adapt.data import hand_looks
from adapt.hands.landmarks import SeenHand

HAND = seen_hand((0.0, 0.08, 0.5))


@dataclass
class Seer:
    """Of each frame and its time: the hands in it, or how many there are."""

    sees: Callable[[Tensor, float], int | Sequence[SeenHand]]
    looks: int = 0

    def look(self, frame: Tensor, time_s: float) -> list[SeenHand]:
        self.looks += 1
        seen = self.sees(frame, time_s)
        return [HAND] * seen if isinstance(seen, int) else list(seen)


def see(monkeypatch: pytest.MonkeyPatch, sees: Callable[[Tensor, float], int | Sequence[SeenHand]]) -> Seer:
    """Let a stand-in look at videos, for the rest of the test."""
    seer = Seer(sees)
    monkeypatch.setattr(hand_looks, "HandLandmarks", lambda _model, **_settings: nullcontext(seer))
    monkeypatch.setattr(hand_looks, "ensure_hand_model", lambda folder: folder / "none.task")
    return seer
