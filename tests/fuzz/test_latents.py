"""Encoded data: shards of latents, the cache of them, and the files that describe a folder of it."""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from encoded_builder import arm, hand, window, write_folder
from fuzz.hostile import altered, damaged, fuzz, json_texts, refused_or_read
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from adapt.data.encoded import Encoded, read_encoded
from adapt.data.latent_store import LatentCache, LatentStore

LATENTS = {name: torch.full((3, 2, 2, 2), float(value)).bfloat16() for value, name in enumerate(("w0", "w1"))}
SHARD = save(LATENTS)
(LENGTH,) = struct.unpack("<Q", SHARD[:8])
HEADER = json.loads(SHARD[8 : 8 + LENGTH])
DESCRIPTIONS = ("geometry.json", "prompts.json", "statistics.json", "embodiments.json")


def shard(header: Any, *, length: int | None = None) -> bytes:
    """A shard with another header, which may lie about its own length."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + SHARD[8 + LENGTH :]


SHARDS = st.one_of(
    altered(HEADER).map(shard),
    damaged(SHARD),
    st.sampled_from([2**63, 2**40, 10**8, 0]).map(lambda length: shard(HEADER, length=length)),
)


def read_all(folder: Path) -> dict[str, torch.Tensor]:
    store = LatentStore(folder)
    return {name: store.read(name) for name in store}


@fuzz(60)
@given(data=SHARDS)
def test_shard_of_latents(folder: Path, data: bytes) -> None:
    (folder / "latents-00000.safetensors").write_bytes(data)
    for latents in (refused_or_read(lambda: read_all(folder), folder) or {}).values():
        assert latents.dtype == torch.bfloat16
        assert latents.ndim == 4
        assert latents.numel() * 2 <= len(data)


@fuzz(40)
@given(data=SHARDS)
def test_a_damaged_shard_of_the_cache_is_never_taken_for_a_sound_one(folder: Path, data: bytes) -> None:
    def read_cached() -> dict[str, torch.Tensor]:
        cache = LatentCache(folder)
        return {name: cache.read(name) for name in LATENTS if name in cache}

    (folder / f"{hashlib.sha256(SHARD).hexdigest()}.safetensors").write_bytes(data)
    found = refused_or_read(read_cached, folder)
    assert found is not None
    assert all(torch.equal(value, LATENTS[name]) for name, value in found.items())
    assert bool(found) == (data == SHARD)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    body = arm()
    return write_folder(tmp_path_factory.mktemp("encoded"), [window(0, body), window(1, hand())], [body, hand()])


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_description_of_encoded_data(encoded: Path, name: str) -> None:
    path = encoded / name
    whole = path.read_bytes()

    @fuzz(15)
    @given(data=json_texts(json.loads(whole)))
    def read_altered(data: bytes) -> None:
        path.write_bytes(data)
        check(refused_or_read(lambda: read_encoded(encoded), encoded))

    try:
        read_altered()
    finally:
        path.write_bytes(whole)


def test_embeddings_of_prompts(encoded: Path) -> None:
    path = encoded / "text.safetensors"
    whole = path.read_bytes()

    @fuzz(20)
    @given(data=damaged(whole))
    def read_damaged(data: bytes) -> None:
        path.write_bytes(data)
        check(refused_or_read(lambda: read_encoded(encoded), encoded))

    try:
        read_damaged()
    finally:
        path.write_bytes(whole)


def check(found: Encoded | None) -> None:
    if found is None:
        return
    assert isinstance(found.encoders, str)
    assert 0 < found.geometry.frames(1) * found.geometry.canvas.height < 2**40
    assert all(value.ndim == 2 for value in found.prompts.values())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("geometry.json", "[]"),
        ("geometry.json", '{"encoders": "x", "geometry": {"canvas": {"height": 1e99, "width": 64, "slots": {}}}}'),
        ("prompts.json", '{"no such key": "pour"}'),
        ("prompts.json", '["pour"]'),
        ("statistics.json", '{"arm": 5}'),
        ("embodiments.json", "[" * 5_000),
    ],
)
def test_a_description_that_is_none_is_refused(encoded: Path, name: str, text: str) -> None:
    path = encoded / name
    whole = path.read_bytes()
    path.write_text(text)
    try:
        assert refused_or_read(lambda: read_encoded(encoded), encoded) is None
    finally:
        path.write_bytes(whole)
