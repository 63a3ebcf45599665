"""A run of three drawn videos, really ingested and encoded, and stages after that as far as a withdrawal reads them."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from run_builder import draw_video
from run_builder import job as make_job

from adapt.footage.settings import FootageConfig
from adapt.runs.fingerprint import fingerprint
from adapt.runs.results import find_results
from adapt.runs.stage import StageResult, require_current, run_stage
from adapt.train.files import ACCOUNT
from pipelines import encode, ingest
from pipelines.job import Job, save_job

# Drawn noise is no footage that a person would film.
_ANYTHING = FootageConfig(
    shot_change=2.0,
    min_brightness=0.0,
    max_white_share=1.0,
    min_contrast=0.0,
    max_vivid_share=1.0,
    max_seam_share=1.0,
    max_bars_share=1.0,
    max_blur=1.0,
    max_still_s=86_400.0,
    max_likeness=1.0,
)
NAMES = ("anna_1", "anna_2", "ben_1")


def a_job(folder: Path) -> Job:
    """A job on FOLDER/videos, with a random base, which keeps windows without hands and cuts short ones."""
    job = replace(make_job(folder), task="pour")
    job.recipe.hands.min_hands_share = 0.0
    job.recipe.footage = _ANYTHING
    job.recipe.windows.max_chunks = 1
    return job


def make_run(folder: Path) -> Job:
    """Draw the videos and run ingest and encode, with the cache in FOLDER/cache, which has to be the user's."""
    (folder / "videos").mkdir()
    for number, name in enumerate(NAMES):
        draw_video(folder / "videos" / f"{name}.mp4", seconds=4, seed=number)
    job = a_job(folder)
    save_job(job)
    ingest.run(job)
    encode.run(job)
    finish(job)
    return job


def finish(job: Job) -> None:
    """What finetune, evaluate and bundle leave: what names their inputs, and files by which they are known."""
    keys = {stage: require_current(job.run_folder, stage).name for stage in ("ingest", "encode")}
    train(job.run_folder, "finetune", {"encode": keys["encode"], "replay": ["none", ""]})
    keys["finetune"] = require_current(job.run_folder, "finetune").name
    put(job.run_folder, "evaluate", {name: keys[name] for name in ("encode", "finetune")}, "report.html")
    keys["evaluate"] = require_current(job.run_folder, "evaluate").name
    put(job.run_folder, "bundle", keys, "SHA256SUMS")


def train(run: Path, stage: str, inputs: Mapping[str, Any]) -> StageResult:
    """A finished training."""
    return put(run, stage, inputs, ACCOUNT)


def put(run: Path, stage: str, inputs: Mapping[str, Any], name: str) -> StageResult:
    """A finished stage with one file, whose content is its inputs' own."""

    def work(folder: Path) -> dict[str, str]:
        (folder / name).write_text(fingerprint(inputs))
        return {"summary": f"{stage} is well"}

    return run_stage(run, stage, inputs, work)


def copy_of(built: Path, to: Path) -> Job:
    """A copy of what `make_run` made, with times as they were; the videos stay where they are."""
    for name in ("run", "cache"):
        shutil.copytree(built / name, to / name)
    return replace(a_job(built), run=str(to / "run"))


def stages_of(run: Path) -> set[str]:
    """Stages of which a run has a result."""
    return {result.stage for result in find_results(run)}


def everything(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but locks, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith((".lock", ".holder")) and os.access(path, os.R_OK)
    }
