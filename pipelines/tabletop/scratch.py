"""What would as many recordings do without the base? A model of its size trained from nothing, until it gets no better.

Codec and text encoder stay the base's, which flatters it: what is from nothing is the video transformer and the heads.
All of both is trained, on the new recordings alone; held-out windows choose the step that is kept, and there are enough
steps for the best one to lie before the last.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapt.data.encoded import Encoded, read_encoded
from adapt.data.samples import Mixture, WindowDataset
from adapt.models.bases import load_base
from adapt.models.checkpoint import load_strict, read_tensors, write_tensors
from adapt.models.world_action import WorldActionModel
from adapt.runs.atomic import write_atomic
from adapt.runs.stage import read_manifest, require_current, require_intact
from adapt.train.files import ACCOUNT, HEADS
from pipelines import finetune
from pipelines.encode import base_fingerprint
from pipelines.job import Job
from pipelines.strict import to_plain
from pipelines.tabletop.settings import ScratchConfig, TabletopConfig

if TYPE_CHECKING:
    from adapt.train.module import Training

VERSION = 1  # Raise by hand when the same inputs would give another training.
DIT = "dit.safetensors"
SETTLED_SHARE = 0.85  # A training whose best step lies later than this share of its steps may not have ended its fall.


def inputs(job: Job, config: TabletopConfig, seed: int) -> dict[str, Any]:
    """All that decides such a training."""
    return {
        "encode": read_manifest(require_current(job.run_folder, "encode"))["key"],
        "base": base_fingerprint(config.base),
        "scratch": to_plain(config.scratch),
        "train": to_plain(config.train),
        "seed": seed,
        "version": [finetune.VERSION, VERSION],
    }


def train(job: Job, config: TabletopConfig, seed: int, folder: Path) -> Mapping[str, Any]:
    """Train from nothing.

    Args:
        job: A run of recordings with actions; it has been encoded.
        config: The plan.
        seed: Of the first weights and everything drawn.
        folder: Gets the weights and training.json; may hold a checkpoint to go on from.

    Returns:
        Facts for the manifest.
    """
    from adapt.train.checkpoint import discard_checkpoints
    from adapt.train.loop import fit

    encode = require_current(job.run_folder, "encode")
    require_intact(encode)
    training = prepare(job, read_encoded(encode), config, seed)
    record = fit(training, scratch=folder, logs=job.run_folder / "logs" / "scratch" / str(seed), label="scratch")
    model = training.objective.model
    write_tensors(folder / DIT, model.dit.state_dict())
    write_tensors(folder / HEADS, model.heads.state_dict())
    settled = record.best_step <= SETTLED_SHARE * training.config.steps
    account = {
        "seed": seed,
        "steps": training.config.steps,
        "best_step": record.best_step,
        "settled": settled,
        "windows": len(training.mixture.datasets[0]),
        "trained": training.trained.summary(),
        "curve": record.curve,
        "validation": record.validation,
    }
    write_atomic(folder / ACCOUNT, json.dumps(account, indent=1, sort_keys=True) + "\n")
    discard_checkpoints(folder)
    told = f"{training.config.steps} steps, best at {record.best_step}"
    return {"summary": told, "best_step": record.best_step, "steps": training.config.steps, "settled": settled}


def prepare(job: Job, new: Encoded, config: TabletopConfig, seed: int) -> "Training":
    """A fresh model of the base's size with the recordings' bodies, and the recordings."""
    from adapt.train.losses import Objective
    from adapt.train.module import Training

    known = load_base(job.recipe.base, parts=("model",)).model
    model = WorldActionModel(known.config, known.geometry, seed=seed)
    for name, body in sorted(new.embodiments.items()):
        if body.actions:
            model.add_body(name, len(body.actions), len(body.state), seed=seed)
    train = scratch_training(config)
    return Training(
        objective=Objective(model=model, config=train, heads=True, joint=train.joint_head, seed=seed),
        trained=_everything(model, joint=train.joint_head),
        mixture=Mixture(datasets=[WindowDataset(new, "train")], shares=[1.0], seed=seed, batch_size=train.batch_size),
        validation=WindowDataset(new, "validation"),
        new_body=True,
    )


def scratch_training(config: TabletopConfig) -> Any:
    """How it is trained: as the arms are, but for steps and rates, which are those of a whole model."""
    scratch: ScratchConfig = config.scratch
    return replace(
        config.train,
        steps=scratch.steps,
        adapter_learning_rate=scratch.learning_rate,
        new_body_learning_rate=scratch.learning_rate,
        validate_every=scratch.validate_every,
        checkpoint_every=scratch.validate_every,
        replay_share=0.0,
    )


def load(model: WorldActionModel, folder: Path) -> None:
    """Put a training's weights into a model of that size."""
    from adapt.models.bases import load_heads

    load_strict(model.dit, read_tensors(folder / DIT), source=DIT)
    load_heads(model, read_tensors(folder / HEADS))


def _everything(model: WorldActionModel, *, joint: bool) -> Any:
    from adapt.train.trained import Trained

    model.requires_grad_(requires_grad=True)
    if not joint and model.config.joint:
        model.joint.requires_grad_(requires_grad=False)
    named = {name: value for name, value in model.named_parameters() if value.requires_grad}
    return Trained(
        adapters={name: value for name, value in named.items() if name.startswith("dit.")},
        heads={name: value for name, value in named.items() if name.startswith("heads.")},
        share=sum(value.numel() for value in named.values()) / sum(value.numel() for value in model.parameters()),
    )
