"""What a killed process left half written is cleared away by the next one; what a living one writes is not."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from adapt.runs import atomic, leftovers
from adapt.runs.atomic import write_atomic
from adapt.runs.leftovers import clear_left, is_left, remove_left
from adapt.runs.manifest import MANIFEST
from adapt.runs.stage import read_manifest, run_stage

# Comes as far as the last moment before the file has its name, says so, and stays there.
WRITER = """
import os, sys, time
from pathlib import Path
from adapt.runs import atomic

def wait(_descriptor):
    print("writing", flush=True)
    time.sleep(600)

os.fsync = wait
atomic.write_atomic(Path(sys.argv[1]), "half of it")
"""


def start_writer(path: Path) -> subprocess.Popen[str]:
    """A process that is writing a file, and will not end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def leave(path: Path) -> Path:
    """What a killed writer of a file leaves, without a process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    left = path.with_name(f".{path.name}.ab12cd_4.tmp")
    left.write_text("half of it")
    return left


def hidden(folder: Path) -> list[Path]:
    return sorted(folder.rglob(".*.tmp"))


def test_a_file_stays_while_its_writer_lives_and_goes_when_it_was_killed(tmp_path):
    process = start_writer(tmp_path / "current")
    try:
        (scratch,) = hidden(tmp_path)
        assert not is_left(scratch)
        assert clear_left(tmp_path) == []
        assert scratch.read_text() == "half of it"
    finally:
        kill(process)
    assert is_left(scratch)
    assert clear_left(tmp_path) == [scratch]
    assert list(tmp_path.iterdir()) == []


def test_the_next_run_of_a_stage_clears_its_own_and_its_run_s_folder_and_no_living_writer_s(tmp_path):
    run_stage(tmp_path, "encode", {"n": 1}, lambda _: {})
    process = start_writer(tmp_path / "run.json")
    try:
        (living,) = hidden(tmp_path)
        for name in ("current", "key"):
            leave(tmp_path / "encode" / name)
        leave(tmp_path / "job.json")
        assert run_stage(tmp_path, "encode", {"n": 1}, lambda _: {}).reused
        assert hidden(tmp_path) == [living]
    finally:
        kill(process)
    run_stage(tmp_path, "encode", {"n": 1}, lambda _: {})
    assert hidden(tmp_path) == []


def test_a_stage_that_goes_on_seals_no_half_of_a_file(tmp_path):
    def work(folder: Path) -> dict[str, str]:
        leave(folder / "deep" / "shard")
        leave(folder / MANIFEST)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_stage(tmp_path, "encode", {"n": 1}, work, resumable=True)
    assert len(hidden(tmp_path)) == 2
    made = run_stage(tmp_path, "encode", {"n": 1}, lambda _: {}, resumable=True)
    assert hidden(tmp_path) == []
    assert read_manifest(made.path)["files"] == {}


def test_files_of_others_and_folders_that_are_not_there_are_left_alone(tmp_path):
    names = ("notes.tmp", ".notes.tmp", ".vimrc", "a.ab12cd_4.tmp")
    for name in names:
        (tmp_path / name).write_text("mine")
    inner = leave(tmp_path / "inner" / "file")
    assert clear_left(tmp_path) == []
    assert clear_left(tmp_path / "nowhere") == []
    assert inner.exists()
    assert clear_left(tmp_path, deep=True) == [inner]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted(names)


def test_a_file_that_got_its_name_meanwhile_is_not_lost(tmp_path):
    left = leave(tmp_path / "current")
    left.rename(tmp_path / "current")
    assert not remove_left(left)
    assert (tmp_path / "current").exists()


def test_a_writer_whose_fresh_file_was_taken_for_a_leftover_makes_another(tmp_path, monkeypatch):
    lock, taken = fcntl.flock, []

    def lock_late(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        taken.extend(clear_left(tmp_path))  # Between the file and its lock.
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    write_atomic(tmp_path / "current", "new")
    assert len(taken) == 1
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("current", "new")]


def test_clearing_again_and_again_never_takes_a_file_from_who_writes_it(tmp_path):
    over = threading.Event()

    def clear() -> None:
        while not over.is_set():
            clear_left(tmp_path)

    clearer = threading.Thread(target=clear)
    clearer.start()
    try:
        for number in range(200):
            write_atomic(tmp_path / "current", str(number))
            assert (tmp_path / "current").read_text() == str(number)
    finally:
        over.set()
        clearer.join()


def test_where_there_are_no_locks_only_what_is_old_counts_as_left(tmp_path, monkeypatch):
    def refuse(_descriptor: int, _how: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    write_atomic(tmp_path / "current", "new")
    left = leave(tmp_path / "current")
    assert clear_left(tmp_path) == []
    monkeypatch.setattr(leftovers, "_WRITTEN_WITHIN_S", -1.0)
    assert clear_left(tmp_path) == [left]
    assert (tmp_path / "current").read_text() == "new"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove everywhere")
def test_what_cannot_be_removed_stays_without_a_word(tmp_path):
    left = leave(tmp_path / "inner" / "file")
    left.parent.chmod(0o500)
    assert clear_left(left.parent) == []
    left.parent.chmod(0o700)


def test_every_writer_s_scratch_file_has_a_name_by_which_it_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic.os, "fsync", lambda _: (_ for _ in ()).throw(SystemExit))
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    for name in ("run.json", "latents-00001.safetensors", "\u30b3\u30c3\u30d7"):
        with pytest.raises(SystemExit):
            write_atomic(tmp_path / name, "half")
    assert all(leftovers.is_scratch(path.name) for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 3
