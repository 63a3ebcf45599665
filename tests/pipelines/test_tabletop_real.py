"""One study of each kind for real, as small as it can be: recorded, ingested, encoded, trained, acted and judged."""

import json
from pathlib import Path

import pytest
from judged_runs import small_base
from needs_gl import needs_gl

from adapt.embodiment.spec import load_embodiment
from adapt.errors import DataError
from adapt.evaluate import closed_loop_arms as arms
from adapt.evaluate.closed_loop_words import CANNOT_TELL
from adapt.hands.model_file import ensure_hand_model
from adapt.runs.cache import Cache
from pipelines.recipes import recipes_folder
from pipelines.tabletop import pictures, study
from pipelines.tabletop.study import Question

SMALL = (
    "seeds=1",
    "trials.episodes=2",
    "trials.seen_episodes=1",
    "trials.steps=4",
    "trials.executed=4",
    "trials.video_steps=1",
    "train.steps=2",
    "train.batch_size=2",
    "lora.rank=2",
    "judging.resamples=20",
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    gripper = load_embodiment("tabletop_gripper", [recipes_folder() / "embodiment"])
    return small_base(tmp_path_factory.mktemp("base"), gripper)


def require_filmed_as_counted(home: Path, filmed: set[str]) -> None:
    """Every arm with a model has acted again, and did the same to the digit."""
    facts = {
        path.parents[1].name: json.loads(path.read_text())["facts"] for path in home.glob("pictures/*/*/manifest.json")
    }
    assert set(facts) == filmed
    assert all(fact["exact"] == fact["again"] == 2 for fact in facts.values())
    assert (home / "report.html").read_text().count("data:image/webp") == 2 * len(filmed)
    assert (home / pictures.SHEET).is_file()


@needs_gl
def test_video_of_a_hand_and_of_robots_is_learnt_from_without_actions(tmp_path: Path, base: Path) -> None:
    try:
        ensure_hand_model(Cache.default().folder("models"))
    except DataError as error:
        pytest.skip(f"needs the hand model, which cannot be had here: {error}")
    chosen = (arms.CONTROL, arms.ADAPTED, arms.WRONG, arms.OTHER_ROBOT_VIDEO, arms.BASE, arms.ORACLE, arms.STILL)
    question = Question(
        plan="video",
        out=tmp_path,
        overrides=(
            *SMALL,
            f"base={base}",
            f"arms={','.join(chosen)}",
            "heads_of=adapted",
            "recording.minutes=0.2",
            "recording.sessions=1",
            "hands.detect_hz=1",
        ),
    )
    answer = study.run(question)
    record = answer.record
    assert record is not None
    assert record.verdict == CANNOT_TELL
    assert {arm.name for arm in record.first.arms} == set(chosen)
    assert [table.head for table in record.tables] == ["inverse_dynamics", "joint", "both", "inverse_dynamics"]
    assert record.data["human"]["kept_windows"] > 0
    assert record.data["wrong"]["kept_windows"] > 0
    # What is only seen brings the heads no body that their controls lack.
    accounts = [path.read_text() for path in (tmp_path / "runs").glob("*/study/trainings/*/*/training.json")]
    assert len(accounts) == 4
    assert not any("_seen" in account for account in accounts)
    require_filmed_as_counted(answer.home, set(chosen) - {arms.STILL})


@needs_gl
def test_play_of_a_new_robot_is_learnt_from_the_base_and_from_nothing(tmp_path: Path, base: Path) -> None:
    question = Question(
        plan="play",
        out=tmp_path,
        overrides=(
            *SMALL,
            f"base={base}",
            f"arms={arms.ADAPTED},{arms.SCRATCH},{arms.HOLD_LAST}",
            "conditions=labelled 0.3,play 0.3",
            "scratch.steps=2",
            "scratch.validate_every=1",
        ),
    )
    answer = study.run(question)
    record = answer.record
    assert record is not None
    assert [table.condition for table in record.tables] == ["labelled 0.3", "labelled 0.3", "play 0.3"]
    assert [table.body for table in record.tables] == ["arm", "gripper", "arm"]
    assert record.tables[1].shares
    require_filmed_as_counted(answer.home, {arms.ADAPTED, arms.SCRATCH})
