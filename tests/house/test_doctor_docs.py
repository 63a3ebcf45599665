"""What docs/doctor.md and docs/filming.md say is what the code does."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from adapt.data.windows import WindowConfig
from adapt.footage.settings import FootageConfig
from adapt.hands.quality import HandConfig
from adapt.models.bases import read_geometry
from adapt.quality import faults, goals
from adapt.quality.files import FileReport, Stretch
from adapt.quality.filming import RULES
from adapt.quality.findings import Finding
from adapt.quality.goals import FilmedTask, HeldOut, Step
from adapt.quality.robot import episodes
from adapt.quality.robot import goals as robot_goals
from adapt.quality.robot import report as robot_report
from adapt.quality.robot.findings import Finding as RobotFinding
from adapt.quality.robot.spec_checks import CHECKS
from adapt.quality.videos import VideosReport

DOCS = Path(__file__).parents[2] / "docs"
DOCTOR = (DOCS / "doctor.md").read_text(encoding="utf-8")
FILMING = (DOCS / "filming.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([a-z0-9_]+)`", DOCTOR))


def keys_of_everything() -> set[str]:
    """Every key of a record in which nothing is missing."""
    finding = Finding(code="dark", weight="part", found="dark", remedy="light", seconds=1.0)
    fields: dict[str, object] = {field.name: "" for field in dataclasses.fields(FileReport)}
    fields |= {"info": None, "train_s": 1.0, "validation_s": 0.0, "hands": None, "looks_hz": 5.0}
    fields |= {"stretches": (Stretch(start_s=0.0, end_s=1.0, code="kept"),), "findings": (finding,)}
    file = FileReport(**fields)  # type: ignore[arg-type]
    task = FilmedTask(
        instruction="pour",
        files=1,
        seconds=1.0,
        usable_s=1.0,
        train_s=1.0,
        validation_s=0.0,
        sessions=1,
        missing_s=0.0,
        missing_sessions=0,
    )
    report = VideosReport(
        files=(file,),
        others=(("a", finding),),
        tasks=(task,),
        held_out=HeldOut(windows=1, sessions=1, same_session=True),
        steps=(Step(kind="film", what="film", why="so"),),
    )
    return set(re.findall(r'"([a-z0-9_]+)":', json.dumps(report.to_json())))


def test_every_key_of_the_record_is_told() -> None:
    assert keys_of_everything() - {"kept"} <= NAMED


def test_every_code_is_told() -> None:
    source = (DOCS.parent / "adapt/quality").rglob("*.py")
    codes = {code for path in source for code in re.findall(r'code="(\w+)"', path.read_text(encoding="utf-8"))}
    known = {*faults._NAMES, *faults.VIDEO_CODES.values(), *faults._FOLDER.values(), faults.OTHER}
    assert {"low_rate", "variable_rate", "rotated", "mirrored", "tiny", "odd_size"} <= codes
    robot = {code for code in codes if (DOCS.parent / "adapt/quality/robot").is_dir()} - known
    assert (codes - robot) | known <= NAMED


def test_every_key_of_a_robot_s_record_is_told() -> None:
    folder = DOCS.parent / "adapt/quality/robot"
    source = "".join((folder / name).read_text(encoding="utf-8") for name in ("report.py", "episodes.py"))
    keys = set(re.findall(r'^ +"([a-z0-9_]+)": [^"]', source, flags=re.MULTILINE))
    keys |= {field.name for kind in (episodes.RecordedTask, robot_goals.Step) for field in dataclasses.fields(kind)}
    assert {"doubted_minutes", "idle_share", "speed_q99", "doubts", "record_next"} <= keys
    assert keys <= NAMED


def test_every_code_of_a_robot_s_findings_is_told() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (DOCS.parent / "adapt/quality/robot").glob("*.py"))
    kinds = set(re.findall(r'kind="([^"]+)"', source)) - {"describe", "record", "mend"}
    codes = {RobotFinding(kind=kind, subject="", found="", remedy="", gravity="note").code for kind in kinds}
    assert {"episode_video_shifted", "near_identical", "missing_rows", "not_finite"} <= codes
    # What a spec is checked for is told in docs/robots.md; another test sees to that.
    assert codes - {*CHECKS} | {*robot_report._CODES.values(), *episodes.NAMES} <= NAMED


@pytest.mark.parametrize(("head", "words"), RULES)
def test_the_rules_of_the_page_are_those_of_the_guide(head: str, words: str) -> None:
    assert f"| **{head}** | {words} |" in FILMING


def test_numbers_of_the_guide_are_those_of_the_settings_and_of_what_was_measured() -> None:
    footage, hands, geometry = FootageConfig(), HandConfig(), read_geometry("tiny")
    assert hands.min_hands_share == 0.5  # "fewer than half of the looks"
    assert f"Below {footage.min_brightness:g} a stretch" in FILMING
    assert footage.max_white_share == 0.5  # "more than half of the picture"
    assert f"blurred beyond {footage.max_blur:g}" in FILMING
    turns = json.loads((DOCS / "results/camera_motion.json").read_text(encoding="utf-8"))["real"]["first_person_deg_s"]
    assert f"From {footage.strong_camera_deg_s:g} degrees a second on" in FILMING
    assert "good clips turn by {:.1f} to {:.1f}".format(*turns) in FILMING
    assert f"more than {footage.max_still_s:g} s in which nothing moves" in FILMING
    assert footage.max_bars_share == 0.2  # "more than a fifth"
    shortest = geometry.window_s(WindowConfig().min_chunks)
    longest = geometry.window_s(min(WindowConfig().max_chunks, geometry.max_chunks))
    assert f"Windows last {shortest:g} to {longest:g} s in `tiny`" in FILMING
    good = json.loads((DOCS / "results/footage_quality.json").read_text(encoding="utf-8"))["groups"]["first person"]
    assert "{:.2f} to {:.2f} of white".format(*good["brightness"]) in FILMING
    assert "good clips: {:.2f} to {:.2f}".format(*good["blur"]) in FILMING


def test_what_is_asked_for_is_what_the_guide_says() -> None:
    assert f"asks for {goals.GOAL_MINUTES:g} minutes" in FILMING
    assert f"at least {goals.GOAL_TASK_SESSIONS} sessions of each" in FILMING
    assert f"from {goals.HELD_OUT_SESSIONS} held-out ones on" in FILMING
    assert f"some {goals.goal_sessions(1, WindowConfig().validation_share)} of like length" in FILMING
