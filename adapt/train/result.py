"""What is kept of a training: adapters, heads, and an account of it. Bytes depend on the training alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapt.models.adapters import save_adapter
from adapt.models.checkpoint import write_tensors
from adapt.runs.atomic import write_atomic
from adapt.train.files import ACCOUNT, ADAPTER, HEADS
from adapt.train.module import Training
from adapt.train.record import Record

FORMAT = 1


def write_result(folder: Path, training: Training, record: Record, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write the best weights and the account of how they came about.

    Args:
        folder: Gets adapter/ (PEFT's files), heads.safetensors (all heads, all bodies) and training.json.
        training: Its model holds the best weights.
        record: Curves and the best step.
        about: What else is worth knowing, such as where replay came from.

    Returns:
        What training.json holds: steps, best step, losses on the way, what was trained. No times.
    """
    model = training.objective.model
    save_adapter(model.dit, folder / ADAPTER)
    write_tensors(folder / HEADS, model.heads.state_dict())
    account = {
        "format": FORMAT,
        **about,
        "seed": training.objective.seed,
        "steps": training.config.steps,
        "batch_size": training.config.batch_size,
        "best_step": record.best_step,
        "trained": training.trained.summary(),
        "bodies": {name: {"actions": axes[0], "state": axes[1]} for name, axes in sorted(model.bodies.items())},
        "joint_head": training.objective.joint,
        "curve": record.curve,
        "validation": record.validation,
    }
    write_atomic(folder / ACCOUNT, json.dumps(account, indent=1, sort_keys=True) + "\n")
    return account
