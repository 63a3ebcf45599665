"""Publish tells before it acts, and what it has published can be pulled and used."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hub_run import OBSERVATION, make_run, write_real_bundle
from loopback_hub import LoopbackHub
from loopback_people import ANA, loopback

from adapt.errors import BundleError, HubError, RunError
from adapt.policy import load
from adapt.runs.published import read_published
from adapt.runs.stage import require_current, run_stage
from adapt.runs.withdrawn import note_withdrawn
from pipelines import cli
from pipelines import publish as pipeline
from pipelines import pull as pull_pipeline


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    """A Hub on which ana is logged in."""
    monkeypatch.setenv("HF_TOKEN", ANA)
    with loopback(monkeypatch, tmp_path) as server:
        yield server


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path)


def test_publish_without_confirm_lists_what_would_go_where_and_asks_nobody(hub: LoopbackHub, run: Path):
    report = pipeline.run(run, "lab/pour")
    bundle = require_current(run, "bundle")
    assert report["published"] is False
    assert {file["name"] for file in report["files"]} == {
        path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()
    } - {"manifest.json"}
    words = str(report)
    for said in (
        "dry run",
        f"{hub.endpoint}/lab/pour (private",
        "heads.safetensors",
        f"{report['bytes']:,} B",
        "--confirm",
    ):
        assert said in words
    assert hub.log == []


def test_publish_with_confirm_tells_the_page_the_commit_and_how_to_pull_it(hub: LoopbackHub, run: Path):
    report = pipeline.run(run, "lab/pour", confirm=True)
    commit = hub.repo("lab/pour").head.oid
    assert (report["commit"], report["url"], report["published"]) == (commit, f"{hub.endpoint}/lab/pour", True)
    assert f"wam-adapt pull lab/pour@{commit} --out models/pour" in str(report)
    assert hub.repo("lab/pour").private


def test_what_is_published_and_pulled_acts_as_the_bundle_of_the_run(hub: LoopbackHub, run: Path, tmp_path: Path):
    commit = pipeline.run(run, "lab/pour", confirm=True)["commit"]
    pulled = pull_pipeline.run(f"lab/pour@{commit}", tmp_path / "models" / "pour")
    bases = {"random-tiny": tmp_path / "base"}
    policy = load(pulled["folder"], bases=bases)
    policy.verify_golden()
    expected = load(require_current(run, "bundle"), bases=bases).act(OBSERVATION, "wave")
    assert torch.equal(policy.act(OBSERVATION, "wave").values, expected.values)


def test_what_was_published_is_noted_with_the_run(hub: LoopbackHub, run: Path):
    pipeline.run(run, "lab/pour")
    assert read_published(run) == []
    commit = pipeline.run(run, "lab/pour", confirm=True)["commit"]
    pipeline.run(run, "lab/pour", confirm=True)
    (noted,) = read_published(run)
    assert (noted.repo, noted.commit, noted.visibility) == ("lab/pour", commit, "private")
    assert (noted.url, noted.bundle) == (f"{hub.endpoint}/lab/pour", require_current(run, "bundle").name)


def test_a_commit_that_could_not_be_verified_is_noted_all_the_same(
    hub: LoopbackHub, run: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise HubError("the line went dead")

    monkeypatch.setattr("adapt.hub.publish.download", fail)
    with pytest.raises(HubError, match="the line went dead"):
        pipeline.run(run, "lab/pour", confirm=True)
    (noted,) = read_published(run)
    assert noted.commit == hub.repo("lab/pour").head.oid


def test_a_publication_that_cannot_be_noted_is_published_all_the_same(
    hub: LoopbackHub, run: Path, caplog: pytest.LogCaptureFixture
):
    (run / "published.json").write_text("damaged")
    assert pipeline.run(run, "lab/pour", confirm=True)["commit"] == hub.repo("lab/pour").head.oid
    assert "published, but that cannot be noted" in caplog.text


def test_a_run_trained_with_a_withdrawn_video_is_not_published(hub: LoopbackHub, run: Path):
    finetune = run_stage(run, "finetune", {}, lambda _: {})
    run_stage(
        run, "bundle", {"finetune": finetune.key}, lambda folder: write_real_bundle(folder, run.parents[1] / "base")
    )
    note_withdrawn(run, "a" * 64, {finetune.key: []})
    for confirm in (False, True):
        with pytest.raises(RunError, match=r"must not be published: .* withdrawn on .*wam-adapt adapt play"):
            pipeline.run(run, "lab/pour", confirm=confirm)
    assert hub.log == []


def test_publish_is_public_only_when_told(hub: LoopbackHub, run: Path):
    assert "public" in str(pipeline.run(run, "lab/pour", public=True))
    pipeline.run(run, "lab/pour", confirm=True, public=True)
    assert not hub.repo("lab/pour").private


def test_publish_refuses_a_bundle_that_no_longer_gives_its_golden_answer(hub: LoopbackHub, run: Path, tmp_path: Path):
    path = tmp_path / "base" / "base.json"
    record = json.loads(path.read_text())
    record["identity"]["fingerprint"] = "0" * 64
    path.write_text(json.dumps(record))
    with pytest.raises(BundleError, match="belongs to the base"):
        pipeline.run(run, "lab/pour", confirm=True)
    assert hub.log == []


def test_publish_twice_leaves_one_commit(hub: LoopbackHub, run: Path):
    first = pipeline.run(run, "lab/pour", confirm=True)
    assert pipeline.run(run, "lab/pour", confirm=True)["commit"] == first["commit"]
    assert len(hub.repo("lab/pour").commits) == 2


def test_publish_names_the_stage_that_is_missing(hub: LoopbackHub, tmp_path: Path):
    with pytest.raises(RunError, match="not the folder of a run"):
        pipeline.run(tmp_path / "nothing", "lab/pour")


def test_publish_does_not_start_over_a_network_that_is_not_https(run: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example.org")
    with pytest.raises(HubError, match="https"):
        pipeline.run(run, "lab/pour")


def test_publish_and_pull_are_verbs_of_the_command_line(
    hub: LoopbackHub, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(["publish", "--run", str(run), "--repo", "lab/pour"]) == 0
    assert "dry run" in capsys.readouterr().out
    assert cli.main(["publish", "--run", str(run), "--repo", "lab/pour", "--confirm"]) == 0
    out = capsys.readouterr().out
    command = re.search(r"wam-adapt (pull \S+) --out", out)[1].split()
    assert cli.main([*command, "--out", str(tmp_path / "pulled"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["commit"] == hub.repo("lab/pour").head.oid
    assert cli.main(["pull", "lab/nothing", "--out", str(tmp_path / "other")]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("error: pull lab/nothing: the Hub shows your account no lab/nothing")
    assert ANA not in out + told.err
