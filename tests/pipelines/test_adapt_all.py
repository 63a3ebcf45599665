"""The order of stages, what is skipped, and what is said, with stages that only write a word."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from adapt.errors import DataError
from adapt.runs.stage import require_current, run_stage
from pipelines import adapt_all
from pipelines.job import Job, load_job
from pipelines.schema import compose
from pipelines.stages import STAGES
from pipelines.terminal import Terminal


@pytest.fixture
def worked(monkeypatch) -> list[str]:
    """Stages that write their name and depend on the stage before; returns those that really worked, in order."""
    worked: list[str] = []
    before = {stage: STAGES[:place][-1:] for place, stage in enumerate(STAGES)}
    settings = {"ingest": "windows", "finetune": "train"}

    def fake(stage: str) -> ModuleType:
        module = ModuleType(f"pipelines.{stage}")

        def run(job: Job) -> Path:
            earlier = [require_current(job.run_folder, name).name for name in before[stage]]
            section = getattr(job.recipe, settings[stage], None) if stage in settings else None

            def work(folder: Path) -> dict:
                worked.append(stage)
                (folder / "result").write_text(stage)
                problems = [{"file": f"{n}.mp4", "reason": "is no video"} for n in range(10)]
                troubles = {"problems": problems, "rejections": {"no hand is seen": 11}} if stage == "ingest" else {}
                return {"summary": f"{stage} is well", **troubles}

            return run_stage(job.run_folder, stage, {"after": earlier, "settings": repr(section)}, work).path

        module.run = run
        return module

    for stage in STAGES:
        monkeypatch.setitem(sys.modules, f"pipelines.{stage}", fake(stage))
    replay = ModuleType("pipelines.replay")
    replay.require_replay = lambda job: worked.append(f"replay {job.replay}") if job.replay != "base" else None
    monkeypatch.setitem(sys.modules, "pipelines.replay", replay)
    return worked


def a_job(run: Path, *overrides: str) -> Job:
    recipe = compose("human", overrides)
    return Job(kind="human", source="/videos", run=str(run), task="pour", recipe=recipe)


def snapshot(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in [root, *root.rglob("*")]}


def test_every_stage_runs_once_in_order_and_the_job_is_kept(tmp_path, worked):
    job = a_job(tmp_path)
    outcome = adapt_all.run(job)
    assert worked == list(STAGES) == list(outcome.worked) == list(outcome.results)
    assert load_job(tmp_path) == job


def test_the_second_run_works_nothing_and_touches_no_file(tmp_path, worked):
    adapt_all.run(a_job(tmp_path))
    before = snapshot(tmp_path)
    outcome = adapt_all.run(a_job(tmp_path))
    assert outcome.worked == ()
    assert worked == list(STAGES)
    assert snapshot(tmp_path) == before


def test_a_changed_setting_repeats_the_stage_that_reads_it_and_those_after(tmp_path, worked):
    adapt_all.run(a_job(tmp_path))
    outcome = adapt_all.run(a_job(tmp_path, "train.steps=3"))
    assert outcome.worked == ("finetune", "evaluate", "bundle")


def test_stop_after_ends_there_and_the_next_command_goes_on(tmp_path, worked):
    outcome = adapt_all.run(a_job(tmp_path), stop_after="encode")
    assert list(outcome.results) == ["ingest", "encode"]
    assert adapt_all.next_commands(outcome, a_job(tmp_path)) == [f"wam-adapt finetune --run {tmp_path}"]


def test_replay_data_is_looked_at_before_anything_is_done(tmp_path, worked):
    adapt_all.run(replace(a_job(tmp_path), replay="/more"), stop_after="ingest")
    assert worked == ["replay /more", "ingest"]


def test_a_stage_that_fails_keeps_what_was_finished_and_the_next_run_goes_on(tmp_path, worked, monkeypatch):
    def fail(_job):
        raise DataError("encode: no windows; film more")

    whole = sys.modules["pipelines.encode"].run
    monkeypatch.setattr(sys.modules["pipelines.encode"], "run", fail)
    with pytest.raises(DataError, match="film more"):
        adapt_all.run(a_job(tmp_path))
    monkeypatch.setattr(sys.modules["pipelines.encode"], "run", whole)
    outcome = adapt_all.run(a_job(tmp_path))
    assert outcome.worked == ("encode", "finetune", "evaluate", "bundle")


def test_the_lines_of_progress_say_what_was_done_and_what_was_done_before(tmp_path, worked, capsys):
    adapt_all.run(a_job(tmp_path), stop_after="ingest")
    assert capsys.readouterr().err == ""
    adapt_all.run(a_job(tmp_path), stop_after="encode", terminal=Terminal())
    error = capsys.readouterr().err
    assert "ingest    done before: ingest is well" in error
    assert "encode    done in 0." in error


def test_files_that_failed_are_named_with_their_reasons_the_first_time_and_not_again(tmp_path, worked, capsys):
    adapt_all.run(a_job(tmp_path), terminal=Terminal())
    error = capsys.readouterr().err
    for said in ("0.mp4: is no video", "7.mp4: is no video", "... and 2 more, all in ", "11 windows left out: no hand"):
        assert said in error
    assert "8.mp4" not in error
    adapt_all.run(a_job(tmp_path), terminal=Terminal())
    assert "is no video" not in capsys.readouterr().err


def test_the_next_commands_can_be_copied_even_with_blanks_and_quotes(tmp_path, worked):
    job = a_job(tmp_path / "my run")
    outcome = adapt_all.run(job)
    predict, publish = adapt_all.next_commands(outcome, job)
    assert predict.startswith("wam-adapt predict --bundle '")
    assert predict.endswith(f"--out '{tmp_path}/my run/seen'")
    assert f"--run '{tmp_path}/my run' --repo YOUR-NAME/my-run" in publish


def test_run_json_holds_the_seconds_of_each_stage(tmp_path, worked):
    adapt_all.run(a_job(tmp_path))
    stages = json.loads((tmp_path / "run.json").read_text())["stages"]
    assert set(stages) == set(STAGES)
    assert all(noted["seconds"] >= 0 for noted in stages.values())
