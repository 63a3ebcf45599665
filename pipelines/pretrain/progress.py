"""How far has a training come? Steps that go on where a killed run left them, with a line in the log now and then."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adapt.runs.last_state import forget_state, read_state, write_state
from adapt.train.checkpoint import from_bytes, to_bytes
from pipelines.pretrain.halves import LossOf, halves
from pipelines.pretrain.schedule import one_cycle

log = logging.getLogger(__name__)

_CHECKPOINT_EVERY = 250
_SAY_EVERY = 100


class Progress:
    """Steps of a training whose draws hang on the seed and the step alone, so that it can go on after any of them.

    Args:
        folder: Where the checkpoint is kept.
        name: Of the training, for the log.
        total: Steps in all.
        parts: What is trained.
        optimisers: What trains it.
        rates: Each one's learning rate at its highest.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        total: int,
        parts: Mapping[str, torch.nn.Module],
        optimisers: Sequence[torch.optim.Optimizer],
        rates: Sequence[float],
    ) -> None:
        self._path = folder / f"{name}-checkpoint.pt"
        self._name = name
        self._total = total
        self._parts = parts
        self._optimisers = optimisers
        self._rates = rates
        self.curve: list[float] = []

    def carry_out(self, trained: Sequence[torch.nn.Parameter], loss_of: LossOf, processes: int) -> None:
        """Do all steps that are left.

        Args:
            trained: What gets gradients.
            loss_of: The loss of half a step; see `halves`.
            processes: 1 or 2.

        Raises:
            RunError: The second process is gone.
        """
        with halves(trained, loss_of, processes) as compute:
            for step in self.steps():
                told = compute(step)
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
                for optimiser, highest in zip(self._optimisers, self._rates, strict=True):
                    for group in optimiser.param_groups:
                        group["lr"] = one_cycle(step, self._total, highest)
                    optimiser.step()
                self.done(step, told)

    def steps(self) -> Iterator[int]:
        """Numbers of the steps still to do.

        Raises:
            RunError: There are checkpoints, but none is sound.
        """
        yield from range(self._resume(), self._total)

    def done(self, step: int, value: float) -> None:
        """Note a step and what to tell of it."""
        self.curve.append(value)
        if step % _SAY_EVERY == _SAY_EVERY - 1:
            log.info("%s step %d of %d: %.4f", self._name, step + 1, self._total, self.mean())
        if step % _CHECKPOINT_EVERY == _CHECKPOINT_EVERY - 1:
            self._save(step + 1)

    def mean(self) -> float:
        """Of the last hundred values."""
        return float(np.mean(self.curve[-_SAY_EVERY:]))

    def finish(self) -> None:
        """Forget the checkpoints."""
        forget_state(self._path)

    def _save(self, step: int) -> None:
        state = {
            "parts": {name: part.state_dict() for name, part in self._parts.items()},
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "curve": self.curve[-_SAY_EVERY:],
            "step": step,
        }
        write_state(self._path, to_bytes(state))

    def _resume(self) -> int:
        state = read_state(self._path, _parse)
        if state is None:
            return 0
        for name, part in self._parts.items():
            part.load_state_dict(state["parts"][name])
        for optimiser, known in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(known)
        self.curve = list(state["curve"])
        log.info("%s goes on from step %d", self._name, state["step"])
        return int(state["step"])


def _parse(content: bytes) -> dict[str, Any]:
    state = from_bytes(content)
    if not isinstance(state, dict) or not {"parts", "optimisers", "curve", "step"} <= set(state):
        raise ValueError("it is no checkpoint of a pretraining")
    return state
