"""Rule 7: a training that was killed and goes on ends with the bytes of one that was never killed.

Here the process is stopped by an exception, so that it is quick; tests/train/test_loop.py kills a process of its own at
any step, and tests/pipelines/test_finetune.py stops the whole stage.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save
from train_builder import training

from adapt.data.samples import Mixture
from adapt.models.row_dropout import RowDropout
from adapt.train import loop
from adapt.train.checkpoint import NAME
from adapt.train.loop import fit
from adapt.train.module import Adaptation, Training
from adapt.types import Sample

STEPS, SAVED_EVERY = 5, 2


class Deadly(Mixture):
    """A mixture whose reader dies when the last step is asked for."""

    def batch(self, step: int, places: Sequence[int] | None = None) -> list[Sample]:
        if step == STEPS - 1:
            raise KeyboardInterrupt
        return super().batch(step, places)


def plan(data: Path) -> Training:
    """Shuffled windows, replay, dropped instructions, noised futures, dropout; each of 2 parts a step."""
    return training(
        data,
        dropout=0.2,
        steps=STEPS,
        checkpoint_every=SAVED_EVERY,
        validate_every=STEPS,
        text_dropout=0.5,
        predicted_future_every=2,
        accumulation=2,
    )


def digest(trained: Training) -> str:
    return sha256(save({name: value.detach() for name, value in trained.trained.tensors.items()})).hexdigest()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    training(folder)  # Written once for all.
    return folder


@pytest.fixture(scope="module")
def never_killed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    made = plan(data)
    fit(made, scratch=tmp_path_factory.mktemp("whole"), logs=None)
    return digest(made)


@pytest.fixture(scope="module")
def left_behind(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scratch folder of a training that died in its second epoch, a step after its last checkpoint."""
    scratch, made = tmp_path_factory.mktemp("killed"), plan(data)
    given = {item.name: getattr(made.mixture, item.name) for item in fields(made.mixture)}
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        fit(replace(made, mixture=Deadly(**given)), scratch=scratch, logs=None)
    assert (scratch / NAME).is_file()
    return scratch


def check_goes_on_to_the_same_bytes(data: Path, left_behind: Path, scratch: Path, never_killed: str) -> None:
    shutil.copytree(left_behind, scratch)
    made = plan(data)
    fit(made, scratch=scratch, logs=None)
    assert digest(made) == never_killed, "other bytes than the training that was never killed"


def test_a_killed_training_ends_with_the_bytes_of_one_that_was_not(
    data: Path, left_behind: Path, tmp_path: Path, never_killed: str
) -> None:
    check_goes_on_to_the_same_bytes(data, left_behind, tmp_path / "scratch", never_killed)


@pytest.mark.parametrize("harm", [lambda data: data[: len(data) // 2], lambda data: data[:-900] + bytes(900)])
def test_a_damaged_checkpoint_is_not_gone_on_from_but_the_one_before(
    data: Path, left_behind: Path, tmp_path: Path, never_killed: str, harm: Callable[[bytes], bytes]
) -> None:
    shutil.copytree(left_behind, tmp_path / "left")
    last = tmp_path / "left" / NAME
    last.write_bytes(harm(last.read_bytes()))
    check_goes_on_to_the_same_bytes(data, tmp_path / "left", tmp_path / "scratch", never_killed)


def from_the_start(self: object) -> Iterator[int]:
    """A sampler that begins a new shuffle, and so shows the first windows again."""
    yield from range(len(self))  # type: ignore[arg-type]


def weights_only(self: Adaptation, checkpoint: object) -> None:
    """Steps and weights are taken up; moments of the optimiser are not."""
    right(self, replace(checkpoint, optimizer={**checkpoint.optimizer, "state": {}}))  # type: ignore[attr-defined,type-var]


right = Adaptation.go_on_from


def from_the_global_state(self: RowDropout, x: torch.Tensor) -> torch.Tensor:
    """Dropout as usual, whose draws hang on all that was drawn before in this process."""
    return F.dropout(x, self.share, self.training)


MISTAKES: dict[str, tuple[object, str, Callable[..., object]]] = {
    "the shuffle starts again": (loop._Remaining, "__iter__", from_the_start),
    "the optimiser's state is lost": (Adaptation, "go_on_from", weights_only),
    "dropout hangs on what was drawn before": (RowDropout, "forward", from_the_global_state),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_planted_inexact_resume_is_noticed(
    data: Path,
    left_behind: Path,
    tmp_path: Path,
    never_killed: str,
    mistake: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(*MISTAKES[mistake])
    with pytest.raises(AssertionError, match="other bytes"):
        check_goes_on_to_the_same_bytes(data, left_behind, tmp_path / "scratch", never_killed)
