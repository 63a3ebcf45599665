"""A folder appears whole or not at all."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapt.errors import RunError
from adapt.runs.new_folder import new_folder

REPOSITORY = Path(__file__).parents[2]
SLOW = """
import sys, time
from pathlib import Path
from adapt.runs.new_folder import new_folder
with new_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("")
    print("begun", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("there", [False, True])
def test_it_has_its_name_only_when_the_block_is_over_and_leaves_nothing_else(there, tmp_path):
    folder = tmp_path / "deep" / "new"
    if there:
        folder.mkdir(parents=True)
    with new_folder(folder) as scratch:
        (scratch / "one").write_text("1")
        assert not (folder / "one").exists()
    assert (folder / "one").read_text() == "1"
    assert [path.name for path in folder.parent.iterdir()] == ["new"]
    assert [path.name for path in folder.iterdir()] == ["one"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_nothing(error, tmp_path):
    def fill() -> None:
        with new_folder(tmp_path / "new") as scratch:
            (scratch / "half").write_text("")
            raise error

    with pytest.raises(error):
        fill()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["full/file", "full"])
def test_what_is_there_already_is_neither_touched_nor_worked_for(there, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(RunError, match="name a new folder"), new_folder(tmp_path / there):
        pytest.fail("the block was entered")
    assert (tmp_path / "full" / "file").read_text() == "mine"
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "file"]


def test_a_place_that_cannot_be_written_is_told_of(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"), new_folder(tmp_path / "file" / "new"):
        pytest.fail("the block was entered")


def test_what_a_killed_process_left_is_cleared_away_and_a_living_one_is_not_disturbed(tmp_path):
    folder = tmp_path / "new"
    command = [sys.executable, "-c", SLOW, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        with pytest.raises(RunError, match=f"another process is already running it .pid {process.pid}"):
            new_folder(folder).__enter__()
        process.send_signal(signal.SIGKILL)
    time.sleep(0.05)
    assert (tmp_path / ".new.partial").is_dir()
    with new_folder(folder) as scratch:
        assert list(scratch.iterdir()) == []
        (scratch / "one").write_text("")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
