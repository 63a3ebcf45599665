import pytest
import torch

from adapt.errors import RunError
from adapt.train.checkpoint import (
    NAME,
    Checkpoint,
    checkpoint_files,
    discard_checkpoints,
    read_checkpoint,
    write_checkpoint,
)
from adapt.train.record import Record


def checkpoint(steps: int) -> Checkpoint:
    weight = torch.nn.Parameter(torch.full((2, 3), float(steps)))
    optimizer = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimizer.step()
    record = Record(curve=[{"step": steps, "video": 0.5}], best_step=steps, best={"w": torch.ones(2)})
    return Checkpoint(steps=steps, trained={"w": weight}, optimizer=optimizer.state_dict(), record=record)


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    written = checkpoint(7)
    write_checkpoint(tmp_path, written)
    found = read_checkpoint(tmp_path)
    assert found.steps == 7
    assert torch.equal(found.trained["w"], written.trained["w"].detach())
    assert not found.trained["w"].requires_grad
    state, before = found.optimizer["state"][0], written.optimizer["state"][0]
    assert all(torch.equal(state[name], value) for name, value in before.items())
    assert found.record.curve == written.record.curve
    assert torch.equal(found.record.best["w"], torch.ones(2))


def test_the_last_two_checkpoints_are_kept_and_half_a_one_is_not_seen(tmp_path):
    for steps in (1, 2, 3):
        write_checkpoint(tmp_path, checkpoint(steps))
    (tmp_path / f".{NAME}.tmp").write_bytes(b"half of the next one")
    assert read_checkpoint(tmp_path).steps == 3
    assert {path for path in tmp_path.iterdir() if not path.name.startswith(".")} == set(checkpoint_files(tmp_path))
    (tmp_path / NAME).unlink()
    assert read_checkpoint(tmp_path).steps == 2
    discard_checkpoints(tmp_path)
    assert read_checkpoint(tmp_path) is None


def test_every_changed_byte_is_noticed_in_weights_and_all(tmp_path):
    for steps in (1, 2):
        write_checkpoint(tmp_path, checkpoint(steps))
    whole = (tmp_path / NAME).read_bytes()
    for place in range(0, len(whole), 97):
        (tmp_path / NAME).write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert read_checkpoint(tmp_path).steps == 1, place


def test_a_damaged_checkpoint_without_another_is_told_with_the_way_to_begin_anew(tmp_path):
    write_checkpoint(tmp_path, checkpoint(1))
    (tmp_path / NAME).write_bytes((tmp_path / NAME).read_bytes()[:-1])
    with pytest.raises(RunError, match=rf"{NAME} is damaged \(its bytes .*; delete it, and the work starts over"):
        read_checkpoint(tmp_path)


def test_a_checkpoint_written_before_there_were_digests_is_gone_on_from(tmp_path):
    write_checkpoint(tmp_path, checkpoint(5))
    whole = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(whole[whole.index(b"PK") :])
    assert read_checkpoint(tmp_path).steps == 5


def test_no_checkpoint_is_none_and_another_versions_is_refused_with_a_remedy(tmp_path):
    assert read_checkpoint(tmp_path) is None
    torch.save({"state_dict": {}}, tmp_path / NAME)
    with pytest.raises(RunError, match="written by another version; delete it"):
        read_checkpoint(tmp_path)
