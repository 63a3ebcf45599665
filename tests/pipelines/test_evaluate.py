"""Whole runs of toy size are judged, twice the same, and bundled: the bundle loads, acts, and proves itself."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from encoded_builder import arm, window
from judged_runs import human_run, play_run, small_base
from PIL import Image
from play_builder import body

from adapt.errors import BundleError, RunError
from adapt.evaluate.record import COPY_LAST, HOLD_LAST, MEAN, ROUND_TRIP, TRUE_FUTURE, ZERO_SHOT, Evaluation
from adapt.policy import load
from adapt.policy.bundle import read_bundle
from pipelines import bundle, evaluate, predict, scorecard
from pipelines.evaluate_windows import choose_chains
from pipelines.job import Job


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def play(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A run of a robot the base has never met, bundled."""
    job = play_run(tmp_path_factory.mktemp("play"), base=base)
    evaluate.run(job)
    bundle.run(job)
    return job


@pytest.fixture(scope="module")
def human(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A run of human videos, bundled."""
    job = human_run(tmp_path_factory.mktemp("human"), base=base)
    evaluate.run(job)
    bundle.run(job)
    return job


def judged(job: Job) -> Evaluation:
    return scorecard.read(evaluate.run(job))


def bytes_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_play_data_is_judged_in_the_bodys_units_beside_every_reference(play: Job) -> None:
    found = judged(play)
    assert (found.kind, found.body, found.windows, found.same_session) == ("play", "toy", 2, False)
    assert found.measure("actions.shoulder").unit == "rad"
    assert set(found.measure("actions.overall").baselines) == {HOLD_LAST, MEAN, TRUE_FUTURE, ROUND_TRIP}
    assert len(found.measure("actions.overall").by_step["adapted"]) == 16
    assert "has never met toy" in found.measure("actions.overall").note
    assert set(found.measure("video.latent_error").baselines) == {ZERO_SHOT, COPY_LAST}
    assert found.measure("retention.latent_error").windows == 2


def test_holding_still_is_off_by_what_the_toy_robot_does(play: Job) -> None:
    """At time t the toy's joints are at t and sent to t + 1: over 1.6 s from t = 0, at 10 Hz, 1.75 away on average."""
    assert judged(play).measure("actions.elbow").baselines[HOLD_LAST] == pytest.approx(1.75, abs=0.01)


def test_play_data_is_blamed_drifts_and_tells_how_honest_its_spread_is(play: Job) -> None:
    found = judged(play)
    assert found.blame.at_fault == "cannot tell"
    assert "from 2 held-out windows, of 8 at least" in found.blame.reason
    assert set(found.blame.ladder) == {HOLD_LAST, MEAN, "imagined", "codec round trip", "true future"}
    assert found.drift is not None
    assert set(found.drift.contenders) == {"adapted", ZERO_SHOT, COPY_LAST}
    # One episode is held out; its two windows follow upon each other.
    assert (found.drift.rollouts, len(found.drift.actions["adapted"])) == ((1, 1), 2)
    assert found.calibration is not None
    assert set(found.calibration.by_axis) == {"shoulder", "elbow", "grip"}
    assert [row.session for row in found.by_window[:2]] == [found.by_window[0].session] * 2
    assert len(found.by_window) == found.windows + 2


def test_the_report_lies_beside_the_evaluation(play: Job) -> None:
    assert (evaluate.run(play) / "report.html").stat().st_size > 0


def test_without_long_rollouts_and_spreads_nothing_is_claimed_of_them(play: Job, tmp_path: Path) -> None:
    shutil.copytree(play.run, tmp_path / "run")
    settings = replace(play.recipe.evaluate, drift_recordings=0, spread_draws=0, shown=0, pictures=0)
    found = judged(replace(play, run=str(tmp_path / "run"), recipe=replace(play.recipe, evaluate=settings)))
    assert found.drift is None
    assert found.calibration is None


@pytest.mark.parametrize(
    ("most", "chunks", "wanted"), [(4, 8, [[0, 1, 2], [5, 6, 7]]), (1, 8, [[0, 1, 2]]), (4, 2, None)]
)
def test_recordings_are_the_windows_that_follow_upon_each_other(most: int, chunks: int, wanted: object) -> None:
    """Two recordings of three windows, and two windows of a third with a gap between them."""
    starts = [("a", 0.0), ("a", 1.6), ("a", 3.2), ("b", 0.0), ("b", 9.6), ("c", 3.2), ("c", 4.8), ("c", 6.4)]
    windows = [
        replace(window(number, arm()), start_s=start, videos=window(ord(name), arm()).videos)
        for number, (name, start) in enumerate(starts)
    ]
    found, length = choose_chains(windows, chunk_s=1.6, most=most, most_chunks=chunks)
    if isinstance(wanted, list):
        assert (found, length) == (wanted, 3)
    else:
        assert ([chain[:2] for chain in found], length) == ([[0, 1], [5, 6]], 2)


def test_human_video_has_no_action_error_and_claims_nothing_for_a_robot(human: Job) -> None:
    found = judged(human)
    assert found.measure("actions.overall").value is None
    assert found.robot_effect.startswith("not measured")
    assert found.measure("retention.action_error").value is not None


def test_a_body_that_the_base_knows_is_compared_with_the_base_and_the_mean_of_this_runs_data(tmp_path: Path) -> None:
    """An elbow is sent 1 to 2.5 ahead of its state: 0.4 around their mean, 1.75 around the base's, which is 0."""
    known = small_base(tmp_path / "base", body())
    job = play_run(tmp_path, base=known)
    found = judged(job)
    overall = found.measure("actions.overall")
    assert ZERO_SHOT in overall.baselines
    assert overall.note == ""
    assert found.measure("actions.elbow").baselines[MEAN] == pytest.approx(0.4, abs=0.01)


def test_judging_again_touches_no_file(play: Job) -> None:
    folder = evaluate.run(play)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert evaluate.run(play) == folder
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_judging_anew_gives_the_same_bytes(play: Job, tmp_path: Path) -> None:
    folder = evaluate.run(play)
    before = bytes_of(folder)
    shutil.copytree(play.run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "evaluate")
    again = evaluate.run(replace(play, run=str(tmp_path / "run")))
    assert again.name == folder.name
    assert bytes_of(again) == before


def test_other_settings_are_another_evaluation(play: Job, tmp_path: Path) -> None:
    shutil.copytree(play.run, tmp_path / "run")
    recipe = replace(play.recipe, evaluate=replace(play.recipe.evaluate, replay_windows=0))
    found = judged(replace(play, run=str(tmp_path / "run"), recipe=recipe))
    assert found.measure("retention.latent_error").note == "not measured: switched off in the recipe"


def test_without_finetune_the_command_to_run_is_named(play: Job, tmp_path: Path) -> None:
    shutil.copytree(play.run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "finetune")
    with pytest.raises(RunError, match="wam-adapt finetune"):
        evaluate.run(replace(play, run=str(tmp_path / "run")))


def test_a_run_whose_videos_are_gone_is_judged_against_the_codecs_picture(human: Job, tmp_path: Path) -> None:
    shutil.copytree(human.run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "evaluate")
    found = judged(replace(human, run=str(tmp_path / "run"), source=str(tmp_path / "nowhere")))
    assert "could not be read" in found.measure("video.frame_error").note


@pytest.mark.parametrize("kind", ["play", "human"])
def test_a_runs_bundle_reproduces_its_golden_answer(kind: str, base: Path, request: pytest.FixtureRequest) -> None:
    job: Job = request.getfixturevalue(kind)
    policy = load(bundle.run(job), bases={"random-tiny": base})
    policy.verify_golden()
    assert policy.body.name == {"play": "toy", "human": "arm"}[kind]


def test_a_bundle_from_human_video_acts_for_the_bases_own_robot(human: Job, base: Path) -> None:
    policy = load(bundle.run(human), bases={"random-tiny": base})
    chunk = policy.act({"images": np.zeros((48, 64, 3), dtype=np.uint8), "state": [0.0, 0.0]}, "pour")
    assert (chunk.names, chunk.values.shape) == (("joint0", "joint1"), (16, 2))


def test_a_bundle_made_anew_has_the_same_bytes(play: Job, tmp_path: Path) -> None:
    folder = bundle.run(play)
    shutil.copytree(play.run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "bundle")
    assert bytes_of(bundle.run(replace(play, run=str(tmp_path / "run")))) == bytes_of(folder)


def test_a_bundle_tells_nothing_of_this_machine(play: Job) -> None:
    folder = bundle.run(play)
    told = b"".join((folder / name).read_bytes() for name in read_names(folder))
    for place in (play.run, play.source, play.recipe.base, str(Path.home())):
        assert place.encode() not in told


def test_a_bundles_card_shows_its_pictures_and_its_evaluation(play: Job) -> None:
    found = read_bundle(bundle.run(play))
    assert len(found.pictures) == 2
    for name in found.pictures:
        assert f"]({name})" in found.card
    assert found.evaluation == json.loads((evaluate.run(play) / "evaluation.json").read_text())
    assert "base: random-tiny" in found.recipe


def test_predicting_writes_a_video_a_picture_and_the_actions(play: Job, base: Path, tmp_path: Path) -> None:
    answer = ask(play, base, tmp_path, state={"shoulder": 0.5, "elbow": 0.1, "grip": 0})
    assert [path.name for path in answer.written] == ["prediction.mp4", "prediction.png", "actions.json"]
    actions = json.loads((tmp_path / "out" / "actions.json").read_text())
    assert (actions["names"], actions["rate_hz"]) == (["shoulder", "elbow", "grip"], 10.0)
    assert np.array(actions["values"]).shape == (16, 3)
    assert predict.to_json(answer)["body"] == "toy"


def test_predicting_without_the_state_takes_a_usual_one_and_says_so(play: Job, base: Path, tmp_path: Path) -> None:
    assert "no --state given" in ask(play, base, tmp_path, state=None).note


def test_a_bundle_that_fails_its_golden_answer_is_not_made(
    play: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(play.run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "bundle")
    record = bundle.Policy.record_golden

    def wrong(*given: object, **how: object) -> object:
        golden = record(*given, **how)  # type: ignore[arg-type]
        return replace(golden, latents=golden.latents + torch.tensor(1.0))

    monkeypatch.setattr(bundle.Policy, "record_golden", wrong)
    with pytest.raises(BundleError, match="not reproduced"):
        bundle.run(replace(play, run=str(tmp_path / "run")))
    assert not (tmp_path / "run" / "bundle" / "current").exists()


def read_names(folder: Path) -> list[str]:
    return list(json.loads((folder / "bundle.json").read_text())["files"])


def ask(job: Job, base: Path, tmp_path: Path, *, state: object) -> predict.Answer:
    folder = bundle.run(job)
    Image.fromarray(np.full((48, 64, 3), 90, dtype=np.uint8)).save(tmp_path / "frame.png")
    if state is not None:
        (tmp_path / "state.json").write_text(json.dumps(state))
    return predict.run(
        predict.Question(
            bundle=folder,
            images=[str(tmp_path / "frame.png")],
            task="lift the cup",
            state=None if state is None else tmp_path / "state.json",
            out=tmp_path / "out",
            base=base,
        )
    )
