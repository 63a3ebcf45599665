"""Bundles: every file of one, with sums that say it is what was written."""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from fuzz.hostile import altered, damaged, fuzz, json_texts, refused_or_read
from hypothesis import given
from hypothesis import strategies as st
from model_builder import small_model
from safetensors import SafetensorError
from safetensors.torch import load
from toy_bundle import write_toy_bundle

from adapt.errors import AdaptError
from adapt.hub.client import parse_reference
from adapt.hub.front_matter import check_front_matter
from adapt.models.adapters import Adapter, add_lora, apply_adapter, read_adapter
from adapt.models.lora import LoraConfig
from adapt.policy.bundle import Bundle, read_bundle
from adapt.policy.bundle_files import REQUIRED, SUMS

JSON_FILES = ("bundle.json", "base.json", "adapter_config.json", "embodiment.json", "stats.json", "evaluation.json")
TENSOR_FILES = ("adapter_model.safetensors", "heads.safetensors", "golden.safetensors")
TEXT_FILES = ("README.md", "recipe.yaml", SUMS)


@pytest.fixture
def bundle(folder: Path) -> Path:
    return write_toy_bundle(folder / "bundle")


def put(bundle: Path, name: str, data: bytes) -> None:
    """Replace a file, and its line in SHA256SUMS."""
    sums = (bundle / SUMS).read_text().splitlines(keepends=True)
    (bundle / name).write_bytes(data)
    if name != SUMS:
        line = f"{hashlib.sha256(data).hexdigest()}  {name}\n"
        (bundle / SUMS).write_text("".join(line if old.endswith(f"  {name}\n") else old for old in sums))


def check(found: Bundle | None) -> None:
    """What a policy takes for granted."""
    if found is None:
        return
    tensors = [*found.adapter.values(), *found.heads.values(), found.golden.latents]
    assert all(bool(value.isfinite().all()) for value in tensors if value.is_floating_point())
    assert 1 <= found.video_steps <= 1000
    assert all(image.dtype == torch.uint8 and image.ndim == 3 for image in found.golden.observation.images.values())
    assert found.golden.latents.ndim == 4
    assert found.adapter_config["peft_type"] == "LORA"


@pytest.mark.parametrize("name", JSON_FILES)
def test_description_in_a_bundle(bundle: Path, name: str) -> None:
    whole = (bundle / name).read_bytes()

    @fuzz(15)
    @given(data=json_texts(json.loads(whole)))
    def read_altered(data: bytes) -> None:
        put(bundle, name, data)
        check(refused_or_read(lambda: read_bundle(bundle), bundle))

    read_altered()


@pytest.mark.parametrize("name", TENSOR_FILES)
def test_tensors_in_a_bundle(bundle: Path, name: str) -> None:
    whole = (bundle / name).read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])

    def with_header(changed: Any) -> bytes:
        text = json.dumps(changed).encode()
        return struct.pack("<Q", len(text)) + text + whole[8 + length :]

    @fuzz(20)
    @given(data=st.one_of(damaged(whole), altered(header).map(with_header)))
    def read_damaged(data: bytes) -> None:
        put(bundle, name, data)
        check(refused_or_read(lambda: read_bundle(bundle), bundle))

    read_damaged()


@pytest.mark.parametrize("name", TEXT_FILES)
def test_text_in_a_bundle(bundle: Path, name: str) -> None:
    whole = (bundle / name).read_bytes()

    @fuzz(15)
    @given(data=damaged(whole))
    def read_damaged(data: bytes) -> None:
        put(bundle, name, data)
        check(refused_or_read(lambda: read_bundle(bundle), bundle))
        (bundle / SUMS).write_bytes(sums)

    sums = (bundle / SUMS).read_bytes()
    read_damaged()


def test_front_matter_of_a_card(bundle: Path) -> None:
    whole = (bundle / "README.md").read_bytes()

    @fuzz(40)
    @given(data=damaged(whole[:900] + b"\n---\n"))
    def read_damaged(data: bytes) -> None:
        refused_or_read(lambda: check_front_matter(data.decode(errors="replace")), bundle)

    read_damaged()


@fuzz(80)
@given(
    text=st.one_of(st.text(max_size=30), damaged(b"owner/name@" + b"a" * 40).map(lambda data: data.decode("latin-1")))
)
def test_reference_to_a_repository(folder: Path, text: str) -> None:
    found = refused_or_read(lambda: parse_reference(text), folder)
    assert found is None or (found.repo_id.count("/") == 1 and ".." not in found.repo_id)


def test_configuration_of_an_adapter(folder: Path) -> None:
    """No rank, pattern or regular expression of PEFT's makes it take what the stored tensors do not have."""
    dit = small_model().dit
    add_lora(dit, LoraConfig(rank=2), base_id="lab/base", revision="1")
    whole = read_adapter(dit)

    @fuzz(6, share=0.01)
    @given(config=altered(dict(whole.config)))
    def apply_altered(config: Any) -> None:
        refused_or_read(lambda: apply_adapter(small_model().dit, Adapter(config=config, tensors=whole.tensors)), folder)

    apply_altered()


@pytest.mark.parametrize(
    "changes",
    [
        {"r": 10**9},
        {"r": 4096},
        {"r": True},
        {"r": "8"},
        {"target_modules": "(a+)+$"},
        {"rank_pattern": {"(.*)*x": 4096}},
        {"layers_pattern": "(a+)+$"},
        {"modules_to_save": ["proj_out"]},
        {"init_lora_weights": "eva"},
        {"bias": "all"},
        {"peft_type": ["LORA"]},
        {"lora_alpha": float("nan")},
    ],
)
def test_an_adapter_that_asks_for_more_than_plain_lora_is_refused(folder: Path, changes: dict[str, Any]) -> None:
    dit = small_model().dit
    add_lora(dit, LoraConfig(rank=2), base_id="lab/base", revision="1")
    whole = read_adapter(dit)
    adapter = Adapter(config={**whole.config, **changes}, tensors=whole.tensors)
    assert refused_or_read(lambda: apply_adapter(small_model().dit, adapter) or "taken", folder) is None


@pytest.mark.parametrize("name", REQUIRED)
def test_a_file_that_cannot_be_opened_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    (bundle / name).mkdir()
    with pytest.raises(AdaptError, match=name.partition(".")[0]):
        read_bundle(bundle)


def test_what_is_fuzzed_here_can_be_read(bundle: Path) -> None:
    check(read_bundle(bundle))
    with pytest.raises(SafetensorError):
        load(b"no tensors")
