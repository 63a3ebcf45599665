"""Who works on what is seen without getting in the way; who counts on a folder keeps its files there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapt.runs.holders import find_holders
from adapt.runs.in_use import Claim, removing
from adapt.runs.lock import hold

HOLDS = """
import sys, time
from pathlib import Path
from adapt.runs.in_use import Claim
from adapt.runs.lock import hold
folder = Path(sys.argv[1])
claim = Claim(folder)
with hold(folder, "k1", "work"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds a lock and a claim."""
    process = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_nobody_is_at_work_where_nothing_is(tmp_path):
    assert find_holders(tmp_path) == find_holders(tmp_path / "nowhere") == []


def test_a_live_process_is_named_and_a_killed_one_is_not_whatever_it_left(tmp_path, other):
    (holder,) = find_holders(tmp_path)
    assert (holder.name, holder.pid) == ("k1", other.pid)
    assert holder.since_s is not None
    assert f"pid {other.pid}" in str(holder)
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / ".k1.holder").is_file()
    assert find_holders(tmp_path) == []


@pytest.mark.parametrize("said", ["{", "[" * 100_000, '{"pid": Infinity, "host": "a"}', '{"pid": NaN, "host": "a"}'])
def test_a_holder_that_has_not_said_its_name_is_still_one(tmp_path, said):
    with hold(tmp_path, "k1", "work"):
        (tmp_path / ".k1.holder").write_text(said)
        (holder,) = find_holders(tmp_path)
    assert (holder.pid, str(holder)) == (None, "a process")
    assert find_holders(tmp_path) == []


def test_looking_neither_writes_nor_takes_the_lock_away(tmp_path):
    with hold(tmp_path, "k1", "work"):
        pass
    before = {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.iterdir()]}
    assert find_holders(tmp_path) == []
    assert {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.iterdir()]} == before
    with hold(tmp_path, "k1", "work", patience_s=0.0):
        assert len(find_holders(tmp_path)) == 1


def test_files_of_a_claimed_folder_may_not_be_removed_until_every_claim_is_gone(tmp_path):
    first, second = Claim(tmp_path), Claim(tmp_path)
    for claim in (first, second):
        with removing(tmp_path) as granted:
            assert not granted
        claim.release()
        claim.release()
    with removing(tmp_path) as granted:
        assert granted


def test_a_claim_ends_with_the_object_that_holds_it(tmp_path):
    claim = Claim(tmp_path)
    del claim
    with removing(tmp_path) as granted:
        assert granted


def test_a_claim_of_a_killed_process_is_none(tmp_path, other):
    with removing(tmp_path) as granted:
        assert not granted
    other.kill()
    other.wait()
    with removing(tmp_path) as granted:
        assert granted


def test_a_claim_waits_while_files_are_removed(tmp_path):
    code = "import sys; from pathlib import Path; from adapt.runs.in_use import Claim; Claim(Path(sys.argv[1]))"
    with removing(tmp_path) as granted:
        assert granted
        waiting = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=3)
    assert waiting.wait(timeout=60) == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_claimed_by_nobody_and_stops_nobody(tmp_path):
    tmp_path.chmod(0o500)
    Claim(tmp_path).release()
    tmp_path.chmod(0o700)
    assert list(Path(tmp_path).iterdir()) == []
