"""`wam-adapt study`: words in, a study or a clear refusal out."""

import json
from pathlib import Path

import pytest
from study_builder import study as synthetic

from adapt.evaluate.study_record import dump
from pipelines import adapt_all, cli, study
from pipelines.adapt_all import Outcome
from pipelines.job import Job, load_job, save_job

MEANS = {"base": 1.0, "replay": 1.0, "new": 0.8, "wrong": 1.0, "shuffled": 1.0}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Job]:
    """The study itself replaced by one that notes its job and finds a gain."""
    seen: list[Job] = []

    def run(job: Job, **_: object) -> Path:
        seen.append(job)
        (tmp_path / study.STUDY).write_text(dump(synthetic(MEANS)))
        return tmp_path

    monkeypatch.setattr(study, "run", run)
    return seen


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages before it replaced by a note of where they were to stop."""
    seen: list[str] = []

    def run(job: Job, *, stop_after: str, **_: object) -> Outcome:
        seen.append(stop_after)
        return Outcome(run=job.run_folder, results={}, worked=())

    monkeypatch.setattr(adapt_all, "run", run)
    return seen


def run_of(tmp_path: Path) -> str:
    save_job(Job(kind="human", source=str(tmp_path), run=str(tmp_path / "run")))
    return str(tmp_path / "run")


def test_a_run_is_studied_as_its_recipe_says(tmp_path, asked, stages, capsys):
    assert cli.main(["study", "--run", run_of(tmp_path)]) == 0
    assert (asked[0].recipe.study.seeds, len(asked[0].recipe.study.arms), stages) == (3, 5, [])
    out = capsys.readouterr().out
    assert out.index("Your videos taught it something") < out.index("Mean errors")
    assert f"study: {tmp_path}" in out


def test_seeds_and_arms_hold_for_this_command_alone(tmp_path, asked):
    words = ["study", "--run", run_of(tmp_path), "--seeds", "5", "--arms", "new, replay"]
    assert cli.main(words) == 0
    assert (asked[0].recipe.study.seeds, asked[0].recipe.study.arms) == (5, ["replay", "new"])
    assert load_job(tmp_path / "run").recipe.study.seeds == 3


def test_new_data_is_ingested_and_encoded_first(tmp_path, asked, stages):
    (tmp_path / "videos").mkdir()
    words = ["study", "human", str(tmp_path / "videos"), "--task", "pour", "--out", str(tmp_path / "run")]
    assert cli.main([*words, "--seeds", "4", "--set", "study.windows=9"]) == 0
    assert stages == ["encode"]
    assert (asked[0].kind, asked[0].task) == ("human", "pour")
    assert (asked[0].recipe.study.seeds, asked[0].recipe.study.windows) == (4, 9)


@pytest.mark.parametrize("before", [True, False])
def test_seeds_may_stand_before_or_after_the_kind_of_data(before, tmp_path, asked, stages):
    (tmp_path / "data").mkdir()
    kind = ["play", str(tmp_path / "data"), "--embodiment", "g1_inspire", "--out", str(tmp_path / "run")]
    seeds = ["--seeds", "2"]
    assert cli.main(["study", *(seeds + kind if before else kind + seeds)]) == 0
    assert (asked[0].kind, asked[0].recipe.study.seeds) == ("play", 2)


def test_machines_are_given_the_verdict_as_json(tmp_path, asked, capsys):
    assert cli.main(["study", "--run", run_of(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "taught"
    assert told["result"] == str(tmp_path)


@pytest.mark.parametrize(
    "words", [[], ["--run", "r", "human", "V", "--out", "r"], ["--seeds", "x", "--run", "r"], ["human", "VIDEOS"]]
)
def test_wrong_usage_exits_with_2_and_shows_the_usage(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["study", *words])
    assert stop.value.code == 2
    assert "usage: wam-adapt study" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--arms", "new,old"], "there is no arm 'old'; there are: base, replay, new, wrong, shuffled"),
        (["--arms", "base,replay"], "compares 'new' with at least one other"),
        (["--seeds", "0"], "study.seeds is 0"),
        ([], "wam-adapt ingest --run"),
    ],
)
def test_what_cannot_be_studied_is_refused_with_a_remedy(words, message, tmp_path, capsys):
    assert cli.main(["study", "--run", run_of(tmp_path), *words]) == 1
    assert message in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert cli.main(["study", "--run", str(tmp_path)]) == 1
    assert "is not the folder of a run" in capsys.readouterr().err
