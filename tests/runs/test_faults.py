"""A disk that fills up, closes or fails, at any call: nothing half done is taken for done; a second run mends all."""

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from adapt.errors import AdaptError, RunError
from adapt.runs.atomic import sync_folder, sync_tree, write_atomic
from adapt.runs.cache import Cache
from adapt.runs.manifest import MANIFEST, find_finished
from adapt.runs.new_folder import new_folder
from adapt.runs.stage import find_current, run_stage

MADE = {"a.txt": "first", "deep/b.txt": "second"}
INPUTS = {"seed": 3}
# What a stage's own bookkeeping goes through; writing is what follows `fdopen`.
CALLS = ("fsync", "replace", "rename", "mkdir", "open", "fdopen", "rmdir", "chmod")
FAULTS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO)


class Disk:
    """The calls of `os` that change a disk, counted; the one of a given number fails, and as many after it as asked."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.fails_at = -1
        self.fault = 0
        self.lasts = 1
        for name in CALLS:
            patch.setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            changes = name != "open" or bool(given[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            if not changes:
                return real(*given, **more)
            self.calls += 1
            if self.fails_at <= self.calls - 1 < self.fails_at + self.lasts and self.fails_at >= 0:
                if name == "fdopen":
                    os.close(given[0])
                raise OSError(self.fault, os.strerror(self.fault))
            return real(*given, **more)

        return call

    @contextmanager
    def failing(self, at: int, fault: int, *, lasts: int = 1) -> Iterator[None]:
        self.calls, self.fails_at, self.fault, self.lasts = 0, at, fault, lasts
        try:
            yield
        finally:
            self.fails_at = -1


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def work(folder: Path) -> Mapping[str, Any]:
    (folder / "deep").mkdir(exist_ok=True)
    for name, text in MADE.items():
        write_atomic(folder / name, text)
    return {"made": len(MADE)}


def make(run: Path) -> Path:
    return run_stage(run, "stage", INPUTS, work).path


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def undisturbed(tmp_path: Path) -> dict[str, bytes]:
    return content(make(tmp_path / "undisturbed"))


@pytest.mark.parametrize(
    ("fault", "lasts"),
    [(errno.ENOSPC, 10_000), (errno.EROFS, 10_000), (errno.EACCES, 1), (errno.EIO, 1), (errno.EIO, 10_000)],
)
def test_a_stage_survives_a_disk_that_fails_at_any_call(
    fault: int, lasts: int, tmp_path: Path, disk: Disk, undisturbed: dict[str, bytes]
) -> None:
    with disk.failing(-1, fault):
        make(tmp_path / "counted")
    calls = disk.calls
    assert calls > 20
    for at in range(calls):
        run = tmp_path / f"run-{at}"
        said = "the disk is full; or so"
        with disk.failing(at, fault, lasts=lasts):
            try:
                make(run)
            except RunError as error:
                said = str(error)
        assert "the disk is full" in said or "the disk fails" in said or "cannot be written" in said
        assert ";" in said
        found = find_current(run, "stage")
        assert found is None or content(found) == undisturbed
        assert content(make(run)) == undisturbed
        left = [path.name for path in (run / "stage").iterdir() if path.name.endswith((".partial", ".tmp"))]
        assert not left


@pytest.mark.parametrize("fault", FAULTS, ids=errno.errorcode.get)
def test_a_finished_stage_stays_finished_whatever_becomes_of_the_next(
    fault: int, tmp_path: Path, disk: Disk, undisturbed: dict[str, bytes]
) -> None:
    run = tmp_path / "run"
    first = make(run)
    for at in range(0, 40, 3):
        with disk.failing(at, fault, lasts=10_000), pytest.raises(RunError):
            run_stage(run, "stage", {"seed": at + 10}, work)
        assert find_current(run, "stage") == first
        assert content(first) == undisturbed


@pytest.mark.parametrize("fault", FAULTS, ids=errno.errorcode.get)
def test_a_new_folder_is_whole_or_not_there_when_the_disk_fails_at_any_call(
    fault: int, tmp_path: Path, disk: Disk
) -> None:
    def fill(place: Path) -> None:
        with new_folder(place) as scratch:
            work(scratch)

    with disk.failing(-1, fault):
        fill(tmp_path / "counted")
    wanted = content(tmp_path / "counted")
    for at in range(disk.calls):
        place = tmp_path / f"place-{at}"
        with disk.failing(at, fault, lasts=10_000), suppress(AdaptError, OSError):
            fill(place)
        assert not place.exists() or content(place) == wanted
        if not place.exists():
            fill(place)
        assert content(place) == wanted


@pytest.mark.parametrize("fault", FAULTS, ids=errno.errorcode.get)
def test_a_file_is_the_old_one_or_the_new_one_when_the_disk_fails_at_any_call(
    fault: int, tmp_path: Path, disk: Disk
) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")
    for at in range(6):
        with disk.failing(at, fault), suppress(OSError):
            write_atomic(path, "new")
            # A folder that may not be synced is no fault, and its sync comes last.
            assert (at, fault) == (5, errno.EACCES)
        assert path.read_text() in ("old", "new")
        assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
        write_atomic(path, "old")


def test_a_folder_that_cannot_be_synced_is_no_fault_but_a_failing_disk_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(number: int) -> Callable[[int], None]:
        def fsync(_descriptor: int) -> None:
            raise OSError(number, os.strerror(number))

        return fsync

    monkeypatch.setattr(os, "fsync", refuse(errno.EINVAL))
    sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", refuse(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        sync_folder(tmp_path)


def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what is synced and renamed, in order."""
    told: list[str] = []
    real_sync, real_rename, real_replace = os.fsync, os.rename, os.replace

    def fsync(descriptor: int) -> None:
        told.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        real_sync(descriptor)

    def rename(old: Any, new: Any, **more: Any) -> None:
        told.append(f"rename {Path(new).name}")
        real_rename(old, new, **more)

    def replace(old: Any, new: Any, **more: Any) -> None:
        told.append(f"replace {Path(new).name}")
        real_replace(old, new, **more)

    for name, call in (("fsync", fsync), ("rename", rename), ("replace", replace)):
        monkeypatch.setattr(os, name, call)
    return told


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to tell files from their descriptors")
def test_everything_is_on_the_disk_before_the_name_that_vouches_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = synced(monkeypatch)
    folder = make(tmp_path / "run")
    named = told.index(f"rename {folder.name}")
    for name in ("a.txt", "b.txt", "deep", f".{folder.name}.partial"):
        assert f"sync {name}" in told[:named]
    manifest = told.index(f"replace {MANIFEST}")
    assert told.index("sync a.txt") < manifest < named
    assert "sync stage" in told[named:]
    assert told.index("sync stage", named) < told.index("replace current")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to tell files from their descriptors")
