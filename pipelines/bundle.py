"""Bundle: everything a run made that goes to the Hub, in one folder that proves itself."""

import json
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import torch
import yaml
from torch import Tensor

from adapt import __version__
from adapt.data.encoded import Encoded, read_encoded
from adapt.hub.card import Picture, render_card
from adapt.hub.facts import RunRecords, collect_facts
from adapt.models.bases import Base, load_base
from adapt.policy.acting import Actor
from adapt.policy.bundle import BaseRecord, Bundle, read_bundle, write_bundle
from adapt.policy.golden import Golden
from adapt.policy.policy import Policy, check_base, put_together
from adapt.runs.cache import Cache
from adapt.runs.stage import read_manifest, require_consistent, require_intact, run_stage
from adapt.types import Observation, Window
from pipelines.encode import base_fingerprint
from pipelines.evaluate import EVALUATION
from pipelines.evaluate_windows import acting_body, adapt_from
from pipelines.ingest import read_windows
from pipelines.job import NAME as JOB
from pipelines.job import Job
from pipelines.replay import find_replay
from pipelines.stages import VERSIONS
from pipelines.strict import to_plain

VERSION = VERSIONS["bundle"]
EARLIER = ("ingest", "encode", "finetune", "evaluate")


def run(job: Job, cache: Cache | None = None) -> Path:
    """Put the bundle together, load it back, and see that it reproduces its own golden answer.

    Args:
        job: The run.
        cache: Remembers digests; the user's own by default.

    Returns:
        RUN/bundle/KEY, which is the bundle (besides the manifest.json of the run, which is no part of it).

    Raises:
        RunError: An earlier stage has not been run.
        BundleError: The bundle does not reproduce its golden answer.
        CardError: A stage did not record what the card claims.
    """
    stages = require_consistent(job.run_folder, EARLIER)
    inputs = {
        **{stage: read_manifest(path)["key"] for stage, path in stages.items()},
        "base": base_fingerprint(job.recipe.base),
        "recipe": _recipe(job, ""),
        # The card says these.
        "replay": PurePath(job.replay).name,
        "wam_adapt": __version__,
        "version": VERSION,
    }

    def work(folder: Path) -> Mapping[str, Any]:
        """Write the bundle, put it together with its base again, and hold it against its golden example."""
        require_intact(*stages.values())
        bundle = _collect(job, stages, cache or Cache.default())
        write_bundle(folder, bundle)
        base = load_base(job.recipe.base)
        check_base(bundle.base, base, folder)
        put_together(base, read_bundle(folder)).verify_golden()
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return {"summary": f"{size / 1e6:.1f} MB, golden answer reproduced", "body": bundle.embodiment.name}

    return run_stage(job.run_folder, "bundle", inputs, work).path


def _collect(job: Job, stages: Mapping[str, Path], cache: Cache) -> Bundle:
    base = load_base(job.recipe.base)
    encoded = read_encoded(stages["encode"])
    replay = None if job.replay == "none" else find_replay(job, cache).folder
    adapter = adapt_from(base, stages["finetune"])
    actor = acting_body(job, base, encoded, None if replay is None else read_encoded(replay))
    record = BaseRecord(
        repo=base.identity.name,
        revision=base.identity.revision,
        fingerprint=base.identity.fingerprint,
        licence=base.identity.licence,
    )
    evaluation = json.loads((stages["evaluate"] / EVALUATION).read_text(encoding="utf-8"))
    captions: Mapping[str, str] = read_manifest(stages["evaluate"])["facts"]["pictures"]
    records = RunRecords(
        job=json.loads((job.run_folder / JOB).read_text(encoding="utf-8")),
        base=record,
        embodiment=actor.spec,
        windows=read_windows(job),
        geometry=base.geometry,
        ingest=read_manifest(stages["ingest"])["facts"],
        finetune=read_manifest(stages["finetune"])["facts"],
        evaluation=evaluation,
    )
    pictures = [Picture(file=name, caption=caption) for name, caption in sorted(captions.items())]
    return Bundle(
        kind=job.kind,
        instructions=tuple(dict.fromkeys(window.instruction for window in encoded.windows)),
        base=record,
        adapter_config=adapter.config,
        adapter=adapter.tensors,
        heads=base.model.heads.state_dict(),
        embodiment=actor.spec,
        statistics=actor.statistics,
        golden=_ask(job, base, encoded, actor),
        recipe=_recipe(job, base.identity.name),
        evaluation=evaluation,
        card=render_card(collect_facts(records, pictures)),
        video_steps=job.recipe.evaluate.video_steps,
        pictures={name: (stages["evaluate"] / name).read_bytes() for name in captions},
    )


def _ask(job: Job, base: Base, encoded: Encoded, actor: Actor) -> Golden:
    """The golden question, from the first held-out window (else the first), and the adapted model's answer."""
    window = next((window for window in encoded.windows if window.split == "validation"), encoded.windows[0])
    latents = encoded.latents.read(window.window_id)[:1].float()
    canvas = base.codec.decode(latents[None])[0, 0]
    images = {}
    for camera in actor.spec.cameras:
        slot = base.geometry.canvas.slots[camera.slot]
        part = canvas[slot.top : slot.top + slot.height, slot.left : slot.left + slot.width]
        images[camera.name] = part.contiguous()
    policy = Policy(base, actor, video_steps=job.recipe.evaluate.video_steps)
    seen = Observation(images=images, state=_state(window, actor))
    return policy.record_golden(seen, window.instruction, seed=job.recipe.seed)


def _state(window: Window, actor: Actor) -> Tensor | None:
    """The window's state, where it shows the body that acts; else the body's usual one."""
    if window.state is not None and window.embodiment == actor.spec.name:
        return torch.nan_to_num(window.state[0].float())
    return None if actor.statistics.state is None else actor.statistics.state.mean.float()


def _recipe(job: Job, base: str) -> str:
    """The recipe as YAML; the base goes by its name, since where it lay is nobody's business."""
    return yaml.safe_dump({**to_plain(job.recipe), "base": base}, sort_keys=True, allow_unicode=False)
