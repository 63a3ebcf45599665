"""Whoever does the work, the store has the same bytes; and what a killed worker loses is done all the same."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from engine_work import DIED, die_once, square
from run_builder import draw_video, ingested, job, windows_of

from adapt.data import hand_looks
from adapt.errors import RunError
from adapt.footage.settings import FootageConfig
from adapt.hands.quality import HandConfig
from adapt.models.bases import load_base
from adapt.runs.stage import read_manifest
from pipelines import encode, ingest
from pipelines.engines import RAY, Engine, Processes, Workers
from pipelines.job import Job


@pytest.fixture
def filmed(tmp_path: Path) -> Job:
    """A run of which three short videos are ingested."""
    task = job(tmp_path)
    source = Path(task.source)
    source.mkdir()
    geometry = load_base(task.recipe.base, parts=()).geometry
    windows = []
    for number, name in enumerate("abc"):
        draw_video(source / f"{name}.mp4", seconds=3.6, seed=number)
        split = "validation" if name == "c" else "train"
        windows += windows_of(source / f"{name}.mp4", source, chunks=[1, 1], split=split, geometry=geometry)
    ingested(task.run_folder, windows)
    return task


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}


def encoded(task: Job, cache: Path, monkeypatch: pytest.MonkeyPatch, workers: Workers | None) -> dict[str, bytes]:
    """What the encode stage makes of a run with an empty cache, in a copy of the run."""
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(cache))
    result = encode.run(task, workers=workers)
    found = content(result)
    for path in sorted(result.parent.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    return found


def nothing_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage itself may no more encode: everything must have been done ahead."""

    def refuse(*_: object, **__: object) -> Iterator[object]:
        raise AssertionError("a window was left to the stage")

    monkeypatch.setattr("adapt.models.codec.VideoCodec.encode", refuse)


def test_processes_encode_everything_ahead_to_the_same_bytes(
    filmed: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = encoded(filmed, tmp_path / "cache", monkeypatch, None)
    nothing_encoded(monkeypatch)

    assert encoded(filmed, tmp_path / "other", monkeypatch, Workers(jobs=2)) == alone


def test_what_an_engine_loses_is_done_by_the_stage(
    filmed: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lazy(Processes):
        def spread(self, work, items):
            yield work(items[0])

    @dataclass(frozen=True, kw_only=True)
    class LazyWorkers(Workers):
        @contextmanager
        def called(self) -> Iterator[Engine]:
            yield Lazy(1)

    alone = encoded(filmed, tmp_path / "cache", monkeypatch, None)
    assert encoded(filmed, tmp_path / "other", monkeypatch, LazyWorkers(jobs=2)) == alone


def test_processes_give_every_result_and_a_killed_one_ends_the_others_quietly(tmp_path: Path) -> None:
    assert sorted(Processes(2).spread(square, [1, 2, 3, 4, 5])) == [1, 4, 9, 16, 25]
    found = list(Processes(1).spread(die_once, [(str(tmp_path), number) for number in range(5)]))
    assert (tmp_path / DIED).exists()
    assert set(found) < {0, 1, 2, 3, 4}


def test_a_ray_cluster_encodes_to_the_same_bytes_and_does_again_what_a_killed_worker_had(
    filmed: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="needs the extra scale: pip install 'wam-adapt[scale]'")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # where its workers find `engine_work`
    alone = encoded(filmed, tmp_path / "cache", monkeypatch, None)
    with Workers(engine=RAY).called() as engine:
        assert sorted(engine.spread(die_once, [(str(tmp_path), number) for number in range(5)])) == [0, 1, 2, 3, 4]
        assert (tmp_path / DIED).exists()
    nothing_encoded(monkeypatch)
    assert encoded(filmed, tmp_path / "other", monkeypatch, Workers(engine=RAY)) == alone


def test_without_ray_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(RunError, match=r"--engine ray: Ray is not installed .* pip install 'wam-adapt\[scale\]'"),
        Workers(engine=RAY).called(),
    ):
        pass


def test_one_job_on_this_machine_calls_nobody() -> None:
    assert [Workers().are_asked, Workers(jobs=2).are_asked, Workers(engine=RAY).are_asked] == [False, True, True]


def test_a_run_with_nothing_left_to_encode_calls_nobody(
    filmed: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = encoded(filmed, tmp_path / "cache", monkeypatch, None)
    monkeypatch.setattr("pipelines.engines.Processes", None)
    assert encoded(filmed, tmp_path / "cache", monkeypatch, Workers(jobs=2)) == alone


@pytest.fixture
def folder(tmp_path: Path) -> Job:
    """A run of three short videos and a file that is none, of which nothing is ingested."""
    task = job(tmp_path)
    source = Path(task.source)
    source.mkdir()
    for number, name in enumerate("abc"):
        draw_video(source / f"{name}.mp4", seconds=3.6, seed=number)
    (source / "d.mp4").write_bytes(b"no video at all")
    anything = FootageConfig(shot_change=2.0, max_vivid_share=1.0, max_seam_share=1.0, max_blur=1.0, max_likeness=1.0)
    recipe = replace(task.recipe, hands=HandConfig(min_hands_share=0.0), footage=anything)
    return replace(task, task="show", recipe=recipe)


def test_processes_look_through_videos_ahead_and_the_table_is_the_same(
    folder: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    alone = content(ingest.run(replace(folder, run=str(tmp_path / "alone"))))
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "other"))
    walk = hand_looks._walk

    def only_what_is_none(path, *more):
        assert path.name == "d.mp4", f"{path.name} was left to the stage"
        return walk(path, *more)

    monkeypatch.setattr(hand_looks, "_walk", only_what_is_none)
    helped = ingest.run(replace(folder, run=str(tmp_path / "helped")), workers=Workers(jobs=2))
    assert content(helped) == alone
    assert [problem["file"] for problem in read_manifest(helped)["facts"]["problems"]] == ["d.mp4"]


def test_nobody_is_called_where_every_video_has_been_seen(
    folder: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    (Path(folder.source) / "d.mp4").unlink()
    alone = content(ingest.run(replace(folder, run=str(tmp_path / "alone"))))
    monkeypatch.setattr("pipelines.engines.Processes", None)
    assert content(ingest.run(replace(folder, run=str(tmp_path / "again")), workers=Workers(jobs=2))) == alone
