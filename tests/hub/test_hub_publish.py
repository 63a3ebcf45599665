"""Publishing sends what the plan lists, once, and believes only what it has downloaded again."""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, constants
from huggingface_hub.utils import close_session
from loopback_hub import LoopbackHub
from loopback_people import ANA, BOB, READER
from loopback_store import Blob
from toy_bundle import PICTURE, write_toy_bundle

from adapt.errors import BundleError, CardError, HubError
from adapt.hub.client import open_hub
from adapt.hub.publish import Receipt, plan_publication, publish
from adapt.policy.bundle import read_bundle
from adapt.policy.bundle_files import list_files


def prove(folder: Path) -> None:
    """Stands in for loading the policy: the toy bundle's tensors are made up."""
    read_bundle(folder)


def send(folder: Path, *, token: str | None = ANA, public: bool = False, repo_id: str = "lab/pour") -> Receipt:
    return publish(plan_publication(folder, repo_id, public=public), prove=prove, token=token)


def routes(hub: LoopbackHub) -> list[tuple[str, str]]:
    return [(request.method, request.path) for request in hub.log]


def test_a_plan_lists_every_file_and_sends_nothing(hub: LoopbackHub, folder: Path):
    plan = plan_publication(folder, "lab/pour")
    assert [file.name for file in plan.files] == list(list_files(folder))
    assert plan.total_bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert (plan.visibility, plan.endpoint, plan.repo_id) == ("private", hub.endpoint, "lab/pour")
    assert plan.message == "Adapter for lab/base, taught with robot play: wave"
    assert hub.log == []


def test_publishing_sends_the_bundle_as_one_private_commit(hub: LoopbackHub, folder: Path):
    receipt = send(folder)
    repo = hub.repo("lab/pour")
    assert repo.private
    assert (receipt.commit, receipt.url) == (repo.head.oid, f"{hub.endpoint}/lab/pour")
    assert [commit.title for commit in repo.commits.values()] == [
        "initial commit", "Adapter for lab/base, taught with robot play: wave"
    ]  # fmt: skip
    assert set(repo.head.files) == {*list_files(folder), ".gitattributes"}
    for name in list_files(folder):
        assert hub.content(repo.head.files[name]) == (folder / name).read_bytes()
    assert hub.leaks == []


def test_publishing_proves_the_bundle_before_and_after(hub: LoopbackHub, folder: Path):
    proven: list[Path] = []
    publish(plan_publication(folder, "lab/pour"), prove=proven.append, token=ANA)
    assert proven[0] == folder
    assert len(proven) == 2
    assert not proven[1].exists(), "the folder it was verified in is gone"


def test_a_bundle_that_does_not_prove_itself_is_not_sent(hub: LoopbackHub, folder: Path):
    def fail(_folder: Path) -> None:
        raise BundleError("golden output differs")

    with pytest.raises(BundleError, match="golden"):
        publish(plan_publication(folder, "lab/pour"), prove=fail, token=ANA)
    assert hub.log == []


def test_what_comes_back_must_reproduce_the_golden_output_too(hub: LoopbackHub, folder: Path):
    def fail_elsewhere(place: Path) -> None:
        if place != folder:
            raise BundleError("golden output differs")

    with pytest.raises(BundleError, match="golden"):
        publish(plan_publication(folder, "lab/pour"), prove=fail_elsewhere, token=ANA)


def test_public_is_public_when_told(hub: LoopbackHub, folder: Path):
    send(folder, public=True)
    assert not hub.repo("lab/pour").private


@pytest.mark.parametrize(("was_public", "remedy"), [(True, "add --public"), (False, "leave out --public")])
def test_an_existing_repository_is_not_published_to_with_another_visibility(
    hub: LoopbackHub, folder: Path, *, was_public: bool, remedy: str
):
    HfApi(endpoint=hub.endpoint, token=ANA).create_repo("lab/pour", private=not was_public)
    with pytest.raises(HubError, match=remedy):
        send(folder, public=not was_public)
    assert list(hub.repo("lab/pour").head.files) == [".gitattributes"]


def test_publishing_the_same_again_changes_nothing(hub: LoopbackHub, folder: Path):
    first = send(folder)
    assert send(folder) == first
    assert len(hub.repo("lab/pour").commits) == 2


def test_publishing_another_bundle_replaces_the_files_that_are_gone(hub: LoopbackHub, folder: Path, tmp_path: Path):
    send(folder)
    second = send(write_toy_bundle(tmp_path / "second", pictures={}, recipe="seed: 1\n"))
    assert PICTURE not in hub.repo("lab/pour").commits[second.commit].files
    assert len(hub.repo("lab/pour").commits) == 3


