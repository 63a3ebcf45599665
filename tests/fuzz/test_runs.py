"""What a run's folder says of itself: manifests, which result is in use, what was noted, what was left half done."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fuzz.hostile import damaged, fuzz, json_texts, refused_or_read
from hypothesis import given
from hypothesis import strategies as st

from adapt.runs.cache import Cache
from adapt.runs.manifest import MANIFEST, find_finished
from adapt.runs.published import Published, note_published, read_published
from adapt.runs.stage import (
    StageResult,
    find_current,
    note,
    read_manifest,
    require_consistent,
    require_intact,
    run_stage,
)
from adapt.runs.typed import find_misfit
from adapt.runs.withdrawn import note_withdrawn, read_withdrawn
from pipelines.job import Job, load_job, save_job

INPUTS = {"seed": 3}
MADE = {"a.txt": "first", "deep/b.txt": "second"}
NAMES = ("../x", "/etc", "..", ".", "", " ", "\0", "a/b", "a" * 5_000, "0" * 16, ".hidden", "\n\n")


def work(folder: Path) -> dict[str, Any]:
    for name, text in MADE.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return {"made": len(MADE)}


def make(run: Path) -> StageResult:
    return run_stage(run, "stage", INPUTS, work)


def content(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in MADE}


@pytest.fixture
def run(folder: Path) -> Path:
    make(folder / "run")
    return folder / "run"


def test_manifest_of_a_stage(run: Path) -> None:
    folder = make(run).path
    path = folder / MANIFEST
    whole = path.read_bytes()

    @fuzz(60)
    @given(data=json_texts(json.loads(whole)))
    def read_altered(data: bytes) -> None:
        path.write_bytes(data)
        for ask in (
            lambda: find_current(run, "stage"),
            lambda: require_intact(require_consistent(run, ["stage"])["stage"]),
            lambda: read_manifest(folder),
            lambda: find_finished(folder),
        ):
            refused_or_read(ask, run)

    read_altered()


def test_a_stage_with_a_damaged_manifest_is_made_again(run: Path) -> None:
    path = make(run).path / MANIFEST
    whole = path.read_bytes()

    @fuzz(15, share=0.05)
    @given(data=json_texts(json.loads(whole)))
    def make_altered(data: bytes) -> None:
        path.write_bytes(data)
        again = refused_or_read(lambda: make(run), run)
        assert again is not None
        assert content(again.path) == MADE

    make_altered()


@fuzz(60)
@given(data=st.one_of(damaged(b"0123456789abcdef\n"), st.sampled_from(NAMES).map(str.encode)))
def test_pointer_to_the_result_in_use(run: Path, data: bytes) -> None:
    (run / "stage" / "current").write_bytes(data)
    found = refused_or_read(lambda: find_current(run, "stage"), run)
    assert found is None or found.parent == run / "stage"


@fuzz(15, share=0.05)
@given(data=st.one_of(damaged(b"0123456789abcdef\n"), st.sampled_from(NAMES).map(str.encode)))
def test_a_damaged_pointer_is_set_right(run: Path, data: bytes) -> None:
    (run / "stage" / "current").write_bytes(data)
    again = refused_or_read(lambda: make(run), run)
    assert again is not None
    assert find_current(run, "stage") == again.path
    assert content(again.path) == MADE


@fuzz(20)
@given(data=json_texts({"format": 1, "stages": {"stage": {"seconds": 1.5, "host": "a", "key": "b"}, "other": {}}}))
def test_notes_of_a_run(run: Path, data: bytes) -> None:
    (run / "run.json").write_bytes(data)
    refused_or_read(lambda: note(run, "stage", seconds=2.0), run)
    assert json.loads((run / "run.json").read_text())["stages"]["stage"]["seconds"] == 2.0


@fuzz(10, share=0.01)
@given(left=st.sampled_from(["file", "manifest", "folder", "nothing"]), data=st.binary(max_size=20))
def test_work_left_half_done(folder: Path, left: str, data: bytes) -> None:
    run = Path(tempfile.mkdtemp(dir=folder))
    home = run / "stage"
    key = make(run).key
    for path in (home / key / "a.txt", home / "current"):
        path.unlink()
    scratch = home / f".{key}.partial"
    if left == "file":
        scratch.write_bytes(data)
    elif left != "nothing":
        scratch.mkdir()
        (scratch / ("manifest.json" if left == "manifest" else "a.txt")).write_bytes(data)
    again = refused_or_read(lambda: make(run), run)
    if again is None:
        assert left == "file"  # Somebody's file in the way is not ours to delete.
        return
    assert content(again.path) == MADE
    assert not again.reused


def test_job_of_a_run(folder: Path) -> None:
    whole = json.loads(save_job(Job(kind="human", source="/videos", run=str(folder), task="pour")).read_text())

    @fuzz(60)
    @given(data=json_texts(whole))
    def read_altered(data: bytes) -> None:
        (folder / "job.json").write_bytes(data)
        job = refused_or_read(lambda: load_job(folder), folder)
        assert job is None or (isinstance(job.source, str) and isinstance(job.recipe.train.steps, int))

    read_altered()


@fuzz(20)
@given(data=json_texts({"sha256": "00" * 32, "value": {"a": [1, 2]}}))
def test_entry_of_the_cache(folder: Path, data: bytes) -> None:
    cache = Cache(folder)
    cache.write_json("kind", "key", {"a": [1, 2]})
    (entry,) = folder.rglob("key.json")
    whole = entry.read_bytes()
    entry.write_bytes(data)
    assert refused_or_read(lambda: cache.read_json("kind", "key"), folder) is None
    entry.write_bytes(whole)
    assert cache.read_json("kind", "key") == {"a": [1, 2]}


PUBLISHED = Published(
    repo="lab/pour", commit="a" * 40, url="https://hub/lab/pour", visibility="private", on="2026-01-02",
    bundle="k", made_from={"ingest": "i"}, videos=("ab" * 32,),
)  # fmt: skip


@pytest.mark.parametrize("name", ["published.json", "withdrawn.json"])
def test_what_was_published_and_what_was_withdrawn(folder: Path, name: str) -> None:
    read: Callable[[Path], Any] = read_published if name == "published.json" else read_withdrawn
    note_published(folder, PUBLISHED)
    note_withdrawn(folder, "ab" * 32, {"key": ["cd" * 32]})
    whole = json.loads((folder / name).read_text())

    @fuzz(30)
    @given(data=json_texts(whole))
    def read_altered(data: bytes) -> None:
        (folder / name).write_bytes(data)
        for row in refused_or_read(lambda: read(folder), folder) or ():
            assert find_misfit(row, type(row), "a row") == ""

    read_altered()


@pytest.mark.parametrize(
    "manifest",
    [
        "[" * 5_000,
        '{"format": 1, "bytes": null}',
        '{"format": 1, "bytes": ["a.txt"]}',
        '{"format": true}',
        {"files": {"../../x": "0"}},
        {"files": {"/etc/hostname": "0"}},
        {"bytes": {"/dev/zero": 0}},
        {"bytes": {"a.txt": "5"}},
        {"facts": None},
        {"inputs": []},
    ],
)
def test_a_manifest_that_vouches_for_nothing_is_not_believed(run: Path, manifest: Any) -> None:
    result = make(run)
    whole = json.loads((result.path / MANIFEST).read_text())
    (result.path / MANIFEST).write_text(manifest if isinstance(manifest, str) else json.dumps({**whole, **manifest}))
    assert find_finished(result.path) is None
    assert refused_or_read(lambda: require_intact(result.path), run) is None
    again = make(run)
    assert not again.reused
    assert content(again.path) == MADE
