"""The published file has each figure under its name, keeps its schema, and is put together study by study."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from closed_loop_builder import play_record, sweep_record, video_record

from adapt.errors import DataError
from adapt.evaluate.closed_loop_arms import ADAPTED, BASE, CONTROL, WRONG
from adapt.evaluate.closed_loop_record import ClosedLoopRecord, Tried
from adapt.evaluate.closed_loop_results import as_part, check, publish, read
from adapt.evaluate.closed_loop_words import NO_GAIN

RECORDED = Path(__file__).parents[2] / "docs" / "results" / "tabletop.json"
PROMISED = (
    "r1.base.success",
    "r1.control.success",
    "r1.adapted.success",
    "r1.wrong.success",
    "r1.gain_over_control.low",
    "r1.gain_over_control.mid",
    "r1.gain_over_control.high",
    "r2.gain_over_scratch.low",
    "r2.gain_over_scratch.mid",
    "r2.gain_over_scratch.high",
    "r2.retention",
    "n",
    "seeds",
    "command",
    "commit",
    "minutes",
)


def at(value: Any, name: str) -> Any:
    for part in name.split("."):
        value = value[part]
    return value


@pytest.fixture
def published(tmp_path: Path) -> Path:
    path = tmp_path / "tabletop.json"
    for record in (video_record(), play_record(), sweep_record()):
        publish(path, record)
    return path


def test_every_promised_figure_is_there(published: Path) -> None:
    value = read(published)
    for name in PROMISED:
        assert at(value, name) is not None, name


def test_figures_are_those_of_the_record(published: Path) -> None:
    value, record = read(published), video_record()
    for name in (BASE, CONTROL, ADAPTED, WRONG):
        arm = record.first.arm(name)
        assert arm is not None
        assert at(value, f"r1.{name}.success") == pytest.approx(arm.success, rel=1e-5)
    gain = record.main_gain()
    assert gain is not None
    assert at(value, "r1.gain_over_control.mid") == pytest.approx(gain.mid, rel=1e-5)
    assert at(value, "r1.gain_over_control.low") < at(value, "r1.gain_over_control.mid")
    assert at(value, "r1.wrong.as_shown") == pytest.approx(0.8, abs=0.05)
    assert value["n"] == 252
    assert value["seeds"] == [0, 1, 2, 3, 4]
    assert at(value, "r1.target_reached") is True
    assert at(value, "r2.retention") == pytest.approx(0.98, abs=0.06)
    assert value["minutes"] == 37.5
    assert [table["head"] for table in at(value, "r1.tables")] == ["joint", "inverse_dynamics"]
    assert at(value, "sweeps.gap_timing.gain_over_control.verdict") == "better"


def test_a_study_takes_the_place_of_its_own_earlier_figures_alone(published: Path) -> None:
    before = read(published)
    publish(published, video_record(**{ADAPTED: 0.02}))
    after = read(published)
    assert at(after, "r1.verdict") == NO_GAIN
    assert after["r2"] == before["r2"]
    assert after["sweeps"] == before["sweeps"]


def test_one_study_alone_is_a_file_too(tmp_path: Path) -> None:
    publish(tmp_path / "t.json", play_record())
    assert "r1" not in read(tmp_path / "t.json")


def test_the_same_study_gives_the_same_bytes(published: Path, tmp_path: Path) -> None:
    for record in (video_record(), play_record(), sweep_record()):
        publish(tmp_path / "again.json", record)
    assert (tmp_path / "again.json").read_bytes() == published.read_bytes()


@pytest.mark.parametrize("record", [video_record(), play_record(), sweep_record()], ids=["video", "play", "sweep"])
def test_what_was_given_up_is_published_with_what_it_had_found(record: ClosedLoopRecord) -> None:
    given_up = Tried(
        fingerprint="f",
        why="the hand hid the block",
        changed=("seeds 3 -> 5",),
        finished="all",
        verdict="no measurable gain",
        found={"adapted": 0.1},
    )
    part = as_part(replace(record, tried=(given_up,)))
    assert part["tried"][0]["why"] == "the hand hid the block"
    assert part["tried"][0]["found"] == {"adapted": 0.1}


@pytest.mark.parametrize(
    ("name", "broken"),
    [("r1.adapted.success", 1.2), ("r1.gain_over_control", None), ("r1.verdict", "splendid"), ("r2.retention", "all")],
)
def test_a_file_that_breaks_the_schema_is_refused_by_the_field(published: Path, name: str, broken: Any) -> None:
    value = json.loads(published.read_text())
    place, _, key = name.rpartition(".")
    at(value, place)[key] = broken
    with pytest.raises(DataError, match=key):
        check(value, "tabletop.json")
    published.write_text(json.dumps(value))
    with pytest.raises(DataError):
        publish(published, video_record())


def test_what_is_recorded_keeps_the_schema() -> None:
    if not RECORDED.is_file():
        pytest.skip("no study in closed loop has been recorded yet")
    value = read(RECORDED)
    for name in PROMISED:
        if name.partition(".")[0] in value:
            assert at(value, name) is not None, name


def test_what_is_kept_is_told_of_the_condition_that_the_study_was_made_for() -> None:
    record = play_record()
    first, kept, less = record.tables
    other = replace(kept, condition="labelled 5", shares=(replace(kept.shares[0], mid=0.1),))
    assert as_part(replace(record, tables=(first, other, kept, less)))["retention"] > 0.8
    assert as_part(replace(record, tables=(first, other)))["retention"] is None
