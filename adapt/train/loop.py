"""How does a training run from its first step, or from where it was killed, to its last?"""

import gc
import logging
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils import deterministic
from torch.utils.data import DataLoader, Dataset, Sampler

from adapt.models.frozen import forbid_frozen
from adapt.train.checkpoint import checkpoint_files, read_checkpoint, write_checkpoint
from adapt.train.deal import Share, deal, place_of
from adapt.train.distributed import ALONE, Ranks
from adapt.train.module import Adaptation, Training
from adapt.train.record import Record
from adapt.train.settings import HOW_NOT_WHAT
from adapt.train.strategies import trainer_settings

log = logging.getLogger(__name__)


def fit(
    training: Training, *, scratch: Path, logs: Path | None, ranks: Ranks = ALONE, label: str = "finetune"
) -> Record:
    """Train; a checkpoint in `scratch` is gone on from, with the result of a training never interrupted.

    Args:
        training: What is trained, on what, and how. Every process gives the same.
        scratch: Where checkpoints lie; anything else in it is removed first, as left by a killed process. Looked at by
            the process that leads alone.
        logs: Folder for TensorBoard and CSV logs; None for no logs.
        ranks: The processes that train together; by default this one trains alone.
        label: What the progress bar is called.

    Returns:
        Curves and the best weights, which the model then has (in the process that leads).

    Raises:
        RunError: Another process has stopped, the machine has too few GPUs, or no checkpoint there is sound.
    """
    config = training.config
    if ranks.leads:
        _keep_checkpoint_only(scratch)
        log.info("%s", training.trained.describe())
    module = Adaptation(training, ranks)
    ranks.require_same("what is trained, or on what", _sign(training))
    with ranks.told_in_words(), _quiet(), _deterministic(), _interruptible(), _settled(), forbid_frozen():
        checkpoint = ranks.leaders(read_checkpoint(scratch) if ranks.leads else None)
        if checkpoint is not None:
            module.go_on_from(checkpoint)
        trainer = Trainer(
            max_steps=config.steps - module.done,
            max_epochs=-1,
            **trainer_settings(ranks),
            logger=_loggers(logs if ranks.leads else None),
            callbacks=[
                _Checkpoints(scratch),
                _Convinced(),
                *([_Mortal()] if ranks.size > 1 else []),
                *(_progress_bar(label) if ranks.leads else []),
            ],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            log_every_n_steps=config.log_every,
        )
        trainer.fit(module, _loader(module))
    if ranks.leads:
        _keep_best(module)
    return module.record


class _Steps(Dataset[Share]):
    """A training's steps in order; item i is this process's share of the batch of step i."""

    def __init__(self, training: Training, ranks: Ranks) -> None:
        self._training = training
        self._ranks = ranks

    def __len__(self) -> int:
        return self._training.config.steps

    def __getitem__(self, step: int) -> Share:
        mixture = self._training.mixture
        if self._ranks.size == 1:
            geometry = self._training.objective.model.geometry
            return Share.whole(mixture.batch(step), geometry.latent_frames_per_chunk)
        batch = [place_of(window) for window in mixture.windows(step)]
        places = deal(batch, self._ranks.size)[self._ranks.number]
        return Share(samples=mixture.batch(step, places), places=places, batch=batch)


class _Remaining(Sampler[int]):
    """The steps not yet done."""

    def __init__(self, module: Adaptation) -> None:
        self._steps = range(module.done, module.training_plan.config.steps)

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[int]:
        yield from self._steps


def _loader(module: Adaptation) -> DataLoader[Share]:
    # A generator of its own, or the loader would draw from the global state.
    own = torch.Generator()
    steps = _Steps(module.training_plan, module.ranks)
    return DataLoader(steps, batch_size=None, sampler=_Remaining(module), generator=own)


class _Checkpoints(Callback):  # type: ignore[misc]  # Lightning is not followed by mypy.
    """Saves checkpoints whole or not at all, so that a killed run finds the last one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def on_train_batch_end(self, _trainer: Trainer, module: LightningModule, *_: Any) -> None:
        """Save when it is time. What is trained is whole in every process, so the one that leads saves alone."""
        config = module.training_plan.config
        if module.ranks.leads and module.done % config.checkpoint_every == 0 and module.done < config.steps:
            write_checkpoint(self._folder, module.checkpoint())


class _Convinced(Callback):  # type: ignore[misc]  # Lightning is not followed by mypy.
    """Stops filling fresh memory with NaN after a step: what was never written would have shown by then."""

    def on_train_batch_end(self, *_: Any) -> None:
        """Stop."""
        _fill_fresh_memory(mode=False)


class _Mortal(Callback):  # type: ignore[misc]  # Lightning is not followed by mypy.
    """Lets a process that is told to end do so: Lightning's handler would first talk to the others, who may be gone."""

    def on_train_start(self, *_: Any) -> None:
        """Take Lightning's handler away; it puts back at the end what was there before."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _keep_checkpoint_only(scratch: Path) -> None:
    kept = checkpoint_files(scratch)
    for path in scratch.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path not in kept:
            path.unlink()


def _sign(training: Training) -> list[object]:
    """What must be the same in processes that train together, as far as it can be seen at a glance."""
    config = {name: value for name, value in asdict(training.config).items() if name not in HOW_NOT_WHAT}
    sums = {name: float(value.detach().double().sum()) for name, value in training.trained.tensors.items()}
    return [config, training.objective.seed, sums, [window.window_id for window in training.mixture.windows(0)]]


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

    def __init__(self, label: str) -> None:
        self._label = label

    def on_train_start(self, _trainer: Trainer, module: LightningModule) -> None:
        """Draw it."""
        columns = (TextColumn(self._label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=module.training_plan.config.steps, completed=module.done)
        self._progress.start()

    def on_train_batch_end(self, _trainer: Trainer, module: LightningModule, *_: Any) -> None:
        """Move it on."""
        self._progress.update(self._task, completed=module.done)

    def on_train_end(self, *_: Any) -> None:
        """Take it away."""
        self._progress.stop()

    def on_exception(self, *_: Any) -> None:
        """Give the terminal back."""
        self._progress.stop()


def _progress_bar(label: str) -> list[Callback]:
    return [_Bar(label)] if sys.stderr.isatty() else []


@contextmanager
def _deterministic() -> Iterator[None]:
    """Refuse operations whose result differs from run to run, and at first fill fresh memory with NaN."""
    # cuBLAS wants to be told how much memory it may share out, or it refuses; it looks once, when it is first used.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    deterministic_before, filled_before = torch.are_deterministic_algorithms_enabled(), _fill_fresh_memory(mode=True)
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(mode=deterministic_before)
        _fill_fresh_memory(mode=filled_before)


def _fill_fresh_memory(*, mode: bool) -> bool:
    """Whether torch fills memory with NaN before it is used, while it is deterministic; returns how it was."""
    before: bool = deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]  # Only stubs do not know it.
    deterministic.fill_uninitialized_memory = mode  # type: ignore[attr-defined]
    return before


@contextmanager
def _settled() -> Iterator[None]:
    """Keep the garbage collector from going through all that was there before, which takes as long as a small step."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


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
