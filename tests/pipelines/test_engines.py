"""Whoever does the work, the store has the same bytes; and what a killed worker loses is done all the same."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from weakref import WeakSet

import pytest
from encoded_builder import hand
from engine_work import DIED, Thing, die_once, make_thing, square
from run_builder import draw_video, ingested, job, windows_of

from adapt.data import hand_looks
from adapt.data.latent_store import LatentCache
from adapt.errors import RunError
from adapt.footage.settings import FootageConfig
from adapt.hands.quality import HandConfig
from adapt.models.bases import load_base
from adapt.runs.stage import read_manifest
from pipelines import ahead, encode, ingest
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


def test_a_pool_that_breaks_while_work_is_given_out_leaves_the_rest_to_the_stage(monkeypatch):
    given = ProcessPoolExecutor.submit

    def break_at_three(pool, work, item):
        if item == 3:
            raise BrokenProcessPool("somebody killed it")
        return given(pool, work, item)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", break_at_three)
    assert set(Processes(1).spread(square, [1, 2, 3, 4])) <= {1, 4}


def test_few_items_are_begun_ahead_and_results_are_let_go():
    taken: list[int] = []

    class Items(list[int]):
        def __iter__(self):
            return (taken.append(item) or item for item in range(len(self)))

    held: WeakSet[Thing] = WeakSet()
    for number, thing in enumerate(Processes(1).spread(make_thing, Items([0] * 12)), start=1):
        held.add(thing)
        assert len(held) <= 2
        assert len(taken) <= number + 2
    assert len(taken) == 12


STAYING = """
import sys
from engine_work import stay
from pipelines.engines import Processes

for _ in Processes(2).spread(stay, [(sys.argv[1], number) for number in range(6)]):
    pass
"""
PATIENCE_S = 60.0
AT_ONCE_S = 10.0  # It takes a second where nothing else runs; the work would take minutes.


def until(true, patience_s: float) -> bool:
    end = time.monotonic() + patience_s
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(true())


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def staying(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process whose two workers are at work, as a terminal would have begun it; and the workers' ids."""
    tests = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", STAYING, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([tests, str(Path(tests).parent)])},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert until(lambda: len(list(tmp_path.glob("*.pid"))) == 2, PATIENCE_S)
        yield process, [int(path.read_text()) for path in tmp_path.glob("*.pid")]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_ctrl_c_ends_everybody_at_once(staying) -> None:
    process, workers = staying
    begun = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert time.monotonic() - begun < AT_ONCE_S
    assert errors.count("Traceback") == 1
    assert errors.strip().endswith("KeyboardInterrupt")
    assert not any(lives(pid) for pid in workers)


def test_workers_do_not_outlive_a_killed_process(staying) -> None:
    process, workers = staying
    process.kill()
    process.wait()
    assert until(lambda: not any(lives(pid) for pid in workers), AT_ONCE_S)


def latents_of(task: Job, folder: Path) -> tuple[LatentCache, tuple[str, str], list, object]:
    base = load_base(task.recipe.base, parts=("codec",))
    latents = LatentCache(folder / "latents" / "store")
    return latents, (task.recipe.base, base.codec.fingerprint), ingest.read_windows(task), hand()


class Alone:
    """An engine that is this process."""

    def spread(self, work, items):
        yield from map(work, items)


def test_a_worker_takes_from_its_cache_what_another_run_has_encoded(
    filmed: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "theirs"))
    latents, base, windows, body = latents_of(filmed, tmp_path / "theirs")
    done: list[int] = []
    ahead.encode_ahead(windows, body, base, latents, Alone(), done=done.append)
    assert len(list(latents.folder.glob("*.safetensors"))) == 3  # The worker has put it there, and nobody once more.
    nothing_encoded(monkeypatch)
    ahead._codec.cache_clear()
    mine, *_ = latents_of(filmed, tmp_path / "mine")
    ahead.encode_ahead(windows, body, base, mine, Alone(), done=done.append)
    assert sum(done) == 2 * len(windows)
    for window in windows:
        assert mine.read(window.window_id).equal(latents.read(window.window_id))


def test_a_worker_with_another_codec_says_so_once_and_nothing_of_it_is_taken(
    filmed: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    latents, (name, _), windows, body = latents_of(filmed, tmp_path / "cache")
    ahead.encode_ahead(windows, body, (name, "f" * 64), latents, Alone(), done=lambda _: None)
    assert not any(window.window_id in latents for window in windows)
    assert caplog.text.count("has another codec for the base") == 1


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


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_cluster_that_is_not_there_is_told_whichever_way_it_was_asked(monkeypatch, fails_at: int) -> None:
    asked: list[dict] = []

    def init(**how: object) -> None:
        asked.append(how)
        if len(asked) < fails_at:
            raise ValueError("include_dashboard: a cluster runs already")
        raise ConnectionError("nobody answers")

    ray, data = ModuleType("ray"), ModuleType("ray.data")
    ray.init, ray.data = init, data
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.data", data)
    with pytest.raises(RunError, match=r"cannot be reached \(nobody answers\)"), Workers(engine=RAY).called():
        pass
    assert len(asked) == fails_at


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
