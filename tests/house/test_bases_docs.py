"""What docs/bases.md says of the bases is what their manifests say, and its code names what is there."""

import importlib
import json
import math
import re
from pathlib import Path

import pytest

from adapt.models.formats.sizes import DREAMZERO, KNOWN

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "bases.md").read_text(encoding="utf-8")
MANIFESTS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "tests/golden/manifests").glob("*.json")}


def line(start: str) -> str:
    (found,) = [line for line in TEXT.splitlines() if line.startswith(start)]
    return found


@pytest.mark.parametrize(
    ("name", "manifest"),
    [
        ("Wan2.1-I2V-14B", "wan21_i2v_14b"),
        ("Wan2.1-T2V-1.3B", "wan21_t2v_1_3b"),
        ("Wan2.2-TI2V-5B", "wan22_ti2v_5b"),
    ],
)
def test_transformers_are_as_large_as_their_manifests_say(name: str, manifest: str) -> None:
    for layout in ("diffusers", "wan"):
        assert f" {MANIFESTS[f'{layout}_{manifest}']['parameters']:,} " in line(f"| {name}")


def test_dreamzero_is_as_large_as_its_manifests_say() -> None:
    large, small = MANIFESTS["dreamzero_14b"], MANIFESTS["dreamzero_5b"]
    assert f"{large['tensors']:,} tensors, {large['parameters']:,} parameters" in TEXT
    assert f"DreamZero's 5B has {small['tensors']:,}" in TEXT
    assert f"{MANIFESTS['dreamzero_14b_lora_r4']['tensors']} tensors for the 14B" in TEXT
    for rank, told in ((4, "19.17 million"), (32, "153.4 million")):
        count = MANIFESTS[f"dreamzero_14b_lora_r{rank}"]["parameters"] - encoders()
        assert told == f"{count / 1e6:.{2 if rank == 4 else 1}f} million"
        assert f"{told} at rank {rank}" in TEXT or f"{told} parameters are adapter at rank {rank}" in TEXT


def encoders() -> int:
    """Parameters of DreamZero's encoders of action and state and its decoder, which a LoRA run saves whole."""
    shapes = MANIFESTS["dreamzero_14b_lora_r4"]["shapes"]
    return sum(math.prod(shape) for name, shape in shapes.items() if "lora_" not in name)


def test_repositories_and_licences_are_those_of_the_list() -> None:
    for base in KNOWN.values():
        for kind, repository in base.repositories.items():
            if "720P" not in repository:
                assert f"`{repository}`" in TEXT
            if kind == DREAMZERO:
                assert re.search(rf"`{repository}`, {base.licence}", TEXT, re.IGNORECASE)


def test_commits_are_those_of_the_manifests() -> None:
    told = {found["source"]["commit"] for found in MANIFESTS.values() if "commit" in found["source"]}
    assert len(told) == 3
    assert all(commit[:7] in TEXT for commit in told)


def test_what_the_examples_import_is_there() -> None:
    imports = re.findall(r"^from (adapt[\w.]+) import (.+)$", TEXT, re.MULTILINE)
    assert len(imports) == 9
    for module, names in imports:
        for name in names.split(", "):
            assert hasattr(importlib.import_module(module), name), name
