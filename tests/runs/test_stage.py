import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapt.errors import RunError
from adapt.runs.fingerprint import Json
from adapt.runs.stage import (
    find_current,
    note,
    read_manifest,
    require_consistent,
    require_current,
    require_intact,
    run_stage,
)

REPOSITORY = Path(__file__).parents[2]

# A worker that reports itself, writes half of its result, and waits to be killed or told to go on.
WORKER = """
import sys, time
from pathlib import Path
from adapt.runs.stage import run_stage

run, resumable = Path(sys.argv[1]), sys.argv[2] == "resumable"

def work(folder):
    (folder / "half").write_text("half")
    Path(sys.argv[3]).touch()
    while not Path(sys.argv[3] + ".go").exists():
        time.sleep(0.01)
    return {}

run_stage(run, "encode", {"videos": 1}, work, resumable=resumable)
"""


def write_answer(folder: Path) -> dict:
    (folder / "deep").mkdir(exist_ok=True)
    (folder / "deep" / "answer").write_text("42")
    return {"answers": 1, "pair": (1, 2)}


def refuse(_folder: Path) -> dict:
    raise AssertionError("the work was to be reused")


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    paths = [root, *root.rglob("*")]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in paths}


def start_worker(tmp_path: Path, *, resumable: bool = False) -> tuple[subprocess.Popen, Path]:
    mark = tmp_path / f"started{time.monotonic_ns()}"
    arguments = [tmp_path / "run", "resumable" if resumable else "afresh", mark]
    process = subprocess.Popen([sys.executable, "-c", WORKER, *map(str, arguments)], cwd=REPOSITORY)
    while not mark.exists():
        assert process.poll() is None
        time.sleep(0.01)
    return process, mark


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_run_stage_keeps_the_work_with_its_inputs_facts_and_digests(tmp_path):
    result = run_stage(tmp_path, "encode", {"videos": ["ab"]}, write_answer)
    assert result.path == tmp_path / "encode" / result.key
    assert not result.reused
    assert result.facts == {"answers": 1, "pair": [1, 2]}
    manifest = read_manifest(result.path)
    assert manifest["stage"] == "encode"
    assert manifest["inputs"] == {"videos": ["ab"]}
    assert manifest["files"] == {"deep/answer": "73475cb40a568e8da8a045ced110137e159f890ac4da883b6b17dc651b3a8049"}
    assert (tmp_path / "encode" / "current").read_text().strip() == result.key
    assert find_current(tmp_path, "encode") == result.path


def test_run_stage_twice_touches_nothing_the_second_time(tmp_path):
    first = run_stage(tmp_path, "encode", {"videos": 1}, write_answer)
    before = snapshot(tmp_path)
    second = run_stage(tmp_path, "encode", {"videos": 1}, refuse)
    assert snapshot(tmp_path) == before
    assert second.reused
    assert (second.path, second.key, second.facts) == (first.path, first.key, first.facts)


def test_run_stage_starts_over_when_an_input_changes_and_switches_current(tmp_path):
    first = run_stage(tmp_path, "encode", {"videos": 1}, write_answer)
    second = run_stage(tmp_path, "encode", {"videos": 2}, write_answer)
    assert not second.reused
    assert second.path != first.path
    assert find_current(tmp_path, "encode") == second.path


def test_run_stage_switches_back_to_a_result_it_still_has(tmp_path):
    first = run_stage(tmp_path, "encode", {"videos": 1}, write_answer)
    run_stage(tmp_path, "encode", {"videos": 2}, write_answer)
    again = run_stage(tmp_path, "encode", {"videos": 1}, refuse)
    assert again.reused
    assert find_current(tmp_path, "encode") == first.path


def test_two_stages_with_the_same_inputs_have_different_keys(tmp_path):
    keys = {run_stage(tmp_path, stage, {}, write_answer).key for stage in ("ingest", "encode")}
    assert len(keys) == 2


def test_run_stage_makes_a_damaged_result_again(tmp_path):
    first = run_stage(tmp_path, "encode", {}, write_answer)
    (first.path / "deep" / "answer").write_text("4")
    again = run_stage(tmp_path, "encode", {}, write_answer)
    assert not again.reused
    assert (first.path / "deep" / "answer").read_text() == "42"


