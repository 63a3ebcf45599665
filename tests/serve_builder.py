"""A policy that needs no model, and a robot that it moves."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from adapt.embodiment.limits import Limit
from adapt.embodiment.spec import Axis, Camera, Embodiment
from adapt.models.bases import TINY_GEOMETRY
from adapt.policy.observation import as_observation
from adapt.types import ActionChunk

STEPS = TINY_GEOMETRY.action_steps
LIMITS = (
    Limit(axis="shoulder", low=-1.0, high=1.0, speed=1.0, acceleration=4.0),
    Limit(axis="lift", low=0.0, high=0.3, speed=0.5),
)


def robot(*, cameras: Sequence[str] = ("main",), limits: Sequence[Limit] = ()) -> Embodiment:
    """Two axes that are felt, and a grip that is not."""
    slots = ("full",) if len(cameras) == 1 else ("top_left", "top_right", "bottom_left")
    return Embodiment(
        name="toy",
        prompt="A robot: {instruction}",
        cameras=tuple(
            Camera(name=name, column=f"observation.images.{name}", slot=slot)
            for name, slot in zip(cameras, slots, strict=False)
        ),
        actions=(
            Axis(name="shoulder", unit="rad", column="action", index=0),
            Axis(name="lift", unit="m", column="action", index=1),
            Axis(name="grip", unit="share", column="action", index=2, gripper=True),
        ),
        state=(
            Axis(name="shoulder", unit="rad", column="observation.state", index=0),
            Axis(name="lift", unit="m", column="observation.state", index=1),
        ),
        limits=tuple(limits),
    )


class ToyPolicy:
    """Says what it is told to say, and remembers what it was asked."""

    geometry = TINY_GEOMETRY

    def __init__(
        self, body: Embodiment | None = None, say: Callable[[np.ndarray, int], np.ndarray] | None = None
    ) -> None:
        self.body = body or robot()
        self.asked: list[tuple[Any, str, int]] = []
        self.gate = threading.Event()  # cleared, nothing is answered
        self.gate.set()
        self._say = say or (lambda state, _: np.linspace(state, state + 0.02, STEPS))

    def act(self, observation: object, instruction: str, *, seed: int = 0) -> ActionChunk:
        seen = as_observation(observation, self.body)
        self.asked.append((seen, instruction, seed))
        assert self.gate.wait(30)
        state = np.zeros(2) if seen.state is None else seen.state.numpy().astype(np.float64)
        told = np.asarray(self._say(np.append(state, 0.0), seed), np.float64)
        return ActionChunk(
            values=torch.from_numpy(told).float(),
            names=self.body.action_names,
            units=self.body.action_units,
            rate_hz=self.geometry.action_hz,
        )


def question(size: int = 8, state: object = (0.0, 0.1), **more: Any) -> dict[str, Any]:
    """An observation as a client sends it."""
    picture = np.arange(size * size * 3, dtype=np.uint8).reshape(size, size, 3)
    return {
        "images": {"main": picture},
        "state": np.array(state) if isinstance(state, tuple) else state,
        "prompt": "wave",
        **more,
    }
