"""How does a training run from its first step, or from where it was killed, to its last?"""

import logging
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.data import DataLoader, Dataset, Sampler

from adapt.models.frozen import forbid_frozen
from adapt.runs.atomic import sync_folder
from adapt.train.module import Adaptation, Training
from adapt.train.record import Record
from adapt.types import Sample

log = logging.getLogger(__name__)

CHECKPOINT = "last.ckpt"


def fit(training: Training, *, scratch: Path, logs: Path | None) -> Record:
    """Train; a checkpoint in `scratch` is gone on from, with the result of a training never interrupted.

    Args:
        training: What is trained, on what, and how.
        scratch: Where checkpoints lie; anything else in it is removed first, as left by a killed process.
        logs: Folder for TensorBoard and CSV logs; None for no logs.

    Returns:
        Curves and the best weights, which the model then has.
    """
    config = training.config
    _keep_checkpoint_only(scratch)
    module = Adaptation(training)
    log.info("%s", training.trained.describe())
    with _quiet(), _deterministic(), _interruptible(), forbid_frozen():
        trainer = Trainer(
            max_steps=config.steps,
            max_epochs=-1,
            accelerator="auto",
            devices=1,
            logger=_loggers(logs),
            callbacks=[_Checkpoints(scratch, every=config.checkpoint_every), *_progress_bar()],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            log_every_n_steps=config.log_every,
        )
        last = scratch / CHECKPOINT
        trainer.fit(module, _loader(module), ckpt_path=last if last.is_file() else None, weights_only=True)
    _keep_best(module)
    return module.record


def discard_checkpoint(scratch: Path) -> None:
    """Remove the checkpoint, once the result is written."""
    (scratch / CHECKPOINT).unlink(missing_ok=True)


class _Steps(Dataset[list[Sample]]):
    """A training's steps in order; item i is the batch of step i."""

    def __init__(self, training: Training) -> None:
        self._training = training

    def __len__(self) -> int:
        return self._training.config.steps

    def __getitem__(self, step: int) -> list[Sample]:
        return self._training.mixture.batch(step)


class _Remaining(Sampler[int]):
    """The steps not yet done; as long as all of them, since Lightning counts those before a checkpoint too."""

    def __init__(self, module: Adaptation) -> None:
        self._module = module

    def __len__(self) -> int:
        return self._module.training_plan.config.steps

    def __iter__(self) -> Iterator[int]:
        yield from range(self._module.global_step, len(self))


def _loader(module: Adaptation) -> DataLoader[list[Sample]]:
    # A generator of its own, or the loader would draw from the global state.
    own = torch.Generator()
    return DataLoader(_Steps(module.training_plan), batch_size=None, sampler=_Remaining(module), generator=own)


class _Checkpoints(Callback):  # type: ignore[misc]  # Lightning is not followed by mypy.
    """Saves checkpoints whole or not at all, so that a killed run finds the last one."""

    def __init__(self, folder: Path, *, every: int) -> None:
        self._folder = folder
        self._every = every

    def on_train_batch_end(self, trainer: Trainer, _module: LightningModule, *_: Any) -> None:
        """Save when it is time."""
        if trainer.global_step % self._every or trainer.global_step >= trainer.max_steps:
            return
        scratch = self._folder / f".{CHECKPOINT}.tmp"
        trainer.save_checkpoint(scratch)
        with scratch.open("rb") as file:
            os.fsync(file.fileno())
        scratch.replace(self._folder / CHECKPOINT)
        sync_folder(self._folder)


def _keep_checkpoint_only(scratch: Path) -> None:
    for path in scratch.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != CHECKPOINT:
            path.unlink()


def _keep_best(module: Adaptation) -> None:
    record, trained = module.record, module.training_plan.trained
    if not record.best:
        record.best_step = module.training_plan.config.steps
        return
    with torch.no_grad():
        for name, value in trained.tensors.items():
            value.copy_(record.best[name])


def _loggers(logs: Path | None) -> list[Logger]:
    if logs is None:
        return []
    return [TensorBoardLogger(logs, name="tensorboard"), CSVLogger(logs, name="csv")]


class _Bar(Callback):  # type: ignore[misc]  # Lightning is not followed by mypy.
    """A bar with the time left, on standard error; Lightning's own count epochs, of which there is one."""

    def on_train_start(self, trainer: Trainer, _module: LightningModule) -> None:
        """Draw it."""
        columns = (TextColumn("finetune"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=trainer.max_steps, completed=trainer.global_step)
        self._progress.start()

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Move it on."""
        self._progress.update(self._task, completed=trainer.global_step)

    def on_train_end(self, *_: Any) -> None:
        """Take it away."""
        self._progress.stop()

    def on_exception(self, *_: Any) -> None:
        """Give the terminal back."""
        self._progress.stop()


def _progress_bar() -> list[Callback]:
    return [_Bar()] if sys.stderr.isatty() else []


@contextmanager
def _deterministic() -> Iterator[None]:
    """Refuse operations whose result differs from run to run, and fill fresh memory with NaN."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(mode=before)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C be Ctrl-C: Lightning turns it into an exit, and is deaf to it from then on."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as leaving:
        if not isinstance(leaving.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, before)
        raise KeyboardInterrupt from leaving


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's hints are for its programmers, not for our users."""
    loud = logging.getLogger("lightning.pytorch")
    before = loud.level
    loud.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", message=".*num_workers.*|.*does not have many workers.*")
            yield
    finally:
        loud.setLevel(before)
