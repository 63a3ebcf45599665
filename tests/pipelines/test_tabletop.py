"""A study is carried out as planned, arm by arm, over kills, and never under a plan made after its results."""

import json
from pathlib import Path

import pytest
from tabletop_builder import asked, files, run, toy

from adapt.errors import DataError, RecipeError, RunError
from adapt.evaluate import closed_loop_arms as arms
from adapt.evaluate.closed_loop_results import as_part, read
from adapt.evaluate.closed_loop_words import BASE_HELPS, CURVE, NO_GAIN, TAUGHT, UNTRUSTED
from pipelines.tabletop import guard, study, table


@pytest.mark.parametrize(("plan", "verdict"), [("video", TAUGHT), ("play", BASE_HELPS), ("gap_timing", CURVE)])
def test_each_kind_of_plan_comes_to_its_verdict(
    plan: str, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy(monkeypatch, **({arms.BASE: 0.02} if plan == "video" else {}))
    answer = run(asked(tmp_path, plan, record=tmp_path / "tabletop.json"))
    assert answer.record is not None
    assert answer.record.verdict == verdict
    assert not answer.left
    value = read(tmp_path / "tabletop.json")
    part = value["sweeps"]["gap_timing"] if plan == "gap_timing" else value[{"video": "r1", "play": "r2"}[plan]]
    assert part == json.loads(json.dumps(as_part(answer.record)))
    assert (answer.home / "report.html").is_file()


def test_the_record_counts_what_was_done_after_the_wrong_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy(monkeypatch, wrong=0.0)
    record = run(asked(tmp_path)).record
    assert record is not None
    wrong, adapted = record.first.arm(arms.WRONG), record.first.arm(arms.ADAPTED)
    assert wrong is not None
    assert adapted is not None
    assert (wrong.as_shown, adapted.as_shown) == (1.0, 0.0)
    assert record.tables[-1].arms[0].as_shown is None


def test_a_failure_and_a_broken_trial_are_said_to_be_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy(monkeypatch, adapted=0.02, base=0.02)
    assert getattr(run(asked(tmp_path / "one")).record, "verdict", "") == NO_GAIN
    toy(monkeypatch, shuffled=0.5)
    assert getattr(run(asked(tmp_path / "two")).record, "verdict", "") == UNTRUSTED


def test_a_second_run_does_nothing_again_and_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = toy(monkeypatch)
    first = run(asked(tmp_path))
    before, trained, acted = files(tmp_path / "trials"), list(made.trained), list(made.acted)
    second = run(asked(tmp_path))
    assert (made.trained, made.acted) == (trained, acted)
    assert files(tmp_path / "trials") == before
    assert second.record == first.record


def test_killed_it_goes_on_where_it_was_to_the_same_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_whole(tmp_path / "whole", monkeypatch)
    made = toy(monkeypatch)
    made.dies_after = 7
    with pytest.raises(KeyboardInterrupt):
        run(asked(tmp_path / "killed"))
    assert len(made.acted) == 7
    made.dies_after = None
    answer = run(asked(tmp_path / "killed"))
    assert len(made.acted) == len(set(made.acted))
    assert len(made.trained) == len(set(made.trained))
    assert answer.record is not None
    assert as_part(answer.record) | {"minutes": 0} == whole | {"minutes": 0}


def run_whole(out: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    toy(monkeypatch)
    record = run(asked(out)).record
    assert record is not None
    return as_part(record)


def test_arms_are_run_one_by_one_and_the_verdict_waits_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = toy(monkeypatch)
    answer = run(asked(tmp_path, arms=(arms.CONTROL, arms.STILL)))
    assert {name.rpartition("-")[0] for name, _ in made.acted} == {arms.CONTROL, arms.STILL}
    assert answer.record is None
    assert arms.CONTROL not in answer.left
    assert answer.left[arms.ADAPTED] == 3
    assert not (answer.home / study.RECORD).exists()
    assert "no verdict" in str(table.show(answer))
    assert run(asked(tmp_path)).record is not None


def test_an_arm_that_is_not_planned_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy(monkeypatch)
    with pytest.raises(RecipeError, match="scratch"):
        run(asked(tmp_path, arms=("scratch",)))


def test_a_plan_may_change_as_long_as_nothing_came_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = toy(monkeypatch)
    run(asked(tmp_path, arms=(arms.STILL,)))
    run(asked(tmp_path, "video", "seeds=4", arms=(arms.STILL,)))
    made.dies_after = 2
    written = guard.read_plan(asked(tmp_path).home)
    assert written is not None
    assert written.plan["seeds"] == 4
    assert written.tried == ()


def test_a_plan_that_changes_after_its_first_result_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy(monkeypatch)
    run(asked(tmp_path, arms=(arms.CONTROL,)))
    with pytest.raises(RunError, match=r"seeds 3 -> 4.*--anew"):
        run(asked(tmp_path, "video", "seeds=4"))
    run(asked(tmp_path))


def test_another_base_is_another_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy(monkeypatch)
    run(asked(tmp_path, arms=(arms.CONTROL,)))
    monkeypatch.setattr(guard, "base_fingerprint", lambda _: "other weights")
    with pytest.raises(RunError, match="the base's weights"):
        run(asked(tmp_path))


def test_beginning_anew_is_recorded_with_what_had_been_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy(monkeypatch, adapted=0.02, base=0.02)
    first = run(asked(tmp_path)).record
    assert first is not None
    made = toy(monkeypatch)
    second = run(asked(tmp_path, "video", "train.steps=400", anew="too few steps")).record
    assert second is not None
    (given_up,) = second.tried
    assert given_up.why == "too few steps"
    assert given_up.fingerprint == first.fingerprint
    assert given_up.verdict == NO_GAIN
    assert given_up.finished == "all"
    assert given_up.changed == ("train.steps 1000 -> 400",)
    assert given_up.found["adapted"] == pytest.approx(first.first.arms[2].success, rel=1e-4)
    assert made.trained
    # And it stays recorded.
    assert getattr(run(asked(tmp_path, "video", "train.steps=400")).record, "tried", ()) == second.tried


def test_a_plan_that_was_given_up_half_way_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy(monkeypatch)
    run(asked(tmp_path, arms=(arms.CONTROL,)))
    record = run(asked(tmp_path, "video", "seeds=4", anew="more seeds")).record
    assert record is not None
    assert record.tried[0].finished.startswith("6 of ")
    assert record.tried[0].verdict == ""


def test_data_is_made_once_before_anything_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = toy(monkeypatch)
    run(asked(tmp_path, arms=(arms.CONTROL, arms.ADAPTED, arms.WRONG)))
    assert sorted(made.prepared[:2]) == ["human", "wrong"]


def test_curves_share_trainings_and_episodes_with_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = toy(monkeypatch)
    run(asked(tmp_path, "gap_timing"))
    before = len(made.trained)
    run(asked(tmp_path, "gap_path"))
    assert len(made.trained) - before == 3
    assert len(made.acted) == len(made.trained)


def test_trials_of_other_scenes_are_never_paired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy(monkeypatch)
    run(asked(tmp_path, arms=(arms.ADAPTED,)))
    (path, *_) = sorted((tmp_path / "trials" / "adapted-0.inverse_dynamics.held-out.gripper").glob("*/trials.json"))
    value = json.loads(path.read_text())
    value["episodes"][0]["seed"] += 1
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    with pytest.raises(DataError, match="same episodes"):
        run(asked(tmp_path))


def test_nothing_is_told_of_success_before_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipelines.terminal import Terminal

    toy(monkeypatch)
    study.run(asked(tmp_path, arms=(arms.CONTROL,)), Terminal())
    told = capsys.readouterr().err
    assert "control-0" in told
    assert "%" not in told
    assert "success" not in told


def test_the_terminal_shows_the_verdict_and_every_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from rich.console import Console

    toy(monkeypatch, base=0.02)
    answer = run(asked(tmp_path))
    stream = io.StringIO()
    Console(file=stream, width=80).print(study.table(answer))
    told = stream.getvalue()
    assert "video alone taught the robot the tasks" in " ".join(told.replace("│", " ").split())
    assert answer.record is not None
    for arm in answer.record.first.arms:
        assert arm.name in told
    assert all(len(line) <= 80 for line in told.splitlines() if "│" in line)
    assert study.to_json(answer)["record"]["verdict"] == TAUGHT
