"""Pieces of work are shared by processes; a failure is told, and a killed process stops the rest."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from adapt.errors import DataError, RunError
from pipelines.tabletop.pool import do_all


def write(folder: Path, name: str) -> None:
    (folder / name).write_text(f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}")


def fail(folder: Path, name: str) -> None:
    if name == "b":
        raise DataError("b is not good")
    write(folder, name)


def die(folder: Path, name: str) -> None:
    if name == "b":
        os.kill(os.getpid(), signal.SIGKILL)
    write(folder, name)


def test_one_process_does_all_in_order(tmp_path: Path) -> None:
    assert list(do_all(partial(write, tmp_path), ["a", "b", "c"], jobs=1)) == ["a", "b", "c"]
    assert {path.read_text().split()[0] for path in tmp_path.iterdir()} == {str(os.getpid())}


def test_two_processes_share_the_work_with_a_thread_each(tmp_path: Path) -> None:
    assert set(do_all(partial(write, tmp_path), ["a", "b", "c", "d"], jobs=2)) == {"a", "b", "c", "d"}
    told = [path.read_text().split() for path in sorted(tmp_path.iterdir())]
    assert len(told) == 4
    assert str(os.getpid()) not in {pid for pid, _ in told}
    assert {threads for _, threads in told} == {"1"}


def test_a_piece_that_is_left_over_is_done_with_a_thread_too(tmp_path: Path) -> None:
    assert list(do_all(partial(write, tmp_path), ["a"], jobs=2)) == ["a"]
    pid, threads = (tmp_path / "a").read_text().split()
    assert (pid != str(os.getpid()), threads) == (True, "1")


def test_a_failure_is_the_one_that_the_work_raised(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="b is not good"):
        list(do_all(partial(fail, tmp_path), ["a", "b"], jobs=2))


def test_a_killed_process_is_told_of_in_words(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="same command again"):
        list(do_all(partial(die, tmp_path), ["a", "b", "c"], jobs=2))
