"""What happens in a training step? Losses, gradients, clipping, the optimiser; now and then a validation."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from adapt.data.samples import Mixture, WindowDataset, generator
from adapt.objectives.losses import MaskedSum
from adapt.train.checkpoint import Checkpoint
from adapt.train.deal import Share
from adapt.train.distributed import ALONE, Ranks
from adapt.train.losses import ACTION, VIDEO, Objective, by_length
from adapt.train.record import Record
from adapt.train.schedule import rate_share
from adapt.train.settings import TrainConfig
from adapt.train.strategies import add_by_hand, shard_frozen
from adapt.train.trained import ADAPTERS, HEADS, Trained
from adapt.types import Sample

log = logging.getLogger(__name__)


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
    """Takes a step's batch, works through it in parts, and divides each loss by its count over the whole.

    Gradients are taken by hand, since only so are they divided before they are added up: over parts and over the
    processes that share the batch.

    Args:
        training: What is trained, on what, and how.
        ranks: The processes that train together.
    """

    def __init__(self, training: Training, ranks: Ranks = ALONE) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.training_plan = training
        self.ranks = ranks
        self.model = training.objective.model
        self.model.dit.checkpointing = training.config.checkpointing
        self.record = Record()
        self.done = 0  # steps, those before a checkpoint too
        self._from: Checkpoint | None = None

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Begin where a checkpoint ends."""
        self.record, self.done, self._from = checkpoint.record, checkpoint.steps, checkpoint

    def checkpoint(self) -> Checkpoint:
        """The training as it is now."""
        return Checkpoint(
            steps=self.done,
            trained=self.training_plan.trained.tensors,
            optimizer=self._optimizer.state_dict(),
            record=self.record,
        )

    def configure_model(self) -> None:
        """Share what is frozen out, where that is asked for."""
        if self.ranks.in_step:
            shard_frozen(self.model.dit, self.device_mesh["data_parallel"])

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
        self.training_plan.trained.require_only(self.model)
        if self._from is not None:
            with torch.no_grad():
                for name, value in self.training_plan.trained.tensors.items():
                    value.copy_(self._from.trained[name])
            self._optimizer.load_state_dict(dict(self._from.optimizer))
            self._from = None
        elif self.done == 0:
            self._validate()

    def training_step(self, share: Share, _index: int) -> None:
        """One optimiser step on one batch, of which this process has a share."""
        add_by_hand(self.trainer.strategy.model)  # Each time: Lightning undoes it after a step.
        step, config, trained = self.done, self.training_plan.config, self.training_plan.trained
        optimizer = cast(torch.optim.Optimizer, self.optimizers())
        rate = rate_share(step, steps=config.steps, warmup_share=config.warmup_share)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        optimizer.zero_grad(set_to_none=True)
        losses = self._backward(share, step)
        self.ranks.add_gradients({**trained.adapters, **trained.heads})
        for group in optimizer.param_groups:
            # Apart, so that the video's gradient never scales the actions' or the other way round.
            nn.utils.clip_grad_norm_(group["params"], config.clip_norm)
        optimizer.step()
        self.done = step + 1
        entry = self.record.add_losses(self.done, losses, every=config.log_every)
        if entry is not None:
            self._log("train", entry)
        if self.done % config.validate_every == 0 or self.done == config.steps:
            self._validate()

    def transfer_batch_to_device(self, batch: Share, _device: torch.device, _loader: int) -> Share:
        """Leave samples where they are; they move once they are side by side."""
        return batch

    @property
    def _optimizer(self) -> torch.optim.Optimizer:
        return cast(torch.optim.Optimizer, self.optimizers(use_pl_optimizer=False))

    def _backward(self, share: Share, step: int) -> dict[str, float]:
        """Add up the gradients of all parts of this process's share; returns each loss's mean over the whole batch."""
        objective = self.training_plan.objective
        imagined = objective.imagined(share.samples, step, share, together=self.ranks.in_step)
        own = objective.counts(share.samples, imagined)
        passes = objective.passes(share.samples)
        tables = self.ranks.tables([*own.values(), passes])
        counts = dict(zip(own, (int(sum(column)) for column in zip(*tables, strict=True)), strict=False))
        seen: dict[str, list[Tensor]] = {name: [] for name in own}
        for sums in objective.sums(objective.prepare(share.samples, step), imagined, step):
            losses = {name: value.over(counts[name]) for name, value in sums.items()}
            self.manual_backward(torch.stack(list(losses.values())).sum())
            for name, loss in losses.items():
                seen[name].append(loss.detach())
        if self.ranks.in_step:
            for _ in range(int(max(table[-1] for table in tables)) - passes):
                self.manual_backward(objective.nothing())
        return self._means(seen)

    def _means(self, seen: Mapping[str, Sequence[Tensor]]) -> dict[str, float]:
        """Each loss that any process had a part of: its parts, already divided by the whole count, added up."""
        own = [(sum(float(part) for part in parts), float(len(parts))) for parts in seen.values()]
        tables = self.ranks.tables([number for pair in own for number in pair])
        added = [sum(column) for column in zip(*tables, strict=True)]
        return {name: added[2 * place] for place, name in enumerate(seen) if added[2 * place + 1]}

    @torch.no_grad()
    def _validate(self) -> None:
        """Loss of the validation windows, always the same ones with the same noise, in batches dealt to processes."""
        plan, ranks = self.training_plan, self.ranks
        chosen = spread(len(plan.validation), plan.config.validation_windows)
        if not chosen:
            return
        self.model.eval()
        size = plan.config.batch_size
        cuts = [
            (group[start : start + size], start)
            for group in by_length([plan.validation[index] for index in chosen])
            for start in range(0, len(group), size)
        ]
        own = [self._validation_sums(*cut) for cut in cuts[ranks.number :: ranks.size]]
        if ranks.in_step:
            for _ in range(-(-len(cuts) // ranks.size) - len(own)):
                plan.objective.nothing()
        self.model.train()
        losses = _means_of_all(ranks.everybodys([_plain(sums) for sums in own]), len(cuts))
        self.record.add_validation(self.done, losses, plan.trained.tensors if ranks.leads else {})
        self._log("validation", losses)
        told = ", ".join(f"{name} loss {value:.4f}" for name, value in losses.items())
        log.info("step %d of %d: held-out %s", self.done, plan.config.steps, told)

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
                logger.log_metrics(named, step=self.done)


def _plain(sums: Mapping[str, MaskedSum]) -> dict[str, MaskedSum]:
    """Where every process can read them."""
    return {name: MaskedSum(value.sum.cpu(), value.count.cpu()) for name, value in sums.items()}


def _means_of_all(found: Sequence[Sequence[Mapping[str, MaskedSum]]], cuts: int) -> dict[str, float]:
    """Means over all cuts, which were dealt round to the processes, added in their order: as one process would."""
    totals: dict[str, MaskedSum] = {}
    for number in range(cuts):
        for name, value in found[number % len(found)][number // len(found)].items():
            totals[name] = totals[name] + value if name in totals else value
    return {name: float(total.mean()) for name, total in totals.items()}


def spread(count: int, most: int) -> list[int]:
    """At most so many of the numbers from 0, spread evenly."""
    if count <= most:
        return list(range(count))
    return [number * count // most for number in range(most)]
