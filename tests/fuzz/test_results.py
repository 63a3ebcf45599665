"""What was found: evaluations, studies, trials, plans that were written down, and checkpoints of a training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from closed_loop_builder import video_record
from fuzz.hostile import damaged, fuzz, json_texts, refused_or_read
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from report_builder import play_evaluation, study_record

from adapt.evaluate import closed_loop_record, record, trials
from adapt.evaluate import study_record as studies
from adapt.evaluate.closed_loop_record import Tried
from adapt.evaluate.closed_loop_results import publish
from adapt.evaluate.closed_loop_results import read as read_results
from adapt.evaluate.trials import EpisodeRecord, Trials
from adapt.train.checkpoint import NAME, Checkpoint, checkpoint_files, read_checkpoint, write_checkpoint
from adapt.train.record import Record
from pipelines import scorecard, study
from pipelines.tabletop import guard

T = TypeVar("T")
EVALUATION = record.to_json(play_evaluation())
STUDY = studies.to_json(study_record())
TRIALS = trials.to_json(
    Trials(
        subject={"kind": "base", "name": "tiny"},
        body="gripper",
        settings={"seed": 3},
        episodes=tuple(
            EpisodeRecord(instruction="put", seed=seed, success=seed > 0, progress=0.5, steps=80) for seed in range(3)
        ),
    )
)
CLOSED_LOOP = json.loads(closed_loop_record.dump(video_record()))
PLAN = guard.Written(
    fingerprint="ab" * 8,
    plan={"claim": "video"},
    base="cd" * 8,
    tried=(Tried(fingerprint="x", why="y", changed=("z",), finished="all", verdict="", found={"adapted": 0.5}),),
)


def refused_or_taken(read: Callable[[], T], folder: Path) -> T | None:
    """As `refused_or_read`; the types that are checked in tests alone do not take a whole number for a float."""
    try:
        return refused_or_read(read, folder)
    except TypeCheckError as error:
        if "float" not in str(error):
            raise
        return None


@fuzz(40)
@given(data=json_texts(EVALUATION))
def test_evaluation(folder: Path, data: bytes) -> None:
    (folder / "evaluation.json").write_bytes(data)
    found = refused_or_taken(lambda: scorecard.read(folder), folder)
    if found is not None:
        again = record.dump(found)  # Rounded to six digits, once for all.
        assert record.dump(record.from_json(json.loads(again))) == again
        scorecard.show(found)


@fuzz(40)
@given(data=json_texts(STUDY))
def test_study(folder: Path, data: bytes) -> None:
    (folder / study.STUDY).write_bytes(data)
    found = refused_or_taken(lambda: study.read(folder), folder)
    if found is not None:
        again = studies.dump(found)
        assert studies.dump(studies.from_json(json.loads(again))) == again


@fuzz(40)
@given(data=json_texts(TRIALS))
def test_trials(folder: Path, data: bytes) -> None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    found = refused_or_taken(lambda: trials.from_json(value), folder)
    assert found is None or 0 <= found.success.share <= 1


@fuzz(40)
@given(data=json_texts(CLOSED_LOOP))
def test_study_in_closed_loop(folder: Path, data: bytes) -> None:
    text = data.decode(errors="replace")
    found = refused_or_taken(lambda: closed_loop_record.parse(text, "study.json"), folder)
    assert found is None or closed_loop_record.parse(closed_loop_record.dump(found), "again") is not None


def test_results_of_the_tabletop(folder: Path) -> None:
    path = folder / "tabletop.json"
    publish(path, video_record())
    whole = json.loads(path.read_bytes())

    @fuzz(30)
    @given(data=json_texts(whole))
    def read_altered(data: bytes) -> None:
        path.write_bytes(data)
        refused_or_read(lambda: publish(path, video_record()), folder)
        refused_or_read(lambda: read_results(path), folder)

    read_altered()


def test_plan_that_was_written_down(folder: Path) -> None:
    whole: Any = {"format": 1, "fingerprint": PLAN.fingerprint, "plan": {"claim": "video"}, "base": PLAN.base}
    whole["tried"] = [
        {"fingerprint": "x", "why": "y", "changed": ["z"], "finished": "all", "verdict": "", "found": {"adapted": 0.5}}
    ]
    (folder / guard.NAME).write_text(json.dumps(whole))
    assert guard.read_plan(folder) == PLAN

    @fuzz(50)
    @given(data=json_texts(whole))
    def read_altered(data: bytes) -> None:
        (folder / guard.NAME).write_bytes(data)
        found = refused_or_read(lambda: guard.read_plan(folder), folder)
        assert found is None or guard.differences(found.plan, {"claim": "play"})

    read_altered()


def test_checkpoint_of_a_training(folder: Path) -> None:
    trained = {"weight": torch.arange(4.0)}
    checkpoint = Checkpoint(steps=3, trained=trained, optimizer={"state": {}, "param_groups": []}, record=Record())
    write_checkpoint(folder, checkpoint)
    whole = (folder / NAME).read_bytes()

    @fuzz(30)
    @given(data=damaged(whole), before=st.booleans())
    def read_damaged(data: bytes, before: bool) -> None:  # noqa: FBT001 - hypothesis gives it
        (folder / NAME).write_bytes(data)
        earlier = checkpoint_files(folder)[1]
        earlier.unlink(missing_ok=True)
        if before:
            earlier.write_bytes(whole)
        found = refused_or_read(lambda: read_checkpoint(folder), folder)
        assert found is None or torch.equal(found.trained["weight"], trained["weight"])
        assert found is not None or not before, "the one before was not gone on from"

    read_damaged()


@pytest.mark.parametrize(
    "text",
    ["[]", "5", "null", "[" * 5_000, '{"format": 1}', '{"format": "1"}', '{"format": NaN}', "\0", '{"format": 1e999}'],
)
def test_a_result_that_is_none_is_refused(folder: Path, text: str) -> None:
    for name, read in (("evaluation.json", scorecard.read), (study.STUDY, study.read), (guard.NAME, guard.read_plan)):
        (folder / name).write_text(text)
        assert refused_or_read(lambda read=read: read(folder), folder) is None  # type: ignore[misc]
    assert refused_or_read(lambda: closed_loop_record.parse(text, "study.json"), folder) is None


@pytest.mark.parametrize("confidence", [[], "0.95", float("nan"), 10**400, None, 95])
def test_a_confidence_that_cannot_be_shown_is_refused(folder: Path, confidence: object) -> None:
    settings = {**EVALUATION["settings"], "confidence": confidence}
    (folder / "evaluation.json").write_text(json.dumps({**EVALUATION, "settings": settings}))
    assert refused_or_read(lambda: scorecard.read(folder), folder) is None
    (folder / study.STUDY).write_text(json.dumps({**STUDY, "settings": {"evaluate": {"confidence": confidence}}}))
    assert refused_or_read(lambda: study.read(folder), folder) is None


def test_a_figure_that_would_become_infinite_is_refused(folder: Path) -> None:
    text = json.dumps({**CLOSED_LOOP, "target": 10**400})
    assert refused_or_read(lambda: closed_loop_record.parse(text, "study.json"), folder) is None
