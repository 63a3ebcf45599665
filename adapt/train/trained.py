"""What is trained? Adapters on the video transformer, heads of the bodies in the data, and nothing else."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from adapt.errors import RunError
from adapt.models.dreamzero.head import Slots
from adapt.models.heads.bodies import BodyProjections
from adapt.models.world_action import WorldActionModel

ADAPTERS, HEADS = "adapters", "heads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The trained tensors of a model, by group and name."""

    adapters: dict[str, nn.Parameter]
    heads: dict[str, nn.Parameter]
    share: float  # of the model's parameters

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All of them, by name."""
        return {**self.adapters, **self.heads}

    def require_only(self, model: WorldActionModel) -> None:
        """See that these take a gradient, and nothing else of the model does.

        Raises:
            RunError: A tensor is unfrozen that should not be, or the other way round.
        """
        open_ones = {name for name, value in model.named_parameters() if value.requires_grad}
        if wrong := sorted(open_ones ^ set(self.tensors)):
            raise RunError(
                f"finetune: {wrong[0]} {'would be trained too' if wrong[0] in open_ones else 'is frozen'}, which is "
                f"not as was listed ({len(wrong)} tensors); this is a fault of the program"
            )

    def summary(self) -> dict[str, Any]:
        """Tensors and parameters of each group, and their share of the model."""
        groups = {ADAPTERS: self.adapters, HEADS: self.heads}
        return {
            **{
                name: {"tensors": len(group), "parameters": sum(value.numel() for value in group.values())}
                for name, group in groups.items()
            },
            "share": self.share,
        }

    def describe(self) -> str:
        """One line for the log."""
        summary = self.summary()
        parts = [
            f"{summary[name]['tensors']} tensors ({summary[name]['parameters']:,} parameters) of {words}"
            for name, words in ((ADAPTERS, "adapters on the video transformer"), (HEADS, "action heads"))
            if summary[name]["tensors"]
        ]
        return f"trained: {' and '.join(parts)}; {100 * self.share:.1f}% of the model, all else is frozen"


def choose_trained(model: WorldActionModel, *, bodies: Collection[str], heads: bool, joint: bool) -> Trained:
    """Freeze everything but the adapters already added and, if asked, the heads.

    Args:
        model: A model with adapters.
        bodies: Bodies with actions in the data; other bodies' projections stay as they are.
        heads: Whether the inverse dynamics is trained.
        joint: Whether the joint head is trained.

    Returns:
        What is left to train.
    """
    model.heads.requires_grad_(requires_grad=False)
    for name, value in model.dit.named_parameters():
        value.requires_grad = "lora_" in name
    for head, wanted in ((model.inverse_dynamics, heads), (model.joint if joint else None, joint)):
        if head is not None and wanted:
            head.requires_grad_(requires_grad=True)
            _keep_others(head.projections, bodies)
    named = {name: value for name, value in model.named_parameters() if value.requires_grad}
    count = sum(value.numel() for value in named.values())
    return Trained(
        adapters={name: value for name, value in named.items() if name.startswith("dit.")},
        heads={name: value for name, value in named.items() if name.startswith("heads.")},
        share=count / sum(value.numel() for value in model.parameters()),
    )


def _keep_others(projections: BodyProjections | Slots, bodies: Collection[str]) -> None:
    for name in projections.axes:
        if name not in bodies:
            projections.of(name).requires_grad_(requires_grad=False)
