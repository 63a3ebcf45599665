"""Fine-tune: encoded windows and replay in; adapters and heads out. Killed at any step, it goes on from there."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapt.data.encoded import Encoded, read_encoded
from adapt.data.samples import Mixture, WindowDataset
from adapt.errors import DataError, EmbodimentError, RunError
from adapt.models.adapters import add_lora
from adapt.models.bases import find_base, load_base
from adapt.models.world_action import WorldActionModel
from adapt.runs.cache import Cache
from adapt.runs.fingerprint import fingerprint
from adapt.runs.stage import find_current, read_manifest, require_consistent, require_intact, run_stage
from pipelines.encode import base_fingerprint, encoders_fingerprint
from pipelines.job import Job

if TYPE_CHECKING:
    from adapt.train.module import Training

VERSION = 1  # Raise by hand when the same inputs would give another result.
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Data the base already knows, mixed in so that it is not forgotten."""

    origin: str  # "base", "folder" or "none"
    folder: Path | None
    key: str


def run(job: Job, cache: Cache | None = None) -> Path:
    """Train adapters and heads; `adapt.train.result` describes the stage's folder.

    Args:
        job: The run.
        cache: Remembers digests; the user's own by default.

    Returns:
        RUN/finetune/KEY.

    Raises:
        RunError: Encode has not been run, or with another base.
        DataError: The replay data is not there, or belongs to another base.
        EmbodimentError: The base knows a body of this name with other axes.
    """
    # A run that came here from another machine may have left its ingest behind.
    earlier = ("ingest", "encode") if find_current(job.run_folder, "ingest") else ("encode",)
    encode = require_consistent(job.run_folder, earlier)["encode"]
    if _encoders_of(encode) != encoders_fingerprint(job.recipe.base):
        raise RunError(
            f"{job.run}: its encoded data is another base's than '{job.recipe.base}'; encode it again with: "
            f"wam-adapt encode --run {job.run}"
        )
    replay = find_replay(job, cache or Cache.default())
    inputs = {
        "encode": read_manifest(encode)["key"],
        "base": base_fingerprint(job.recipe.base),
        "replay": [replay.origin, replay.key],
        "kind": job.kind,
        "lora": asdict(job.recipe.lora),
        "train": asdict(job.recipe.train),
        "seed": job.recipe.seed,
        "version": VERSION,
    }

    def work(folder: Path) -> Mapping[str, Any]:
        from adapt.train.loop import discard_checkpoint, fit  # Lightning takes seconds to load.
        from adapt.train.result import write_result

        require_intact(encode)
        training = _prepare(job, read_encoded(encode), replay)
        record = fit(training, scratch=folder, logs=job.run_folder / "logs" / "finetune")
        windows = [len(dataset) for dataset in training.mixture.datasets]
        about = {"kind": job.kind, "replay": replay.origin, "windows": windows[0], "replay_windows": sum(windows[1:])}
        account = write_result(folder, training, record, about)
        discard_checkpoint(folder)
        return _facts(account)

    return run_stage(job.run_folder, "finetune", inputs, work, resumable=True).path


def find_replay(job: Job, cache: Cache) -> Replay:
    """Where the job's replay data is, and what names its content.

    Raises:
        DataError: It is not there, or was encoded for another base.
    """
    if job.replay == "none":
        log.warning("no replay data: the base may forget what it knows, and its heads learn nothing from video alone")
        return Replay(origin="none", folder=None, key="")
    origin = "base" if job.replay == "base" else "folder"
    folder = find_base(job.recipe.base) / "replay" if origin == "base" else Path(job.replay).expanduser()
    if not (folder / "geometry.json").is_file():
        raise DataError(
            f"replay '{job.replay}': no encoded data in {folder}; give --replay the folder of an encode stage, "
            "or --replay none to train without."
        )
    if _encoders_of(folder) != encoders_fingerprint(job.recipe.base):
        raise DataError(
            f"replay '{job.replay}': {folder} was encoded for another base than '{job.recipe.base}'; encode it again "
            "with this base, or give --replay none."
        )
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name != "manifest.json"]
    return Replay(origin=origin, folder=folder, key=fingerprint({path.name: cache.file_digest(path) for path in files}))


def _encoders_of(folder: Path) -> str:
    """What encoded a folder, without opening all of it."""
    return str(json.loads((folder / "geometry.json").read_text(encoding="utf-8")).get("encoders"))


def _prepare(job: Job, new: Encoded, replay: Replay) -> "Training":
    """The model with its adapters and bodies, and the data, ready to be trained."""
    from adapt.train.losses import Objective
    from adapt.train.module import Training
    from adapt.train.trained import choose_trained

    recipe = job.recipe
    base = load_base(recipe.base, parts=("model",))
    model = base.model
    datasets = [WindowDataset(new, "train")]
    if replay.folder is not None and recipe.train.replay_share > 0:
        datasets.append(WindowDataset(replay.folder, "train"))
    known = set(model.bodies)
    bodies = _know_bodies(model, [dataset.encoded for dataset in datasets], seed=recipe.seed)
    add_lora(model.dit, recipe.lora, base_id=base.identity.name, revision=base.identity.revision, seed=recipe.seed)
    heads = bool(bodies) and (job.kind == "play" or recipe.train.train_heads)
    joint = heads and recipe.train.joint_head and model.config.joint
    share = recipe.train.replay_share if len(datasets) > 1 else 0.0
    return Training(
        objective=Objective(model=model, config=recipe.train, heads=heads, joint=joint, seed=recipe.seed),
        trained=choose_trained(model, bodies=bodies, heads=heads, joint=joint),
        mixture=Mixture(
            datasets=datasets,
            shares=[1 - share, share][: len(datasets)],
            seed=recipe.seed,
            batch_size=recipe.train.batch_size,
        ),
        validation=WindowDataset(new, "validation"),
        new_body=not known.issuperset(bodies),
    )


def _know_bodies(model: WorldActionModel, encoded: Sequence[Encoded], *, seed: int) -> list[str]:
    """Give the heads every body that has actions in the data; returns their names."""
    bodies = {body.name: body for data in encoded for body in data.embodiments.values() if body.actions}
    for name, body in sorted(bodies.items()):
        axes = (len(body.actions), len(body.state))
        if name not in model.bodies:
            model.add_body(name, *axes, seed=seed)
        elif model.bodies[name] != axes:
            raise EmbodimentError(
                f"embodiment '{name}' has {axes[0]} action and {axes[1]} state axes, but the base knows a body of that "
                f"name with {model.bodies[name][0]} and {model.bodies[name][1]}. Give yours another name."
            )
    return sorted(bodies)


def _facts(account: Mapping[str, Any]) -> dict[str, Any]:
    """The account without its curves, and what a reader wants to know first."""
    validation = {int(entry["step"]): entry for entry in account["validation"]}
    told = f"{account['steps']} steps"
    if validation:
        first, best = validation[0], validation[account["best_step"]]
        told += f", best at {account['best_step']}: video loss {first['video']:.3f} -> {best['video']:.3f}"
        if "action" in best:
            told += f", action loss {first['action']:.3f} -> {best['action']:.3f}"
        if account["best_step"] == 0:
            log.warning("no step was better than the untrained adapters on the validation windows; these are kept")
    else:
        told += ", no validation windows: the last step is kept"
    return {"summary": told} | {key: value for key, value in account.items() if key not in ("curve", "validation")}
