"""How is one policy of a study made and tried? Trained from its seed, then let act; each piece is done whole, or not.

OUT/trials/ARM-SEED.HEAD.TASKS.BODY/KEY/trials.json   the episodes of one policy, as `wam-adapt sim try` records them
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapt.errors import DataError
from adapt.evaluate import closed_loop_arms as arms
from adapt.runs.atomic import write_atomic
from adapt.runs.cache import Cache
from adapt.runs.documents import in_short, parse_object
from adapt.runs.manifest import find_finished
from adapt.runs.stage import find_current, read_manifest, run_stage, stage_key
from pipelines.encode import base_fingerprint
from pipelines.tabletop import scratch
from pipelines.tabletop.data import BODIES, prepare
from pipelines.tabletop.made import spent
from pipelines.tabletop.plan import ARM, SCRATCH, Trial, Unit, trial_inputs

if TYPE_CHECKING:
    from adapt.evaluate.trials import Trials
    from adapt.policy.policy import Policy
    from pipelines import sim_try
    from pipelines.job import Job

VERSION = 1  # Raise by hand when the same policy would act otherwise in the same episodes.
EPISODES = "trials.json"
_PLANTED = {arms.STILL: "still", arms.HOLD_LAST: "still", arms.RANDOM: "random", arms.EXPERT: "expert"}


def prepare_data(out: Path, unit: Unit) -> None:
    """Record a policy's data and bring its run up to where trainings begin."""
    assert unit.source is not None  # Only such are asked for.
    with spent(out, unit.data):
        prepare(out, unit.source, unit.config)


def do_unit(out: Path, unit: Unit) -> None:
    """Train a policy and let it act in all of its trials, as far as that is not done."""
    with spent(out, unit.identity):
        training = train(out, unit)
        for trial in unit.trials:
            act(out, unit, trial, training)


def is_done(out: Path, unit: Unit) -> bool:
    """Whether a policy has acted in all of its trials."""
    return all(find_trial(out, unit, trial) is not None for trial in unit.trials)


def was_tried(out: Path, unit: Unit, trial: Trial) -> bool:
    """Whether a policy of this description has acted in a trial, from whatever base's weights."""
    home = out / "trials" / _name(unit, trial)
    finished = (find_finished(path) for path in (sorted(home.iterdir()) if home.is_dir() else ()))
    return any(done is not None and done["inputs"]["unit"] == unit.identity for done in finished)


def train(out: Path, unit: Unit, cache: Cache | None = None) -> Path | None:
    """The folder of a policy's training, gone on with where it was killed; None where nothing is trained."""
    if unit.source is None:
        return None
    cache = cache or Cache.default()
    job = prepare(out, unit.source, unit.config, cache)
    if unit.training == SCRATCH:
        return _train_from_nothing(job, unit)
    from pipelines import study_plan, study_train

    return study_train.train(study_plan.make_plan(job, cache), unit.training, unit.seed)


def act(out: Path, unit: Unit, trial: Trial, training: Path | None) -> Path:
    """Let a policy act in the episodes of a trial; the folder of what came of it."""

    def work(folder: Path) -> Mapping[str, Any]:
        """Act all episodes of the trial; leaves what became of each."""
        from adapt.evaluate.trials import to_json

        trials = run_trial(out, unit, trial, training)
        write_atomic(folder / EPISODES, json.dumps(to_json(trials), indent=1, ensure_ascii=False) + "\n")
        success = trials.success
        return {"summary": f"{success.successes} of {success.episodes}", "success": success.share}

    key = None if training is None else read_manifest(training)["key"]
    return run_stage(out / "trials", _name(unit, trial), _inputs(unit, trial, key), work).path


def find_trials(out: Path, unit: Unit, trial: Trial) -> "Trials | None":
    """What came of a trial; None where it is not done."""
    from adapt.evaluate.trials import from_json

    folder = find_trial(out, unit, trial)
    if folder is None:
        return None
    path = folder / EPISODES
    try:
        value = parse_object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: is damaged ({in_short(error)}); delete its folder and give the command again."
        ) from error
    return from_json(value, source=str(path))


