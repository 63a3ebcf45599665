"""Pulling brings a bundle back as it left, whole or not at all, and nothing that is no bundle."""

import os
import shutil
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from loopback_hub import LoopbackHub
from loopback_people import ANA, BOB
from toy_bundle import write_toy_bundle

from adapt.errors import BundleError, HubError, RunError
from adapt.hub import remote
from adapt.hub.publish import plan_publication, publish
from adapt.hub.pull import Pulled, pull
from adapt.policy.bundle import read_bundle
from adapt.policy.bundle_files import list_files
from adapt.runs.lock import hold


def published(folder: Path, *, public: bool = False) -> str:
    plan = plan_publication(folder, "lab/pour", public=public)
    return publish(plan, prove=read_bundle, token=ANA).commit


def commit(hub: LoopbackHub, name: str, content: bytes) -> str:
    """Add a file to the repository as somebody else would, past our own checks."""
    api = HfApi(endpoint=hub.endpoint, token=ANA)
    return api.create_commit("lab/pour", [CommitOperationAdd(name, content)], commit_message="more").oid


def fetch(out: Path, reference: str = "lab/pour", token: str | None = ANA) -> Pulled:
    return pull(reference, out, token=token)


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def fetched(hub: LoopbackHub) -> list[str]:
    """Names of the files whose bytes were asked for."""
    return [
        request.path.split("/resolve/")[-1][41:]
        for request in hub.log
        if request.method == "GET" and "/resolve/" in request.path
    ]


def test_what_is_pulled_is_what_was_published(hub: LoopbackHub, folder: Path, tmp_path: Path):
    sha = published(folder)
    out = tmp_path / "models" / "pour"
    pulled = fetch(out)
    assert pulled == Pulled(folder=out, repo_id="lab/pour", commit=sha, endpoint=hub.endpoint, reused=False)
    assert {name: content for name, (content, _) in tree(out).items()} == {
        name: content for name, (content, _) in tree(folder).items()
    }
    assert [path.name for path in out.parent.iterdir()] == ["pour"], "no scratch is left"
    assert hub.leaks == []


def test_a_tag_a_branch_and_a_commit_are_pulled_by_the_commit_they_stand_for(
    hub: LoopbackHub, folder: Path, tmp_path: Path
):
    first = published(folder)
    api = HfApi(endpoint=hub.endpoint, token=ANA)
    api.create_tag("lab/pour", tag="v1")
    second = published(write_toy_bundle(tmp_path / "second", recipe="seed: 1\n"))
    wanted = {"lab/pour": second, "lab/pour@main": second, "lab/pour@v1": first, f"lab/pour@{first}": first}
    for number, (reference, sha) in enumerate(wanted.items()):
        assert fetch(tmp_path / f"out{number}", reference).commit == sha
    hub.log.clear()
    fetch(tmp_path / "last", "lab/pour@v1")
    assert all(f"/resolve/{first}/" in request.path for request in hub.log if "/resolve/" in request.path)


def test_pulling_the_same_again_touches_nothing(hub: LoopbackHub, folder: Path, tmp_path: Path):
    published(folder)
    fetch(tmp_path / "out")
    before = tree(tmp_path / "out")
    hub.log.clear()
    assert fetch(tmp_path / "out").reused
    assert tree(tmp_path / "out") == before
    assert fetched(hub) == ["SHA256SUMS"]


def test_an_empty_folder_is_filled(hub: LoopbackHub, folder: Path, tmp_path: Path):
    published(folder)
    (tmp_path / "out").mkdir()
    assert not fetch(tmp_path / "out").reused


def test_a_folder_that_holds_something_else_is_left_alone(hub: LoopbackHub, folder: Path, tmp_path: Path):
    published(folder)
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("x")
    with pytest.raises(HubError, match=r"out: holds something else.*--out"):
        fetch(out)
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]


def test_another_version_in_the_folder_is_not_overwritten(hub: LoopbackHub, folder: Path, tmp_path: Path):
    published(folder)
    fetch(tmp_path / "out")
    before = tree(tmp_path / "out")
    published(write_toy_bundle(tmp_path / "second", recipe="seed: 1\n"))
    with pytest.raises(HubError, match="holds something else"):
        fetch(tmp_path / "out")
    assert tree(tmp_path / "out") == before


def test_a_damaged_copy_is_named_instead_of_being_taken_for_the_bundle(hub: LoopbackHub, folder: Path, tmp_path: Path):
    published(folder)
    fetch(tmp_path / "out")
    (tmp_path / "out" / "recipe.yaml").write_text("changed")
    with pytest.raises(HubError, match=r"recipe\.yaml.*Remove it, then pull again"):
        fetch(tmp_path / "out")


@pytest.mark.parametrize("name", ["heads.safetensors", "recipe.yaml", "SHA256SUMS", "README.md"])
def test_a_file_damaged_on_the_way_is_refused_and_nothing_is_kept(
    hub: LoopbackHub, folder: Path, tmp_path: Path, name: str
):
    published(folder)
    hub.corrupt("lab/pour", name)
    with pytest.raises(BundleError):
        fetch(tmp_path / "models" / "out")
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.py", "notes.txt", "pictures/x.svg", "sub/bundle.json"])
def test_a_file_that_no_bundle_holds_is_refused_before_anything_is_downloaded(
    hub: LoopbackHub, folder: Path, tmp_path: Path, name: str
):
    published(folder)
    commit(hub, name, b"x")
    hub.log.clear()
    with pytest.raises(HubError, match="not a bundle of this package"):
        fetch(tmp_path / "out")
    assert fetched(hub) == []


