"""A study trains what it says, each thing once, and compares nothing but the data."""

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from judged_runs import small_base
from study_run import play_study_run, study_run

from adapt.data.altered import ShuffledInTime
from adapt.data.samples import WindowDataset
from adapt.errors import DataError, RecipeError, RunError
from adapt.evaluate import actions, retention, video
from adapt.evaluate.study_settings import ARMS, NEW, REPLAY, SHUFFLED, WRONG
from adapt.runs.cache import Cache
from adapt.train import loop
from adapt.train.checkpoint import NAME as CHECKPOINT
from adapt.train.module import Training
from pipelines import finetune, study, study_table
from pipelines.job import Job
from pipelines.study_judge import ERRORS, Bench
from pipelines.study_plan import Plan, make_plan
from pipelines.study_train import Pace, describe, in_words


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Job:
    """A run with nothing trained yet."""
    return study_run(tmp_path_factory.mktemp("encoded"), base=base)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, encoded: Job) -> Job:
    """The same run with a study of one seed."""
    job = copied(encoded, tmp_path_factory.mktemp("done"))
    study.run(job)
    return job


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Notes the scratch folder of every training that really runs."""
    seen: list[Path] = []
    fit = loop.fit

    def noting(training: Training, *, scratch: Path, **more: object) -> object:
        seen.append(scratch)
        return fit(training, scratch=scratch, **more)

    monkeypatch.setattr(loop, "fit", noting)
    return seen


def copied(job: Job, folder: Path) -> Job:
    shutil.copytree(job.run, folder / "run")
    return replace(job, run=str(folder / "run"))


def planned(job: Job) -> Plan:
    return make_plan(job, Cache.default())


def prepared(plan: Plan, arm: str, seed: int = 0) -> Training:
    """An arm, ready to be trained."""
    return finetune.prepare(
        plan.job, plan.encoded, plan.replay, seed=seed, first=plan.data(arm), validation=plan.no_windows()
    )


def units(folders: list[Path]) -> list[str]:
    return [folder.parent.name for folder in folders]


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_arms_have_the_same_compute_start_and_draws_and_differ_in_their_first_data_alone(encoded: Job) -> None:
    plan = planned(encoded)
    arms = {arm: prepared(plan, arm) for arm in (NEW, REPLAY, WRONG, SHUFFLED)}
    new = arms.pop(NEW)
    for training in arms.values():
        assert training.config == new.config
        assert training.mixture.batch_size == new.mixture.batch_size
        assert list(training.mixture.shares) == list(new.mixture.shares)
        assert training.trained.summary() == new.trained.summary()
        for name, value in training.trained.tensors.items():
            assert torch.equal(value, new.trained.tensors[name])
        for step in range(4):
            places = [number for number, _ in training.mixture.plan(step)]
            assert places == [number for number, _ in new.mixture.plan(step)]
            replayed = [sample.window_id for number, sample in drawn(training, step) if number == 1]
            assert replayed == [sample.window_id for number, sample in drawn(new, step) if number == 1]
    for arm in (WRONG, SHUFFLED):
        for step in range(4):
            ids = [sample.window_id for _, sample in drawn(arms[arm], step)]
            assert ids == [sample.window_id for _, sample in drawn(new, step)]


def drawn(training: Training, step: int) -> Iterator[tuple[int, object]]:
    return zip([n for n, _ in training.mixture.plan(step)], training.mixture.batch(step), strict=True)


def test_another_seed_starts_from_other_adapters(encoded: Job) -> None:
    plan = planned(encoded)
    one, other = (prepared(plan, NEW, seed).trained.tensors for seed in (0, 1))
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_each_arm_sees_what_it_is_called(encoded: Job) -> None:
    plan = planned(encoded)
    new, replay = plan.data(NEW), plan.data(REPLAY)
    assert {window.embodiment for window in replay.windows} == {"arm"}
    assert {window.split for window in replay.windows} == {"train"}
    assert isinstance(plan.data(SHUFFLED), ShuffledInTime)
    told = [(a.instruction, b.instruction) for a, b in zip(new.windows, plan.data(WRONG).windows, strict=True)]
    assert set(told) == {("pour", "stir"), ("stir", "pour")}
    assert len(plan.no_windows()) == 0


def test_held_out_windows_keep_the_right_instruction_in_every_arm(encoded: Job) -> None:
    bench = Bench(planned(encoded), Cache.default())
    assert {item.window.instruction for item in bench.held_out[0]} == {"pour"}
    right = WindowDataset(bench.plan.encoded, "validation")[0].text
    assert torch.equal(bench.held_out[0][0].sample.text, right)


def test_the_last_step_is_kept_whatever_came_of_it(done: Job) -> None:
    for account in sorted((done.run_folder / "study" / "trainings").rglob("training.json")):
        told = json.loads(account.read_text())
        assert (told["best_step"], told["steps"], told["validation"]) == (2, 2, [])


def test_a_study_tells_of_every_arm_and_measure(done: Job) -> None:
    record = study.read(study.run(done))
    assert [arm.name for arm in record.arms] == list(ARMS)
    assert all(not arm.problem for arm in record.arms)
    windows = {arm.name: arm.windows for arm in record.arms}
    assert (windows["base"], windows["replay"]) == (None, {"replay": 4})
    assert windows["new"] == windows["wrong"] == {"new": 4, "replay": 4}
    assert set(record.measure(video.LATENT).arms) == set(ARMS)
    assert set(record.measure(retention.ACTION).arms) == set(ARMS)
    assert record.measure("actions.overall").note == "not applicable: human video carries no action labels"
    assert (record.steps, record.batch_size, record.seeds, record.windows) == (2, 2, (0,), 2)
    assert record.wrong_instructions == {"pour": "stir", "stir": "pour"}
    assert set(record.curves) == {f"{arm}-0" for arm in ARMS if arm != "base"}
    assert record.robot_effect.startswith("not measured")
    assert "One seed" in record.summary
    assert {(item.arm, item.against) for item in record.contrasts if item.measure == video.LATENT} == {
        *((NEW, other) for other in ("replay", "wrong", "shuffled", "base", "copy last frame")),
        ("replay", "base"),
    }


def test_a_study_leaves_a_report_beside_its_record(done: Job) -> None:
    assert {"study.json", "report.html", "manifest.json"} <= {path.name for path in study.run(done).iterdir()}


def test_a_second_study_touches_no_file(done: Job, trained: list[Path]) -> None:
    folder, before = study.run(done), files(done.run_folder)
    assert study.run(done) == folder
    assert (files(done.run_folder), trained) == (before, [])


def test_more_seeds_train_and_judge_only_the_new_ones(done: Job, tmp_path: Path, trained: list[Path]) -> None:
    job = copied(done, tmp_path)
    before = files(job.run_folder / "study")
    record = study.read(study.run(study.configure(job, seeds=2, arms=["base", "replay", "new"])))
    assert units(trained) == ["replay-1", "new-1"]
    assert record.seeds == (0, 1)
    adapters = {path.read_bytes() for path in (job.run_folder / "study").rglob("new-*/*/adapter/*.safetensors")}
    assert len(adapters) == 2
    after = files(job.run_folder / "study")
    assert all(after[path] == time for path, time in before.items() if path.name in ("training.json", ERRORS))


def test_fewer_arms_train_nothing(done: Job, tmp_path: Path, trained: list[Path]) -> None:
    record = study.read(study.run(study.configure(copied(done, tmp_path), arms=["base", "new"])))
    assert trained == []
    assert [arm.name for arm in record.arms] == ["base", "new"]


def test_a_study_stopped_in_the_middle_goes_on_where_it_was(
    encoded: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job, fit, begun = study.configure(copied(encoded, tmp_path), arms=["replay", "new", "wrong"]), loop.fit, []

    def stopped(training: Training, *, scratch: Path, **more: object) -> object:
        begun.append((scratch.parent.name, [path.name for path in scratch.iterdir()]))
        if scratch.parent.name == "new-0" and len(begun) == 2:
            (scratch / CHECKPOINT).write_text("of the killed training")
            raise KeyboardInterrupt
        if (scratch / CHECKPOINT).exists():  # It is no real one.
            (scratch / CHECKPOINT).unlink()
        return fit(training, scratch=scratch, **more)

    monkeypatch.setattr(loop, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        study.run(job, terminal=study.Terminal())
    assert "1 of 3 trainings finished and kept" in capsys.readouterr().err
    study.run(job)
    assert [name for name, _ in begun] == ["replay-0", "new-0", "new-0", "wrong-0"]
    assert begun[2][1] == [CHECKPOINT]


def test_judging_one_arm_alone_gives_the_same_bytes_as_after_others(done: Job, tmp_path: Path) -> None:
    """Adapters take turns on one base: nothing of one may be left when the next is judged."""
    job = copied(done, tmp_path)
    judgements = job.run_folder / "study" / "judgements"
    before = {path.parent.parent.name: path.read_bytes() for path in judgements.rglob(ERRORS)}
    for name in ("base-0", "wrong-0"):
        shutil.rmtree(judgements / name)
    study.run(job)
    after = {path.parent.parent.name: path.read_bytes() for path in judgements.rglob(ERRORS)}
    assert before == after
    assert len(set(before.values())) == len(ARMS)


def test_a_study_made_anew_has_the_same_bytes(done: Job, tmp_path: Path) -> None:
    job = study.configure(copied(done, tmp_path), arms=["base", "new"])
    before = (study.run(job) / study.STUDY).read_bytes()
    shutil.rmtree(job.run_folder / "study")
    assert (study.run(study.configure(job, arms=["new", "base"])) / study.STUDY).read_bytes() == before


def test_training_without_the_new_data_does_not_depend_on_it(encoded: Job, base: Path, tmp_path: Path) -> None:
    one, other = planned(encoded), planned(study_run(tmp_path, base=base, videos=2))
    assert one.inputs(REPLAY, 0) == other.inputs(REPLAY, 0)
    assert one.inputs(NEW, 0) != other.inputs(NEW, 0)
    assert one.inputs(REPLAY, 0) != one.inputs(REPLAY, 1)


def test_how_a_training_is_worked_through_does_not_name_it(encoded: Job) -> None:
    train = replace(encoded.recipe.train, checkpoint_every=7, validate_every=3)
    other = replace(encoded, recipe=replace(encoded.recipe, train=train))
    assert planned(other).inputs(NEW, 0) == planned(encoded).inputs(NEW, 0)


def test_without_replay_data_its_arm_is_not_applicable_and_a_single_task_has_no_wrong_one(
    base: Path, tmp_path: Path
) -> None:
    job = study_run(tmp_path, base=base, tasks=("pour",), replay="none")
    record = study.read(study.run(job))
    problems = {arm.name: arm.problem for arm in record.arms if arm.problem}
    assert set(problems) == {REPLAY, WRONG}
    assert "no replay data" in problems[REPLAY]
    assert "single instruction ('pour')" in problems[WRONG]
    assert record.measure(retention.LATENT).note == "not measured: no replay data"
    assert {item.against for item in record.contrasts} == {"base", "shuffled", "copy last frame"}


def test_a_single_task_borrows_a_wrong_one_from_replay_as_said_to_its_own_body(base: Path, tmp_path: Path) -> None:
    plan = planned(study_run(tmp_path, base=base, tasks=("task 7",), arms=("new", "wrong")))
    assert plan.swap.instead_of == {"task 7": "task 0"}
    wrong = plan.data(WRONG)
    assert set(plan.prompts) == {plan.encoded.embodiments["human_hand"].prompt_for("task 0")}
    assert torch.equal(wrong[0].text, plan.prompts["A human hand: task 0"].float())
    assert torch.equal(wrong[0].latents, plan.data(NEW)[0].latents)


def test_a_robot_that_is_new_is_judged_by_its_actions_in_the_arms_that_met_it(base: Path, tmp_path: Path) -> None:
    record = study.read(study.run(play_study_run(tmp_path, base=base)))
    measure = record.measure(actions.OVERALL)
    assert set(measure.arms) == {"new", "shuffled"}
    assert measure.note == "base and replay: not applicable, never met toy"
    assert set(measure.references) == {"hold last", "mean of training"}
    assert record.findings[0].measure == actions.OVERALL
    assert {item.against for item in record.contrasts if item.measure == actions.OVERALL} == {
        "shuffled",
        "hold last",
        "mean of training",
    }
    assert record.robot_effect.startswith("not measured")


def test_without_encode_the_command_to_run_is_named(encoded: Job, tmp_path: Path) -> None:
    job = copied(encoded, tmp_path)
    shutil.rmtree(job.run_folder / "encode")
    with pytest.raises(RunError, match="wam-adapt encode --run"):
        study.run(job)


def test_without_held_out_windows_nothing_is_trained(base: Path, tmp_path: Path, trained: list[Path]) -> None:
    job = study_run(tmp_path, base=base)
    manifest = next((job.run_folder / "encode").glob("*/manifest.json"))
    told = json.loads(manifest.read_text())
    told["facts"]["validation_windows"] = 0
    manifest.write_text(json.dumps(told))
    with pytest.raises(DataError, match="no window is held out"):
        study.run(job)
    assert trained == []


def test_an_unknown_arm_is_refused_by_name(encoded: Job) -> None:
    with pytest.raises(RecipeError, match="there is no arm 'old'"):
        study.configure(encoded, arms=["new", "old"])


def test_what_will_be_trained_is_told_before_and_how_long_it_takes_once_known(encoded: Job) -> None:
    plan = planned(study.configure(encoded, seeds=3))
    told = describe(plan, left=12, pace=Pace())
    assert "5 arms, 3 seeds: 12 trainings of 2 steps of 2 windows (the base needs none)" in told
    assert "left" not in told
    assert "2 done before, about 10 min of training left" in describe(plan, left=10, pace=Pace(60.0))


@pytest.mark.parametrize(("seconds", "words"), [(20.0, "20 s"), (150.0, "2 min"), (9000.0, "2.5 h")])
def test_a_length_of_time_is_told_as_a_person_would(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_the_table_fits_a_terminal_of_80_and_has_the_verdict_first(done: Job) -> None:
    from rich.console import Console

    console = Console(width=80, record=True, file=io.StringIO())
    console.print(study_table.show(study.read(study.run(done))))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    assert "It cannot be told" in lines[1]
    for words in ("moving", "not applicable", "'pour' became 'stir'", "Robot effect: not measured"):
        assert any(words in line for line in lines)
