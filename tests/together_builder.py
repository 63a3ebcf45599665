"""Trainings that several processes do together, case by case; run by test_together in processes of their own.

Argument 1 is a folder with the data; 2, 3 and 4 are this process's number, their count and the port they meet on.
Process 0 writes what came of each case into the folder.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from torch.distributed import PrefixStore
from torch.distributed.tensor import DTensor
from train_builder import training

from adapt.data.samples import Mixture
from adapt.errors import RunError
from adapt.models.batch import Batch
from adapt.runs.processes import Rank
from adapt.train import loop
from adapt.train.distributed import ALONE, Ranks
from adapt.train.helpers import _group, _meet
from adapt.train.loop import fit
from adapt.train.losses import Objective
from adapt.train.module import Training

# Everything that could tell processes apart: repeated windows of two lengths, parts, dropout, clipping, imagined
# futures, both heads, hidden texts, validation in several batches.
EVERYTHING: dict[str, Any] = {
    "dropout": 0.2,
    "joint": True,
    "batch_size": 12,
    "accumulation": 2,
    "predicted_future_every": 2,
    "predicted_future_steps": 2,
    "steps": 4,
    "log_every": 1,
    "validate_every": 2,
    "checkpoint_every": 2,
    "clip_norm": 0.02,
    "text_dropout": 0.3,
}
# One window of each kind a step: of two processes one has video alone, the other actions.
APART = {**EVERYTHING, "batch_size": 2, "accumulation": 1, "dropout": 0.0}
STOPPED_AT = 3


@dataclass(frozen=True, kw_only=True)
class Case:
    settings: Mapping[str, Any]
    strategy: str = "ddp"
    wide: bool = False  # in double precision
    planted: str = ""  # what is done wrongly
    stopped: str = ""  # who trains up to STOPPED_AT: "together" or "alone"


CASES = {
    "ddp": Case(settings=EVERYTHING),
    "fsdp2": Case(settings={**EVERYTHING, "checkpointing": True}, strategy="fsdp2"),
    "apart_ddp": Case(settings=APART),
    "apart_fsdp2": Case(settings=APART, strategy="fsdp2"),
    "wide_ddp": Case(settings={**EVERYTHING, "predicted_future_every": 0}, wide=True),
    "wide_fsdp2": Case(settings={**EVERYTHING, "predicted_future_every": 0}, wide=True, strategy="fsdp2"),
    "gone_on_together": Case(settings=EVERYTHING, stopped="together"),
    "gone_on_after_alone": Case(settings=EVERYTHING, stopped="alone", strategy="fsdp2"),
    "mean": Case(settings=EVERYTHING, planted="mean"),
    "clipped_apart": Case(settings=EVERYTHING, planted="clipped_apart"),
    "counted_apart": Case(settings=APART, planted="counted_apart"),
    "dealt_by_place": Case(settings=EVERYTHING, planted="dealt_by_place"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wide(Objective):
    """Losses in double precision."""

    def batch(self, samples) -> Batch:
        return Objective.batch(self, samples).to("cpu", torch.float64)


class Stopping(Mixture):
    """A mixture that ends its training when a step is asked for."""

    def batch(self, step, *places):
        if step == STOPPED_AT:
            raise KeyboardInterrupt
        return super().batch(step, *places)


def prepared(data: Path, case: Case) -> Training:
    plan = training(data, **case.settings)
    # Several windows to validate on, of both lengths and with actions, so that they make several batches.
    plan = replace(plan, validation=plan.mixture.datasets[1])
    if case.wide:
        plan.objective.model.double()
        held = {item.name: getattr(plan.objective, item.name) for item in fields(plan.objective)}
        plan = replace(plan, objective=Wide(**held))
    return plan


def stopped(plan: Training, scratch: Path, ranks: Ranks) -> None:
    held = {item.name: getattr(plan.mixture, item.name) for item in fields(plan.mixture)}
    try:
        fit(replace(plan, mixture=Stopping(**held)), scratch=scratch, logs=None, ranks=ranks)
    except KeyboardInterrupt:
        return
    raise AssertionError("it was to be stopped")


def train(plan: Training, scratch: Path, place: Path, ranks: Ranks = ALONE) -> None:
    """Train and write what came of it: weights, and losses, gradients' norms before clipping and the step kept."""
    norms: list[float] = []
    clip = nn.utils.clip_grad_norm_

    def noted(parameters, most):
        norms.append(float(norm := clip(parameters, most)))
        return norm

    nn.utils.clip_grad_norm_ = noted
    try:
        record = fit(plan, scratch=scratch, logs=None, ranks=ranks)
    finally:
        nn.utils.clip_grad_norm_ = clip
    if ranks.leads:
        weights = {name: value.detach() for name, value in plan.trained.tensors.items()}
        save_file(weights, place.with_suffix(".safetensors"))
        told = {"curve": record.curve, "validation": record.validation, "best": record.best_step, "norms": norms}
        place.with_suffix(".json").write_text(json.dumps(told))


