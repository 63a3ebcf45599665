"""A run that has come as far as its bundle, with real weights of toy size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from toy_bundle import ARM, toy_bundle

from adapt.models.adapters import add_lora, read_adapter
from adapt.models.bases import load_base, random_tiny, save_base
from adapt.models.lora import LoraConfig
from adapt.policy.acting import Actor
from adapt.policy.bundle import BaseRecord, write_bundle
from adapt.policy.policy import Policy
from adapt.runs.stage import run_stage
from pipelines.job import Job, save_job
from pipelines.schema import AdaptConfig

PICTURE = np.linspace(0, 255, 48 * 64 * 3).astype(np.uint8).reshape(48, 64, 3)
OBSERVATION = {"images": {"main": PICTURE}, "state": [0.5]}


def make_run(folder: Path) -> Path:
    """Make the base and the run; returns the run's folder."""
    base_folder = folder / "base"
    save_base(base_folder, random_tiny(0, bodies={"arm": (2, 1)}))
    run = folder / "runs" / "arm"
    save_job(
        Job(kind="play", source=str(folder), run=str(run), embodiment="arm", recipe=AdaptConfig(base=str(base_folder)))
    )
    run_stage(run, "bundle", {}, lambda scratch: write_real_bundle(scratch, base_folder))
    return run


def write_real_bundle(folder: Path, base_folder: Path) -> dict[str, str]:
    """The toy bundle, with an adapter that changes something and an answer that can be reproduced."""
    base = load_base(str(base_folder))
    add_lora(base.model.dit, LoraConfig(rank=2, targets=["to_q"]), base_id="random-tiny", revision="0")
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in base.model.dit.named_parameters():
            if "lora_B" in name:
                value.copy_(torch.randn(value.shape, generator=generator))
    bundle, adapter = toy_bundle(), read_adapter(base.model.dit)
    policy = Policy(base, Actor(spec=ARM, statistics=bundle.statistics), video_steps=2)
    identity = base.identity
    bundle = replace(
        bundle,
        base=BaseRecord(
            repo=identity.name, revision=identity.revision, fingerprint=identity.fingerprint, licence=identity.licence
        ),
        adapter_config=adapter.config,
        adapter=adapter.tensors,
        heads=base.model.heads.state_dict(),
        golden=policy.record_golden(OBSERVATION, "wave", seed=3),
        video_steps=2,
    )
    write_bundle(folder, bundle)
    return {"summary": "made for a test"}
