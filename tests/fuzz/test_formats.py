"""Published bases: their config.json, their index, and the headers of their files."""

import json
from pathlib import Path
from typing import Any

import pytest
from formats_builder import DREAMZERO_CONFIG, SMALL, small_base
from fuzz.hostile import damaged, fuzz, json_texts, refused_or_read
from hypothesis import given

from adapt.models.adapters import LoraConfig, add_lora, read_adapter
from adapt.models.formats.dreamzero_lora import DreamZeroLora, read_dreamzero_lora, save_dreamzero_lora
from adapt.models.formats.published import load_published, save_published
from adapt.models.formats.sizes import ACTIONS, DIFFUSERS, DREAMZERO, TRANSFORMER, WAN, BaseSizes


def saved(folder: Path, kind: str) -> Path:
    parts = small_base(SMALL if kind == DREAMZERO else BaseSizes(transformer=SMALL.transformer))
    config = DREAMZERO_CONFIG if kind == DREAMZERO else None
    save_published(folder, parts, kind, config=config, shard_bytes=10**9 if kind == DIFFUSERS else 60_000)
    load_published(folder)  # torch makes folders of its own the first time, which is not what is watched for here
    return folder


@pytest.fixture(scope="module", params=[DIFFUSERS, WAN, DREAMZERO])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("formats") / "base", request.param)


def test_sizes_of_a_published_base(base: Path) -> None:
    path = base / "config.json"
    whole = path.read_bytes()

    @fuzz(20, share=0.1)
    @given(data=json_texts(json.loads(whole)))
    def read_altered(data: bytes) -> None:
        path.write_bytes(data)
        refused_or_read(lambda: load_published(base), base)

    try:
        read_altered()
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    "changes",
    [
        {"num_layers": 10**9},
        {"ffn_dim": 2**40},
        {"num_heads": 0},
        {"num_attention_heads": 0},
        {"num_layers": True},
        {"dim": 7, "attention_head_dim": 7},
        {"eps": float("nan")},
        {"patch_size": [0, 0, 0]},
        {"patch_size": 2},
    ],
    ids=str,
)
def test_sizes_that_are_not_stored_take_neither_memory_nor_time(tmp_path: Path, changes: dict[str, Any]) -> None:
    for kind in (DIFFUSERS, WAN):
        folder = saved(tmp_path / kind, kind)
        known = json.loads((folder / "config.json").read_text())
        mine = {name: value for name, value in changes.items() if name in known}
        if mine:
            (folder / "config.json").write_text(json.dumps({**known, **mine}))
            assert refused_or_read(lambda folder=folder: load_published(folder), folder) is None  # type: ignore[misc]


def test_index_of_a_published_base(tmp_path: Path) -> None:
    folder = saved(tmp_path / "base", WAN)
    (path,) = folder.glob("*.index.json")
    whole = json.loads(path.read_bytes())
    few = {"weight_map": dict(list(whole["weight_map"].items())[:4])}

    @fuzz(30, share=0.1)
    @given(data=json_texts(few))
    def read_altered(data: bytes) -> None:
        path.write_bytes(data)
        assert refused_or_read(lambda: load_published(folder), folder) is None

    read_altered()


def test_files_of_a_published_base(tmp_path: Path) -> None:
    folder = saved(tmp_path / "base", DIFFUSERS)
    (path,) = folder.glob("*.safetensors")
    whole = path.read_bytes()

    @fuzz(15, share=0.05)
    @given(data=damaged(whole[:6_000]))
    def read_damaged(data: bytes) -> None:
        path.write_bytes(data + whole[6_000:])
        refused_or_read(lambda: load_published(folder), folder)

    read_damaged()


def test_lora_save_of_dreamzeros(tmp_path: Path) -> None:
    parts = small_base()
    add_lora(parts[TRANSFORMER], LoraConfig(rank=2), base_id="", revision="")
    lora = DreamZeroLora(
        adapter=read_adapter(parts[TRANSFORMER]), actions=parts[ACTIONS].state_dict(), config=DREAMZERO_CONFIG
    )
    save_dreamzero_lora(tmp_path / "lora", lora)
    config, weights = tmp_path / "lora" / "config.json", tmp_path / "lora" / "model.safetensors"
    whole, stored = config.read_bytes(), weights.read_bytes()

    @fuzz(15, share=0.05)
    @given(data=json_texts(json.loads(whole)))
    def read_altered(data: bytes) -> None:
        config.write_bytes(data)
        refused_or_read(lambda: read_dreamzero_lora(tmp_path / "lora", base_id="x", revision=""), tmp_path)

    @fuzz(15, share=0.05)
    @given(data=damaged(stored[:4_000]))
    def read_damaged(data: bytes) -> None:
        weights.write_bytes(data + stored[4_000:])
        refused_or_read(lambda: read_dreamzero_lora(tmp_path / "lora", base_id="x", revision=""), tmp_path)

    read_altered()
    config.write_bytes(whole)
    read_damaged()
