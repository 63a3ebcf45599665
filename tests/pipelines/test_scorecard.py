"""The scorecard fits a terminal, and says in words and marks what the verdicts say, no more."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from adapt.errors import DataError
from adapt.evaluate.blame import Blame
from adapt.evaluate.calibration import Calibration
from adapt.evaluate.drift import Drift
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
        robot_effect="not measured: human video only; for these figures no robot moved, real or simulated",
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
    assert "Same session: trained and judged on one recording session" in words


@pytest.mark.parametrize(("word", "mark"), [(BETTER, "+"), (WORSE, "-"), (NO_GAIN, "="), (TOO_FEW, "?")])
def test_each_reference_is_marked_with_its_verdict(word: str, mark: str) -> None:
    row = next(line for line in printed(evaluation(verdict(ZERO_SHOT, word))).splitlines() if "where it moves" in line)
    assert re.search(rf"0\.250\s+0\.500 {re.escape(mark)}\s+0\.125\s*$", row)


def test_the_legend_says_how_sure_the_marks_are() -> None:
    assert "90% interval" in printed(evaluation())


BLAME = Blame(
    at_fault="picture",
    reason="Read from the imagined future, actions are off by 20% of the range.",
    measure="actions.overall",
    ladder={HOLD_LAST: 0.25, "imagined": 0.2, "codec round trip": 0.09, "true future": 0.08},
    windows=12,
    worst=("w7", "w3"),
)


def test_the_part_at_fault_comes_before_any_table_with_its_ladder_and_worst_windows() -> None:
    text = printed(replace(evaluation(), blame=BLAME))
    words = " ".join(text.split())
    assert "At fault: picture. Read from the imagined future, actions are off by 20% of the range." in words
    assert "action error: hold 0.250, imagined 0.200, codec trip 0.0900, true future 0.0800" in words
    assert "worst windows there: w7, w3" in words
    assert text.index("At fault") < text.index("lower is better")
    assert max(len(line) for line in text.splitlines()) <= 80


def test_a_long_rollout_is_shown_chunk_by_chunk_in_eighty_columns() -> None:
    row = tuple(1 + chunk / 10 for chunk in range(8))
    drift = Drift(chunk_s=1.6, contenders={"adapted": row, ZERO_SHOT: row}, rollouts=(4,) * 8, note="made so")
    text = printed(replace(evaluation(), drift=drift))
    assert re.search(r"seconds ahead +1\.6 +3\.2 +4\.8 +6\.4 +8\.0 +9\.6 +11\.2 +12\.8", text)
    assert re.search(r"latents, adapted +1\.0 +1\.1 .* 1\.7", text)
    assert "made so" in text
    assert max(len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize(
    ("inside", "windows", "words"),
    [
        (0.5, 12, "too sure of itself"),
        (0.9, 12, "as it should"),
        (1.0, 12, "less sure than it could be"),
        (0.5, 3, "too few windows to judge it (3)"),
    ],
)
def test_the_spread_of_actions_is_called_what_it_is(inside: float, windows: int, words: str) -> None:
    limits = (max(0.0, inside - 0.05), min(1.0, inside + 0.05))
    found = Calibration(wanted=0.9, inside=inside, low=limits[0], high=limits[1], windows=windows, sessions=2)
    known = replace(NO_ACTIONS, value=0.3, note="", baselines={HOLD_LAST: 0.4})
    text = " ".join(printed(replace(evaluation(measures=(known,)), calibration=found)).split())
    assert f"{inside:.0%} of the true ones lie inside its 90% interval" in text
    assert words in text


def test_the_legend_says_what_the_intervals_are_resampled_by() -> None:
    told = replace(verdict(ZERO_SHOT, BETTER), clustered_by="session")
    assert "(90% interval, by session)" in " ".join(printed(evaluation(told)).split())


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
