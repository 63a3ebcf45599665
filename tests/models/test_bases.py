import json
from pathlib import Path

import pytest
import torch
from model_builder import BODIES, small_model

from adapt.errors import CheckpointError
from adapt.models.backbone import Backbone
from adapt.models.bases import load_base, load_heads, random_tiny, read_geometry, read_identity, save_base
from adapt.models.checkpoint import write_tensors
from adapt.models.imagine import Sampling


def test_a_saved_base_is_loaded_as_it_was(tmp_path: Path):
    base = random_tiny(3, bodies=BODIES)

    identity = save_base(tmp_path, base)
    loaded = load_base(str(tmp_path))

    assert loaded.identity == identity
    assert loaded.geometry == base.geometry == read_geometry(str(tmp_path))
    assert loaded.model.bodies == BODIES
    for part in ("codec", "text", "model"):
        wanted, got = base.parts[part].state_dict(), loaded.parts[part].state_dict()
        assert wanted.keys() == got.keys()
        assert all(torch.equal(wanted[name], got[name]) for name in wanted)
    assert loaded.codec.fingerprint == base.codec.fingerprint
    assert not any(p.requires_grad for part in loaded.parts.values() for p in part.parameters())
    assert loaded.replay is None


def test_the_same_base_is_saved_as_the_same_bytes(tmp_path: Path):
    for name in ("one", "two"):
        save_base(tmp_path / name, random_tiny(3, bodies=BODIES))

    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["base.json", "codec.safetensors", "dit.safetensors", "heads.safetensors", "text.safetensors"]
    assert all((tmp_path / "one" / n).read_bytes() == (tmp_path / "two" / n).read_bytes() for n in names)


def test_the_fingerprint_names_the_weights(tmp_path: Path):
    first, other = (save_base(tmp_path / str(seed), random_tiny(seed)) for seed in (1, 2))

    assert first.fingerprint != other.fingerprint
    assert read_identity(str(tmp_path / "1"))[0] == first


def test_a_base_stored_in_half_is_loaded_in_full(tmp_path: Path):
    save_base(tmp_path, random_tiny(3), dtype=torch.bfloat16)

    assert next(load_base(str(tmp_path)).model.parameters()).dtype == torch.float32


def test_only_the_parts_asked_for_are_loaded(tmp_path: Path):
    save_base(tmp_path, random_tiny())
    base = load_base(str(tmp_path), parts=("text",))

    assert base.text.encode(["go"])[0].shape == (3, 16)
    with pytest.raises(RuntimeError, match=r"its codec was not loaded; it has \['text'\]"):
        _ = base.codec


def test_changed_weights_are_refused(tmp_path: Path):
    save_base(tmp_path, random_tiny(1))
    model = random_tiny(2).model
    write_tensors(tmp_path / "dit.safetensors", model.dit.state_dict())

    with pytest.raises(CheckpointError, match=r"dit.safetensors: not the weights that base.json describes"):
        load_base(str(tmp_path))


def test_a_folder_without_a_base_and_a_newer_format_are_refused(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"no base.json"):
        load_base(str(tmp_path))
    save_base(tmp_path, random_tiny())
    record = json.loads((tmp_path / "base.json").read_text())
    (tmp_path / "base.json").write_text(json.dumps(record | {"format": 2}))

    with pytest.raises(CheckpointError, match="format 2; this version reads 1"):
        load_base(str(tmp_path))


def test_replay_beside_the_weights_is_found(tmp_path: Path):
    save_base(tmp_path, random_tiny())
    (tmp_path / "replay").mkdir()

    assert load_base(str(tmp_path), parts=()).replay == tmp_path / "replay"


def test_heads_are_loaded_with_exactly_the_bodies_that_are_stored():
    stored = small_model(1)
    stored.add_body("humanoid", 26, 20, seed=0)
    tensors = {name: value.clone() for name, value in stored.heads.state_dict().items()}
    model = random_tiny(2, bodies={"old": (1, 1)}).model

    load_heads(model, tensors)

    assert model.bodies == {**BODIES, "humanoid": (26, 20)}
    assert all(torch.equal(value, tensors[name]) for name, value in model.heads.state_dict().items())


def test_heads_of_another_size_are_refused():
    tensors = {name: value for name, value in small_model().heads.state_dict().items() if "trunk" not in name}

    with pytest.raises(CheckpointError, match=r"heads.safetensors does not fit .* missing \(joint.action_trunk"):
        load_heads(random_tiny().model, tensors)


def test_a_base_is_a_backbone_from_frames_to_imagined_frames():
    base = random_tiny()
    frames = torch.zeros(2, 1, 64, 64, 3, dtype=torch.uint8)
    assert isinstance(base, Backbone)

    present = base.encode(frames)
    future = base.imagine(present, base.condition(["go", "stop here"]), Sampling(steps=1), torch.Generator())
    pictures = base.decode(torch.cat([present, future], dim=1))

    assert pictures.shape == (2, 9, 64, 64, 3)
