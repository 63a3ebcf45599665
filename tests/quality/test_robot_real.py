"""What is found in real data sets, each finding looked at by eye before it was written down here."""

from functools import cache
from pathlib import Path

import pytest

from adapt.data.lerobot import LeRobotSource
from adapt.embodiment.spec import load_embodiment
from adapt.quality.robot.examine import RobotExamination, examine_robot

RECIPES = Path(__file__).parents[2] / "recipes" / "embodiment"

pytestmark = pytest.mark.data


@cache
def examined(folder: Path, body: str) -> RobotExamination:
    return examine_robot(LeRobotSource(folder), load_embodiment(body, [RECIPES]))


def test_a_humanoid_s_camera_brings_every_other_picture_twice(real_data):
    """In stretches of seconds every second frame of its videos is the one before, bit for bit; rows come at 30 Hz."""
    found = examined(real_data / "robot" / "lerobot_v21_g1_real", "g1_inspire")
    (alarm,) = [finding for finding in found.findings if finding.gravity != "note"]
    assert (alarm.kind, alarm.subject) == ("slower camera", "camera 'head'")
    assert found.unread == ()


def test_lags_of_a_real_robot_add_up_from_command_over_state_to_picture(real_data):
    latency = examined(real_data / "robot" / "lerobot_v21_g1_real", "g1_inspire").latency
    state, picture = latency.command_to_state.seconds, latency.state_to_picture["head"].seconds
    assert 0.08 < state < 0.16
    assert 0.06 < picture < 0.16
    assert latency.command_to_picture["head"].seconds == pytest.approx(state + picture, abs=0.05)


def test_commands_that_begin_the_wrong_way_and_jump_are_told(real_data):
    """In every episode of this set the arm's commands drift one way for six rows, then leap to the other."""
    found = examined(real_data / "robot" / "lerobot_v20_gr1_sim", "gr1_sim")
    jumps = [finding for finding in found.findings if finding.kind == "jumps"]
    assert {episode for finding in jumps for episode in finding.episodes} == {0, 1, 2, 3, 4}
    assert all(finding.subject.startswith("action axis") for finding in jumps)
    assert all("from row 5 to the next" in finding.found for finding in jumps)
    assert found.latency.state_to_picture["ego"].unknown


def test_where_little_moves_and_the_lag_is_unknown_no_episode_s_video_is_called_shifted(real_data):
    """Its fourth episode fits a second off better than where it belongs, by the luck of few strokes."""
    found = examined(real_data / "robot" / "lerobot_v20_gr1_sim", "gr1_sim")
    assert [finding for finding in found.findings if "shifted" in finding.kind] == []


def test_a_hand_that_is_never_commanded_is_told(real_data):
    found = examined(real_data / "robot" / "lerobot_v20_gr1_sim", "gr1_sim")
    still = [finding for finding in found.findings if finding.kind == "constant"]
    assert {finding.subject.split("'")[1] for finding in still if finding.gravity == "note"} == {
        f"left_hand_{place}" for place in range(5)
    }
    assert {finding.subject.split("'")[1] for finding in still if finding.gravity == "suspect"} == {
        "left_hand_5",
        "right_hand_5",
    }
