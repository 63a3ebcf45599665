"""A pretraining that was stopped goes on to the same bytes, also where a disk has damaged its last checkpoint."""

from pathlib import Path

import pytest
import torch

from adapt.errors import RunError
from pipelines.pretrain import progress
from pipelines.pretrain.progress import Progress

TOTAL, STOPPED_AT = 6, 5


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(progress, "_CHECKPOINT_EVERY", 2)


def train(folder: Path, *, until: int = TOTAL) -> tuple[list[int], torch.Tensor]:
    """The steps that were done, and the weights that came of them."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(2, 2)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=0.1)
    left = Progress(folder, "toy", TOTAL, {"layer": layer}, [optimiser], [0.1])
    done = []
    for step in left.steps():
        if step == until:
            break
        optimiser.zero_grad()
        layer(torch.full((1, 2), float(step))).square().sum().backward()
        optimiser.step()
        left.done(step, 0.0)
        done.append(step)
    else:
        left.finish()
    return done, layer.weight.detach()


@pytest.fixture
def whole(tmp_path) -> torch.Tensor:
    (tmp_path / "whole").mkdir()
    done, weight = train(tmp_path / "whole")
    assert done == list(range(TOTAL))
    assert list((tmp_path / "whole").iterdir()) == []  # Or a result would be sealed with them.
    return weight


def test_it_goes_on_from_the_last_checkpoint_and_from_the_one_before_where_that_is_damaged(tmp_path, whole, caplog):
    for name, harm, first in (
        ("sound", lambda data: data, 4),
        ("flipped", lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:], 2),
        ("short", lambda data: data[: len(data) // 2], 2),
    ):
        folder = tmp_path / name
        folder.mkdir()
        train(folder, until=STOPPED_AT)
        last = folder / "toy-checkpoint.pt"
        last.write_bytes(harm(last.read_bytes()))
        done, weight = train(folder)
        assert done[0] == first
        assert torch.equal(weight, whole)
    assert caplog.text.count("toy-checkpoint.pt is damaged") == 2


def test_where_no_checkpoint_is_sound_it_says_how_to_begin_anew(tmp_path):
    train(tmp_path, until=3)
    last = tmp_path / "toy-checkpoint.pt"
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(RunError, match=r"toy-checkpoint.pt is damaged .* delete it, and the work starts over"):
        train(tmp_path)
    last.unlink()
    assert train(tmp_path)[0] == list(range(TOTAL))


def test_a_checkpoint_of_an_earlier_version_without_a_digest_is_gone_on_from(tmp_path, whole):
    train(tmp_path, until=STOPPED_AT)
    last = tmp_path / "toy-checkpoint.pt"
    data = last.read_bytes()
    last.write_bytes(data[data.index(b"PK") :])
    torch.load(last, weights_only=True)
    done, weight = train(tmp_path)
    assert done[0] == 4
    assert torch.equal(weight, whole)


def test_what_is_no_checkpoint_is_not_gone_on_from(tmp_path):
    torch.save({"step": 3}, tmp_path / "toy-checkpoint.pt")
    with pytest.raises(RunError, match="it is no checkpoint of a pretraining"):
        train(tmp_path)
