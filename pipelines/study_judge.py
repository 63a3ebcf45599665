"""What does each arm make of the held-out windows? The same windows and the same noise for all, errors kept by window.

RUN/study/judgements/ARM-SEED/KEY/errors.json   errors of one training, by measure and window
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from adapt.data.encoded import Encoded, read_encoded
from adapt.errors import DataError
from adapt.evaluate import actions, retention, video
from adapt.evaluate.actions import Body, action_errors
from adapt.evaluate.held_out import HeldOut
from adapt.evaluate.imagining import Draw, imagine_held_out, imagine_samples
from adapt.evaluate.record import COPY_LAST, HOLD_LAST, MEAN
from adapt.evaluate.retention import retention_errors
from adapt.evaluate.study_codec import RememberingCodec
from adapt.evaluate.study_settings import BASE, REPLAY
from adapt.evaluate.tables import Errors, window_errors
from adapt.models.adapters import WEIGHTS, load_adapter, restore_adapter
from adapt.models.bases import Base, load_base, load_heads
from adapt.models.checkpoint import read_tensors
from adapt.policy.acting import Actor
from adapt.runs.atomic import write_atomic
from adapt.runs.cache import Cache
from adapt.runs.documents import in_short, parse_object
from adapt.runs.manifest import find_finished
from adapt.runs.stage import read_manifest, require_intact, run_stage, stage_key
from adapt.train.files import ADAPTER, HEADS
from pipelines import evaluate
from pipelines.bar import bar
from pipelines.encode import base_fingerprint
from pipelines.evaluate_windows import ReplaySample, find_held_out, find_replayed, shown_body
from pipelines.study_plan import Plan
from pipelines.study_train import Pace, unit_name
from pipelines.terminal import Terminal

VERSION = 1  # Raise by hand when the same inputs would give other errors.
FOLDER, ERRORS = "judgements", "errors.json"
MODEL = "model"  # what the judged arm is called among trivial guesses
_MEASURED = (video.LATENT, video.MOTION)
_APART = 1000  # between the noise of two seeds, so that no window of one gets the noise of another's


def judge_all(plan: Plan, trainings: Mapping[str, Path], terminal: Terminal, cache: Cache) -> dict[str, Path]:
    """Judge every arm and seed, unless that is done already.

    Args:
        plan: The study.
        trainings: The folder of each training, by `unit_name`.
        terminal: Where progress goes.
        cache: Remembers digests.

    Returns:
        The folder of each judgement, by `unit_name`.
    """
    # The base comes first, since adapters are put on it and never taken off.
    units = [(BASE, seed) for arm in plan.made if not arm.trained for seed in plan.seeds]
    units += [(arm.name, seed) for arm, seed in plan.trainings]
    bench, pace = Bench(plan, cache), Pace()
    left = [unit for unit in units if not is_done(plan, *unit, trainings)]
    found = {}
    for arm, seed in units:
        if (arm, seed) not in left:
            found[unit_name(arm, seed)] = judge(bench, arm, seed, trainings, lambda _: None)
            continue
        number = left.index((arm, seed))
        told = f"judging {number + 1} of {len(left)}: {arm}, seed {seed}{pace.left(len(left) - number)}"
        terminal.say(f"{'study':9} {told}", style="dim")
        with pace, bar("judge", bench.count()) as done:
            found[unit_name(arm, seed)] = judge(bench, arm, seed, trainings, done)
    return found


def judge(bench: "Bench", arm: str, seed: int, trainings: Mapping[str, Path], done: Callable[[int], None]) -> Path:
    """Errors of one arm's training, by window; the folder they are in."""
    plan, name = bench.plan, unit_name(arm, seed)

    def work(folder: Path) -> Mapping[str, Any]:
        """Measure the arm's training, or the base where it has none; leaves the errors."""
        if name in trainings:
            bench.adapt_from(trainings[name])
        account = bench.measure(arm, seed, done)
        write_atomic(folder / ERRORS, json.dumps(account, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        return {"summary": f"{len(account['windows'])} windows", "arm": arm, "seed": seed}

    return run_stage(_home(plan), name, _inputs(plan, arm, seed, trainings), work).path


def is_done(plan: Plan, arm: str, seed: int, trainings: Mapping[str, Path]) -> bool:
    """Whether a judgement is finished."""
    name = unit_name(arm, seed)
    key = stage_key(name, _inputs(plan, arm, seed, trainings))
    return find_finished(_home(plan) / name / key) is not None


def read_errors(folder: Path) -> dict[str, Any]:
    """What `judge` wrote; NaN where a window has nothing to measure.

    Raises:
        DataError: It is damaged.
    """
    path = folder / ERRORS
    try:
        account = parse_object(path.read_text(encoding="utf-8"))
        for contenders in account["errors"].values():
            for name, row in contenders.items():
                contenders[name] = [math.nan if value is None else value for value in row]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: is damaged ({in_short(error)}); delete its folder and give the command again."
        ) from error
    return account


class Bench:
    """One loaded base, on which adapters take turns, and the windows all of them are judged on; loaded when needed.

    Args:
        plan: The study.
        cache: Remembers digests.
    """

    def __init__(self, plan: Plan, cache: Cache) -> None:
        self.plan = plan
        self._cache = cache
        self._adapted = False

    @cached_property
    def base(self) -> Base:
        """The base, with every part."""
        require_intact(self.plan.ingest)
        return load_base(self.plan.job.recipe.base)

    @cached_property
    def held_out(self) -> tuple[Sequence[HeldOut], int]:
        """The windows, and how many there are."""
        return find_held_out(self.plan.job, self.plan.encoded, self._cache, most=self.plan.job.recipe.study.windows)

    @cached_property
    def codec(self) -> RememberingCodec:
        """The base's codec, for which the truth is the same whichever model is judged."""
        return RememberingCodec(self.base.codec, (item.sample.latents.float() for item in self.held_out[0]))

    @cached_property
    def replayed(self) -> ReplaySample:
        """Windows of the base's own data."""
        return find_replayed(self.plan.job, self._cache, most=self.plan.job.recipe.study.replay_windows)

    @cached_property
    def replay_encoded(self) -> Encoded | None:
        """The replay data, if there is any."""
        return None if self.plan.replay.folder is None else read_encoded(self.plan.replay.folder)

    def count(self) -> int:
        """Windows that each model is asked about."""
        return len(self.held_out[0]) + len(self.replayed.samples)

    def adapt_from(self, training: Path) -> None:
        """Put another training's adapter and heads in the place of those before."""
        require_intact(training)
        model = self.base.model
        if self._adapted:
            restore_adapter(model.dit, read_tensors(training / ADAPTER / WEIGHTS))
        else:
            load_adapter(model.dit, training / ADAPTER)
            self._adapted = True
        load_heads(model, read_tensors(training / HEADS))
        model.eval().requires_grad_(requires_grad=False)

    def measure(self, arm: str, seed: int, done: Callable[[int], None]) -> dict[str, Any]:
        """Errors of what the base is now, by measure, contender and window."""
        recipe, base = self.plan.job.recipe, self.base
        draw = Draw(video_steps=recipe.evaluate.video_steps, seed=recipe.evaluate.seed + _APART * seed)
        held_out, there_are = self.held_out
        actor = self._actor(arm)
        answers = imagine_held_out(base.model, held_out, actor, draw, done)
        found = video.video_errors(held_out, {MODEL: answers}, self.codec, base.geometry)
        errors = {id_: _rows(found[id_], (MODEL, COPY_LAST), first_chunk=False) for id_ in _MEASURED}
        labelled = [place for place, item in enumerate(held_out) if item.window.actions is not None]
        body = self._body()
        if labelled and body is not None:
            windows = [held_out[place] for place in labelled]
            told = {} if actor is None else {MODEL: [answers[place] for place in labelled]}
            rows = _rows(action_errors(windows, told, body), (MODEL, HOLD_LAST, MEAN), first_chunk=True)
            errors[actions.OVERALL] = {name: _spread(row, labelled, len(held_out)) for name, row in rows.items()}
        samples = self.replayed.samples
        if samples:
            kept = retention_errors(samples, {MODEL: imagine_samples(base.model, samples, draw, done)}, base.geometry)
            for id_, contenders in kept.items():
                errors[id_] = _rows(contenders, (MODEL,), first_chunk=id_ == retention.ACTION)
        return {
            "format": 1,
            "windows": [item.window.window_id for item in held_out],
            "sessions": [item.window.session for item in held_out],
            "held_out": there_are,
            "frames_known": all(item.frames is not None for item in held_out),
            "replay_windows": [sample.window_id for sample in samples],
            "replay_sessions": list(self.replayed.sessions),
            "replay_note": self.replayed.problem or self.replayed.note,
            "errors": errors,
        }

    def _body(self) -> Body | None:
        """What actions of the new data's body are judged by; None where it has none."""
        encoded = self.plan.encoded
        spec = shown_body(encoded)
        figures = encoded.statistics.get(spec.name)
        if figures is None or figures.actions is None:
            return None
        return Body(spec=spec, statistics=figures.actions, action_steps=self.base.geometry.action_steps)

    def _actor(self, arm: str) -> Actor | None:
        """The new data's body as an arm has learnt to act with it; None where it has not."""
        spec = shown_body(self.plan.encoded)
        if arm == BASE:
            source = self.base.statistics if spec.name in self.base.model.bodies else {}
        elif arm == REPLAY:
            replay = self.replay_encoded
            source = self.base.statistics if replay is None or spec.name not in replay.statistics else replay.statistics
        else:
            source = self.plan.encoded.statistics
        figures = source.get(spec.name)
        return None if figures is None or figures.actions is None else Actor(spec=spec, statistics=figures)


def _inputs(plan: Plan, arm: str, seed: int, trainings: Mapping[str, Path]) -> dict[str, Any]:
    recipe, training = plan.job.recipe, trainings.get(unit_name(arm, seed))
    return {
        "arm": arm,
        "seed": seed,
        "training": None if training is None else read_manifest(training)["key"],
        "encode": read_manifest(plan.encode)["key"],
        "base": base_fingerprint(recipe.base),
        "replay": [plan.replay.origin, plan.replay.key],
        "windows": [recipe.study.windows, recipe.study.replay_windows],
        "imagined": [recipe.evaluate.video_steps, recipe.evaluate.seed],
        "version": [evaluate.VERSION, VERSION],
    }


def _home(plan: Plan) -> Path:
    return plan.job.run_folder / "study" / FOLDER


def _rows(
    contenders: Mapping[str, Errors], names: Sequence[str], *, first_chunk: bool
) -> dict[str, list[float | None]]:
    """One number a window for each contender that is there, as JSON has them: None for what is no number."""
    return {
        name: [
            value if math.isfinite(value) else None
            for value in window_errors(contenders[name], first_chunk=first_chunk)
        ]
        for name in names
        if name in contenders
    }


def _spread(row: Sequence[float | None], places: Sequence[int], count: int) -> list[float | None]:
    """Numbers of some windows among all of them."""
    known = dict(zip(places, row, strict=True))
    return [known.get(place) for place in range(count)]
