"""evaluation.json comes back as it was, in the same bytes, and keeps its schema."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from adapt.errors import DataError
from adapt.evaluate.record import (
    BETTER,
    CODEC_CEILING,
    COPY_LAST,
    ZERO_SHOT,
    Evaluation,
    Measure,
    Verdict,
    dump,
    from_json,
    to_json,
)


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
            ),
        ),
        summary="Better.",
        robot_effect="not measured: human video only",
        worst=("b", "a"),
    )


def test_an_evaluation_comes_back_with_six_digits_and_references_in_reading_order(evaluation: Evaluation) -> None:
    found = from_json(json.loads(dump(evaluation)))
    assert found.measure("video.motion_error").value == 0.123457
    assert list(found.measure("video.motion_error").baselines) == [ZERO_SHOT, COPY_LAST, CODEC_CEILING]
    assert dump(found) == dump(evaluation)
    assert (found.verdicts, found.worst, found.measures[1]) == (
        evaluation.verdicts,
        evaluation.worst,
        evaluation.measures[1],
    )


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
        (lambda v: v.update(format=2), "format should be 1; found 2"),
        (lambda v: v.update(extra=1), "unknown field 'extra'"),
        (lambda v: v.pop("robot_effect"), "lacks 'robot_effect'"),
        (lambda v: v.update(kind="cat"), "kind should be one of 'human', 'play'"),
        (lambda v: v.update(windows=True), "windows should be integer"),
        (lambda v: v.update(windows=-1), "windows should be at least 0"),
        (lambda v: v["verdicts"][0].update(verdict="great"), r"verdicts\[0\]: verdict should be one of"),
        (lambda v: v["measures"][0].update(value="low"), r"measures\[0\]: value should be number or null"),
        (lambda v: v["measures"][0]["baselines"].update(base="0.2"), r"baselines: base should be number"),
        (lambda v: v["measures"][0].update(by_chunk=["a"]), r"by_chunk\[0\] should be number"),
    ],
)
def test_what_breaks_the_schema_is_told_by_field(
    evaluation: Evaluation, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    value = to_json(evaluation)
    change(value)
    with pytest.raises(DataError, match=message):
        from_json(value)


def _fields(evaluation: Evaluation) -> dict[str, Any]:
    return {name: getattr(evaluation, name) for name in evaluation.__dataclass_fields__}
