"""A bundle acts as it did when it was made, on its own base only, and without decoding a picture."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics
from adapt.errors import BundleError, DataError, EmbodimentError
from adapt.models.adapters import add_lora, read_adapter
from adapt.models.bases import Base, load_base, random_tiny, save_base
from adapt.models.lora import LoraConfig
from adapt.policy import load
from adapt.policy.acting import Actor
from adapt.policy.bundle import BaseRecord, Bundle, write_bundle
from adapt.policy.policy import Policy

STATE = [0.5]
PICTURE = np.linspace(0, 255, 48 * 64 * 3).astype(np.uint8).reshape(48, 64, 3)
OBSERVATION = {"images": {"main": PICTURE}, "state": STATE}


def adapted(folder: Path, seed: int = 1) -> Base:
    """The base of a folder with an adapter that changes something."""
    base = load_base(str(folder))
    add_lora(
        base.model.dit, LoraConfig(rank=2, targets=["to_q", "to_v"]), base_id="random-tiny", revision="0", seed=seed
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in base.model.dit.named_parameters():
            if "lora_B" in name:
                value.copy_(torch.randn(value.shape, generator=generator))
    return base


@pytest.fixture
def base_folder(tmp_path: Path) -> Path:
    save_base(tmp_path / "base", random_tiny(0, bodies={"arm": (2, 1)}))
    return tmp_path / "base"


@pytest.fixture
def folder(base_folder: Path, contents: Bundle, body: Embodiment, statistics: BodyStatistics, tmp_path: Path) -> Path:
    """A bundle whose weights are real."""
    base = adapted(base_folder)
    policy = Policy(base, Actor(spec=body, statistics=statistics), video_steps=2)
    adapter = read_adapter(base.model.dit)
    bundle = dataclasses.replace(
        contents,
        base=BaseRecord(
            repo="random-tiny", revision="0", fingerprint=base.identity.fingerprint, licence=base.identity.licence
        ),
        adapter_config=adapter.config,
        adapter=adapter.tensors,
        heads=base.model.heads.state_dict(),
        golden=policy.record_golden(OBSERVATION, "wave", seed=3),
        video_steps=2,
    )
    write_bundle(tmp_path / "bundle", bundle)
    return tmp_path / "bundle"


@pytest.fixture
def policy(folder: Path, base_folder: Path) -> Policy:
    return load(folder, bases={"random-tiny": base_folder})


def test_a_loaded_bundle_reproduces_its_golden_answer(policy: Policy) -> None:
    policy.verify_golden()


def test_actions_come_in_the_bodys_units_and_rate(policy: Policy) -> None:
    chunk = policy.act(OBSERVATION, "wave")
    assert chunk.values.shape == (16, 2)
    assert (chunk.names, chunk.units, chunk.rate_hz) == (("shoulder", "grip"), ("rad", "share"), 10.0)


def test_actions_of_a_relative_axis_move_with_the_state_they_start_from(policy: Policy) -> None:
    """The toy head sees the state, so only the offset of 10 rad is exact: 10 lies far outside what moves the head."""
    near = policy.act({**OBSERVATION, "state": [0.0]}, "wave").values
    far = policy.act({**OBSERVATION, "state": [10.0]}, "wave").values
    assert (far - near)[:, 0].mean() > 5.0
    assert (far - near)[:, 1].abs().max() < 5.0


def test_the_same_seed_gives_the_same_actions_and_another_gives_others(policy: Policy) -> None:
    first, again, other = (policy.act(OBSERVATION, "wave", seed=seed).values for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_predicting_shows_the_present_and_the_chunk_that_follows(policy: Policy) -> None:
    prediction = policy.predict(OBSERVATION, "wave")
    assert prediction.frames is not None
    assert prediction.actions is not None
    assert prediction.frames.shape == (9, 64, 64, 3)
    assert prediction.latents.shape == (2, 16, 8, 8)
    assert torch.equal(prediction.actions.values, policy.act(OBSERVATION, "wave").values)


def test_a_picture_may_come_from_pil(policy: Policy) -> None:
    as_pil = policy.act({"images": Image.fromarray(PICTURE), "state": STATE}, "wave")
    assert torch.equal(as_pil.values, policy.act(OBSERVATION, "wave").values)


def test_an_observation_that_does_not_fit_is_told_by_field(policy: Policy) -> None:
    with pytest.raises(DataError, match=r"observation\.state"):
        policy.act({"images": PICTURE, "state": [0.0, 1.0]}, "wave")


def test_another_base_is_refused_and_both_are_named(folder: Path, tmp_path: Path) -> None:
    other = random_tiny(7, bodies={"arm": (2, 1)})
    save_base(tmp_path / "other", other)
    with pytest.raises(BundleError, match=r"belongs to the base random-tiny@0 .* found is random-tiny@7"):
        load(folder, bases={"random-tiny": tmp_path / "other"})


def test_a_base_that_is_not_here_is_named_with_the_remedy(
    folder: Path, base_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = dataclasses.replace(random_tiny().identity, name="shipped")
    monkeypatch.setattr("adapt.policy.policy.read_identity", lambda _: (shipped, None))
    with pytest.raises(BundleError, match=r"random-tiny@0: the base of this bundle is not here.*bases="):
        load(folder)


@pytest.mark.parametrize("part", ["adapter", "heads"])
def test_weights_that_changed_do_not_reproduce_the_golden_answer(
    folder: Path, base_folder: Path, tmp_path: Path, part: str
) -> None:
    from adapt.policy.bundle import read_bundle

    bundle = read_bundle(folder)
    changed = {name: value * 1.05 for name, value in getattr(bundle, part).items()}
    write_bundle(tmp_path / "changed", dataclasses.replace(bundle, **{part: changed}))
    with pytest.raises(BundleError, match="was not reproduced"):
        load(tmp_path / "changed", bases={"random-tiny": base_folder}).verify_golden()


def test_swapped_statistics_do_not_reproduce_the_golden_answer(folder: Path, base_folder: Path, tmp_path: Path) -> None:
    from adapt.policy.bundle import read_bundle

    bundle = read_bundle(folder)
    figures = bundle.statistics.actions
    assert figures is not None
    wider = dataclasses.replace(figures, q99=figures.q99 * 1.1)
    swapped = dataclasses.replace(bundle, statistics=dataclasses.replace(bundle.statistics, actions=wider))
    write_bundle(tmp_path / "swapped", swapped)
    with pytest.raises(BundleError, match="action axis 0"):
        load(tmp_path / "swapped", bases={"random-tiny": base_folder}).verify_golden()


def test_statistics_of_other_axes_are_refused(folder: Path, base_folder: Path, tmp_path: Path) -> None:
    from adapt.policy.bundle import read_bundle

    bundle = read_bundle(folder)
    none = dataclasses.replace(bundle.statistics, state=None)
    write_bundle(tmp_path / "other", dataclasses.replace(bundle, statistics=none))
    with pytest.raises(EmbodimentError, match="state statistics"):
        load(tmp_path / "other", bases={"random-tiny": base_folder})
