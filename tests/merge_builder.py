"""Bundles with real weights, on small bases in the package's format and as they are published."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch
from formats_builder import SMALL, small_base
from toy_bundle import toy_bundle

from adapt.models.adapters import adapter_parameters, add_lora, read_adapter
from adapt.models.bases import load_base, random_tiny, save_base
from adapt.models.formats.probe import answer
from adapt.models.formats.published import load_published, save_published
from adapt.models.formats.sizes import TRANSFORMER, BaseSizes
from adapt.models.lora import LoraConfig
from adapt.models.wan.transformer import WanTransformer
from adapt.policy.acting import Actor
from adapt.policy.bundle import BaseRecord, write_bundle
from adapt.policy.policy import Policy

SEEN = {"images": {"main": np.linspace(0, 255, 48 * 64 * 3).astype(np.uint8).reshape(48, 64, 3)}, "state": [0.5]}
REPO, COMMIT = "Wan-AI/Wan2.1-I2V-14B-480P-Diffusers", "c" * 40


def disturb(transformer: WanTransformer, base_id: str, revision: str, *, size: float) -> None:
    """Put an adapter on every layer it may be on, that changes something."""
    add_lora(transformer, LoraConfig(rank=3, alpha=6.0), base_id=base_id, revision=revision)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in adapter_parameters(transformer):
            value.copy_(torch.randn(value.shape, generator=generator) * size)


def own_base(folder: Path) -> Path:
    """A base in the package's format that knows one arm, with something to replay."""
    save_base(folder, random_tiny(0, bodies={"arm": (2, 1)}))
    (folder / "replay").mkdir()
    (folder / "replay" / "geometry.json").write_text("{}\n")
    return folder


def own_bundle(folder: Path, base_folder: Path) -> Path:
    """A bundle for the arm that was adapted from such a base."""
    contents = toy_bundle()
    base = load_base(str(base_folder))
    disturb(base.model.dit, base.identity.name, base.identity.revision, size=0.3)
    actor = Actor(spec=contents.embodiment, statistics=contents.statistics)
    policy = Policy(base, actor, video_steps=2)
    adapter = read_adapter(base.model.dit)
    identity = base.identity
    bundle = dataclasses.replace(
        contents,
        base=BaseRecord(
            repo=identity.name,
            revision=identity.revision,
            fingerprint=identity.fingerprint,
            licence=identity.licence,
        ),
        adapter_config=adapter.config,
        adapter=adapter.tensors,
        heads=base.model.heads.state_dict(),
        golden=policy.record_golden(SEEN, "wave", seed=3),
        video_steps=2,
    )
    write_bundle(folder, bundle)
    return folder


def published_base(folder: Path, kind: str = "diffusers") -> Path:
    """A small image-to-video transformer in a pipeline's folder, as `fetch_base` leaves one."""
    made = small_base(BaseSizes(transformer=SMALL.transformer))[TRANSFORMER]
    with torch.no_grad():
        for value in made.parameters():
            value.mul_(value[0].numel() ** -0.5 if value.ndim > 1 else 0.2)
    folder.mkdir()
    pipeline = kind == "diffusers"
    place = folder / TRANSFORMER if pipeline else folder / "whole"
    save_published(place, {TRANSFORMER: made}, kind, shard_bytes=60_000)
    if pipeline:
        (folder / "model_index.json").write_text('{"_class_name": "WanImageToVideoPipeline"}\n')
        (folder / "vae").mkdir()
        (folder / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"a codec")
    else:
        for path in place.iterdir():
            path.rename(folder / path.name)
        place.rmdir()
    (folder / "origin.json").write_text(json.dumps({"repo_id": REPO, "commit": COMMIT}))
    return folder


def published_bundle(folder: Path, base_folder: Path) -> torch.Tensor:
    """A bundle adapted from it; returns what base and adapter answer together."""
    transformer = load_published(base_folder).transformer
    disturb(transformer, REPO, COMMIT, size=0.1)
    adapter = read_adapter(transformer)
    record = BaseRecord(repo=REPO, revision=COMMIT, fingerprint="ab" * 32, licence="apache-2.0")
    write_bundle(folder, toy_bundle(base=record, adapter_config=adapter.config, adapter=adapter.tensors))
    return answer(transformer)
