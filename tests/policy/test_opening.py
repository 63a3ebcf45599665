"""A base or a bundle, by name or folder, acts with the body that is asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics
from adapt.errors import BundleError, CheckpointError, EmbodimentError
from adapt.models.adapters import add_lora, read_adapter
from adapt.models.bases import load_base, random_tiny, save_base
from adapt.models.lora import LoraConfig
from adapt.policy.acting import Actor
from adapt.policy.bundle import BaseRecord, Bundle, write_bundle
from adapt.policy.opening import open_policy
from adapt.policy.policy import Policy

SEEN = {"images": {"main": np.full((64, 64, 3), 90, np.uint8)}, "state": [0.5]}


@pytest.fixture
def base_folder(tmp_path: Path, body: Embodiment, statistics: BodyStatistics) -> Path:
    """A base that knows two arms, and a hand that only imagines."""
    base = random_tiny(0, bodies={"arm": (2, 1), "second_arm": (2, 1)})
    hand = replace(body, name="a_hand", actions=(), state=())
    second = replace(body, name="second_arm")
    nothing = BodyStatistics(actions=None, state=None, source="data")
    bodies = {"a_hand": hand, "arm": body, "second_arm": second}
    base = replace(
        base, embodiments=bodies, statistics={"a_hand": nothing, "arm": statistics, "second_arm": statistics}
    )
    save_base(tmp_path / "base", base)
    return tmp_path / "base"


@pytest.fixture
def bundle_folder(base_folder: Path, contents: Bundle, tmp_path: Path) -> Path:
    """A bundle for the second arm, whose adapter changes something."""
    base = load_base(str(base_folder))
    config = LoraConfig(rank=2, targets=["to_q", "to_v"])
    add_lora(base.model.dit, config, base_id="random-tiny", revision="0", seed=1)
    with torch.no_grad():
        for name, value in base.model.dit.named_parameters():
            if "lora_B" in name:
                value.copy_(torch.randn(value.shape, generator=torch.Generator().manual_seed(2)))
    actor = Actor(spec=base.embodiments["second_arm"], statistics=base.statistics["second_arm"])
    adapter = read_adapter(base.model.dit)
    bundle = replace(
        contents,
        base=BaseRecord(
            repo="random-tiny", revision="0", fingerprint=base.identity.fingerprint, licence=base.identity.licence
        ),
        adapter_config=adapter.config,
        adapter=adapter.tensors,
        heads=base.model.heads.state_dict(),
        embodiment=actor.spec,
        statistics=actor.statistics,
        golden=Policy(base, actor, video_steps=3).record_golden(SEEN, "wave", seed=3),
        video_steps=3,
    )
    write_bundle(tmp_path / "bundle", bundle)
    return tmp_path / "bundle"


def test_a_base_acts_with_its_first_body_that_can_or_the_one_asked_for(base_folder: Path) -> None:
    assert open_policy(str(base_folder)).body.name == "arm"
    assert open_policy(str(base_folder), "second_arm").body.name == "second_arm"
    assert open_policy(str(base_folder)).video_steps == 8
    assert open_policy(str(base_folder), video_steps=2).video_steps == 2


def test_a_bundle_acts_as_it_did_when_it_was_made(bundle_folder: Path, base_folder: Path) -> None:
    policy = open_policy(str(bundle_folder), bases={"random-tiny": base_folder})
    assert (policy.body.name, policy.video_steps) == ("second_arm", 3)
    policy.verify_golden()


def test_a_bundle_for_another_body_acts_with_the_figures_of_its_base_and_its_own_adapter(
    bundle_folder: Path, base_folder: Path
) -> None:
    adapted = open_policy(str(bundle_folder), "arm", bases={"random-tiny": base_folder})
    plain = open_policy(str(base_folder), "arm", video_steps=3)
    assert adapted.body == plain.body
    assert not torch.allclose(adapted.act(SEEN, "wave").values, plain.act(SEEN, "wave").values, atol=1e-4)


def test_what_is_not_there_is_refused_by_name(bundle_folder: Path, base_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EmbodimentError, match="'a_tail': random-tiny knows a_hand, arm, second_arm"):
        open_policy(str(base_folder), "a_tail")
    with pytest.raises(CheckpointError, match="nowhere"):
        open_policy(str(tmp_path / "nowhere"))
    with pytest.raises(BundleError, match="is not here"):
        open_policy(str(bundle_folder))


def test_a_base_of_hands_alone_cannot_act(base_folder: Path, tmp_path: Path) -> None:
    base = load_base(str(base_folder))
    hands = replace(base, embodiments={"a_hand": base.embodiments["a_hand"]}, statistics={})
    save_base(tmp_path / "hands", hands)
    with pytest.raises(EmbodimentError, match="can only imagine"):
        open_policy(str(tmp_path / "hands"))
