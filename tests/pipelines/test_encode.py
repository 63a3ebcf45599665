from pathlib import Path

import pytest
import torch
from run_builder import draw_video, ingested, job, windows_of

from adapt.data.encoded import read_encoded
from adapt.data.latent_store import LatentCache
from adapt.errors import DataError, RunError
from adapt.models.bases import load_base
from adapt.models.codec import VideoCodec
from adapt.runs.cache import Cache
from adapt.runs.stage import read_manifest
from adapt.types import Window
from pipelines import encode
from pipelines.job import Job


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    return Cache.default()


def film(task: Job, names: str = "ab") -> list[Window]:
    """Two windows of each video, the last video for validation."""
    source = Path(task.source)
    source.mkdir(exist_ok=True)
    geometry = load_base(task.recipe.base, parts=()).geometry
    windows: list[Window] = []
    for number, name in enumerate(names):
        path = source / f"{name}.mp4"
        if not path.exists():
            draw_video(path, seconds=5.0, seed=number)
        split = "validation" if name == names[-1] else "train"
        windows += windows_of(path, source, chunks=[2, 1], split=split, geometry=geometry)
    return windows


def times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


def count_encodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    encode_frames = VideoCodec.encode

    def counted(self, frames):
        calls.append(frames.shape[1])
        return encode_frames(self, frames)

    monkeypatch.setattr(VideoCodec, "encode", counted)
    return calls


def test_encode_keeps_windows_in_order_and_their_prompts(tmp_path, cache):
    task = job(tmp_path)
    windows = film(task)
    ingested(task.run_folder, windows)
    encoded = read_encoded(encode.run(task))
    assert [window.window_id for window in encoded.windows] == [window.window_id for window in windows]
    base = load_base(task.recipe.base, parts=("text",))
    (prompt,) = base.text.encode(["A human hand: show a"])
    assert torch.equal(encoded.prompts["A human hand: show a"], prompt.to(torch.bfloat16))
    assert encoded.statistics == {}


def test_encode_twice_touches_nothing_the_second_time(tmp_path, cache):
    task = job(tmp_path)
    ingested(task.run_folder, film(task))
    first = encode.run(task)
    before = times(tmp_path)
    assert encode.run(task) == first
    assert times(tmp_path) == before


def test_encode_takes_an_added_video_and_encodes_nothing_else(tmp_path, cache, monkeypatch):
    task = job(tmp_path)
    ingested(task.run_folder, film(task))
    encode.run(task)
    ingested(task.run_folder, film(task, "abc"))
    calls = count_encodings(monkeypatch)
    assert len(read_encoded(encode.run(task)).windows) == 6
    assert calls == [17, 9]


def test_encode_killed_in_the_middle_keeps_what_was_flushed_and_ends_with_the_same_bytes(tmp_path, cache, monkeypatch):
    monkeypatch.setattr("adapt.data.encode_windows.WINDOWS_PER_FLUSH", 1)
    task = job(tmp_path)
    ingested(task.run_folder, film(task))
    calls = count_encodings(monkeypatch)
    counted = VideoCodec.encode

    def dies(self, frames):
        if len(calls) == 3:
            raise KeyboardInterrupt
        return counted(self, frames)

    with monkeypatch.context() as patch:
        patch.setattr(VideoCodec, "encode", dies)
        with pytest.raises(KeyboardInterrupt):
            encode.run(task)
    assert len(calls) == 3
    broken = encode.run(task)
    assert len(calls) == 4
    content = {path.name: path.read_bytes() for path in broken.iterdir()}
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "another cache"))
    fresh = job(tmp_path)
    fresh = Job(kind="human", source=fresh.source, run=str(tmp_path / "fresh"), replay="none", recipe=fresh.recipe)
    ingested(fresh.run_folder, film(fresh))
    assert {path.name: path.read_bytes() for path in encode.run(fresh).iterdir()} == content


def test_encode_leaves_out_a_video_that_changed_and_says_so(tmp_path, cache):
    task = job(tmp_path)
    ingested(task.run_folder, film(task, "abc"))
    (Path(task.source) / "a.mp4").write_bytes(b"not a video any more")
    path = encode.run(task)
    facts = read_manifest(path)["facts"]
    assert facts["windows"] == 4
    assert len(facts["problems"]) == 2
    assert "changed since it was ingested" in facts["problems"][0]["reason"]
    assert "2 left out" in facts["summary"]
    assert {window.session for window in read_encoded(path).windows} == {"b", "c"}


def test_encode_stops_when_no_training_window_is_left(tmp_path, cache):
    task = job(tmp_path)
    ingested(task.run_folder, film(task))
    (Path(task.source) / "a.mp4").unlink()
    with pytest.raises(DataError, match="no training window could be read; 2 failed"):
        encode.run(task)


def test_encode_before_ingest_names_the_command(tmp_path, cache):
    with pytest.raises(RunError, match="wam-adapt ingest"):
        encode.run(job(tmp_path))


def test_encode_keeps_the_runs_own_copy_when_the_cache_is_gone(tmp_path, cache):
    task = job(tmp_path)
    windows = film(task)
    ingested(task.run_folder, windows)
    path = encode.run(task)
    for shard in (tmp_path / "cache").rglob("*.safetensors"):
        shard.unlink()
    assert read_encoded(path).latents.read(windows[0].window_id).shape == (5, 16, 8, 8)
    codec = load_base(task.recipe.base, parts=("codec",)).codec
    assert windows[0].window_id not in LatentCache(cache.folder("latents") / f"{codec.fingerprint[:16]}-bf16")
