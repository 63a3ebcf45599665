import pytest
import torch

from adapt.errors import RunError
from adapt.train.checkpoint import NAME, Checkpoint, read_checkpoint, write_checkpoint
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


def test_only_the_last_checkpoint_is_kept_and_half_a_one_is_not_seen(tmp_path):
    for steps in (1, 2):
        write_checkpoint(tmp_path, checkpoint(steps))
    (tmp_path / f".{NAME}.tmp").write_bytes(b"half of the next one")
    assert read_checkpoint(tmp_path).steps == 2
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == [NAME]


def test_no_checkpoint_is_none_and_another_versions_is_refused_with_a_remedy(tmp_path):
    assert read_checkpoint(tmp_path) is None
    torch.save({"state_dict": {}}, tmp_path / NAME)
    with pytest.raises(RunError, match="written by another version; delete it"):
        read_checkpoint(tmp_path)
