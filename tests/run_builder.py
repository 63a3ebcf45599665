"""Run folders for tests: a random base on disk, drawn videos, and the table that ingest would have made of them."""

from collections.abc import Sequence
from pathlib import Path

import torch
from encoded_builder import hand

from adapt.data.clip_table import CLIP_TABLE, write_clip_table
from adapt.data.window_id import window_id
from adapt.embodiment.spec import Embodiment
from adapt.models.bases import random_tiny, save_base
from adapt.models.lora import LoraConfig
from adapt.runs.cache import Cache
from adapt.runs.stage import run_stage
from adapt.train.settings import TrainConfig
from adapt.types import BaseGeometry, VideoRef, Window
from adapt.video.writer import write_video
from pipelines.job import Job
from pipelines.schema import AdaptConfig


def base_folder(folder: Path) -> str:
    """A random base that knows the body "arm", saved."""
    save_base(folder, random_tiny(0, bodies={"arm": (2, 2)}))
    return str(folder)


def draw_video(path: Path, *, seconds: float, seed: int) -> Path:
    """Noise that changes slowly, 10 frames a second, 48 x 64."""
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 256, (int(seconds * 10) + 1, 6, 8, 3), generator=draw, dtype=torch.uint8)
    write_video(path, coarse.repeat_interleave(8, dim=1).repeat_interleave(8, dim=2), 10.0)
    return path


def windows_of(path: Path, source: Path, *, chunks: Sequence[int], split: str, geometry: BaseGeometry) -> list[Window]:
    """Consecutive windows of one video."""
    digest = Cache.default().file_digest(path)
    start_s, windows = 0.0, []
    for count in chunks:
        windows.append(
            Window(
                window_id=window_id({"full": digest}, start_s=start_s, chunks=count, geometry=geometry),
                videos=(VideoRef(camera="main", path=path.relative_to(source).as_posix(), digest=digest),),
                start_s=start_s,
                chunks=count,
                instruction=f"show {path.stem}",
                session=path.stem,
                split=split,
                embodiment="human_hand",
            )
        )
        start_s += geometry.window_s(count)
    return windows


def ingested(run: Path, windows: Sequence[Window], body: Embodiment | None = None) -> Path:
    """What ingest leaves behind."""

    def work(folder: Path) -> dict[str, object]:
        write_clip_table(folder / CLIP_TABLE, windows)
        return {"windows": len(windows), "same_session": False, "problems": []}

    ids = [window.window_id for window in windows]
    return run_stage(run, "ingest", {"windows": ids, "embodiment": (body or hand()).to_json()}, work).path


def job(tmp_path: Path, *, kind: str = "human", replay: str = "none", **train: object) -> Job:
    """A job on tmp_path/videos, with a base and a training of a few steps."""
    base = tmp_path / "base"
    settings = {"steps": 4, "batch_size": 2, "validate_every": 2, "checkpoint_every": 2, "log_every": 2, **train}
    recipe = AdaptConfig(
        base=str(base) if base.is_dir() else base_folder(base),
        lora=LoraConfig(rank=2, alpha=4.0),
        train=TrainConfig(**settings),  # type: ignore[arg-type]
    )
    return Job(kind=kind, source=str(tmp_path / "videos"), run=str(tmp_path / "run"), replay=replay, recipe=recipe)
