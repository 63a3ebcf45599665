"""Run by the resume test in a process of its own: train, perhaps killed at a step, and write the weights."""

import os
import signal
import sys
from dataclasses import fields, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from train_builder import training

from adapt.data.samples import Mixture
from adapt.train.loop import fit


class Deadly(Mixture):
    """A mixture that kills its process when a step is asked for."""

    def batch(self, step):
        if step == KILLED_AT:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().batch(step)


DATA, SCRATCH, OUT = (Path(argument) for argument in sys.argv[1:4])
KILLED_AT = int(sys.argv[4])

torch.set_num_threads(1)
plan = training(
    DATA, dropout=0.2, joint=True, steps=14, checkpoint_every=4, validate_every=3, accumulation=2, log_every=5
)
plan = replace(plan, mixture=Deadly(**{item.name: getattr(plan.mixture, item.name) for item in fields(plan.mixture)}))
record = fit(plan, scratch=SCRATCH, logs=SCRATCH.parent / "logs")
save_file({name: value.detach() for name, value in plan.trained.tensors.items()}, OUT)
OUT.with_suffix(".txt").write_text(repr((record.curve, record.validation, record.best_step)))
