"""Finished work is found wherever it lies, and what was made from what is known by keys alone."""

import json
from pathlib import Path

from adapt.runs.fingerprint import fingerprint
from adapt.runs.results import find_results, find_run, find_runs, made_from
from adapt.runs.stage import StageResult, run_stage


def made(run: Path, stage: str, inputs: dict, name: str = "result") -> StageResult:
    def work(folder: Path) -> dict:
        (folder / name).write_text(stage)
        return {"summary": f"{stage} is well"}

    return run_stage(run, stage, inputs, work)


def a_run(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "job.json").write_text("{}")
    return folder


def test_results_of_all_runs_below_a_folder_are_found_old_ones_and_deep_ones_too(tmp_path):
    run = a_run(tmp_path / "runs" / "pour")
    old, new = made(run, "ingest", {"n": 1}), made(run, "ingest", {"n": 2})
    deep = made(run / "study" / "trainings", "new-0", {"encode": "x"})
    alone = made(tmp_path / "pretrain", "draw", {})
    found = {result.path: result for result in find_results(tmp_path)}
    assert set(found) == {old.path, new.path, deep.path, alone.path}
    assert (found[deep.path].run, found[deep.path].stage) == (run, "study/trainings/new-0")
    assert (found[alone.path].run, found[alone.path].stage) == (tmp_path / "pretrain", "draw")
    assert found[new.path].size == len("ingest")


def test_work_under_way_damaged_results_and_other_manifests_are_passed_over(tmp_path):
    run = a_run(tmp_path / "run")
    result = made(run, "ingest", {})
    (run / "ingest" / ".k.partial").mkdir()
    (run / "ingest" / ".k.partial" / "manifest.json").write_text((result.path / "manifest.json").read_text())
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "manifest.json").write_text(json.dumps({"format": 1, "name": "an app"}))
    moved = run / "ingest" / "elsewhere"
    moved.mkdir()
    (moved / "manifest.json").write_text((result.path / "manifest.json").read_text())
    assert [found.path for found in find_results(tmp_path)] == [result.path]


def test_what_lies_behind_links_is_found_once_and_links_in_a_circle_end(tmp_path):
    run = a_run(tmp_path / "disk" / "pour")
    result = made(run, "ingest", {})
    moved = a_run(tmp_path / "runs" / "wave")
    made(tmp_path / "big", "encode", {})
    (moved / "encode").symlink_to(tmp_path / "big" / "encode")
    (tmp_path / "runs" / "again").symlink_to(tmp_path / "disk")
    (tmp_path / "runs" / "pour").symlink_to(run)
    (run / "back").symlink_to(tmp_path / "runs")
    found = find_results(tmp_path / "runs")
    assert [(one.run, one.stage) for one in found] == [
        (tmp_path / "runs" / "again" / "pour", "ingest"),
        (moved, "encode"),
    ]
    assert found[0].path.samefile(result.path)
    assert find_runs(tmp_path / "runs") == [tmp_path / "runs" / "again" / "pour", moved]


def test_the_run_of_a_place_is_the_nearest_folder_with_a_job(tmp_path):
    run = a_run(tmp_path / "runs" / "pour")
    assert find_run(run / "encode" / "k") == find_run(run) == run
    assert find_run(tmp_path) is None
    assert find_runs(tmp_path) == find_runs(run) == [run]


def test_what_was_made_from_a_result_is_found_through_every_stage_between(tmp_path):
    run, other = a_run(tmp_path / "one"), a_run(tmp_path / "two")
    encode = made(run, "encode", {"ingest": "i1"})
    finetune = made(run, "finetune", {"encode": encode.key, "train": {"steps": 3}})
    bundle = made(run, "bundle", {"finetune": finetune.key})
    study = made(run, "study", {"judgements": {"new-0": bundle.key}})
    made(run, "ingest", {})
    (content,) = [result.content for result in find_results(run) if result.key == encode.key]
    replaying = made(other, "finetune", {"encode": "x", "replay": ["folder", content]})
    apart = made(other, "encode", {"ingest": "i2"})
    results = find_results(tmp_path)
    chosen = {result.path for result in made_from(results, {encode.key, content})}
    assert chosen == {finetune.path, bundle.path, study.path, replaying.path}
    assert made_from(results, {apart.key}) == []


def test_what_names_encoded_data_to_a_run_that_replays_it_is_what_finetune_records(tmp_path):
    run = a_run(tmp_path / "run")
    made(run, "encode", {}, name="clips.parquet")
    (result,) = find_results(run)
    files = [path for path in result.path.iterdir() if path.name != "manifest.json"]
    digests = {path.name: result.manifest["files"][path.name] for path in files}
    assert result.content == fingerprint(digests)
