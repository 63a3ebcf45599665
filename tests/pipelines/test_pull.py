"""Pull tells where a bundle is and how to get exactly the same again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_hub import LoopbackHub
from loopback_people import ANA, loopback
from toy_bundle import write_toy_bundle

from adapt.errors import HubError
from adapt.hub.publish import plan_publication, publish
from adapt.policy.bundle import read_bundle
from pipelines import pull as pipeline


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    """A Hub with a public bundle on it; nobody is logged in."""
    with loopback(monkeypatch, tmp_path) as server:
        folder = write_toy_bundle(tmp_path / "bundle")
        publish(plan_publication(folder, "lab/pour", public=True), prove=read_bundle, token=ANA)
        yield server


def test_pull_tells_the_folder_the_commit_and_how_to_pin_it(hub: LoopbackHub, tmp_path: Path):
    report = pipeline.run("lab/pour", tmp_path / "out")
    commit = hub.repo("lab/pour").head.oid
    assert report == {"folder": str(tmp_path / "out"), "repo": "lab/pour", "commit": commit, "reused": False}
    assert f"wam-adapt pull lab/pour@{commit}" in str(report)
    read_bundle(tmp_path / "out")


def test_pull_of_a_pinned_commit_has_nothing_to_add(hub: LoopbackHub, tmp_path: Path):
    report = pipeline.run(f"lab/pour@{hub.repo('lab/pour').head.oid}", tmp_path / "out")
    assert "again" not in str(report)


def test_pull_again_says_that_it_was_here_already(hub: LoopbackHub, tmp_path: Path):
    pipeline.run("lab/pour", tmp_path / "out")
    report = pipeline.run("lab/pour", tmp_path / "out")
    assert report["reused"]
    assert str(report).startswith("was here already")


def test_pull_leaves_nothing_where_it_failed(hub: LoopbackHub, tmp_path: Path):
    with pytest.raises(HubError):
        pipeline.run("lab/other", tmp_path / "models" / "out")
    assert not (tmp_path / "models").exists()
