"""What must be kept of a training to go on with it? Little: what is trained, the optimiser, the curves; no base.

A checkpoint is whole or not there, and says nothing of how many processes wrote it: any number can go on from it. The
one before is kept beside it, for when a disk has changed its bytes.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from pickle import PickleError
from typing import Any

import torch
from torch import Tensor

from adapt.errors import RunError
from adapt.runs.documents import in_short
from adapt.runs.last_state import forget_state, read_state, state_files, write_state
from adapt.train.record import Record

NAME = "last.ckpt"
FORMAT = 2  # 1 was Lightning's own
# Torch's reader of zip files, its unpickler, and what they trip over in a damaged file, each have errors of their own.
_STUMBLES = (
    OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError,
    EOFError, PickleError, struct.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """A training after some steps.

    Attributes:
        steps: How many were done.
        trained: Trained tensors by name.
        optimizer: The optimiser's state.
        record: Curves, and the best weights so far.
    """

    steps: int
    trained: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]
    record: Record


def checkpoint_files(folder: Path) -> tuple[Path, ...]:
    """Where the checkpoints of a training lie, whether they are there or not."""
    return state_files(folder / NAME)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint in the place of the last one, which is kept as the one before.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    state = {
        "format": FORMAT,
        "steps": checkpoint.steps,
        "trained": {name: value.detach() for name, value in checkpoint.trained.items()},
        "optimizer": checkpoint.optimizer,
        "record": checkpoint.record.to_state(),
    }
    write_state(folder / NAME, to_bytes(state))


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The last sound checkpoint in a folder, on the CPU; None where there is none at all.

    Raises:
        RunError: Another version wrote it; or it is damaged, and so is the one before, or there is none.
    """
    path = folder / NAME

    def parse(content: bytes) -> Checkpoint:
        """A checkpoint from bytes; ValueError where they are none, RunError where another version wrote them."""
        state = from_bytes(content)
        if not isinstance(state, dict):
            raise ValueError("it is no checkpoint of a training")
        if state.get("format") != FORMAT:
            raise RunError(f"{path} was written by another version; delete it, and the training starts over")
        try:
            return Checkpoint(
                steps=state["steps"],
                trained=state["trained"],
                optimizer=state["optimizer"],
                record=Record.from_state(state["record"]),
            )
        except _STUMBLES as error:
            raise ValueError(in_short(error)) from error

    return read_state(path, parse)


def discard_checkpoints(folder: Path) -> None:
    """Remove all of them, once the training has come to its end."""
    forget_state(folder / NAME)


def to_bytes(state: Mapping[str, Any]) -> memoryview:
    """What `torch.save` makes of a state; in memory, so that a full disk is an error of the disk, not of torch."""
    written = BytesIO()
    torch.save(state, written)
    return written.getbuffer()


def from_bytes(content: bytes) -> Any:
    """What `to_bytes` was given, with its tensors on the CPU.

    Raises:
        ValueError: The bytes are damaged.
    """
    try:
        return torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    except _STUMBLES as error:
        raise ValueError(in_short(error)) from error
