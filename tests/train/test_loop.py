import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from train_builder import training

from adapt.objectives.losses import MaskedSum
from adapt.train.checkpoint import NAME as CHECKPOINT
from adapt.train.checkpoint import discard_checkpoints
from adapt.train.loop import fit
from adapt.train.module import spread

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def run_to_the_end(data: Path, scratch: Path, out: Path, killed_at: int = -1) -> int:
    scratch.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{HERE.parent}:{HERE.parents[1]}"}
    command = [sys.executable, str(HERE / "train_to_the_end.py"), str(data), str(scratch), str(out), str(killed_at)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def test_training_killed_at_any_step_ends_with_the_same_bytes_as_one_never_killed(tmp_path):
    whole, broken = tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    training(tmp_path / "data")  # writes the data once for all processes
    assert run_to_the_end(tmp_path / "data", tmp_path / "a" / "scratch", whole) == 0
    scratch = tmp_path / "b" / "scratch"
    assert run_to_the_end(tmp_path / "data", scratch, broken, killed_at=7) == -signal.SIGKILL
    assert (scratch / CHECKPOINT).is_file()
    (scratch / f".{CHECKPOINT}.tmp").write_bytes(b"half of the next checkpoint")
    assert run_to_the_end(tmp_path / "data", scratch, broken) == 0
    assert broken.read_bytes() == whole.read_bytes()
    assert broken.with_suffix(".txt").read_text() == whole.with_suffix(".txt").read_text()


def test_sixty_steps_lower_the_loss_of_a_fixed_batch_by_a_tenth(tmp_path):
    plan = training(
        tmp_path / "data",
        steps=60,
        replay_share=0.0,
        train_heads=False,
        text_dropout=0.0,
        adapter_learning_rate=2e-2,
        validate_every=60,
    )
    plan = replace(plan, validation=plan.mixture.datasets[0])  # what is trained on, with fixed noise
    record = fit(plan, scratch=tmp_path / "scratch", logs=None)
    assert record.validation[-1]["video"] < 0.9 * record.validation[0]["video"]


def test_best_validation_is_kept_not_the_last(tmp_path, monkeypatch):
    plan = training(tmp_path / "data", steps=6, validate_every=2)
    scores = iter([3.0, 1.0, 2.0, 1.0])
    seen = []

    def judge(self, samples, start):
        seen.append({name: value.detach().clone() for name, value in plan.trained.tensors.items()})
        return {"video": MaskedSum(torch.tensor(next(scores)), torch.tensor(1))}

    monkeypatch.setattr("adapt.train.module.Adaptation._validation_sums", judge)
    record = fit(plan, scratch=tmp_path / "scratch", logs=None)
    assert record.best_step == 2
    assert [entry["step"] for entry in record.validation] == [0, 2, 4, 6]
    assert all(torch.equal(seen[1][name], value) for name, value in plan.trained.tensors.items())
    assert not all(torch.equal(seen[3][name], value) for name, value in plan.trained.tensors.items())


def test_training_keeps_logs_apart_from_its_scratch_and_says_what_is_trained(tmp_path, caplog):
    plan = training(tmp_path / "data", steps=4, checkpoint_every=2, log_every=2)
    with caplog.at_level(logging.INFO, logger="adapt"):
        fit(plan, scratch=tmp_path / "scratch", logs=tmp_path / "logs")
    assert "adapters on the video transformer" in caplog.text
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*"))
    (table,) = (tmp_path / "logs").rglob("metrics.csv")
    assert "train/video" in table.read_text()
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == [CHECKPOINT]
    discard_checkpoints(tmp_path / "scratch")
    assert not list((tmp_path / "scratch").iterdir())


def test_training_leaves_the_global_random_state_and_switches_as_they_were(tmp_path):
    plan = training(tmp_path / "data", steps=2)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    fit(plan, scratch=tmp_path / "scratch", logs=None)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_what_was_never_written_shows_in_the_first_step(tmp_path, monkeypatch):
    plan = training(tmp_path / "data", steps=4, validate_every=4, log_every=1)
    counts = plan.objective.counts
    fresh = []

    def counted(self, *given):
        fresh.append(bool(torch.empty(3).isnan().all()))
        return counts(*given)

    monkeypatch.setattr("adapt.train.losses.Objective.counts", counted)
    fit(plan, scratch=tmp_path / "scratch", logs=None)
    assert fresh == [True, False, False, False]


def test_spread_takes_everything_or_an_even_choice():
    assert spread(3, 5) == [0, 1, 2]
    assert spread(10, 4) == [0, 2, 5, 7]
    assert spread(0, 4) == []
