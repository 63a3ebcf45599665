"""Bases: the description in base.json, and the weights beside it."""

import json
from pathlib import Path
from typing import Any

import pytest
from fuzz.hostile import altered, damaged, fuzz, json_texts, refused_or_read
from hypothesis import given

from adapt.models.base_record import read_description
from adapt.models.bases import load_base, random_tiny, read_identity, save_base
from pipelines.encode import base_fingerprint, encoders_fingerprint


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "base"
    save_base(folder, random_tiny(bodies={"arm": (3, 2)}))
    return folder


@pytest.fixture(autouse=True)
def kept_whole(base: Path) -> Any:
    """Put back what a test has damaged."""
    whole = {path: path.read_bytes() for path in base.iterdir()}
    yield
    for path, data in whole.items():
        path.write_bytes(data)


def test_description_of_a_base(base: Path) -> None:
    path = base / "base.json"

    @fuzz(50)
    @given(data=json_texts(json.loads(path.read_bytes())))
    def read_altered(data: bytes) -> None:
        path.write_bytes(data)
        for ask in (read_identity, base_fingerprint, encoders_fingerprint):
            refused_or_read(lambda ask=ask: ask(str(base)), base)  # type: ignore[misc]
        refused_or_read(lambda: read_description(base), base)

    read_altered()


@pytest.mark.parametrize("part", ["codec", "text", "model"])
def test_sizes_of_a_part(base: Path, part: str) -> None:
    path = base / "base.json"
    record = json.loads(path.read_bytes())

    @fuzz(5, share=0.01)
    @given(sizes=altered(record[part]))
    def load_altered(sizes: Any) -> None:
        path.write_text(json.dumps({**record, part: sizes}))
        loaded = refused_or_read(lambda: load_base(str(base), parts=(part,)), base)
        assert loaded is None or part in loaded.parts

    load_altered()


@pytest.mark.parametrize("name", ["codec", "heads"])
def test_weights_of_a_base(base: Path, name: str) -> None:
    path = base / f"{name}.safetensors"
    whole = path.read_bytes()

    @fuzz(5, share=0.01)
    @given(data=damaged(whole[:4_000]))
    def load_damaged(data: bytes) -> None:
        path.write_bytes(data + whole[4_000:])
        refused_or_read(lambda: load_base(str(base), parts=("codec", "model")), base)

    load_damaged()


@pytest.mark.parametrize(
    ("part", "inner", "changes"),
    [
        ("text", None, {"num_layers": 10**9}),  # a hang
        ("text", None, {"d_ff": 60_000, "d_model": 60_000}),  # gigabytes
        ("text", None, {"d_model": -1}),
        ("text", None, {"num_heads": 0}),
        ("codec", None, {"num_res_blocks": 10**9}),
        ("codec", None, {"base_dim": 10**9}),
        ("codec", None, {"dim_mult": []}),
        ("model", "wan", {"num_layers": 10**9}),
        ("model", "wan", {"ffn_dim": 2**40}),
        ("model", "wan", {"patch_size": [0, 0, 0]}),
        ("model", "wan", {"patch_size": 2}),
        ("model", "wan", {"attention_head_dim": 7}),
        ("model", "inverse_dynamics", {"members": 10**9}),
        ("model", "inverse_dynamics", {"layers": 10**9}),
        ("model", "inverse_dynamics", {"heads": 0}),
        ("model", None, {"noise_mode": "wild"}),
        ("model", None, {"wan": None}),
    ],
)
def test_sizes_that_the_weights_do_not_have_take_neither_memory_nor_time(
    base: Path, part: str, inner: str | None, changes: dict[str, Any]
) -> None:
    record = json.loads((base / "base.json").read_bytes())
    changed = {**record[part], inner: {**record[part][inner], **changes}} if inner else {**record[part], **changes}
    (base / "base.json").write_text(json.dumps({**record, part: changed}))
    assert refused_or_read(lambda: load_base(str(base), parts=(part,)), base) is None
