"""What has a training seen so far? Curves and the best weights; they travel in the checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from torch import Tensor

Entry = dict[str, int | float]  # "step", and losses by name


@dataclass(slots=True, kw_only=True)
class Record:
    """Losses, validations, and the trained tensors at the best of these."""

    curve: list[Entry] = field(default_factory=list)  # means over the steps since the entry before
    validation: list[Entry] = field(default_factory=list)
    pending: list[dict[str, float]] = field(default_factory=list)  # steps not yet in the curve
    best_step: int = -1
    best_score: float = float("inf")
    best: dict[str, Tensor] = field(default_factory=dict)

    def to_state(self) -> dict[str, Any]:
        """Plain values and tensors."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Record":
        """Read what `to_state` gave."""
        return cls(**state)

    def add_losses(self, step: int, losses: Mapping[str, float], *, every: int) -> Entry | None:
        """Take in the losses of the step that made it `step` steps.

        Args:
            step: Steps done.
            losses: Mean of each loss the step had.
            every: Steps an entry of the curve covers.

        Returns:
            The curve's new entry, if there is one: the mean of each loss over the steps that had it.
        """
        self.pending.append(dict(losses))
        if step % every:
            return None
        entry: Entry = {"step": step}
        for name in sorted({name for losses in self.pending for name in losses}):
            seen = [losses[name] for losses in self.pending if name in losses]
            entry[name] = sum(seen) / len(seen)
        self.curve.append(entry)
        self.pending = []
        return entry

    def add_validation(self, step: int, losses: Mapping[str, float], trained: Mapping[str, Tensor]) -> None:
        """Take in a validation; the sum of its losses is its score, and the first of the lowest is kept."""
        score = sum(losses.values())
        self.validation.append({"step": step, **losses})
        if score < self.best_score:
            self.best_step, self.best_score = step, score
            self.best = {name: value.detach().to("cpu", copy=True) for name, value in trained.items()}