def test_a_repository_that_holds_something_else_is_left_alone(hub: LoopbackHub, folder: Path):
    api = HfApi(endpoint=hub.endpoint, token=ANA)
    api.create_repo("lab/pour", private=True)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="pytorch_model.bin", repo_id="lab/pour")
    with pytest.raises(HubError, match=r"'pytorch_model\.bin'.*another name"):
        send(folder)
    assert "bundle.json" not in hub.repo("lab/pour").head.files


def test_of_two_pushes_at_once_the_second_is_told_and_overwrites_nothing(
    hub: LoopbackHub, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    send(folder)
    other = HfApi(endpoint=hub.endpoint, token=ANA)
    commit = HfApi.create_commit

    def overtaken(self: HfApi, *arguments: object, **keywords: object) -> object:
        monkeypatch.setattr(HfApi, "create_commit", commit)
        other.create_commit("lab/pour", [CommitOperationAdd("recipe.yaml", b"theirs")], commit_message="theirs")
        return commit(self, *arguments, **keywords)

    monkeypatch.setattr(HfApi, "create_commit", overtaken)
    (folder.parent / "new").mkdir()
    new = write_toy_bundle(folder.parent / "new" / "bundle", recipe="ours: 1\n")
    with pytest.raises(HubError, match=r"lab/pour meanwhile \(412\); nothing was overwritten"):
        send(new)
    assert hub.content(hub.repo("lab/pour").head.files["recipe.yaml"]) == b"theirs"


def after_commit(monkeypatch: pytest.MonkeyPatch, spoil: Callable[[], object]) -> None:
    """Let something happen on the Hub right after the commit."""
    commit = HfApi.create_commit

    def spoilt(self: HfApi, *arguments: Any, **keywords: Any) -> object:
        info = commit(self, *arguments, **keywords)
        spoil()
        return info

    monkeypatch.setattr(HfApi, "create_commit", spoilt)


@pytest.mark.parametrize("name", ["heads.safetensors", "recipe.yaml"])
def test_a_file_that_the_hub_damages_is_noticed(
    hub: LoopbackHub, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    after_commit(monkeypatch, lambda: hub.corrupt("lab/pour", name))
    with pytest.raises(BundleError, match=rf"{name} came with other bytes than the Hub lists"):
        send(folder)


def test_a_file_that_the_hub_exchanges_is_noticed(hub: LoopbackHub, folder: Path, monkeypatch: pytest.MonkeyPatch):
    def exchange() -> None:
        hub.repo("lab/pour").head.files["recipe.yaml"] = Blob.small(b"base: another")

    after_commit(monkeypatch, exchange)
    with pytest.raises(HubError, match=r"recipe\.yaml came back with other bytes than were sent"):
        send(folder)


def test_a_file_that_does_not_arrive_is_noticed(hub: LoopbackHub, folder: Path, monkeypatch: pytest.MonkeyPatch):
    commit = HfApi.create_commit

    def thinned(self: HfApi, repo_id: str, operations: list[CommitOperationAdd], **keywords: object) -> object:
        return commit(self, repo_id, [o for o in operations if o.path_in_repo != "stats.json"], **keywords)

    monkeypatch.setattr(HfApi, "create_commit", thinned)
    with pytest.raises(HubError, match=r"does not list what was sent \(stats\.json\)"):
        send(folder)


def test_a_bundle_with_a_file_too_many_is_not_planned(hub: LoopbackHub, folder: Path):
    (folder / "notes.txt").write_text("hf_token")
    with pytest.raises(BundleError, match=r"notes\.txt"):
        plan_publication(folder, "lab/pour")


def test_a_bundle_with_a_link_is_not_planned(hub: LoopbackHub, folder: Path):
    (folder / "recipe.yaml").unlink()
    (folder / "recipe.yaml").symlink_to("/etc/hostname")
    with pytest.raises(BundleError, match="link"):
        plan_publication(folder, "lab/pour")


def test_a_card_that_the_hub_would_refuse_is_not_planned(hub: LoopbackHub, tmp_path: Path):
    folder = write_toy_bundle(tmp_path / "bundle", card="---\nlicense: made-up\n---\n")
    with pytest.raises(CardError):
        plan_publication(folder, "lab/pour")


@pytest.mark.parametrize(
    "repo_id", ["pour", "lab/pour/x", "lab/../etc", "-lab/pour", "lab/pour@main", "https://huggingface.co/lab/pour", ""]
)
def test_a_name_that_is_no_repository_is_refused(hub: LoopbackHub, folder: Path, repo_id: str):
    with pytest.raises(HubError, match="repository"):
        plan_publication(folder, repo_id)


@pytest.mark.parametrize(
    "endpoint", ["http://example.org", "ftp://127.0.0.1", "huggingface.co", "http://127.0.0.1.nip.io"]
)
def test_an_endpoint_that_is_not_https_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(HubError, match="https"):
        plan_publication(folder, "lab/pour")


@pytest.mark.parametrize("endpoint", ["https://hub.example.org/", "http://localhost:1", "http://[::1]:1"])
def test_https_and_this_machine_are_accepted(folder: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    assert plan_publication(folder, "lab/pour").endpoint == endpoint.rstrip("/")


@pytest.mark.parametrize(
    ("token", "complaint"),
    [
        (None, r"\(401\).*hf auth login"),
        ("hf_unknown", r"\(401\).*hf auth login"),
        (READER, r"\(403\).*write access to 'lab'"),
        (BOB, r"\(403\).*write access to 'lab'"),
    ],
)
def test_who_may_not_write_is_told_what_is_missing(hub: LoopbackHub, folder: Path, token: str | None, complaint: str):
    with pytest.raises(HubError, match=complaint):
        send(folder, token=token)


STEPS: list[tuple[str, str]] = [
    ("POST", "/api/repos/create"),
    ("GET", "/api/models/lab/pour$"),
    ("GET", "/tree/"),
    ("POST", "/api/validate-yaml"),
    ("POST", "/preupload/"),
    ("POST", "/info/lfs/objects/batch"),
    ("PUT", "/upload/"),
    ("POST", "/info/lfs/verify"),
    ("POST", "/commit/main"),
    ("HEAD", "/resolve/"),
    ("GET", "/resolve/"),
    ("GET", "/blob/"),
]


@pytest.mark.parametrize("status", [500, 429, None], ids=["500", "429", "reset"])
@pytest.mark.parametrize(("method", "pattern"), STEPS, ids=[pattern for _, pattern in STEPS])
def test_a_step_that_keeps_failing_is_told_and_the_same_command_goes_on_from_there(
    hub: LoopbackHub, folder: Path, method: str, pattern: str, status: int | None
):
    hub.fail_next(method, pattern, status=status, times=50)
    with pytest.raises(HubError, match=r"lab/pour.*again") as told:
        send(folder)
    assert ANA not in str(told.value)
    hub.faults.clear()
    assert send(folder).commit == hub.repo("lab/pour").head.oid
    assert len(hub.repo("lab/pour").commits) == 2


def test_every_step_that_publishing_takes_is_made_to_fail_above(hub: LoopbackHub, folder: Path):
    send(folder)
    uncovered = [route for route in routes(hub) if not any(m == route[0] and re.search(p, route[1]) for m, p in STEPS)]
    assert uncovered == []


def test_an_uploaded_file_is_not_sent_again_after_a_failure(hub: LoopbackHub, folder: Path):
    hub.fail_next("POST", "/commit/main")
    with pytest.raises(HubError):
        send(folder)
    uploads = len([1 for method, path in routes(hub) if method == "PUT"])
    send(folder)
    assert len([1 for method, path in routes(hub) if method == "PUT"]) == uploads > 0


def test_a_commit_whose_answer_is_lost_is_found_the_next_time(hub: LoopbackHub, folder: Path):
    hub.fail_next("POST", "/commit/main", after=True)
    with pytest.raises(HubError, match="again"):
        send(folder)
    assert send(folder).commit == hub.repo("lab/pour").head.oid
    assert len(hub.repo("lab/pour").commits) == 2


@pytest.mark.parametrize("echo", [ANA, "hf_" + "A" * 34, "Bearer abc"])
def test_a_token_that_the_hub_repeats_is_not_passed_on(hub: LoopbackHub, folder: Path, echo: str):
    hub.fail_next("POST", "/commit/main", status=422, X_Error_Message=f"the token {echo} is bad")
    with pytest.raises(HubError, match=r"\(422\): .*hf_\*\*\* is bad") as told:
        send(folder)
    assert echo not in str(told.value)


def test_the_token_is_in_no_log_and_no_description(hub: LoopbackHub, folder: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    send(folder)
    assert "HTTP Request" in caplog.text
    assert ANA not in caplog.text + repr(open_hub(token=ANA))


def test_a_hub_that_is_not_there_is_named(folder: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"cannot reach http://127\.0\.0\.1:9"):
        send(folder)


def test_a_hub_without_xet_storage_is_published_to_all_the_same(
    hub: LoopbackHub, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("hf_xet")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    assert send(folder).commit == hub.repo("lab/pour").head.oid
    assert ("GET", "/api/models/lab/pour/xet-write-token/main") in routes(hub)
    assert len(hub.repo("lab/pour").commits) == 2


def test_publishing_offline_says_so(hub: LoopbackHub, folder: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as offline:
        offline.setattr(constants, "HF_HUB_OFFLINE", True)
        close_session()  # the client's session remembers whether it is offline
        with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
            send(folder)
    close_session()


def test_the_login_of_this_machine_is_used_when_no_token_is_given(
    hub: LoopbackHub, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_TOKEN", ANA)
    send(folder, token=None)
    assert {request.token for request in hub.log if request.origin == "hub"} == {ANA}
