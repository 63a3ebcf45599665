"""The golden answer comes back bit for bit, and a mismatch says what is off by how much."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adapt.errors import BundleError
from adapt.policy.golden import Golden, dump_golden, find_mismatch, read_golden


def test_a_golden_answer_comes_back_bit_for_bit(golden: Golden, tmp_path: Path) -> None:
    path = tmp_path / "golden.safetensors"
    path.write_bytes(dump_golden(golden))
    found = read_golden(path)
    assert (found.instruction, found.seed, found.latent_tolerance) == ("wave", 3, 0.01)
    assert torch.equal(found.observation.images["main"], golden.observation.images["main"])
    assert torch.equal(found.latents, golden.latents)
    assert found.actions is not None
    assert golden.actions is not None
    assert torch.equal(found.actions, golden.actions)
    assert dump_golden(found) == path.read_bytes()


def test_an_answer_within_the_tolerance_is_the_same(golden: Golden) -> None:
    assert golden.actions is not None
    assert find_mismatch(golden, golden.latents + 0.009, golden.actions + 0.004) == ""


def test_an_axis_beyond_its_own_tolerance_is_named(golden: Golden) -> None:
    assert golden.actions is not None
    off = golden.actions + torch.tensor([0.009, 0.009])
    assert find_mismatch(golden, golden.latents, off) == "action axis 1 is off by 0.009, allowed is 0.005"


def test_latents_beyond_their_tolerance_are_a_mismatch(golden: Golden) -> None:
    assert find_mismatch(golden, golden.latents + 0.02, golden.actions) == (
        "an imagined latent is off by 0.02, allowed is 0.01"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_never_match(golden: Golden, value: float) -> None:
    assert golden.actions is not None
    assert find_mismatch(golden, torch.full_like(golden.latents, value), golden.actions)
    assert find_mismatch(golden, golden.latents, torch.full_like(golden.actions, value))


def test_an_answer_of_another_shape_is_a_mismatch(golden: Golden) -> None:
    assert "shape" in find_mismatch(golden, golden.latents[:1], golden.actions)
    assert "none" in find_mismatch(golden, golden.latents, None)


def test_a_file_without_its_record_is_refused(tmp_path: Path) -> None:
    save_file({"latents": torch.zeros(1)}, tmp_path / "golden.safetensors")
    with pytest.raises(BundleError, match="not a golden input"):
        read_golden(tmp_path / "golden.safetensors")
