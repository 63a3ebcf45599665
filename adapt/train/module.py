"""What happens in a training step? Losses, gradients, clipping, the optimiser; now and then a validation."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule
from torch import nn

from adapt.data.samples import Mixture, WindowDataset, generator
from adapt.objectives.losses import MaskedSum
from adapt.train.losses import ACTION, VIDEO, Objective, by_length
from adapt.train.record import Record
from adapt.train.schedule import rate_share
from adapt.train.settings import TrainConfig
from adapt.train.trained import ADAPTERS, HEADS, Trained
from adapt.types import Sample

log = logging.getLogger(__name__)

_RECORD = "adaptation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """All that decides a training's result.

    Args:
        objective: The model and its losses.
        trained: What of the model is trained.
        mixture: What each step sees.
        validation: Windows that choose the best step; may be empty, then the last step is kept.
        new_body: Whether the heads meet a body for the first time.
    """

    objective: Objective
    trained: Trained
    mixture: Mixture
    validation: WindowDataset
    new_body: bool = False

    @property
    def config(self) -> TrainConfig:
        """The recipe's part."""
        return self.objective.config


class Adaptation(LightningModule):  # type: ignore[misc]  # Lightning is not followed by mypy.
    """Takes a step's whole batch, works through it in parts, and divides each loss by its count over the whole.

    Gradients are taken by hand, since only so are they divided before they are added up.
    """

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.strict_loading = False  # Checkpoints hold what is trained; the rest is the base's.
        self.training_plan = training
        self.model = training.objective.model
        self.record = Record()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW over the adapters and the heads, each with a rate of its own."""
        plan, config = self.training_plan, self.training_plan.config
        head_rate = config.new_body_learning_rate if plan.new_body else config.head_learning_rate
        groups = [
            {"name": ADAPTERS, "params": list(plan.trained.adapters.values()), "peak": config.adapter_learning_rate},
            {"name": HEADS, "params": list(plan.trained.heads.values()), "peak": head_rate},
        ]
        return torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=config.weight_decay)

    def on_train_start(self) -> None:
        """Judge the untrained adapters: where nothing gets better than the base, the base is kept."""
        if self.global_step == 0:
            self._validate()

    def training_step(self, samples: list[Sample], _index: int) -> None:
        """One optimiser step on one batch."""
        step, config = self.global_step, self.training_plan.config
        optimizer = cast(torch.optim.Optimizer, self.optimizers())
        share = rate_share(step, steps=config.steps, warmup_share=config.warmup_share)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * share
        optimizer.zero_grad(set_to_none=True)
        losses = self._backward(samples, step)
        for group in optimizer.param_groups:
            # Apart, so that the video's gradient never scales the actions' or the other way round.
            nn.utils.clip_grad_norm_(group["params"], config.clip_norm)
        optimizer.step()
        entry = self.record.add_losses(step + 1, losses, every=config.log_every)
        if entry is not None:
            self._log("train", entry)
        if (step + 1) % config.validate_every == 0 or step + 1 == config.steps:
            self._validate()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave the base's weights out."""
        names = {f"model.{name}" for name in self.training_plan.trained.tensors}
        checkpoint["state_dict"] = {name: value for name, value in checkpoint["state_dict"].items() if name in names}
        checkpoint[_RECORD] = self.record.to_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the curves and the best weights so far."""
        self.record = Record.from_state(checkpoint[_RECORD])

    def transfer_batch_to_device(self, batch: list[Sample], _device: torch.device, _loader: int) -> list[Sample]:
        """Leave samples where they are; they move once they are side by side."""
        return batch

    def _backward(self, samples: Sequence[Sample], step: int) -> dict[str, float]:
        """Add up the gradients of all parts; returns each loss's mean."""
        objective = self.training_plan.objective
        means: dict[str, float] = {}
        # Dropout in the adapters draws from the global state; from here it hangs on the step alone.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator(objective.seed, "dropout", step).initial_seed())
            imagined = objective.imagined(samples, step)
            counts = objective.counts(samples, imagined)
            for sums in objective.sums(objective.prepare(samples, step), imagined, step):
                losses = {name: value.over(counts[name]) for name, value in sums.items()}
                self.manual_backward(torch.stack(list(losses.values())).sum())
                for name, loss in losses.items():
                    means[name] = means.get(name, 0.0) + float(loss.detach())
        return means

    @torch.no_grad()
    def _validate(self) -> None:
        """Loss of the validation windows, always the same ones with the same noise."""
        chosen = spread(len(self.training_plan.validation), self.training_plan.config.validation_windows)
        if not chosen:
            return
        self.model.eval()
        totals: dict[str, MaskedSum] = {}
        size = self.training_plan.config.batch_size
        for group in by_length([self.training_plan.validation[index] for index in chosen]):
            for start in range(0, len(group), size):
                for name, value in self._validation_sums(group[start : start + size], start).items():
                    totals[name] = totals[name] + value if name in totals else value
        self.model.train()
        losses = {name: float(total.mean()) for name, total in totals.items()}
        self.record.add_validation(self.global_step, losses, self.training_plan.trained.tensors)
        self._log("validation", losses)
        told = ", ".join(f"{name} loss {value:.4f}" for name, value in losses.items())
        log.info("step %d of %d: held-out %s", self.global_step, self.training_plan.config.steps, told)

    def _validation_sums(self, samples: Sequence[Sample], start: int) -> dict[str, MaskedSum]:
        objective = self.training_plan.objective
        batch = objective.batch(samples)
        draw = generator(objective.seed, "validation")
        sums = {VIDEO: objective.video_sums(batch, draw, joint=False)[VIDEO]}
        if objective.heads:
            draw = generator(objective.seed, "validation", start, len(samples[0].latents))
            sums[ACTION] = self.model.inverse_dynamics_loss(batch, draw)
        return {name: value for name, value in sums.items() if value is not None}

    def _log(self, kind: str, losses: Mapping[str, int | float]) -> None:
        named = {f"{kind}/{name}": value for name, value in losses.items() if name != "step"}
        if self.trainer.loggers:
            for logger in self.trainer.loggers:
                logger.log_metrics(named, step=self.global_step)


def spread(count: int, most: int) -> list[int]:
    """At most so many of the numbers from 0, spread evenly."""
    if count <= most:
        return list(range(count))
    return [number * count // most for number in range(most)]
