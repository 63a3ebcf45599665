"""The scorecard fits a terminal, and says in words and marks what the verdicts say, no more."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from adapt.errors import DataError
from adapt.evaluate.record import (
    BETTER,
    COPY_LAST,
    HOLD_LAST,
    NO_GAIN,
    TOO_FEW,
    WORSE,
    ZERO_SHOT,
    Evaluation,
    Measure,
    Verdict,
    dump,
)
from pipelines import scorecard

MOTION = Measure(
    id="video.motion_error",
    group="video",
    name="imagined video",
    unit="",
    windows=8,
    value=0.25,
    baselines={ZERO_SHOT: 0.5, COPY_LAST: 0.125},
)
NO_ACTIONS = Measure(id="actions.overall", group="actions", name="a", unit="", note="not applicable: no labels")


def verdict(against: str, word: str) -> Verdict:
    return Verdict(measure=MOTION.id, against=against, difference=0.0, low=0.0, high=0.0, windows=8, verdict=word)


def evaluation(*verdicts: Verdict, measures: tuple[Measure, ...] = (MOTION, NO_ACTIONS)) -> Evaluation:
    return Evaluation(
        kind="human",
        body="human_hand",
        base="tiny",
        base_revision="1",
        windows=8,
        held_out=8,
        sessions=1,
        same_session=True,
        settings={"confidence": 0.9},
        measures=measures,
        verdicts=verdicts,
        summary="Imagined video: better than the unadapted base.",
        robot_effect="not measured: human video only, no robot episode and no simulator took part",
    )


def printed(shown: Evaluation, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(scorecard.show(shown))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_scorecard_fits_eighty_columns_and_says_what_was_not_measured() -> None:
    text = printed(evaluation())
    assert max(len(line) for line in text.splitlines()) <= 80
    words = " ".join(text.split())
    assert "Robot effect: not measured: human video only" in words
    assert "not applicable: no labels" in words
    assert "1 session, same session as training" in words


@pytest.mark.parametrize(("word", "mark"), [(BETTER, "+"), (WORSE, "-"), (NO_GAIN, "="), (TOO_FEW, "?")])
def test_each_reference_is_marked_with_its_verdict(word: str, mark: str) -> None:
    row = next(line for line in printed(evaluation(verdict(ZERO_SHOT, word))).splitlines() if "where it moves" in line)
    assert re.search(rf"0\.250\s+0\.500 {re.escape(mark)}\s+0\.125\s*$", row)


def test_the_legend_says_how_sure_the_marks_are() -> None:
    assert "90% interval" in printed(evaluation())


def test_many_axes_are_cut_and_the_rest_are_counted() -> None:
    axes = tuple(
        Measure(id=f"actions.joint{n}", group="actions", name="a", unit="rad", value=0.1, baselines={HOLD_LAST: 0.2})
        for n in range(26)
    )
    overall = replace(NO_ACTIONS, value=0.3, note="", baselines={HOLD_LAST: 0.4})
    text = printed(evaluation(measures=(overall, *axes)))
    assert "joint7 (rad)" in text
    assert "joint8" not in text
    assert "the 8 axes that move most; 18 more in evaluation.json" in text


def test_a_card_is_read_from_a_stages_folder(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text(dump(evaluation()))
    assert scorecard.read(tmp_path).summary == evaluation().summary


def test_a_folder_without_an_evaluation_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"evaluation\.json: cannot be read.*wam-adapt evaluate"):
        scorecard.read(tmp_path)
