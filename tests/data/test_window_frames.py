from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from encoded_builder import GEOMETRY, hand
from run_builder import draw_video, windows_of

from adapt.data import encode_windows, window_frames
from adapt.data.encode_windows import encode_into, missing
from adapt.data.latent_store import LatentCache
from adapt.data.window_frames import WindowFrames, read_windows
from adapt.runs.cache import Cache
from adapt.types import Window


@pytest.fixture
def film(tmp_path: Path) -> list[Window]:
    """Three windows of one five-second video: 2 chunks and 1 chunk, then one that asks for more than there is."""
    path = draw_video(tmp_path / "a.mp4", seconds=5.0, seed=0)
    windows = windows_of(path, tmp_path, chunks=[2, 1], split="train", geometry=GEOMETRY)
    late = replace(windows[1], window_id="late", start_s=4.8)
    return [at(window, path) for window in (*windows, late)]


def at(window: Window, path: Path) -> Window:
    return replace(window, videos=(replace(window.videos[0], path=str(path)),))


def test_windows_read_in_one_pass_are_those_read_alone(film, tmp_path, monkeypatch):
    cache = Cache(tmp_path / "cache")
    calls: list[int] = []
    read_frames = window_frames.read_frames
    monkeypatch.setattr(
        window_frames, "read_frames", lambda path, times: calls.append(len(times)) or read_frames(path, times)
    )
    together = list(read_windows(film[:2], hand(), GEOMETRY, cache))
    assert calls == [17 + 9]
    alone = [next(iter(read_windows([window], hand(), GEOMETRY, cache))) for window in film[:2]]
    assert [len(reading.frames) for reading in together] == [17, 9]
    assert all(torch.equal(a.frames, b.frames) for a, b in zip(together, alone, strict=True))


def test_a_stretch_that_cannot_be_read_costs_itself_alone(film, tmp_path):
    readings = list(read_windows(film, hand(), GEOMETRY, Cache(tmp_path / "cache")))
    assert [reading.frames is None for reading in readings] == [False, False, True]
    assert "a.mp4" in readings[2].problem


def test_a_video_that_is_gone_gives_every_window_its_reason(film, tmp_path):
    (tmp_path / "a.mp4").unlink()
    readings = list(read_windows(film, hand(), GEOMETRY, Cache(tmp_path / "cache")))
    assert [reading.frames for reading in readings] == [None, None, None]
    assert all("a.mp4" in reading.problem for reading in readings)


def test_missing_lists_windows_of_the_same_pixels_once_and_in_order(film, tmp_path):
    latents = LatentCache(tmp_path / "latents")
    latents.add({film[0].window_id: torch.zeros(5, 2, 2, 2)})
    assert missing([film[2], film[0], film[1], film[2]], latents) == [film[2], film[1]]


def test_encoding_sees_one_window_at_a_time_and_reports_what_it_could_not(film, tmp_path):
    latents = LatentCache(tmp_path / "latents")
    shapes: list[tuple[int, ...]] = []
    ticks: list[int] = []

    def encode(frames: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(frames.shape))
        return frames.float().mean().expand(1, 3, 2, 2, 2)

    def read(part: list[Window]) -> Iterator[WindowFrames]:
        return read_windows(part, hand(), GEOMETRY, Cache(tmp_path / "cache"))

    problems = encode_into(latents, film, read, encode, done=ticks.append)
    assert shapes == [(1, 17, 64, 64, 3), (1, 9, 64, 64, 3)]
    assert list(problems) == ["late"]
    assert sum(ticks) == 3
    assert film[0].window_id in latents
    assert "late" not in latents


def test_what_another_process_encodes_meanwhile_is_not_encoded_again(film, tmp_path, monkeypatch):
    """Another process comes first: when it is our turn, its latents are there."""
    latents, other = LatentCache(tmp_path / "latents"), LatentCache(tmp_path / "latents")

    @contextmanager
    def after_the_other(folder: Path, key: str) -> Iterator[None]:
        assert (folder, key) == (latents.folder, film[0].window_id)
        other.add({window.window_id: torch.zeros(5, 2, 2, 2) for window in film[:2]})
        yield

    def encode(_: torch.Tensor) -> torch.Tensor:
        raise AssertionError("encoded again")

    def read(part: list[Window]) -> Iterator[WindowFrames]:
        return read_windows(part, hand(), GEOMETRY, Cache(tmp_path / "cache"))

    monkeypatch.setattr(encode_windows, "in_turn", after_the_other)
    ticks: list[int] = []
    assert list(encode_into(latents, film, read, encode, done=ticks.append)) == ["late"]
    assert sum(ticks) == 3
    assert missing(film, latents) == film[2:]