def test_a_copied_run_folder_goes_on_where_it_was(tmp_path):
    run_stage(tmp_path / "here", "encode", {"videos": 1}, write_answer)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    result = run_stage(tmp_path / "there", "encode", {"videos": 1}, refuse)
    assert result.reused
    assert result.path.is_relative_to(tmp_path / "there")


def test_times_and_hosts_are_in_run_json_and_never_in_the_result(tmp_path):
    result = run_stage(tmp_path, "encode", {}, write_answer)
    noted = json.loads((tmp_path / "run.json").read_text())["stages"]["encode"]
    assert noted["seconds"] >= 0
    assert noted["key"] == result.key
    assert set(read_manifest(result.path)) == {
        "format", "stage", "key", "inputs", "facts", "files", "bytes", "versions",
    }  # fmt: skip


def test_note_keeps_what_other_stages_noted(tmp_path):
    note(tmp_path, "ingest", seconds=1.5)
    note(tmp_path, "encode", seconds=2.5)
    note(tmp_path, "ingest", kept=3)
    stages = json.loads((tmp_path / "run.json").read_text())["stages"]
    assert stages == {"ingest": {"seconds": 1.5, "kept": 3}, "encode": {"seconds": 2.5}}


def test_run_stage_leaves_nothing_half_written_when_the_work_fails(tmp_path):
    def fail(folder):
        (folder / "half").write_text("half")
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        run_stage(tmp_path, "encode", {}, fail)
    assert find_current(tmp_path, "encode") is None
    assert [path for path in (tmp_path / "encode").iterdir() if path.is_dir()] == []


def test_a_failed_stage_leaves_the_last_good_result_in_use(tmp_path):
    good = run_stage(tmp_path, "encode", {"videos": 1}, write_answer)
    with pytest.raises(AssertionError):
        run_stage(tmp_path, "encode", {"videos": 2}, refuse)
    assert find_current(tmp_path, "encode") == good.path


def test_a_killed_worker_leaves_no_half_written_stage_and_its_lock_is_no_obstacle(tmp_path):
    process, _ = start_worker(tmp_path)
    kill(process)
    run = tmp_path / "run"
    assert find_current(run, "encode") is None
    assert next(path.name for path in (run / "encode").iterdir() if path.is_dir()).endswith(".partial")
    seen = []

    def work(folder):
        seen.extend(folder.iterdir())
        return write_answer(folder)

    result = run_stage(run, "encode", {"videos": 1}, work)
    assert seen == []
    assert sorted(read_manifest(result.path)["files"]) == ["deep/answer"]


def test_a_resumable_stage_finds_what_a_killed_worker_left(tmp_path):
    process, _ = start_worker(tmp_path, resumable=True)
    kill(process)
    seen = []

    def work(folder):
        seen.extend(path.name for path in folder.iterdir())
        return write_answer(folder)

    result = run_stage(tmp_path / "run", "encode", {"videos": 1}, work, resumable=True)
    assert seen == ["half"]
    assert sorted(read_manifest(result.path)["files"]) == ["deep/answer", "half"]
    assert not list((tmp_path / "run" / "encode").glob("*.partial"))


def test_a_second_process_on_the_same_work_is_told_who_is_at_it(tmp_path):
    process, mark = start_worker(tmp_path)
    try:
        with pytest.raises(RunError, match=f"encode in .*already running it.*pid {process.pid}"):
            run_stage(tmp_path / "run", "encode", {"videos": 1}, refuse)
        other = run_stage(tmp_path / "run", "encode", {"videos": 2}, write_answer)
        assert not other.reused
        assert len(list((tmp_path / "run" / "encode").glob(".*.partial"))) == 1, "its scratch was taken away"
    finally:
        Path(f"{mark}.go").touch()
        assert process.wait(timeout=20) == 0
    assert run_stage(tmp_path / "run", "encode", {"videos": 1}, refuse).reused


