"""A base is fetched by its commit, its weights alone, and not before there is room for it."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from formats_builder import SMALL, small_base
from huggingface_hub import CommitOperationAdd, HfApi
from loopback_hub import LoopbackHub
from loopback_people import ANA

from adapt.errors import HubError, RunError
from adapt.hub.base_files import FetchedBase, fetch_base
from adapt.models.formats.published import load_published, save_published
from adapt.models.formats.sizes import TRANSFORMER, WAN, BaseSizes
from adapt.runs import disk

MODULES = {TRANSFORMER: small_base(BaseSizes(transformer=SMALL.transformer))[TRANSFORMER]}


def commit(hub: LoopbackHub, **files: bytes) -> str:
    """Put files into lab/base; __ in a name stands for a dot."""
    api = HfApi(endpoint=hub.endpoint, token=ANA)
    api.create_repo("lab/base", exist_ok=True)
    added = [CommitOperationAdd(name.replace("__", "."), content) for name, content in files.items()]
    return api.create_commit("lab/base", added, commit_message="files").oid


@pytest.fixture
def base(hub: LoopbackHub, tmp_path: Path) -> tuple[LoopbackHub, str, Path]:
    """A base on the Hub, with what such repositories hold besides; its commit; and its files."""
    saved = tmp_path / "saved"
    save_published(saved, MODULES, WAN, shard_bytes=40_000)
    files = {path.name: path.read_bytes() for path in saved.iterdir()}
    return hub, commit(hub, **files, README__md=b"# A base", **{"Wan2.1_VAE.pth": b"\x80\x04.", "run.py": b"1"}), saved


def fetch(out: Path, reference: str = "lab/base") -> FetchedBase:
    return fetch_base(reference, out, token=ANA)


def fetched(hub: LoopbackHub) -> int:
    """How many files' bytes were asked for: small ones of the Hub itself, large ones of its storage."""
    return sum(
        request.method == "GET" and (request.origin == "storage" or "/resolve/" in request.path) for request in hub.log
    )


def test_weights_come_and_pickles_and_code_do_not(base: tuple[LoopbackHub, str, Path], tmp_path: Path) -> None:
    hub, sha, saved = base
    hub.log.clear()
    got = fetch(tmp_path / "models" / "base")
    assert fetched(hub) == len(list(saved.iterdir()))
    loaded = load_published(got.folder).transformer.state_dict()

    assert (got.repo_id, got.commit, got.reused) == ("lab/base", sha, False)
    assert got.left == ("README.md", "Wan2.1_VAE.pth", "run.py")
    assert {path.name for path in got.folder.iterdir()} == {path.name for path in saved.iterdir()} | {"origin.json"}
    assert got.nbytes == sum(path.stat().st_size for path in saved.iterdir())
    assert json.loads((got.folder / "origin.json").read_text())["commit"] == sha
    assert all(torch.equal(value, MODULES[TRANSFORMER].state_dict()[name]) for name, value in loaded.items())


def test_a_base_that_is_here_is_not_fetched_again(base: tuple[LoopbackHub, str, Path], tmp_path: Path) -> None:
    hub, sha, _ = base
    fetch(tmp_path / "base")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "base").iterdir()}
    hub.log.clear()
    again = fetch(tmp_path / "base", f"lab/base@{sha}")

    assert again.reused
    assert fetched(hub) == 0
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "base").iterdir()} == before


def test_another_commit_does_not_overwrite_it(base: tuple[LoopbackHub, str, Path], tmp_path: Path) -> None:
    hub, _, _ = base
    fetch(tmp_path / "base")
    commit(hub, config__json=b"{}")
    with pytest.raises(HubError, match=r"base: holds something else than lab/base@.*Name another folder"):
        fetch(tmp_path / "base")


def test_a_full_disk_is_noticed_before_a_byte_is_fetched(
    base: tuple[LoopbackHub, str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, _, saved = base
    needed = sum(path.stat().st_size for path in saved.iterdir())
    hub.log.clear()
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=needed - 1))
    with pytest.raises(RunError, match=r"fetching lab/base: needs .* GB free. Free some space"):
        fetch(tmp_path / "base")
    assert fetched(hub) == 0
    assert not (tmp_path / "base").exists()

    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=needed))
    assert not fetch(tmp_path / "base").reused


def test_what_came_before_the_line_broke_is_not_fetched_again(
    base: tuple[LoopbackHub, str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, _, saved = base
    names = sorted(path.name for path in saved.iterdir())
    broken = names[-2]
    hub.fail_next("*", rf"/resolve/.*{broken}", status=500, times=50)
    with pytest.raises(HubError, match="Hub is in trouble"):
        fetch(tmp_path / "base")
    assert not (tmp_path / "base").exists()

    # Room is needed only for what is still to come.
    rest = sum((saved / name).stat().st_size for name in names[-2:])
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=rest))
    hub.faults.clear()
    hub.log.clear()
    got = fetch(tmp_path / "base")
    assert load_published(got.folder).transformer is not None
    assert fetched(hub) == 2
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".partial")]


def test_a_repository_without_safetensors_is_refused(hub: LoopbackHub, tmp_path: Path) -> None:
    commit(hub, **{"Wan2.1_VAE.pth": b"\x80\x04."})
    with pytest.raises(HubError, match=r"lab/base: has no safetensors files, only Wan2.1_VAE.pth"):
        fetch(tmp_path / "base")
    assert not (tmp_path / "base").exists()