@contextmanager
def planted(name: str):
    """Something that is easily got wrong, got wrong."""
    add, clip, tables = Ranks.add_gradients, nn.utils.clip_grad_norm_, Ranks.tables

    def mean(self, parameters):
        add(self, parameters)
        for value in parameters.values():
            if value.grad is not None:
                value.grad /= self.size

    def clipped_apart(self, parameters):
        clip([value for name, value in parameters.items() if name.startswith("dit.")], 0.02)
        clip([value for name, value in parameters.items() if name.startswith("heads.")], 0.02)
        add(self, parameters)

    def counted_apart(self, numbers):
        return [list(numbers)] if len(numbers) == 5 else tables(self, numbers)

    def dealt_by_place(batch, hands):
        return [range(hand, len(batch), hands) for hand in range(hands)]

    wrong: dict[str, tuple[Any, str, Callable]] = {
        "mean": (Ranks, "add_gradients", mean),
        "clipped_apart": (Ranks, "add_gradients", clipped_apart),
        "counted_apart": (Ranks, "tables", counted_apart),
        "dealt_by_place": (
            loop,
            "deal",
            lambda batch, hands: [range(hand, len(batch), hands) for hand in range(hands)],
        ),
    }
    if not name:
        yield
        return
    owner, attribute, instead = wrong[name]
    right = getattr(owner, attribute)
    setattr(owner, attribute, instead)
    try:
        yield
    finally:
        setattr(owner, attribute, right)


def work(data: Path, ranks: Ranks) -> None:
    for name, case in CASES.items():
        scratch = data / f"scratch_{name}_{ranks.number}"
        scratch.mkdir()
        own = Ranks(rank=ranks.rank, strategy=case.strategy)
        if case.stopped and (case.stopped == "together" or ranks.leads):
            stopped(prepared(data, case), scratch, own if case.stopped == "together" else ALONE)
        plan = prepared(data, case)
        with planted(case.planted):
            train(plan, scratch, data / name, own)
        if name == "fsdp2" and ranks.leads:
            (data / "held.json").write_text(json.dumps(held(plan)))


def held(plan: Training) -> dict[str, float]:
    """What share of its numbers this process holds, of frozen and of trained tensors of the blocks."""
    shares = {}
    for kind, trained in (("frozen", False), ("trained", True)):
        values = [value for value in plan.objective.model.dit.blocks.parameters() if value.requires_grad == trained]
        here = sum((value.to_local() if isinstance(value, DTensor) else value).numel() for value in values)
        shares[kind] = here / sum(value.numel() for value in values)
    return shares


def wait_in_vain(ranks: Ranks) -> str:
    """What process 0 is told of one that does not answer."""
    if not ranks.leads:
        time.sleep(8)
        return ""
    try:
        with ranks.told_in_words():
            ranks.tables([1.0])
    except RunError as error:
        return str(error)
    raise AssertionError("it waited")


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, (number, size, port) = Path(sys.argv[1]), map(int, sys.argv[2:])
    os.environ["OMP_NUM_THREADS"] = "1"
    here = Rank(number=number, size=size, local=number, local_size=size, address="127.0.0.1", port=port)
    meeting = _meet(here)
    with _group(here, meeting, "auto", timedelta(seconds=120)) as together:
        work(folder, together)
    told = ""
    with _group(here, PrefixStore("again", meeting), "auto", timedelta(seconds=2)) as together:
        told = wait_in_vain(together)
    if number == 0:
        (folder / "told.txt").write_text(told)
