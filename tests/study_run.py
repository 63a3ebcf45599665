"""Toy runs that are ready to be studied: a small base with replay data, drawn videos, everything up to encode done."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml
from judged_runs import small_base
from play_builder import body, play_set, recording
from run_builder import draw_video, ingested, windows_of

from adapt.data.windows import WindowConfig
from adapt.evaluate.settings import EvaluateConfig
from adapt.evaluate.study_settings import ARMS, StudyConfig
from adapt.models.bases import read_geometry
from adapt.models.lora import LoraConfig
from adapt.train.settings import TrainConfig
from pipelines import encode, ingest
from pipelines.job import Job, save_job
from pipelines.schema import AdaptConfig

TASKS = ("pour", "stir")


def study_run(
    folder: Path,
    *,
    base: Path | None = None,
    tasks: Sequence[str] = TASKS,
    replay: str = "base",
    seeds: int = 1,
    arms: Sequence[str] = ARMS,
    videos: int = 3,
) -> Job:
    """So many drawn videos, the last one held out, two windows of a chunk in each; trainings of two steps."""
    folder.mkdir(parents=True, exist_ok=True)
    base = base or small_base(folder / "base")
    source = folder / "videos"
    source.mkdir()
    windows = []
    for number in range(videos):
        path = draw_video(source / f"take_{number}.mp4", seconds=3.5, seed=number)
        split = "validation" if number == videos - 1 else "train"
        found = windows_of(path, source, chunks=(1, 1), split=split, geometry=read_geometry(str(base)))
        windows += [replace(window, instruction=tasks[number % len(tasks)]) for window in found]
    recipe = _recipe(base, seeds=seeds, arms=arms)
    job = Job(kind="human", source=str(source), run=str(folder / "run"), replay=replay, recipe=recipe)
    ingested(job.run_folder, windows)
    save_job(job)
    encode.run(job)
    return job


def play_study_run(folder: Path, *, base: Path) -> Job:
    """Five episodes of a robot that the base has never met, one of them held out; two windows of a chunk in each."""
    play_set(folder / "data", *(recording(4.0, 20.0, shade=10 * number) for number in range(5)))
    spec = folder / "toy.yaml"
    spec.write_text(yaml.safe_dump(body().to_json()))
    recipe = _recipe(base, seeds=1, arms=("base", "replay", "new", "shuffled"))
    job = Job(kind="play", source=str(folder / "data"), run=str(folder / "run"), embodiment=str(spec), recipe=recipe)
    save_job(job)
    ingest.run(job)
    encode.run(job)
    return job


def _recipe(base: Path, *, seeds: int, arms: Sequence[str]) -> AdaptConfig:
    return AdaptConfig(
        base=str(base),
        windows=WindowConfig(max_chunks=1),
        lora=LoraConfig(rank=2, alpha=4.0),
        # With so few steps, dropping instructions could leave nothing of what the arms differ in.
        train=TrainConfig(steps=2, batch_size=2, checkpoint_every=1, log_every=1, text_dropout=0.0),
        evaluate=EvaluateConfig(video_steps=2, resamples=200),
        study=StudyConfig(seeds=seeds, arms=list(arms), windows=2, replay_windows=2),
    )