def test_a_repository_without_a_bundle_is_refused(hub: LoopbackHub, tmp_path: Path):
    HfApi(endpoint=hub.endpoint, token=ANA).create_repo("lab/pour")
    with pytest.raises(HubError, match="lacks"):
        fetch(tmp_path / "out")


@pytest.mark.parametrize(
    ("limit", "complaint"),
    [("LARGEST_WEIGHTS_BYTES", "safetensors has"), ("LARGEST_TOTAL_BYTES", "too much"), ("MOST_FILES", "too much")],
)
def test_what_is_too_large_is_refused_before_anything_is_downloaded(
    hub: LoopbackHub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, complaint: str
):
    published(folder)
    monkeypatch.setattr(remote, limit, 10)
    hub.log.clear()
    with pytest.raises(HubError, match=complaint):
        fetch(tmp_path / "out")
    assert fetched(hub) == []


def test_a_private_repository_asks_for_a_login(hub: LoopbackHub, folder: Path, tmp_path: Path):
    published(folder)
    with pytest.raises(HubError, match=r"private repositories are hidden.*hf auth login"):
        fetch(tmp_path / "out", token=None)
    with pytest.raises(HubError, match="shows your account no lab/pour"):
        fetch(tmp_path / "out", token=BOB)


def test_a_public_repository_is_pulled_without_a_login(hub: LoopbackHub, folder: Path, tmp_path: Path):
    published(folder, public=True)
    fetch(tmp_path / "out", token=None)
    read_bundle(tmp_path / "out")


def test_a_gated_repository_tells_where_to_ask(hub: LoopbackHub, folder: Path, tmp_path: Path):
    published(folder, public=True)
    hub.repo("lab/pour").gated = True
    with pytest.raises(HubError, match=r"gated.*Ask for it at http://127.*/lab/pour"):
        fetch(tmp_path / "out", token=BOB)


@pytest.mark.parametrize("revision", ["v9", "f" * 40])
def test_an_unknown_revision_is_told(hub: LoopbackHub, folder: Path, tmp_path: Path, revision: str):
    published(folder)
    with pytest.raises(HubError, match="no such commit, tag or branch"):
        fetch(tmp_path / "out", f"lab/pour@{revision}")


@pytest.mark.parametrize("reference", ["pour", "lab/pour@", "lab/pour@../x", "lab/pour@-x"])
def test_a_reference_that_is_none_is_refused(hub: LoopbackHub, tmp_path: Path, reference: str):
    with pytest.raises(HubError, match="repository"):
        fetch(tmp_path / "out", reference)
    assert hub.log == []


@pytest.mark.parametrize("status", [500, None], ids=["500", "reset"])
@pytest.mark.parametrize(
    ("method", "pattern"),
    [
        ("GET", "/revision/|/api/models/lab/pour$"),
        ("GET", "/tree/"),
        ("HEAD", "/resolve/"),
        ("GET", "/resolve/"),
        ("GET", "/blob/"),
    ],
)
def test_a_step_that_keeps_failing_is_told_and_the_same_command_goes_on_from_there(
    hub: LoopbackHub, folder: Path, tmp_path: Path, method: str, pattern: str, status: int | None
):
    published(folder)
    hub.fail_next(method, pattern, status=status, times=50)
    with pytest.raises(HubError, match=r"pull lab/pour.*again"):
        fetch(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    hub.faults.clear()
    fetch(tmp_path / "out")
    assert list_files(tmp_path / "out") == list_files(folder)


def test_a_broken_download_goes_on_with_what_it_has(hub: LoopbackHub, folder: Path, tmp_path: Path):
    published(folder)
    hub.fail_next("GET", r"/resolve/.*recipe\.yaml", times=50)
    with pytest.raises(HubError):
        fetch(tmp_path / "out")
    had = fetched(hub)
    hub.faults.clear()
    hub.log.clear()
    fetch(tmp_path / "out")
    assert "bundle.json" in had
    assert "bundle.json" not in fetched(hub)
    assert "recipe.yaml" in fetched(hub)


def test_the_machines_own_cache_of_the_hub_is_neither_read_nor_filled(
    hub: LoopbackHub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from huggingface_hub import constants

    cache = tmp_path / "hf-cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    published(folder)
    fetch(tmp_path / "out")
    assert not cache.exists()


def test_two_pulls_into_one_folder_do_not_mix(hub: LoopbackHub, folder: Path, tmp_path: Path):
    sha = published(folder)
    notes = tmp_path / f".out.{sha[:12]}.partial" / ".cache"
    notes.mkdir(parents=True)
    with hold(notes, "pull", "the other"), pytest.raises(RunError, match="another process"):
        fetch(tmp_path / "out")


def test_a_place_that_cannot_be_written_is_named(hub: LoopbackHub, folder: Path, tmp_path: Path):
    published(folder)
    (tmp_path / "file").write_text("x")
    with pytest.raises(HubError, match="file"):
        fetch(tmp_path / "file" / "out")


def test_a_link_in_place_of_the_folder_is_not_followed(hub: LoopbackHub, folder: Path, tmp_path: Path):
    published(folder)
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "out")
    with pytest.raises(HubError, match="holds something else"):
        fetch(tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    shutil.rmtree(tmp_path / "elsewhere")
