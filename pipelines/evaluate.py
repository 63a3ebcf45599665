"""Evaluate: the adapted model against its base and trivial guesses, on windows it was not trained on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapt.data.encoded import read_encoded
from adapt.evaluate.evaluation import Subject, evaluate
from adapt.evaluate.held_out import spread
from adapt.evaluate.pictures import draw_strip, to_png
from adapt.evaluate.record import dump
from adapt.evaluate.shown import ADAPTED, TRUE, Gallery, Shown
from adapt.models.bases import Base, load_base
from adapt.runs.atomic import write_atomic
from adapt.runs.cache import Cache
from adapt.runs.stage import read_manifest, require_consistent, require_intact, run_stage
from pipelines import scorecard as card
from pipelines.bar import bar
from pipelines.encode import base_fingerprint
from pipelines.evaluate_models import Material, ask_both
from pipelines.evaluate_windows import find_held_out, find_recordings, find_replayed, shown_body
from pipelines.job import Job
from pipelines.reporting import write_run_report
from pipelines.stages import VERSIONS

if TYPE_CHECKING:
    from rich.console import RenderableType

VERSION = VERSIONS["evaluate"]
EVALUATION = "evaluation.json"
Done = Callable[[int], None]


def run(job: Job, cache: Cache | None = None) -> Path:
    """Judge what finetune made; leaves evaluation.json, report.html and pictures.

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
        base = load_base(job.recipe.base)
        material = Material(
            held_out=held_out,
            recordings=find_recordings(job, encoded, memory, base.codec),
            replay=find_replayed(job, memory),
        )
        subject = Subject(
            kind=job.kind,
            embodiment=shown_body(encoded).name,
            base=base.identity.name,
            base_revision=base.identity.revision,
            held_out=there_are,
            same_session=same_session,
        )
        with bar("evaluate", 2 * material.windows) as done:
            trial, replayed, tools = ask_both(job, base, finetune, encoded, material, done)
        evaluation = evaluate(subject, trial, replayed, tools, job.recipe.evaluate)
        write_atomic(folder / EVALUATION, dump(evaluation))
        gallery = Gallery(
            held_out=trial.held_out,
            adapted=trial.adapted,
            base=trial.base,
            codec=tools.codec,
            geometry=base.geometry,
            body=tools.body,
        )
        drawn = spread(evaluation.worst, job.recipe.evaluate.pictures) if job.recipe.evaluate.pictures else []
        worst = evaluation.worst[: job.recipe.evaluate.shown]
        shown = {item.window_id: item for item in gallery.show(evaluation, list(dict.fromkeys([*worst, *drawn])))}
        captions = _draw(folder, [shown[window_id] for window_id in drawn], base)
        write_run_report(folder, job, evaluation, [shown[window_id] for window_id in worst])
        return {"summary": evaluation.summary, "windows": evaluation.windows, "pictures": captions}

    return run_stage(job.run_folder, "evaluate", inputs, work).path


def scorecard(stage: Path) -> "RenderableType":
    """The scorecard of a finished evaluate stage, for the terminal."""
    return card.show(card.read(stage))


def _draw(folder: Path, shown: Sequence[Shown], base: Base) -> dict[str, str]:
    """Draw windows as strips for the card; returns each picture's caption by its file."""
    captions = {}
    for number, window in enumerate(shown):
        strip = draw_strip(window.frames[TRUE], window.frames[ADAPTED], base.geometry.frames_per_chunk)
        name = f"pictures/held_out_{number}.png"
        (folder / "pictures").mkdir(exist_ok=True)
        write_atomic(folder / name, to_png(strip))
        captions[name] = (
            f"{window.instruction}: the present, the imagined and the true frame, a row for each "
            f"{base.geometry.chunk_s:g} s (number {window.rank} of {window.of}, the worst being 1)"
        )
    return captions
