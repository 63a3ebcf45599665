"""Toy runs that are ready to be judged: a small base with replay data, and all stages up to finetune really run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
import yaml
from encoded_builder import arm, window, write_folder
from play_builder import body, play_set, recording
from run_builder import draw_video, ingested, windows_of

from adapt.data.windows import WindowConfig
from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics, measure
from adapt.evaluate.settings import EvaluateConfig
from adapt.models.bases import find_base, random_tiny, read_geometry, save_base
from adapt.models.lora import LoraConfig
from adapt.train.settings import TrainConfig
from pipelines import encode, finetune, ingest
from pipelines.encode import encoders_fingerprint
from pipelines.job import Job, save_job
from pipelines.schema import AdaptConfig


def small_base(folder: Path, *known: Embodiment) -> Path:
    """A random base that knows the body "arm", with replay data of it, and the bodies `known`."""
    bodies = [arm(), *known]
    base = random_tiny(0, bodies={spec.name: (len(spec.actions), len(spec.state)) for spec in bodies})
    figures = {spec.name: _unit_statistics(spec) for spec in bodies}
    save_base(folder, replace(base, embodiments={spec.name: spec for spec in bodies}, statistics=figures))
    windows = [window(number, arm()) for number in range(4)]
    windows += [window(9 + number, arm(), split="validation") for number in range(2)]
    encoders = encoders_fingerprint(str(folder))
    replay = find_base(str(folder)) / "replay"
    scales = {"arm": figures["arm"]}
    write_folder(replay, windows, [arm()], text_width=16, encoders=encoders, statistics=scales)
    return folder


def play_run(folder: Path, *, base: Path) -> Job:
    """Five episodes of the toy robot, one of them held out; each has two windows of one chunk."""
    takes = [recording(4.0, 20.0, shade=10 * number) for number in range(5)]
    play_set(folder / "data", *takes)
    spec = folder / "toy.yaml"
    spec.write_text(yaml.safe_dump(body().to_json()))
    job = Job(
        kind="play", source=str(folder / "data"), run=str(folder / "run"), embodiment=str(spec), recipe=_recipe(base)
    )
    ingest.run(job)
    return _trained(job)


def human_run(folder: Path, *, base: Path) -> Job:
    """Three drawn videos, one of them held out, as ingest would have left them."""
    geometry = read_geometry(str(base))
    videos = folder / "videos"
    videos.mkdir()
    windows = []
    for number, split in enumerate(("train", "train", "validation")):
        path = draw_video(videos / f"pour_{number}.mp4", seconds=3.5, seed=number)
        windows += windows_of(path, videos, chunks=(1, 1), split=split, geometry=geometry)
    job = Job(kind="human", source=str(videos), run=str(folder / "run"), recipe=_recipe(base))
    ingested(job.run_folder, windows)
    return _trained(job)


def _trained(job: Job) -> Job:
    save_job(job)
    encode.run(job)
    finetune.run(job)
    return job


def _recipe(base: Path) -> AdaptConfig:
    return AdaptConfig(
        base=str(base),
        windows=WindowConfig(max_chunks=1),
        lora=LoraConfig(rank=2, alpha=4.0),
        train=TrainConfig(steps=2, batch_size=2, validate_every=2, checkpoint_every=2, log_every=2),
        evaluate=EvaluateConfig(max_windows=2, replay_windows=2, video_steps=2, resamples=200, pictures=2),
    )


def _unit_statistics(spec: Embodiment) -> BodyStatistics:
    def unit(axes: Sequence[object]) -> torch.Tensor:
        return torch.stack([-torch.ones(len(axes)), torch.ones(len(axes))])

    return BodyStatistics(
        actions=measure(unit(spec.actions), spec.actions), state=measure(unit(spec.state), spec.state), source="base"
    )