def test_success_removes_what_killed_workers_on_other_inputs_left(tmp_path):
    process, _ = start_worker(tmp_path)
    kill(process)
    run_stage(tmp_path / "run", "encode", {"videos": 2}, write_answer)
    assert not list((tmp_path / "run" / "encode").glob(".*.partial"))


def full_disk(folder: Path) -> dict:
    (folder / "half").write_text("half")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "latents"))


def native_full_disk(_folder: Path) -> dict:
    raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize("work", [full_disk, native_full_disk])
def test_a_full_disk_is_named_with_its_remedy_and_loses_nothing(tmp_path, work):
    good = run_stage(tmp_path, "encode", {"videos": 1}, write_answer)
    with pytest.raises(RunError, match=rf"encode in {tmp_path}: the disk is full at {tmp_path}.*free some space"):
        run_stage(tmp_path, "encode", {"videos": 2}, work)
    assert find_current(tmp_path, "encode") == good.path
    assert read_manifest(good.path)["facts"] == good.facts
    assert not run_stage(tmp_path, "encode", {"videos": 2}, write_answer).reused


def test_a_full_disk_keeps_the_scratch_of_a_resumable_stage(tmp_path):
    with pytest.raises(RunError, match="goes on from here"):
        run_stage(tmp_path, "encode", {}, full_disk, resumable=True)
    seen = []
    run_stage(tmp_path, "encode", {}, lambda folder: seen.extend(folder.iterdir()) or {}, resumable=True)
    assert [path.name for path in seen] == ["half"]


def test_a_run_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"file/run.*--out"):
        run_stage(tmp_path / "file" / "run", "encode", {}, write_answer)


def test_require_current_names_the_command_that_makes_the_stage(tmp_path):
    with pytest.raises(RunError, match=f"'encode' has no finished result.*wam-adapt encode --run {tmp_path}"):
        require_current(tmp_path, "encode")


def test_read_manifest_refuses_a_later_format_and_a_damaged_file(tmp_path):
    result = run_stage(tmp_path, "encode", {}, write_answer)
    path = result.path / "manifest.json"
    path.write_text(json.dumps({**read_manifest(result.path), "format": 2}))
    with pytest.raises(RunError, match="format 2, this version reads 1"):
        read_manifest(result.path)
    path.write_text("{")
    with pytest.raises(RunError, match=r"cannot be read.*delete the folder"):
        read_manifest(result.path)


def test_a_killed_switch_of_current_is_made_up_for(tmp_path):
    done = run_stage(tmp_path, "encode", {}, write_answer)
    (tmp_path / "encode" / "current").unlink()
    again = run_stage(tmp_path, "encode", {}, refuse)
    assert again.reused
    assert find_current(tmp_path, "encode") == done.path


def two_stages(run: Path) -> tuple[Path, Path]:
    """A stage, and one made from it."""

    def write(folder: Path) -> dict[str, Json]:
        (folder / "data").write_text("whole")
        return {}

    first = run_stage(run, "first", {"n": 1}, write)
    return first.path, run_stage(run, "second", {"first": first.key}, write).path


def test_stages_made_from_each_other_are_consistent(tmp_path: Path):
    first, second = two_stages(tmp_path)
    assert require_consistent(tmp_path, ("first", "second")) == {"first": first, "second": second}


def test_a_stage_made_from_an_older_result_is_refused_with_the_command_that_renews_it(tmp_path: Path):
    two_stages(tmp_path)
    run_stage(tmp_path, "first", {"n": 2}, lambda _: {})
    with pytest.raises(RunError, match=r"second was made from another first .* wam-adapt second --run"):
        require_consistent(tmp_path, ("first", "second"))


def test_a_changed_byte_in_a_finished_stage_is_noticed_before_it_is_used(tmp_path: Path):
    first, second = two_stages(tmp_path)
    require_intact(first, second)
    (first / "data").write_text("Whole")
    with pytest.raises(RunError, match=r"data is not what was written there .* delete the folder"):
        require_intact(first, second)


def test_a_stage_cut_short_is_not_current(tmp_path: Path):
    first, _ = two_stages(tmp_path)
    (first / "data").write_text("who")
    with pytest.raises(RunError, match="cut short; make it with: wam-adapt first"):
        require_current(tmp_path, "first")
