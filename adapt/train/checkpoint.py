"""What must be kept of a training to go on with it? Little: what is trained, the optimiser, the curves; no base.

A checkpoint is whole or not there, and says nothing of how many processes wrote it: any number can go on from it.
"""

import os
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
from adapt.runs.atomic import sync_folder
from adapt.runs.documents import in_short
from adapt.train.record import Record

NAME = "last.ckpt"
FORMAT = 2  # 1 was Lightning's own
# Torch's reader of zip files, its unpickler, and what they trip over in a damaged file, each have errors of their own.
_STUMBLES = (
    OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError,
    EOFError, PickleError, struct.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
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


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint in the place of the one before."""
    scratch = folder / f".{NAME}.tmp"
    state = {
        "format": FORMAT,
        "steps": checkpoint.steps,
        "trained": {name: value.detach() for name, value in checkpoint.trained.items()},
        "optimizer": checkpoint.optimizer,
        "record": checkpoint.record.to_state(),
    }
    written = BytesIO()  # A full disk then is an error of the disk, not of torch.
    torch.save(state, written)
    with scratch.open("wb") as file:
        file.write(written.getbuffer())
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(folder / NAME)
    sync_folder(folder)


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The checkpoint in a folder, on the CPU; None where there is none.

    Raises:
        RunError: Another version wrote it, or it is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state.get("format") != FORMAT:
            raise RunError(f"{path} was written by another version; delete it, and the training starts over")
        return Checkpoint(
            steps=state["steps"],
            trained=state["trained"],
            optimizer=state["optimizer"],
            record=Record.from_state(state["record"]),
        )
    except _STUMBLES as error:
        raise RunError(f"{path} is damaged ({in_short(error)}); delete it, and the training starts over") from error
