"""evaluation.json comes back as it was, in the same bytes, and keeps its schema."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from adapt.errors import DataError
from adapt.evaluate.blame import IMAGINED, PARTS, PICTURE, ROUND_TRIP, TRUE_FUTURE, Blame
from adapt.evaluate.calibration import Calibration
from adapt.evaluate.drift import Drift
from adapt.evaluate.record import (
    BETTER,
    CODEC_CEILING,
    COPY_LAST,
    HOLD_LAST,
    ZERO_SHOT,
    Evaluation,
    Measure,
    Verdict,
    WindowErrors,
    dump,
    from_json,
    to_json,
)
from adapt.evaluate.schema import evaluation_schema


@pytest.fixture
def evaluation() -> Evaluation:
    return Evaluation(
        kind="human",
        body="human_hand",
        base="wam-adapt/tiny",
        base_revision="0.1.0",
        windows=8,
        held_out=9,
        sessions=2,
        same_session=False,
        settings={"seed": 0},
        measures=(
            Measure(
                id="video.motion_error",
                group="video",
                name="imagined video",
                unit="",
                windows=8,
                value=0.123456789,
                baselines={ZERO_SHOT: 0.2, COPY_LAST: 0.3, CODEC_CEILING: 0.1},
                by_chunk=(0.1, 0.15),
                by_step={"adapted": (0.1, 0.2), ZERO_SHOT: (0.2, 0.3)},
            ),
            Measure(id="actions.overall", group="actions", name="actions", unit="", note="not applicable: no labels"),
        ),
        verdicts=(
            Verdict(
                measure="video.motion_error",
                against=ZERO_SHOT,
                difference=-0.1,
                low=-0.2,
                high=-0.05,
                windows=8,
                verdict=BETTER,
                sessions=2,
                seeds=3,
                detectable=0.04,
                clustered_by="window within 2 sessions and seed",
            ),
        ),
        summary="Better.",
        robot_effect="not measured: human video only",
        worst=("b", "a"),
        blame=Blame(
            at_fault=PICTURE,
            reason="The picture: it imagines little.",
            measure="video.motion_error",
            ladder={COPY_LAST: 0.5, CODEC_CEILING: 0.25},
            windows=8,
            worst=("b",),
        ),
        drift=Drift(
            chunk_s=1.6,
            contenders={"adapted": (0.25, 0.5), COPY_LAST: (0.5, 0.75)},
            actions={"adapted": (0.125, 0.25)},
            rollouts=(4, 4),
            window_chunks=4,
            note="made so",
        ),
        calibration=Calibration(
            wanted=0.9, inside=0.75, low=0.5, high=0.875, windows=8, sessions=2, stretch=1.5, by_axis={"x": 0.75}
        ),
        by_window=(WindowErrors(window_id="a", session="s", errors={"video.motion_error": {"adapted": 0.25}}),),
    )


def test_an_evaluation_comes_back_with_six_digits_and_references_in_reading_order(evaluation: Evaluation) -> None:
    found = from_json(json.loads(dump(evaluation)))
    assert found.measure("video.motion_error").value == 0.123457
    assert list(found.measure("video.motion_error").baselines) == [ZERO_SHOT, COPY_LAST, CODEC_CEILING]
    assert dump(found) == dump(evaluation)
    assert found == replace(evaluation, measures=(replace(evaluation.measures[0], value=0.123457), *found.measures[1:]))


def test_contenders_come_back_in_reading_order_whatever_the_alphabet_says(evaluation: Evaluation) -> None:
    ladder = {HOLD_LAST: 0.5, IMAGINED: 0.25, ROUND_TRIP: 0.125, TRUE_FUTURE: 0.1}
    found = from_json(json.loads(dump(replace(evaluation, blame=replace(evaluation.blame, ladder=ladder)))))
    assert list(found.blame.ladder) == list(ladder)
    assert list(found.measures[0].by_step) == ["adapted", ZERO_SHOT]
    assert found.drift is not None
    assert list(found.drift.contenders) == ["adapted", COPY_LAST]


def test_an_evaluation_without_long_rollouts_or_spreads_comes_back_as_well(evaluation: Evaluation) -> None:
    plain = replace(evaluation, drift=None, calibration=None)
    assert from_json(json.loads(dump(plain))).drift is None
    assert from_json(json.loads(dump(plain))).calibration is None


def test_an_unknown_measure_is_a_key_error(evaluation: Evaluation) -> None:
    with pytest.raises(KeyError, match="nothing"):
        evaluation.measure("nothing")


def test_a_figure_that_is_not_finite_is_not_written(evaluation: Evaluation) -> None:
    broken = Measure(id="x", group="video", name="x", unit="", value=float("nan"))
    with pytest.raises(ValueError, match="finite"):
        to_json(Evaluation(**{**_fields(evaluation), "measures": (broken,)}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(format=1), r"format 1; this version reads format 2.*run `wam-adapt evaluate` again"),
        (lambda v: v.update(format=3), r"format 3; this version reads format 2. Update wam-adapt"),
        (lambda v: v.update(format="2"), "format should be 2; found '2'"),
        (lambda v: v.update(extra=1), "unknown field 'extra'"),
        (lambda v: v.pop("robot_effect"), "lacks 'robot_effect'"),
        (lambda v: v.update(kind="cat"), "kind should be one of 'human', 'play'"),
        (lambda v: v.update(windows=True), "windows should be integer"),
        (lambda v: v.update(windows=-1), "windows should be at least 0"),
        (lambda v: v["verdicts"][0].update(verdict="great"), r"verdicts\[0\]: verdict should be one of"),
        (lambda v: v["measures"][0].update(value="low"), r"measures\[0\]: value should be number or null"),
        (lambda v: v["measures"][0]["baselines"].update(base="0.2"), r"baselines: base should be number"),
        (lambda v: v["measures"][0].update(by_chunk=["a"]), r"by_chunk\[0\] should be number"),
        (lambda v: v["measures"][0]["by_step"].update(adapted=["a"]), r"by_step: adapted\[0\] should be number"),
        (lambda v: v["verdicts"][0].update(detectable=-1.0), r"detectable should be at least 0; found -1.0"),
        (lambda v: v["blame"].update(at_fault="weather"), "blame: at_fault should be one of 'codec', 'picture'"),
        (lambda v: v["drift"].update(rollouts=[0]), r"drift: rollouts\[0\] should be at least 1"),
        (lambda v: v.update(drift=[]), "drift should be object"),
        (lambda v: v["calibration"].update(inside=1.5), "calibration: inside should be at most 1; found 1.5"),
        (lambda v: v["by_window"][0]["errors"]["video.motion_error"].update(x=None), "x should be number; found None"),
    ],
)
def test_what_breaks_the_schema_is_told_by_field(
    evaluation: Evaluation, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    value = to_json(evaluation)
    change(value)
    with pytest.raises(DataError, match=message):
        from_json(value)


def test_the_schema_lets_every_part_be_at_fault_and_no_other() -> None:
    assert tuple(evaluation_schema()["$defs"]["blame"]["properties"]["at_fault"]["enum"]) == PARTS


def _fields(evaluation: Evaluation) -> dict[str, Any]:
    return {name: getattr(evaluation, name) for name in evaluation.__dataclass_fields__}
