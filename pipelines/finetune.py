"""Fine-tune: encoded windows and replay in; adapters and heads out. Killed at any step, it goes on from there.

With `train.devices: 2`, or started by torchrun or srun, several processes share each step's windows. Process 0 does
all that is said here; the others only help to train, and write nothing.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapt.data.encoded import Encoded, read_encoded
from adapt.data.samples import Mixture, WindowDataset
from adapt.embodiment.statistics import require_one_scale
from adapt.errors import AdaptError, EmbodimentError, RunError
from adapt.models.adapters import add_lora
from adapt.models.bases import load_base
from adapt.models.world_action import WorldActionModel
from adapt.runs.cache import Cache
from adapt.runs.processes import Rank, find_rank
from adapt.runs.stage import find_current, read_manifest, require_consistent, require_intact, run_stage
from adapt.train.settings import HOW_NOT_WHAT
from pipelines.encode import base_fingerprint, encoders_fingerprint
from pipelines.job import Job, save_job
from pipelines.replay import Replay, encoders_of, find_replay
from pipelines.stages import VERSIONS

if TYPE_CHECKING:
    from adapt.train.helpers import Leader
    from adapt.train.module import Training

VERSION = VERSIONS["finetune"]
log = logging.getLogger(__name__)


def run(job: Job, cache: Cache | None = None) -> Path:
    """Train adapters and heads; `adapt.train.result` describes the stage's folder.

    Args:
        job: The run.
        cache: Remembers digests; the user's own by default.

    Returns:
        RUN/finetune/KEY; in a process that only helps, RUN/finetune.

    Raises:
        RunError: Encode has not been run, or with another base; or a process that trains with this one has stopped.
        DataError: The replay data is not there, or belongs to another base.
        EmbodimentError: The base knows a body of this name with other axes, or base, new and replay data scale one
            body differently.
    """
    cache = cache or Cache.default()
    rank = find_rank()
    if rank is None:
        return _train(job, cache, None)
    if rank.number > 0:
        return _help(job, rank, cache)
    if job.recipe.train.devices not in (1, rank.size):
        log.info("train.devices is %d, but %d processes were started: these train", job.recipe.train.devices, rank.size)
    with _leading(job, rank) as leader:
        return _train(job, cache, leader)


def _train(job: Job, cache: Cache, leader: "Leader | None") -> Path:
    """The stage as the process that leads sees it; it starts helpers itself where `leader` is None."""
    encode, replay = _sources(job, cache)
    inputs = {
        "encode": read_manifest(encode)["key"],
        "base": base_fingerprint(job.recipe.base),
        "replay": [replay.origin, replay.key],
        "kind": job.kind,
        "lora": asdict(job.recipe.lora),
        "train": {name: value for name, value in asdict(job.recipe.train).items() if name not in HOW_NOT_WHAT},
        "seed": job.recipe.seed,
        "version": VERSION,
    }

    def work(folder: Path) -> Mapping[str, Any]:
        """Train, from the last checkpoint if there is one; leaves the adapter, the heads and the record."""
        from adapt.train.checkpoint import discard_checkpoints
        from adapt.train.loop import fit  # Lightning takes seconds to load.
        from adapt.train.result import write_result

        with _leading(job, None) if leader is None else nullcontext(leader) as leads:
            leads.call()
            require_intact(encode)
            training = prepare(job, read_encoded(encode), replay)
            with leads.joined() as ranks:
                record = fit(training, scratch=folder, logs=job.run_folder / "logs" / "finetune", ranks=ranks)
        windows = [len(dataset) for dataset in training.mixture.datasets]
        about = {"kind": job.kind, "replay": replay.origin, "windows": windows[0], "replay_windows": sum(windows[1:])}
        account = write_result(folder, training, record, about)
        discard_checkpoints(folder)
        return _facts(account)

    return run_stage(job.run_folder, "finetune", inputs, work, resumable=True).path


def _leading(job: Job, rank: Rank | None) -> "AbstractContextManager[Leader]":
    from adapt.train.helpers import lead  # Torch takes seconds to load.

    train = job.recipe.train
    if rank is None and train.devices > 1:
        save_job(job)  # The helpers read it.
    command = ("-m", "pipelines.cli", "finetune", "--run", job.run)
    return lead(rank, devices=train.devices, strategy=train.strategy, command=command)


def _help(job: Job, rank: Rank, cache: Cache) -> Path:
    """The stage as a process sees it that another one leads."""
    from adapt.train.helpers import PREPARE, TRAIN, follow
    from adapt.train.loop import fit

    place = job.run_folder / "finetune"
    for name in ("adapt", "pipelines"):
        logging.getLogger(name).setLevel(logging.ERROR)  # Process 0 tells the rest.
    helper = follow(rank, strategy=job.recipe.train.strategy)
    if not helper.hears(PREPARE):
        return place
    failed, training = None, None
    try:
        encode, replay = _sources(job, cache)
        training = prepare(job, read_encoded(encode), replay)
    except AdaptError as error:
        failed = error
    if not helper.hears(TRAIN):
        return place  # Process 0 has failed too, and says why.
    if failed is not None or training is None:
        raise failed or RunError(f"{job.run}: nothing to train")
    with helper.joined() as ranks:
        fit(training, scratch=place, logs=None, ranks=ranks)
    return place


def _sources(job: Job, cache: Cache) -> tuple[Path, Replay]:
    """The encoded data and the replay data of a job."""
    # A run that came here from another machine may have left its ingest behind.
    earlier = ("ingest", "encode") if find_current(job.run_folder, "ingest") else ("encode",)
    encode = require_consistent(job.run_folder, earlier)["encode"]
    require_encoders(job, encode)
    if job.replay != "none" and job.recipe.train.replay_share == 0:
        log.warning("train.replay_share is 0: replay '%s' is not mixed in, so the base may forget", job.replay)
    return encode, find_replay(job, cache)


def require_encoders(job: Job, encode: Path) -> None:
    """See that a run's data was encoded for the base it is to be trained on.

    Raises:
        RunError: It was encoded for another.
    """
    if encoders_of(encode) != encoders_fingerprint(job.recipe.base):
        raise RunError(
            f"{job.run}: its encoded data is another base's than '{job.recipe.base}'; encode it again with: "
            f"wam-adapt encode --run {job.run}"
        )


def prepare(
    job: Job,
    new: Encoded,
    replay: Replay,
    *,
    seed: int | None = None,
    first: WindowDataset | None = None,
    validation: WindowDataset | None = None,
) -> "Training":
    """The model with its adapters and bodies, and the data, ready to be trained.

    Args:
        job: What is to be trained, and how.
        new: The new data; it and replay decide which bodies and heads are trained.
        replay: Mixed in.
        seed: Of everything drawn at random; the recipe's by default.
        first: Stands in the place of the new data's training windows, with their share and their draws.
        validation: Windows that choose the step to keep, the new data's by default; where empty, the last is kept.
    """
    from adapt.train.losses import Objective
    from adapt.train.module import Training
    from adapt.train.trained import choose_trained

    recipe = job.recipe
    seed = recipe.seed if seed is None else seed
    base = load_base(recipe.base, parts=("model",))
    model = base.model
    datasets = [WindowDataset(new, "train") if first is None else first]
    known_data = [new]
    if replay.folder is not None and recipe.train.replay_share > 0:
        datasets.append(WindowDataset(replay.folder, "train"))
        known_data.append(datasets[-1].encoded)
    names = ("the new data", "the replay data")
    scales = [(name, data.statistics) for name, data in zip(names, known_data, strict=False)]
    require_one_scale([("the base", base.statistics), *scales])
    known = set(model.bodies)
    bodies = _know_bodies(model, known_data, seed=seed)
    add_lora(model.dit, recipe.lora, base_id=base.identity.name, revision=base.identity.revision, seed=seed)
    heads = bool(bodies) and (job.kind == "play" or recipe.train.train_heads)
    joint = heads and recipe.train.joint_head and model.config.joint
    share = recipe.train.replay_share if len(datasets) > 1 else 0.0
    return Training(
        objective=Objective(model=model, config=recipe.train, heads=heads, joint=joint, seed=seed),
        trained=choose_trained(model, bodies=bodies, heads=heads, joint=joint),
        mixture=Mixture(
            datasets=datasets,
            shares=[1 - share, share][: len(datasets)],
            seed=seed,
            batch_size=recipe.train.batch_size,
        ),
        validation=WindowDataset(new, "validation") if validation is None else validation,
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
