"""The loopback Hub behaves as the real one does towards the real client, so that the other tests mean something."""

import hashlib
import os
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from loopback_hub import LoopbackHub
from loopback_people import ANA, BOB, READER

CARD = b"---\nlicense: mit\ntags: [robotics]\n---\nhello"


def api(hub: LoopbackHub, token: str | None = ANA) -> HfApi:
    """The real client; False keeps it from looking for a token of this machine."""
    return HfApi(endpoint=hub.endpoint, token=token or False)


def filled(hub: LoopbackHub, *, private: bool = False) -> str:
    """A repository with a card, a large file and a picture in a folder; returns its newest commit."""
    client = api(hub)
    client.create_repo("lab/pour", private=private)
    operations = [
        CommitOperationAdd("README.md", CARD),
        CommitOperationAdd("a.safetensors", bytes(3000)),
        CommitOperationAdd("pictures/a.png", b"\0png"),
    ]
    return client.create_commit("lab/pour", operations, commit_message="first").oid


def test_files_small_and_large_come_back_as_they_were_sent(hub: LoopbackHub, tmp_path: Path):
    commit = filled(hub)
    for name, content in (("README.md", CARD), ("a.safetensors", bytes(3000)), ("pictures/a.png", b"\0png")):
        path = api(hub).hf_hub_download("lab/pour", name, revision=commit, local_dir=tmp_path)
        assert Path(path).read_bytes() == content
    assert hub.leaks == []


def test_a_large_file_goes_up_in_parts_and_is_checked_as_a_whole(hub: LoopbackHub):
    hub.multipart_above, hub.part_bytes = 1000, 700
    content = os.urandom(2000)
    api(hub).create_repo("lab/pour")
    api(hub).upload_file(path_or_fileobj=content, path_in_repo="a.safetensors", repo_id="lab/pour")
    assert [request.path.rsplit("/", 1)[-1] for request in hub.log if request.method == "PUT"] == ["1", "2", "3"]
    assert hub.stored == {hashlib.sha256(content).hexdigest(): content}


def test_a_large_file_with_other_bytes_than_promised_is_refused(hub: LoopbackHub):
    assert httpx2.put(f"{hub.storage}/upload/{'0' * 64}", content=b"x").status_code == 400


def test_storage_refuses_and_remembers_a_token(hub: LoopbackHub):
    filled(hub)
    (oid,) = (blob.oid for path, blob in hub.repo("lab/pour").head.files.items() if path == "a.safetensors")
    answer = httpx2.get(f"{hub.storage}/blob/{oid}", headers={"Authorization": "Bearer hf_x"})
    assert (answer.status_code, len(hub.leaks)) == (400, 1)


def test_storage_answers_a_range(hub: LoopbackHub):
    hub.stored["ab"] = b"0123456789"
    answer = httpx2.get(f"{hub.storage}/blob/ab", headers={"Range": "bytes=4-6"})
    assert (answer.status_code, answer.content) == (206, b"456")


def test_an_unchanged_file_is_not_sent_again(hub: LoopbackHub):
    first = filled(hub)
    assert api(hub).upload_file(path_or_fileobj=CARD, path_in_repo="README.md", repo_id="lab/pour").oid == first


def test_a_commit_on_a_stale_parent_is_refused(hub: LoopbackHub):
    stale = filled(hub)
    client = api(hub)
    client.upload_file(path_or_fileobj=b"x", path_in_repo="x.json", repo_id="lab/pour")
    with pytest.raises(HfHubHTTPError) as refused:
        client.create_commit("lab/pour", [CommitOperationAdd("y", b"y")], commit_message="y", parent_commit=stale)
    assert refused.value.response.status_code == 412
    assert "y" not in hub.repo("lab/pour").head.files


def test_a_deleted_file_is_gone_from_the_next_commit_only(hub: LoopbackHub):
    first = filled(hub)
    api(hub).create_commit("lab/pour", [CommitOperationDelete("pictures/a.png")], commit_message="less")
    assert not api(hub).file_exists("lab/pour", "pictures/a.png")
    assert api(hub).file_exists("lab/pour", "pictures/a.png", revision=first)


def test_tags_and_branches_name_commits(hub: LoopbackHub):
    commit = filled(hub)
    client = api(hub)
    client.create_tag("lab/pour", tag="v1")
    client.upload_file(path_or_fileobj=b"x", path_in_repo="x.json", repo_id="lab/pour")
    assert client.model_info("lab/pour", revision="v1").sha == commit
    assert [tag.target_commit for tag in client.list_repo_refs("lab/pour").tags] == [commit]
    with pytest.raises(HfHubHTTPError, match="409"):
        client.create_tag("lab/pour", tag="v1")
    with pytest.raises(RevisionNotFoundError):
        client.model_info("lab/pour", revision="v2")