def find_trial(out: Path, unit: Unit, trial: Trial) -> Path | None:
    """The folder of a finished trial of this very policy; None where there is none."""
    home = out / "trials" / _name(unit, trial)
    if not home.is_dir():
        return None
    for path in sorted(home.iterdir()):
        if (done := find_finished(path)) and done["inputs"]["unit"] == unit.identity:
            inputs = _inputs(unit, trial, done["inputs"]["training"])
            if path.name == stage_key(home.name, inputs):
                return path
    return None


def run_trial(out: Path, unit: Unit, trial: Trial, training: Path | None) -> "Trials":
    """The episodes themselves."""
    from pipelines import sim_try

    actor = _PLANTED.get(unit.arm) or open_actor(out, unit, trial, training)
    kind = "planted" if unit.arm in _PLANTED else "model"
    subject = {"kind": kind, "name": unit.name, "unit": unit.identity}
    return sim_try.measure(actor, as_tried(unit, trial), subject=subject)


def as_tried(unit: Unit, trial: Trial) -> "sim_try.Trial":
    """A trial in the words of `wam-adapt sim try`."""
    from adapt.evaluate.closed_loop import Pace
    from pipelines import sim_try

    config = unit.config.trials
    return sim_try.Trial(
        tasks=(trial.tasks,),
        episodes=trial.episodes,
        seed=config.first_seed,
        body=trial.body,
        head=trial.head,
        future=sim_try.TRUE if unit.arm == arms.ORACLE else sim_try.IMAGINED,
        pace=Pace(steps=config.steps, executed=config.executed),
    )


def open_actor(out: Path, unit: Unit, trial: Trial, training: Path | None) -> "Policy":
    """A policy with its weights, for the body that acts."""
    from adapt.models.adapters import load_adapter
    from adapt.models.bases import load_base, load_heads
    from adapt.models.checkpoint import read_tensors
    from adapt.policy.opening import actor_of
    from adapt.policy.policy import Policy
    from adapt.train.files import ADAPTER, HEADS

    base = load_base(unit.config.base)
    body = BODIES[trial.body]
    if training is not None and unit.training == SCRATCH:
        scratch.load(base.model, training)
    elif training is not None:
        load_adapter(base.model.dit, training / ADAPTER)
        load_heads(base.model, read_tensors(training / HEADS))
    base.model.eval().requires_grad_(requires_grad=False)
    learnt = _learnt(out, unit) if trial.body == ARM else {}
    known = replace(base, embodiments={**base.embodiments, **learnt.get("embodiments", {})}) if learnt else base
    known = replace(known, statistics={**base.statistics, **learnt.get("statistics", {})}) if learnt else known
    return Policy(known, actor_of(known, body), video_steps=unit.config.trials.video_steps)


def _learnt(out: Path, unit: Unit) -> dict[str, Any]:
    """The body that a policy met in its recordings, and its figures there."""
    from adapt.data.encoded import read_encoded

    assert unit.source is not None  # Nobody acts with a new robot without having met it, planted ones apart.
    found = find_current(prepare(out, unit.source, unit.config).run_folder, "encode")
    assert found is not None
    encoded = read_encoded(found)
    return {"embodiments": encoded.embodiments, "statistics": encoded.statistics}


def _train_from_nothing(job: "Job", unit: Unit) -> Path:
    def work(folder: Path) -> Mapping[str, Any]:
        """Train a model of random weights, resumable."""
        return scratch.train(job, unit.config, unit.seed, folder)

    inputs = scratch.inputs(job, unit.config, unit.seed)
    return run_stage(job.run_folder / "scratch", unit.name, inputs, work, resumable=True).path


def _name(unit: Unit, trial: Trial) -> str:
    return f"{unit.name}.{trial.head}.{trial.tasks}.{trial.body}"


def _inputs(unit: Unit, trial: Trial, training: str | None) -> dict[str, Any]:
    planted = unit.arm in _PLANTED
    return {
        "unit": unit.identity,
        "training": training,
        "base": None if planted else base_fingerprint(unit.config.base),
        "trial": {**trial_inputs(unit.config.trials, trial), "head": trial.head},
        "version": VERSION,
    }
