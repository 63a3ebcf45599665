"""A Hub and a bundle for every test of this room that asks for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_hub import LoopbackHub
from loopback_people import loopback
from toy_bundle import write_toy_bundle


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    """A Hub where ana writes to lab, reader only reads there, and bob is a stranger; nobody is logged in."""
    with loopback(monkeypatch, tmp_path) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle of toy size."""
    return write_toy_bundle(tmp_path / "bundle")