def test_a_new_folder_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = synced(monkeypatch)
    with new_folder(tmp_path / "place") as scratch:
        (scratch / "plain.txt").write_text("not written by us, so not synced by us either")
    assert told.index("sync plain.txt") < told.index("rename place")
    assert told.index("sync whole") < told.index("rename place")


def test_a_tree_is_synced_to_its_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/leaf").write_text("x")
    count = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (count.append(1), real(descriptor)))
    sync_tree(tmp_path)
    assert len(count) == 3


def test_a_clock_that_goes_back_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(2_000_000_000, 0, -1_000_000))
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    cache, source = Cache(tmp_path / "cache"), tmp_path / "source"
    source.write_text("one")
    os.utime(source, (4e9, 4e9))  # as if it came from the year 2096
    first = cache.file_digest(source)
    source.write_text("two")
    os.utime(source, (1, 1))
    assert cache.file_digest(source) != first
    folder = make(tmp_path / "run")
    before = content(folder)
    assert make(tmp_path / "run") == folder
    assert content(folder) == before


@pytest.mark.parametrize("left", ["", "{", '{"pid": 1, "host": "gone"}', "[" * 5_000])
def test_locks_and_names_that_a_dead_process_left_are_no_obstacle(left: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    key = make(run).name
    for name in (key, "run"):
        home = run if name == "run" else run / "stage"
        (home / f".{name}.lock").write_text(left)
        (home / f".{name}.holder").write_text(left)
    (run / "stage" / key / "a.txt").unlink()
    assert find_finished(run / "stage" / key) is None
    assert set(content(make(run))) == {*MADE, MANIFEST}


def test_a_source_that_vanishes_leaves_nothing_and_is_taken_up_when_it_is_back(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    source = tmp_path / "source"

    def copy(folder: Path) -> Mapping[str, Any]:
        told = work(folder)
        source.read_bytes()
        return told

    run = tmp_path / "run"
    with pytest.raises(FileNotFoundError):
        run_stage(run, "stage", INPUTS, copy)
    assert find_current(run, "stage") is None
    assert not [path for path in (run / "stage").iterdir() if path.is_dir()]
    source.write_bytes(b"")
    assert content(run_stage(run, "stage", INPUTS, copy).path) == undisturbed
