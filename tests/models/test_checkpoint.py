from pathlib import Path

import pytest
import torch
from torch import nn

from adapt.errors import CheckpointError
from adapt.models.checkpoint import canonical_fingerprint, load_strict, read_tensors, write_tensors


def test_every_disagreement_is_named_and_nothing_is_copied():
    layer = nn.Linear(2, 3)
    before = layer.bias.clone()

    with pytest.raises(CheckpointError) as caught:
        load_strict(layer, {"bias": torch.zeros(4), "wait": torch.zeros(1)}, source="x.safetensors")

    message = str(caught.value)
    assert "x.safetensors does not fit Linear" in message
    assert "1 missing (weight)" in message
    assert "1 unexpected (wait)" in message
    assert "bias stored [4], wanted [3]" in message
    assert torch.equal(layer.bias, before)


def test_long_lists_are_cut_and_counted():
    with pytest.raises(CheckpointError, match=r"8 unexpected \(x0, x1, x2, x3, x4 and 3 more\)"):
        load_strict(nn.Identity(), {f"x{i}": torch.zeros(1) for i in range(8)})


def test_what_fits_is_loaded():
    layer = nn.Linear(1, 1)

    report = load_strict(layer, {"weight": torch.tensor([[2.0]]), "bias": torch.tensor([3.0])})

    assert report.clean
    assert layer(torch.tensor([1.0])).item() == 5.0


def test_fingerprint_sees_name_type_shape_and_value_but_not_order():
    tensors = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor(3)}
    same = {"b": torch.tensor(3), "a": torch.tensor([1.0, 2.0])}
    others = [
        {**tensors, "a": torch.tensor([1.0, 2.5])},
        {**tensors, "a": torch.tensor([[1.0, 2.0]])},
        {**tensors, "a": torch.tensor([1.0, 2.0], dtype=torch.float64)},
        {"c": tensors["a"], "b": tensors["b"]},
    ]

    assert canonical_fingerprint(tensors) == canonical_fingerprint(same)
    assert len({canonical_fingerprint(tensors), *map(canonical_fingerprint, others)}) == 5


def test_fingerprint_takes_bfloat16_and_strided_tensors():
    values = torch.arange(6.0).reshape(2, 3)

    assert canonical_fingerprint({"a": values.T.contiguous().T}) == canonical_fingerprint({"a": values})
    assert canonical_fingerprint({"a": values.bfloat16()}) != canonical_fingerprint({"a": values})


def test_files_are_the_same_bytes_and_read_back_the_same(tmp_path: Path):
    tensors = {"b": torch.ones(2, 3).T, "a": torch.zeros(1)}
    write_tensors(tmp_path / "one", tensors)
    write_tensors(tmp_path / "two", dict(reversed(tensors.items())))

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert torch.equal(read_tensors(tmp_path / "one")["b"], tensors["b"])


def test_a_missing_or_cut_file_is_refused(tmp_path: Path):
    write_tensors(tmp_path / "whole", {"a": torch.ones(64)})
    (tmp_path / "cut").write_bytes((tmp_path / "whole").read_bytes()[:-8])

    with pytest.raises(CheckpointError, match="cut: not a whole safetensors file"):
        read_tensors(tmp_path / "cut")
    with pytest.raises(CheckpointError, match="no such file"):
        read_tensors(tmp_path / "gone")


def test_written_files_may_be_read_by_whoever_may_read_other_files(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    write_tensors(tmp_path / "weights.safetensors", {"a": torch.zeros(1)})
    assert (tmp_path / "weights.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode
