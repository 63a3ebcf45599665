"""Pretrain: make the shipped base from nothing. One core or two, no download; each finished stage is kept.

draw -> codec -> windows -> world -> action -> trial -> base/, a folder that `load_base` reads.
"""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import torch

from adapt.data.encoded import EncodedParts, write_encoded
from adapt.data.latent_store import LatentStore
from adapt.embodiment.spec import Embodiment, load_embodiment
from adapt.embodiment.statistics import BodyStatistics
from adapt.models.base_record import BaseIdentity
from adapt.models.bases import Base, load_base, save_base
from adapt.runs.fingerprint import Json
from adapt.runs.stage import StageResult, run_stage
from pipelines.encode import encoders_fingerprint
from pipelines.pretrain.action import train_action
from pipelines.pretrain.codec import keep_codec, load_codec, train_codec
from pipelines.pretrain.draw import draw
from pipelines.pretrain.halves import cores
from pipelines.pretrain.settings import PretrainConfig
from pipelines.pretrain.trial import try_out
from pipelines.pretrain.windows import GEOMETRY, GRIPPER, HAND, TrainingSet, cut_windows, load_training_set
from pipelines.pretrain.world import begin, load_world, train_world
from pipelines.recipes import recipes_folder

REVISION = "4"


def run(config: PretrainConfig, out: Path, *, processes: int | None = None) -> Path:
    """Make the base; a stage that is finished is not done again.

    Args:
        config: What decides it.
        out: Folder of all stages.
        processes: 1, or 2 for the same bytes in half the time; None for what this machine has.

    Returns:
        The base's folder, `out`/base/KEY.
    """
    torch.set_num_threads(1)  # Sums in another order are other weights.
    seed, processes = config.seed, processes or cores()
    kept = _other(config.codec.taken_from, "codec")
    begun = _other(config.world.begun_from, "text", "model")
    bodies = {name: load_embodiment(name, [recipes_folder() / "embodiment"]) for name in (GRIPPER, HAND)}
    drawn = run_stage(out, "draw", _inputs(config, "draw"), lambda scratch: draw(scratch, config.draw, seed, processes))
    codec = run_stage(
        out,
        "codec",
        {**_inputs(config, "codec"), "draw": drawn.key, **({"kept": kept.codec.fingerprint} if kept else {})},
        lambda scratch: (
            keep_codec(scratch, drawn.path, kept.codec)
            if kept
            else train_codec(scratch, drawn.path, config.codec, seed, processes)
        ),
        resumable=True,
    )
    windows = run_stage(
        out,
        "windows",
        {**_inputs(config, "windows"), "codec": codec.key},
        lambda scratch: cut_windows(scratch, drawn.path, load_codec(codec.path), config.windows, seed),
    )
    data, figures = load_training_set(windows.path, bodies)
    world = run_stage(
        out,
        "world",
        {
            **_inputs(config, "world"),
            "windows": windows.key,
            **({"begun": begun.identity.fingerprint} if begun else {}),
        },
        lambda scratch: train_world(scratch, data, begin(bodies[GRIPPER], seed, begun), config.world, seed, processes),
        resumable=True,
    )
    action = run_stage(
        out,
        "action",
        {**_inputs(config, "action"), "world": world.key},
        lambda scratch: train_action(
            scratch, data, load_world(world.path, bodies[GRIPPER]), config.action, seed, processes
        ),
        resumable=True,
    )
    base = _base(codec, action, bodies, figures)
    trial = run_stage(
        out,
        "trial",
        {**_inputs(config, "trial"), "action": action.key},
        lambda scratch: _try_out(scratch, base, data, config),
    )
    return run_stage(
        out,
        "base",
        {
            "trial": trial.key,
            "revision": REVISION,
            "replay": asdict(config.replay),
        },
        lambda scratch: _export(scratch, base, data, windows.path, config),
    ).path


def _other(name_or_folder: str, *parts: str) -> Base | None:
    """What is taken from another base; None where none is named."""
    return load_base(name_or_folder, parts=parts) if name_or_folder else None


def _inputs(config: PretrainConfig, stage: str) -> dict[str, Json]:
    return {"seed": config.seed, "settings": asdict(getattr(config, stage))}


def _base(
    codec: StageResult, action: StageResult, bodies: dict[str, Embodiment], figures: dict[str, BodyStatistics]
) -> Base:
    model, text = load_world(action.path, bodies[GRIPPER])
    # Rounded as they are shipped, so that what is tried out is what is shipped.
    for parameter in model.parameters():
        parameter.data = parameter.data.to(torch.bfloat16).float()
    return Base(
        identity=BaseIdentity(name="tiny", revision=REVISION, licence="apache-2.0"),
        geometry=GEOMETRY,
        parts={"codec": load_codec(codec.path), "text": text.requires_grad_(requires_grad=False), "model": model},
        embodiments=bodies,
        statistics=figures,
    )


def _try_out(scratch: Path, base: Base, data: TrainingSet, config: PretrainConfig) -> dict[str, Json]:
    """Write what a trial of the base tells."""
    facts = try_out(base, data, config.trial)
    (scratch / "trial.json").write_text(json.dumps(facts, indent=1) + "\n")
    return facts


def _export(scratch: Path, base: Base, data: TrainingSet, encoded: Path, config: PretrainConfig) -> dict[str, Json]:
    """Write the base and its replay data."""
    identity = save_base(scratch, base, dtype=torch.bfloat16)
    replay = scratch / "replay"
    replay.mkdir(exist_ok=True)
    plan = config.replay
    counts = {
        ("train", False): plan.windows,
        ("train", True): plan.long_windows,
        ("validation", False): plan.held_out,
        ("validation", True): plan.held_out,
    }
    places = [
        place
        for (split, long), count in counts.items()
        for place in _spread(_of_gripper(data, split, long=long), count)
    ]
    chosen = [data.windows[place] for place in places]
    prompts = sorted({data.prompts[place] for place in places})
    store = LatentStore(encoded)
    write_encoded(
        replay,
        ((window.window_id, store.read(window.window_id)) for window in chosen),
        EncodedParts(
            windows=chosen,
            prompts=dict(zip(prompts, base.text.encode(prompts), strict=True)),
            encoders=encoders_fingerprint(str(scratch)),
            geometry=GEOMETRY,
            statistics=base.statistics,
            embodiments={GRIPPER: base.embodiments[GRIPPER]},
        ),
    )
    size = sum(path.stat().st_size for path in scratch.rglob("*") if path.is_file())
    return {"fingerprint": identity.fingerprint, "megabytes": round(size / 1e6, 2), "replay_windows": len(chosen)}


def _of_gripper(data: TrainingSet, split: str, *, long: bool) -> list[int]:
    """Tasks, then play."""
    return [place for kind in ("robot", "play") for place in data.select(split, kind, long=long)]


def _spread(places: list[int], count: int) -> list[int]:
    """So many of `places`, evenly spread over them, so that every task and play is among them."""
    if len(places) <= count:
        return places
    return [places[index * len(places) // count] for index in range(count)]


def install(base: Path, target: Path) -> None:
    """Copy an exported base to where the package ships it from, in place of what is there."""
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(base, fresh, ignore=shutil.ignore_patterns("manifest.json"))
    for path in fresh.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
