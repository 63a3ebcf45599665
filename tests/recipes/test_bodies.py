"""The bodies that ship, each against the layout that its robot's data are published in.

Columns, names and cameras below are the publishers': LeRobot's robots and ports, ALOHA's recorder.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from planted_specs import MemorySource

from adapt.data.check_body import check_body
from adapt.embodiment.spec import check_slots, list_embodiments, load_embodiment
from adapt.errors import EmbodimentError
from adapt.models.bases import TINY_GEOMETRY

FOLDER = Path(__file__).parents[2] / "recipes" / "embodiment"

SO = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
ALOHA = tuple(
    f"{side}_{joint}"
    for side in ("left", "right")
    for joint in ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
)
ALOHA_CAMERAS = ("cam_high", "cam_low", "cam_left_wrist", "cam_right_wrist")
FRANKA = (*(f"joint_{place}" for place in range(7)), "gripper")
YAM = tuple(
    f"{side}_{part}.pos" for side in ("left", "right") for part in (*(f"joint_{k}" for k in range(6)), "gripper")
)
AGIBOT = (
    *("head_yaw", "head_pitch"),
    *(f"left_joint_{place}" for place in range(7)),
    "left_gripper",
    *(f"right_joint_{place}" for place in range(7)),
    *("right_gripper", "waist_pitch", "waist_lift"),
)


def lerobot(state: Sequence[str], action: Sequence[str], cameras: Sequence[str], rate_hz: float) -> MemorySource:
    names = {"observation.state": tuple(state), "action": tuple(action)}
    films = tuple(f"observation.images.{camera}" for camera in cameras)
    return MemorySource(rows=(), names=names, cameras=films, rate_hz=rate_hz)


LAYOUTS: Mapping[str, MemorySource] = {
    "so101": lerobot([f"{name}.pos" for name in SO], [f"{name}.pos" for name in SO], ("front",), 30.0),
    "so100": lerobot([f"main_{name}" for name in SO], [f"main_{name}" for name in SO], ("laptop", "phone"), 30.0),
    "aloha": lerobot(ALOHA, ALOHA, ALOHA_CAMERAS, 50.0),
    "aloha_hdf5": MemorySource(
        rows=(),
        names={"action": ("",) * 14, "observations/qpos": ("",) * 14, "observations/qvel": ("",) * 14},
        cameras=tuple(f"observations/images/{camera}" for camera in ALOHA_CAMERAS),
        rate_hz=50.0,
    ),
    "droid": lerobot(FRANKA, FRANKA, ("wrist_left", "exterior_1_left", "exterior_2_left"), 15.0),
    "yam_bimanual": lerobot(YAM, YAM, ("top", "left", "right"), 30.0),
    "agibot_g1": lerobot(
        AGIBOT, (*AGIBOT, "velocity_x", "yaw_rate"), ("top_head", "hand_left", "hand_right", "back_left_fisheye"), 30.0
    ),
}
SEEN_ELSEWHERE = {"g1_inspire", "gr1_sim", "human_hand", "tabletop_arm", "tabletop_gripper"}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_shipped_body_fits_the_data_its_robot_is_published_in(name):
    body, source = load_embodiment(name, [FOLDER]), LAYOUTS[name]
    check_body(body, source)
    check_slots(body, TINY_GEOMETRY.canvas)
    told = {(axis.column, axis.index) for axis in (*body.actions, *body.state)}
    used = {column for column, _ in told}
    assert {(column, place) for column in used for place in range(len(source.names[column]))} == told


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_axis_of_a_shipped_body_carries_the_name_the_data_give_it(name):
    for axis in (*(body := load_embodiment(name, [FOLDER])).actions, *body.state):
        given = LAYOUTS[name].names[axis.column][axis.index]
        assert given in ("", axis.name)


def test_no_shipped_body_fits_another_robots_data():
    """But for the two that say the same of ALOHA in two formats."""
    for name, source in LAYOUTS.items():
        for other in set(LAYOUTS) - {name}:
            with pytest.raises(EmbodimentError):
                check_body(load_embodiment(other, [FOLDER]), source)


def test_no_shipped_body_is_left_untested():
    assert set(list_embodiments([FOLDER])) == set(LAYOUTS) | SEEN_ELSEWHERE