def test_a_long_tree_comes_in_pages(hub: LoopbackHub):
    filled(hub)
    hub.page_size = 2
    entries = list(api(hub).list_repo_tree("lab/pour", recursive=True))
    assert [entry.path for entry in entries] == [
        ".gitattributes", "README.md", "a.safetensors", "pictures", "pictures/a.png"
    ]  # fmt: skip
    assert entries[2].lfs.sha256 == hashlib.sha256(bytes(3000)).hexdigest()


def test_the_tree_of_a_folder_holds_what_is_in_it(hub: LoopbackHub):
    filled(hub)
    assert [entry.path for entry in api(hub).list_repo_tree("lab/pour", "pictures")] == ["pictures/a.png"]
    (found,) = api(hub).get_paths_info("lab/pour", ["README.md", "nothing"])
    assert found.size == len(CARD)


def test_info_tells_visibility_card_and_files(hub: LoopbackHub):
    commit = filled(hub, private=True)
    info = api(hub).model_info("lab/pour")
    assert (info.sha, info.private, info.card_data.license, info.tags) == (commit, True, "mit", ["robotics"])
    assert "pictures/a.png" in [sibling.rfilename for sibling in info.siblings]


@pytest.mark.parametrize(("token", "status"), [(None, 401), (BOB, 404)])
def test_a_private_repository_is_hidden_from_strangers(hub: LoopbackHub, token: str | None, status: int):
    filled(hub, private=True)
    with pytest.raises(RepositoryNotFoundError) as hidden:
        api(hub, token).model_info("lab/pour")
    assert hidden.value.response.status_code == status
    assert list(api(hub, token).list_models(author="lab")) == []


def test_a_gated_repository_shows_its_tree_but_no_file(hub: LoopbackHub, tmp_path: Path):
    filled(hub)
    api(hub).update_repo_settings("lab/pour", gated="manual")
    assert api(hub, BOB).model_info("lab/pour").gated == "manual"
    with pytest.raises(GatedRepoError):
        api(hub, BOB).hf_hub_download("lab/pour", "README.md", local_dir=tmp_path)
    assert api(hub, READER).hf_hub_download("lab/pour", "README.md", local_dir=tmp_path)


@pytest.mark.parametrize(("token", "status"), [(READER, 403), (BOB, 403), ("hf_unknown", 401)])
def test_only_writing_members_write(hub: LoopbackHub, token: str, status: int):
    filled(hub)
    with pytest.raises(HfHubHTTPError) as refused:
        api(hub, token).upload_file(path_or_fileobj=b"x", path_in_repo="x.json", repo_id="lab/pour")
    assert refused.value.response.status_code == status


def test_a_card_with_bad_front_matter_is_refused_before_anything_is_sent(hub: LoopbackHub):
    api(hub).create_repo("lab/pour")
    with pytest.raises(ValueError, match="license"):
        api(hub).upload_file(path_or_fileobj=b"---\nlicense: x\n---\n", path_in_repo="README.md", repo_id="lab/pour")
    assert "README.md" not in hub.repo("lab/pour").head.files


def test_a_missing_file_and_a_corrupted_one_are_told_apart(hub: LoopbackHub, tmp_path: Path):
    filled(hub)
    with pytest.raises(RemoteEntryNotFoundError):
        api(hub).hf_hub_download("lab/pour", "nothing", local_dir=tmp_path)
    hub.corrupt("lab/pour", "a.safetensors")
    path = api(hub).hf_hub_download("lab/pour", "a.safetensors", local_dir=tmp_path)
    assert Path(path).read_bytes() == bytes(2999) + b"\x01"


def test_faults_come_as_often_as_asked_and_then_stop(hub: LoopbackHub):
    hub.fail_next("GET", "/api/whoami", status=503, times=2, Retry_After="0")
    for _ in range(2):
        answer = httpx2.get(f"{hub.endpoint}/api/whoami-v2")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "0")
    assert api(hub).whoami()["name"] == "ana"


def test_a_reset_leaves_the_client_without_an_answer(hub: LoopbackHub):
    hub.fail_next("GET", "/api/whoami", status=None)
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"{hub.endpoint}/api/whoami-v2")


def test_a_request_can_take_effect_and_lose_its_answer(hub: LoopbackHub):
    hub.fail_next("POST", "/api/repos/create", after=True)
    with pytest.raises(HfHubHTTPError):
        api(hub).create_repo("lab/pour")
    assert hub.repo("lab/pour").head.title == "initial commit"


def test_the_log_tells_who_asked_what(hub: LoopbackHub):
    filled(hub)
    assert (hub.log[0].method, hub.log[0].path, hub.log[0].token) == ("POST", "/api/repos/create", ANA)
    assert {request.origin for request in hub.log} == {"hub", "storage"}
    assert all(request.token is None for request in hub.log if request.origin == "storage")
