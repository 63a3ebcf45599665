"""A loopback Hub with people on it, and the real client kept away from this machine's own login and cache."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _http
from loopback_hub import LoopbackHub

ANA, BOB, READER = "hf_ana_secret", "hf_bob_secret", "hf_reader_secret"


def nap(_seconds: float) -> None:
    """The client's pause between retries, cut to nothing."""


@contextmanager
def loopback(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[LoopbackHub]:
    """A Hub where ana writes to lab, reader only reads there, and bob is a stranger; nobody is logged in."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "no-token"))
    monkeypatch.setattr(_http, "time", SimpleNamespace(**{**vars(time), "sleep": nap}))
    with LoopbackHub() as hub:
        hub.add_user("ana", token=ANA, organisations=("lab",))
        hub.add_user("reader", token=READER, organisations=("lab",), may_write=False)
        hub.add_user("bob", token=BOB)
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub
