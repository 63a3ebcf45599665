from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Event

import pytest
import torch
from encoded_builder import GEOMETRY, hand
from run_builder import draw_video, windows_of

from adapt.data import encode_windows, films, window_frames
from adapt.data.encode_windows import encode_into, missing
from adapt.data.latent_store import LatentCache
from adapt.data.window_frames import WindowFrames, read_windows, times_of
from adapt.runs.cache import Cache
from adapt.types import Slot, Window
from adapt.video.canvas import place
from adapt.video.reader import read_frames


@pytest.fixture
def film(tmp_path: Path) -> list[Window]:
    """Three windows of one five-second video: 2 chunks and 1 chunk, then one that asks for more than there is."""
    path = draw_video(tmp_path / "a.mp4", seconds=5.0, seed=0)
    windows = windows_of(path, tmp_path, chunks=[2, 1], split="train", geometry=GEOMETRY)
    late = replace(windows[1], window_id="late", start_s=4.8)
    return [at(window, path) for window in (*windows, late)]


def at(window: Window, path: Path) -> Window:
    return replace(window, videos=(replace(window.videos[0], path=str(path)),))


def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many frames each pass over a video asks for."""
    calls: list[int] = []
    frames_at = films.frames_at
    monkeypatch.setattr(
        films, "frames_at", lambda path, times_s: calls.append(len(times_s)) or frames_at(path, times_s)
    )
    return calls


def test_windows_read_in_one_pass_are_those_read_alone(film, tmp_path, monkeypatch):
    cache = Cache(tmp_path / "cache")
    calls = passes(monkeypatch)
    together = list(read_windows(film[:2], hand(), GEOMETRY, cache))
    assert calls == [17 + 9 - 1]  # One ends with the frame with which the other begins.
    alone = [next(iter(read_windows([window], hand(), GEOMETRY, cache))) for window in film[:2]]
    assert [len(reading.frames) for reading in together] == [17, 9]
    assert all(torch.equal(a.frames, b.frames) for a, b in zip(together, alone, strict=True))


@pytest.mark.parametrize("slot", [GEOMETRY.canvas.slots["full"], Slot(top=4, left=2, height=31, width=50)])
def test_a_window_is_its_frames_placed_on_the_canvas(film, tmp_path, slot):
    geometry = replace(GEOMETRY, canvas=replace(GEOMETRY.canvas, slots={"full": slot}))
    reading = next(read_windows(film, hand(), geometry, Cache(tmp_path / "cache")))
    full = read_frames(tmp_path / "a.mp4", times_of(film[0], geometry)).frames
    assert full.shape == (17, 48, 64, 3)
    assert torch.equal(reading.frames, place({"full": full}, geometry.canvas))


def test_windows_that_overlap_or_go_back_are_read_as_if_alone(film, tmp_path, monkeypatch):
    cache = Cache(tmp_path / "cache")
    windows = [replace(film[1], window_id=f"at {start_s}", start_s=start_s) for start_s in (0.0, 0.8, 0.8, 2.0, 0.4)]
    alone = [next(iter(read_windows([window], hand(), GEOMETRY, cache))).frames for window in windows]
    calls = passes(monkeypatch)
    together = list(read_windows(windows, hand(), GEOMETRY, cache))
    assert [reading.window for reading in together] == windows
    assert all(torch.equal(reading.frames, own) for reading, own in zip(together, alone, strict=True))
    assert len(calls) == 2


def test_what_is_held_while_reading_does_not_grow_with_the_number_of_windows(tmp_path, monkeypatch):
    path = draw_video(tmp_path / "a.mp4", seconds=30.0, seed=0)
    windows = [at(w, path) for w in windows_of(path, tmp_path, chunks=[1] * 18, split="train", geometry=GEOMETRY)]
    made: list[int] = []
    frames_at = films.frames_at

    def noted(path: Path, times_s: list[float]) -> Iterator[torch.Tensor]:
        for frame in frames_at(path, times_s):
            made.append(1)
            yield frame

    monkeypatch.setattr(films, "frames_at", noted)
    for number, reading in enumerate(read_windows(windows, hand(), GEOMETRY, Cache(tmp_path / "cache")), start=1):
        assert len(reading.frames) == 9
        assert len(made) <= 1 + 8 * number + window_frames._AHEAD
    assert len(made) == 1 + 8 * 18


def test_a_stretch_that_cannot_be_read_costs_itself_alone(film, tmp_path, monkeypatch):
    late, again = film[2], replace(film[1], window_id="again", start_s=0.0)
    calls = passes(monkeypatch)
    readings = list(read_windows([*film[:2], late, again], hand(), GEOMETRY, Cache(tmp_path / "cache")))
    assert [reading.window for reading in readings] == [*film[:2], late, again]
    assert [reading.frames is None for reading in readings] == [False, False, True, False]
    assert "a.mp4" in readings[2].problem
    assert len(calls) == 3  # To where it fails; once more from there; and on.


def test_a_window_that_cannot_be_read_says_so_of_itself_though_others_overlap_it(film, tmp_path):
    cache = Cache(tmp_path / "cache")
    late = [replace(film[1], window_id=f"at {start_s}", start_s=start_s) for start_s in (4.0, 4.05, 4.83)]
    alone = [next(read_windows([window], hand(), GEOMETRY, cache)).problem for window in late]
    assert len(set(alone)) == 3
    assert [reading.problem for reading in read_windows([film[0], *late], hand(), GEOMETRY, cache)] == ["", *alone]


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
        assert folder == latents.folder
        assert key.startswith(film[0].videos[0].digest)
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


def test_turns_are_the_same_whichever_windows_of_a_video_are_asked_for(film, tmp_path, monkeypatch):
    keys: list[str] = []

    @contextmanager
    def note(_: Path, key: str) -> Iterator[None]:
        keys.append(key)
        yield

    monkeypatch.setattr(encode_windows, "in_turn", note)
    many = [replace(film[0], window_id=f"at {second}", start_s=float(second)) for second in range(0, 200, 2)]

    def turns(windows: list[Window]) -> set[str]:
        keys.clear()
        latents = LatentCache(tmp_path / "latents")
        assert not encode_into(latents, windows, lambda _: [], lambda _: torch.zeros(1), done=lambda _: None)
        return set(keys)

    assert turns(many) == turns(many[1:])
    assert len(turns(many)) == 4
    other = [replace(window, videos=(replace(window.videos[0], digest="e" * 64),)) for window in many]
    assert not turns(many) & turns(other)


def test_the_next_window_is_read_while_one_is_encoded(film, tmp_path):
    second_is_read = Event()

    def read(part: list[Window]) -> Iterator[WindowFrames]:
        for number, reading in enumerate(read_windows(part, hand(), GEOMETRY, Cache(tmp_path / "cache"))):
            if number == 1:
                second_is_read.set()
            yield reading

    def encode(_: torch.Tensor) -> torch.Tensor:
        assert second_is_read.wait(30)
        return torch.zeros(1, 3, 2, 2, 2)

    latents = LatentCache(tmp_path / "latents")
    assert not encode_into(latents, film[:2], read, encode, done=lambda _: None)
    assert missing(film[:2], latents) == []


def test_what_goes_wrong_while_reading_ends_encoding_and_leaves_no_shard(film, tmp_path):
    def read(part: list[Window]) -> Iterator[WindowFrames]:
        yield from islice(read_windows(part, hand(), GEOMETRY, Cache(tmp_path / "cache")), 1)
        raise RuntimeError("the disk fell off")

    latents = LatentCache(tmp_path / "latents")
    with pytest.raises(RuntimeError, match="the disk fell off"):
        encode_into(latents, film, read, lambda _: torch.zeros(1, 3, 2, 2, 2), done=lambda _: None)
    assert list((tmp_path / "latents").glob("*.safetensors")) == []
