"""Arms that come from above are somebody else's, or the picture is upside down."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hand_builder import CAMERA, facing_turn, seen_hand, wearer_turn

from adapt.hands.landmarks import HandLandmarks, SeenHand
from adapt.hands.view import FEWEST_HANDS, FROM_TOP, arm_down, view_of
from adapt.video.reader import stream_frames

ASPECT = CAMERA.width_px / CAMERA.height_px


def turned(hand: SeenHand) -> SeenHand:
    """The same hand in the picture turned upside down."""
    flip = torch.tensor([-1.0, -1.0, 1.0])
    return replace(hand, landmarks=hand.landmarks * flip + torch.tensor([1.0, 1.0, 0.0]))


def pointing(x: float, y: float) -> SeenHand:
    """A hand whose wrist lies that far from its knuckles, in shares of width and height."""
    landmarks = torch.full((21, 3), 0.5)
    landmarks[0, :2] += torch.tensor([x, y])
    return SeenHand(side="right", score=1.0, landmarks=landmarks, world_m=torch.zeros(21, 3))


def test_the_wearers_arms_come_from_below_and_those_of_people_opposite_from_above() -> None:
    assert arm_down(seen_hand((0.1, 0.1, 0.4), wearer_turn()), ASPECT) > 0.5
    assert arm_down(seen_hand((0.1, 0.1, 0.4), facing_turn()), ASPECT) < FROM_TOP


def test_upside_down_a_wearers_arm_comes_from_above() -> None:
    hand = seen_hand((0.05, 0.1, 0.4), wearer_turn())
    assert arm_down(turned(hand), ASPECT) == pytest.approx(-arm_down(hand, ASPECT), abs=1e-5)


@pytest.mark.parametrize(
    ("x", "y", "down"), [(0.0, 0.1, 1.0), (0.1, 0.0, 0.0), (0.0, -0.1, -1.0), (0.05, 0.1, 2**-0.5)]
)
def test_directions_are_those_of_square_pixels(x: float, y: float, down: float) -> None:
    assert arm_down(pointing(x, y), 2.0) == pytest.approx(down, abs=1e-5)


def test_a_hand_seen_in_one_point_has_no_direction() -> None:
    assert arm_down(pointing(0.0, 0.0), ASPECT) == 0.0


def test_arms_from_above_are_counted_and_those_from_a_side_are_none() -> None:
    view = view_of([(1.0, -0.9), (), (-0.4,), *[(-0.6,)] * 7])
    assert (view.hands, view.from_top, view.share) == (10, 8, 0.8)


def test_of_a_few_hands_nothing_is_said() -> None:
    assert view_of([(-1.0,)] * (FEWEST_HANDS - 1)).share == 0.0
    assert view_of([(-1.0,)] * FEWEST_HANDS).share == 1.0
    assert view_of([]).share == 0.0


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "turns", "least", "most"),
    [
        ("ego/egoloc_video3.mp4", 0, 0.0, 0.0),
        ("ego/egoloc_video3.mp4", 2, 0.9, 1.0),
        ("third_person/sam2_02_cups.mp4", 0, 0.6, 1.0),
    ],
)
def test_real_clips_are_told_apart(
    real_data: Path, hand_model: Path, name: str, turns: int, least: float, most: float
) -> None:
    arms = []
    with HandLandmarks(hand_model) as landmarks:
        for time_s, frame in stream_frames(real_data / "human" / name, 5.0, long_side_px=640):
            shown = torch.rot90(frame, turns).contiguous()
            hands = landmarks.look(shown, time_s)
            arms.append([arm_down(hand, shown.shape[1] / shown.shape[0]) for hand in hands])
    view = view_of(arms)
    assert view.hands >= FEWEST_HANDS
    assert least <= view.share <= most
