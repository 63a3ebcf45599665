"""Rule 8: each window is encoded from its own first frame; latents are never cut out of a longer encode.

A causal video codec makes the first latent of one still frame and every later one of four: a slice of a longer encode
begins with a latent that the model has never met as a present, and that has seen the frames before the window.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path

import pytest
import torch
from run_builder import draw_video, ingested, job, windows_of
from torch import Tensor

from adapt.data.encoded import read_encoded
from adapt.data.latent_store import LatentCache
from adapt.data.window_frames import WindowFrames
from adapt.models.bases import load_base
from adapt.runs.cache import Cache
from adapt.types import Window
from adapt.video.canvas import place
from adapt.video.reader import read_frames
from pipelines import encode
from pipelines.job import Job

HZ = 5.0


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A video of two windows, the second of which begins 1.6 s into it."""
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    made = job(tmp_path)
    source = Path(made.source)
    source.mkdir()
    path = draw_video(source / "a.mp4", seconds=3.5, seed=0)
    geometry = load_base(made.recipe.base, parts=()).geometry
    ingested(made.run_folder, windows_of(path, source, chunks=[1, 1], split="train", geometry=geometry))
    return made


def check_latents_are_the_windows_own(task: Job) -> None:
    encoded = read_encoded(encode.run(task, Cache.default()))
    base = load_base(task.recipe.base, parts=("codec",))
    for window in encoded.windows:
        times_s = [window.start_s + number / HZ for number in range(9)]
        frames = read_frames(Path(task.source) / "a.mp4", times_s).frames
        own = base.codec.encode(place({"full": frames}, base.geometry.canvas).unsqueeze(0))[0].to(torch.bfloat16)
        assert torch.equal(encoded.latents.read(window.window_id), own), f"not its own latents: at {window.start_s} s"


def test_each_window_is_encoded_from_its_own_first_frame(task: Job) -> None:
    check_latents_are_the_windows_own(task)


def cut_from_a_longer_encode(
    cache: LatentCache,
    kept: Sequence[Window],
    read: Callable[[Sequence[Window]], Iterable[WindowFrames]],
    codec: Callable[[Tensor], Tensor],
    *,
    done: Callable[[int], None],
) -> dict[str, str]:
    """Each video is encoded once, which is quicker, and its windows are cut out of the result."""
    for _, group in groupby(read(kept), key=lambda reading: reading.window.videos):
        windows = list(group)
        frames = [reading.frames for reading in windows if reading.frames is not None]
        whole = codec(torch.cat([frames[0], *(part[1:] for part in frames[1:])]).unsqueeze(0))[0]
        at = 0
        for reading in windows:
            count = 2 * reading.window.chunks
            cache.add({reading.window.window_id: whole[at : at + count + 1].contiguous()})
            at += count
            done(1)
    return {}


def test_planted_slice_of_a_longer_encode_is_noticed(task: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "encode_into", cut_from_a_longer_encode)
    with pytest.raises(AssertionError, match=r"not its own latents: at 1\.6 s"):
        check_latents_are_the_windows_own(task)
