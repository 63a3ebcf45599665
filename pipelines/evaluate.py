"""Evaluate: the adapted model against its base and trivial guesses, on windows it was not trained on."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from adapt.data.encoded import Encoded, read_encoded
from adapt.evaluate.actions import Body
from adapt.evaluate.evaluation import Replayed, Subject, Tools, Trial, evaluate
from adapt.evaluate.held_out import HeldOut, Imagined, spread
from adapt.evaluate.imagining import Draw, imagine_held_out, imagine_samples
from adapt.evaluate.pictures import draw_strip, to_png
from adapt.evaluate.record import Evaluation, dump
from adapt.models.bases import Base, load_base
from adapt.policy.acting import Actor
from adapt.runs.atomic import write_atomic
from adapt.runs.cache import Cache
from adapt.runs.stage import read_manifest, require_consistent, require_intact, run_stage
from pipelines import scorecard as card
from pipelines.encode import base_fingerprint
from pipelines.evaluate_windows import ReplaySample, adapt_from, find_held_out, find_replayed, shown_body
from pipelines.job import Job

if TYPE_CHECKING:
    from rich.console import RenderableType

VERSION = 1  # Raise by hand when the same inputs would give another evaluation.
EVALUATION = "evaluation.json"
Done = Callable[[int], None]


def run(job: Job, cache: Cache | None = None) -> Path:
    """Judge what finetune made; leaves evaluation.json and pictures.

    Args:
        job: The run.
        cache: Remembers digests; the user's own by default.

    Returns:
        RUN/evaluate/KEY.

    Raises:
        RunError: An earlier stage has not been run.
    """
    stages = require_consistent(job.run_folder, ("ingest", "encode", "finetune"))
    ingest, encode, finetune = stages.values()
    inputs = {
        "encode": read_manifest(encode)["key"],
        "finetune": read_manifest(finetune)["key"],
        "base": base_fingerprint(job.recipe.base),
        "evaluate": asdict(job.recipe.evaluate),
        "version": VERSION,
    }
    same_session = bool(read_manifest(ingest)["facts"]["same_session"])

    def work(folder: Path) -> Mapping[str, Any]:
        require_intact(*stages.values())
        memory = cache or Cache.default()
        encoded = read_encoded(encode)
        held_out, there_are = find_held_out(job, encoded, memory)
        replay = find_replayed(job, memory)
        base = load_base(job.recipe.base)
        subject = Subject(
            kind=job.kind,
            embodiment=shown_body(encoded).name,
            base=base.identity.name,
            base_revision=base.identity.revision,
            held_out=there_are,
            same_session=same_session,
        )
        with _bar(2 * (len(held_out) + len(replay.samples))) as done:
            trial, replayed, tools = _try(job, base, finetune, encoded, (held_out, replay, done))
        evaluation = evaluate(subject, trial, replayed, tools, job.recipe.evaluate)
        write_atomic(folder / EVALUATION, dump(evaluation))
        captions = _draw(folder, trial, evaluation, base, job.recipe.evaluate.pictures)
        return {"summary": evaluation.summary, "windows": evaluation.windows, "pictures": captions}

    return run_stage(job.run_folder, "evaluate", inputs, work).path


def scorecard(stage: Path) -> "RenderableType":
    """The scorecard of a finished evaluate stage, for the terminal."""
    return card.show(card.read(stage))


def _try(
    job: Job, base: Base, finetune: Path, encoded: Encoded, given: tuple[Sequence[HeldOut], ReplaySample, Done]
) -> tuple[Trial, Replayed | str, Tools]:
    """Both models' answers: first the base's, then, with the adapter and the trained heads put on it, the adapted."""
    held_out, replay, done = given
    draw = Draw(video_steps=job.recipe.evaluate.video_steps, seed=job.recipe.evaluate.seed)
    spec = shown_body(encoded)
    figures = encoded.statistics.get(spec.name)
    known = base.statistics.get(spec.name)
    knows = known is not None and spec.name in base.model.bodies

    def ask(actor: Actor | None) -> tuple[list[Imagined], list[Imagined]]:
        return (
            imagine_held_out(base.model, held_out, actor, draw, done),
            imagine_samples(base.model, replay.samples, draw, done),
        )

    before = ask(Actor(spec=spec, statistics=known) if known is not None and knows else None)
    adapt_from(base, finetune)
    after = ask(Actor(spec=spec, statistics=figures) if figures is not None and figures.actions is not None else None)
    body = None
    if figures is not None and figures.actions is not None:
        body = Body(spec=spec, statistics=figures.actions, action_steps=base.geometry.action_steps)
    replayed = Replayed(samples=replay.samples, base=before[1], adapted=after[1], note=replay.note)
    return (
        Trial(held_out=held_out, base=before[0], adapted=after[0]),
        replay.problem or replayed,
        Tools(codec=base.codec, geometry=base.geometry, body=body, base_knows_body=knows),
    )


def _draw(folder: Path, trial: Trial, evaluation: Evaluation, base: Base, most: int) -> dict[str, str]:
    """Draw some windows, from the worst imagined to the best; returns each picture's caption by its file."""
    captions = {}
    places = {item.window.window_id: place for place, item in enumerate(trial.held_out)}
    ranks = {window_id: rank for rank, window_id in enumerate(evaluation.worst, start=1)}
    for number, window_id in enumerate(spread(evaluation.worst, most) if most else []):
        item, answer = trial.held_out[places[window_id]], trial.adapted[places[window_id]]
        latents = item.sample.latents.float()
        imagined = base.codec.decode(torch.cat([latents[:1], answer.latents])[None])[0]
        true = base.codec.decode(latents[None])[0] if item.frames is None else item.frames
        name = f"pictures/held_out_{number}.png"
        (folder / "pictures").mkdir(exist_ok=True)
        write_atomic(folder / name, to_png(draw_strip(true, imagined, base.geometry.frames_per_chunk)))
        captions[name] = (
            f"{item.window.instruction}: the present, the imagined and the true frame, a row for each "
            f"{base.geometry.chunk_s:g} s (number {ranks[window_id]} of {len(ranks)}, the worst being 1)"
        )
    return captions


@contextmanager
def _bar(windows: int) -> Iterator[Done]:
    """A progress bar on standard error, where that is a terminal."""
    if not windows or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("evaluate"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=windows)
        yield lambda more: progress.advance(task, more)
