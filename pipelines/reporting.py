"""What does a run's report.html say? Read from what the stages wrote; the page itself is `adapt.report`'s."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from adapt.evaluate.record import Evaluation
from adapt.evaluate.shown import Shown
from adapt.evaluate.study_record import StudyRecord
from adapt.hub.facts import count_windows
from adapt.models.bases import read_geometry
from adapt.report.facts import Curves, Provenance, ReportFacts
from adapt.report.page import NAME, write_report
from adapt.runs.stage import find_current, read_manifest
from adapt.train.files import ACCOUNT
from adapt.train.settings import HOW_NOT_WHAT
from pipelines.ingest import read_windows
from pipelines.job import Job
from pipelines.strict import to_plain

_SOURCES = {"human": "videos of people, without actions", "play": "a robot's recordings, with actions"}
_STAGES = ("ingest", "encode", "finetune")
# What the base and the judging are is told elsewhere on the page; these change but time and memory.
_LEFT_OUT = ("base", "evaluate", "study", *(f"train.{name}" for name in HOW_NOT_WHAT))


def write_run_report(folder: Path, job: Job, evaluation: Evaluation, shown: Sequence[Shown]) -> Path:
    """Write the report of an evaluation.

    Args:
        folder: Gets report.html.
        job: The run; its stages up to finetune are done.
        evaluation: What was found.
        shown: Windows to look at, the worst imagined first.

    Returns:
        The page.
    """
    facts = ReportFacts(
        evaluation=evaluation,
        shown=shown,
        curves=_curves(job),
        provenance=_provenance(job),
        chunk_s=read_geometry(job.recipe.base).chunk_s,
    )
    return write_report(folder / NAME, facts)


def write_study_report(folder: Path, job: Job, study: StudyRecord) -> Path:
    """Write the report of a study; arguments as above."""
    facts = ReportFacts(evaluation=None, study=study, provenance=_provenance(job))
    return write_report(folder / NAME, facts)


def _curves(job: Job) -> Curves | None:
    finetune = find_current(job.run_folder, "finetune")
    if finetune is None:
        return None
    account = json.loads((finetune / ACCOUNT).read_text(encoding="utf-8"))
    return Curves(training=account["curve"], validation=account["validation"], best_step=account["best_step"])


def _provenance(job: Job) -> Provenance:
    data = count_windows(read_windows(job), read_geometry(job.recipe.base))
    manifests = {
        stage: read_manifest(path) for stage in _STAGES if (path := find_current(job.run_folder, stage)) is not None
    }
    finetune: Mapping[str, Any] = manifests.get("finetune", {}).get("facts", {})
    latest: Mapping[str, Any] = list(manifests.values())[-1]
    return Provenance(
        source=_SOURCES[job.kind],
        instructions=data.instructions,
        training_minutes=data.minutes,
        windows=data.windows,
        sessions=data.sessions,
        rejections=data.rejections,
        labels=data.provenance,
        replay=_replay(job),
        trained=_trained(finetune.get("trained", {})),
        recipe=dict(_flat(to_plain(job.recipe))),
        versions=latest["versions"],
        stages={stage: manifest["key"] for stage, manifest in manifests.items()},
    )


def _replay(job: Job) -> str:
    share = job.recipe.train.replay_share
    if job.replay == "none" or share == 0:
        return "none, so it may have forgotten what the base knew"
    origin = "the episodes that ship with the base" if job.replay == "base" else "encoded data of the user's own"
    return f"{origin}, {share:.0%} of the windows of every step"


def _trained(groups: Mapping[str, Any]) -> str:
    """For example "adapters: 120 tensors, 319,488 parameters; heads: ...; 37.5% of the model"."""
    parts = [
        f"{name}: {group['tensors']:,} tensors, {group['parameters']:,} parameters"
        for name, group in groups.items()
        if isinstance(group, Mapping)
    ]
    share = groups.get("share")
    return "; ".join([*parts, f"{share:.1%} of the model, all else frozen"]) if share is not None else ""


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if key in _LEFT_OUT:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{key}.")
        else:
            yield key, value
