"""Training by two processes as a user starts it: by the recipe, by torchrun, stopped, killed and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from encoded_builder import arm, hand, window, write_folder
from run_builder import job

from adapt.runs.processes import Rank, find_rank
from adapt.runs.stage import run_stage
from pipelines.encode import encoders_fingerprint
from pipelines.job import Job, save_job

REPOSITORY = Path(__file__).parents[2]
PLAIN = ["-m", "pipelines.cli"]
TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "--", "pipelines.cli"]
LIMIT_S = 400
STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    yield
    while STARTED:
        STARTED.pop().kill()


def make_run(tmp_path: Path, **train: object) -> Job:
    """A run that is encoded, and its job written down."""
    encoders = encoders_fingerprint(job(tmp_path).recipe.base)
    replay = write_folder(
        tmp_path / "replay", [window(n, arm()) for n in range(3)], [arm()], text_width=16, encoders=encoders
    )
    made = job(tmp_path, replay=str(replay), **train)

    def encode(folder: Path) -> dict[str, int]:
        windows = [window(n, hand(), chunks=1 + n % 2) for n in range(4)] + [window(9, hand(), split="validation")]
        write_folder(folder, windows, [hand()], text_width=16, encoders=encoders)
        return {"windows": len(windows)}

    run_stage(made.run_folder, "encode", {}, encode)
    save_job(made)
    return made


def start(made: Job, words: list[str], cache: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "WAM_ADAPT_CACHE": str(cache), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, *words, "finetune", "--run", made.run]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    STARTED.append(process)
    return process


def helpers_of(made: Job) -> list[int]:
    """Processes that work on a run without having been started by this test."""
    found = subprocess.run(["pgrep", "-f", "--", f"-P -m pipelines.cli finetune --run {made.run}"], capture_output=True)
    return [int(number) for number in found.stdout.split()]


def wait_for_a_checkpoint(made: Job, process: subprocess.Popen[str]) -> None:
    while not list((made.run_folder / "finetune").glob(".*.partial/last.ckpt")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)


def result(made: Job) -> dict[str, bytes]:
    home = made.run_folder / "finetune"
    folder = home / (home / "current").read_text().strip()
    names = ("adapter/adapter_model.safetensors", "heads.safetensors", "training.json")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.skipif(sys.platform == "win32", reason="ends processes by signals")
def test_two_processes_killed_and_gone_on_with_end_as_two_never_killed(tmp_path):
    settings = {"steps": 24, "checkpoint_every": 2, "validate_every": 12, "strategy": "fsdp2"}
    whole = make_run(tmp_path / "whole", **settings)
    out, said = (process := start(whole, TORCHRUN, tmp_path / "cache")).communicate(timeout=LIMIT_S)
    assert process.returncode == 0, said
    assert out.count(whole.run) == 1  # one process shows the result
    assert said.count("trained: ") == 1

    broken = make_run(tmp_path / "broken", **settings, devices=2)
    process = start(broken, PLAIN, tmp_path / "cache")
    wait_for_a_checkpoint(broken, process)
    (helper,) = helpers_of(broken)
    os.kill(helper, signal.SIGKILL)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "one of the 2 processes that train together has stopped" in said
    assert "goes on from the last checkpoint" in said
    assert "Traceback" not in said

    said = (process := start(broken, PLAIN, tmp_path / "cache")).communicate(timeout=LIMIT_S)[1]
    assert process.returncode == 0, said
    assert result(broken) == result(whole)
    assert json.loads(result(broken)["training.json"])["steps"] == 24


def test_a_finished_training_is_found_without_starting_anybody(tmp_path, monkeypatch):
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    from pipelines import finetune

    made = make_run(tmp_path)
    path = finetune.run(made)
    made.recipe.train.devices, made.recipe.train.strategy = 2, "fsdp2"
    monkeypatch.setattr("adapt.train.helpers.lead", None)  # would be called
    assert finetune.run(made) == path


TORCHRUN_SAYS = {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
TORCHRUN_SAYS |= {"MASTER_ADDR": "one", "MASTER_PORT": "29500", "TORCHELASTIC_USE_AGENT_STORE": "True"}
SRUN_SAYS = {"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5", "SLURM_LOCALID": "1", "SLURM_JOB_ID": "1230042"}
SRUN_SAYS |= {"SLURM_STEP_TASKS_PER_NODE": "4(x2)", "SLURM_STEP_NODELIST": "gpu[07-08,11]-a,spare"}


def test_torchrun_and_srun_are_understood():
    rank = find_rank(TORCHRUN_SAYS)
    assert rank == Rank(number=1, size=4, local=1, local_size=2, address="one", port=29500, meeting_held=True)
    assert find_rank(rank.environment()) == rank
    rank = find_rank(SRUN_SAYS)
    assert (rank.number, rank.size, rank.local, rank.local_size) == (5, 8, 1, 4)
    assert (rank.address, rank.port, rank.meeting_held) == ("gpu07-a", 15042, False)


@pytest.mark.parametrize(
    "environ",
    [{}, TORCHRUN_SAYS | {"WORLD_SIZE": "1"}, {"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, {"RANK": "first"}],
    ids=["nothing", "torchrun of one", "inside an allocation, without srun", "somebody else's"],
)
def test_a_process_started_alone_is_alone(environ):
    assert find_rank(environ) is None


@pytest.mark.parametrize("words", ["encode --run x", "adapt human x --out y", "demo --out y", "study --run x"])
def test_what_cannot_be_shared_is_refused_once(words, monkeypatch, capsys):
    from pipelines.cli import FAILED, main

    for name, value in (TORCHRUN_SAYS | {"RANK": "0"}).items():
        monkeypatch.setenv(name, value)
    assert main(words.split()) == FAILED
    assert "4 processes were started" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # put back afterwards: a helper silences it
    monkeypatch.setenv("RANK", "1")
    assert main(words.split()) == FAILED
    assert capsys.readouterr().err == ""
