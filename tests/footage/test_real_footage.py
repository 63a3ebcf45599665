"""What is said of real clips: the good ones are kept whole, the junk among them is called what it is."""

from pathlib import Path

import pytest
import torch
from footage_builder import watch

from adapt.footage import reasons
from adapt.footage.junk import judge
from adapt.footage.settings import FootageConfig
from adapt.footage.shots import first_looks
from adapt.footage.watch import Watched
from adapt.video.reader import stream_frames

pytestmark = pytest.mark.data
CONFIG = FootageConfig()
WINDOW = 9  # looks: 1.6 s


def watched(path: Path) -> Watched:
    return watch(torch.stack([frame for _, frame in stream_frames(path, 5.0, long_side_px=640)]))


def faults(video: Watched) -> list[str]:
    looks = video.looks
    starts = range(0, max(1, len(looks) - WINDOW + 1), WINDOW - 1)
    return [reasons.common(judge(looks[start : start + WINDOW], 0.0, CONFIG, size=(1, 1))[1]) for start in starts]


def shots(video: Watched) -> list[int]:
    return first_looks([look.change for look in video.looks], CONFIG.shot_change)


@pytest.mark.parametrize(
    "name",
    [
        "ego/egoloc_pour_RGB.mp4",
        "ego/egoloc_video1.mp4",
        "ego/egoloc_video2.mp4",
        "ego/egoloc_video3.mp4",
        "third_person/dexretarget_hand.mp4",
        "third_person/sam2_02_cups.mp4",
        "third_person/sam2_03_blocks.mp4",
        "codec/phone_rot180_vfr.mp4",
    ],
)
def test_good_footage_is_one_shot_without_a_fault(real_data: Path, name: str) -> None:
    video = watched(real_data / "human" / name)
    assert set(faults(video)) == {""}
    assert shots(video) == [0]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("codec/tc_av1_video.mkv", reasons.TEST_CARD),
        ("codec/tc_testsrc2_vp9.webm", reasons.TEST_CARD),
        ("codec/no_duration.webm", reasons.DARK),
        ("codec/unordered.mov", reasons.WHITE),
    ],
)
def test_junk_is_called_what_it_is(real_data: Path, name: str, fault: str) -> None:
    assert set(faults(watched(real_data / "human" / name))) == {fault}


def test_cameras_side_by_side_are_seen_at_least_now_and_then(real_data: Path) -> None:
    found = faults(watched(real_data / "human" / "ego" / "hot3d_aria_3cam.mp4"))
    assert reasons.PANELS in found
    assert set(found) <= {reasons.PANELS, ""}


def test_the_cut_of_a_film_is_found(real_data: Path) -> None:
    assert shots(watched(real_data / "human" / "codec" / "tc_nasa_13013.mp4")) == [0, 41]
