"""What was withdrawn and what was published is remembered with the run, and says why it must not go out."""

import json
from pathlib import Path

import pytest

from adapt.errors import RunError
from adapt.runs.published import Published, note_published, read_published
from adapt.runs.stage import run_stage
from adapt.runs.withdrawn import (
    find_reason,
    find_withdrawn,
    note_given_back,
    note_withdrawn,
    read_withdrawn,
)

ANNA, BEN = "a" * 64, "b" * 64


def a_bundle(run: Path, *, video: str, finetune: str = "f1") -> Path:
    ingest = run_stage(run, "ingest", {"source": {"videos": [["x.mp4", video, "pour", "s"]]}}, lambda _: {})
    return run_stage(run, "bundle", {"ingest": ingest.key, "finetune": finetune}, lambda _: {}).path


def published(commit: str, **more) -> Published:
    texts = {
        "repo": "lab/pour",
        "url": "https://hub/lab/pour",
        "visibility": "public",
        "on": "2026-01-01T00:00:00+00:00",
    }
    return Published(commit=commit, bundle="k1", made_from={"finetune": "f1"}, videos=(ANNA,), **{**texts, **more})


def test_a_run_without_withdrawals_may_go_out(tmp_path):
    assert find_reason(tmp_path) == ""
    a_bundle(tmp_path, video=ANNA)
    assert find_reason(tmp_path) == ""


def test_adapters_that_saw_a_withdrawn_video_may_not_go_out_and_new_ones_may(tmp_path):
    a_bundle(tmp_path, video=ANNA)
    note_withdrawn(tmp_path, ANNA, {"f1": [BEN]})
    assert "its adapters were trained with a video that was withdrawn on 20" in find_reason(tmp_path)
    assert ANNA[:12] in find_reason(tmp_path)
    a_bundle(tmp_path, video=BEN, finetune="f2")
    assert find_reason(tmp_path) == ""


def test_a_video_that_came_back_with_the_data_may_not_go_out_under_another_key(tmp_path):
    note_withdrawn(tmp_path, ANNA, {"f1": []})
    a_bundle(tmp_path, video=ANNA, finetune="f2")
    assert "in it again" in find_reason(tmp_path)


def test_the_reason_is_told_though_the_bundle_is_gone(tmp_path):
    run_stage(tmp_path, "finetune", {"n": 1}, lambda _: {})
    key = (tmp_path / "finetune" / "current").read_text().strip()
    note_withdrawn(tmp_path, ANNA, {"other": []})
    assert find_reason(tmp_path) == ""
    note_withdrawn(tmp_path, ANNA, {key: []})
    assert "trained with" in find_reason(tmp_path)


def test_marks_add_up_and_remember_who_else_was_seen(tmp_path):
    note_withdrawn(tmp_path, ANNA, {"f1": [BEN]})
    note_withdrawn(tmp_path, ANNA, {"f1": [], "f2": [ANNA]})
    note_withdrawn(tmp_path, BEN, {})
    first, second = read_withdrawn(tmp_path)
    assert (first.video, dict(first.trained)) == (ANNA, {"f1": [ANNA, BEN], "f2": [ANNA]})
    assert (second.video, dict(second.trained)) == (BEN, {})


def test_what_was_given_again_may_go_out_and_be_taken_and_can_be_withdrawn_once_more(tmp_path):
    run, cache = tmp_path / "runs" / "a", tmp_path / "cache"
    for folder in (run, cache):
        folder.mkdir(parents=True)
        note_withdrawn(folder, ANNA, {"f1": [BEN]} if folder == run else {})
    a_bundle(run, video=BEN)
    assert "trained with" in find_reason(run)
    for folder in (run, cache):
        note_given_back(folder, ANNA)
    assert find_reason(run) == ""
    assert find_withdrawn(run, cache) == {}
    (mark,) = read_withdrawn(run)
    assert (mark.back >= mark.on, dict(mark.trained)) == (True, {"f1": [ANNA, BEN]})
    note_withdrawn(run, ANNA, {})
    assert "trained with" in find_reason(run)
    note_given_back(tmp_path, ANNA)  # Where nothing is marked nothing is written.
    assert not (tmp_path / "withdrawn.json").exists()


@pytest.mark.parametrize("where", ["cache", "runs/a", "runs/b"])
def test_a_mark_in_the_cache_the_run_or_a_run_beside_it_keeps_a_run_from_a_video(where, tmp_path):
    for name in ("cache", "runs/a", "runs/b", "elsewhere/c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "job.json").write_text("{}")
    (tmp_path / "runs" / "no-run").mkdir()
    (tmp_path / "runs" / "no-run" / "withdrawn.json").write_text("somebody's own")
    note_withdrawn(tmp_path / "elsewhere" / "c", BEN, {})
    note_withdrawn(tmp_path / where, ANNA, {})
    assert set(find_withdrawn(tmp_path / "runs" / "a", tmp_path / "cache")) == {ANNA}
    assert set(find_withdrawn(tmp_path / "runs" / "not-yet", tmp_path / "cache")) == {ANNA}


def test_a_damaged_mark_lets_nothing_out(tmp_path):
    (tmp_path / "withdrawn.json").write_text('{"format": 1, "videos": [{"video": 1}]}')
    with pytest.raises(RunError, match=r"withdrawn.json is damaged"):
        find_reason(tmp_path)


def test_publications_are_kept_in_order_and_the_same_commit_once(tmp_path):
    assert read_published(tmp_path) == []
    for commit in ("c1", "c2", "c1"):
        note_published(tmp_path, published(commit))
    assert [one.commit for one in read_published(tmp_path)] == ["c2", "c1"]
    assert read_published(tmp_path)[0].names == {"k1", "f1", ANNA}


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"publications": [{"repo": "x"}]})])
def test_a_damaged_list_of_publications_is_told(content, tmp_path):
    (tmp_path / "published.json").write_text(content)
    with pytest.raises(RunError, match=r"published.json is damaged"):
        read_published(tmp_path)
