"""A hand's known motion comes out as steps; moving the camera along changes nothing; doubts lower the confidence."""

from dataclasses import replace

import pytest
import torch
from hand_builder import CAMERA, HZ, seen_hand, wearer_turn
from torch import Tensor

from adapt.geometry.cameras import assumed_camera
from adapt.geometry.frames import Pose
from adapt.geometry.rotations import from_vector
from adapt.hands.lift import LiftedHand, lift
from adapt.hands.retarget import DWELL_S, NAMES, UNITS, pinched, retarget
from adapt.hands.tracks import follow_hands

COUNT = 60
TIMES = torch.arange(COUNT, dtype=torch.float64) / HZ
STEPS = torch.arange(0.4, 1.61, 0.2, dtype=torch.float64)
ABOUT_AHEAD = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)


def aperture(time_s: float) -> float:
    return 0.09 if time_s < 0.7 or time_s > 1.3 else 0.01


def hand_of(camera_at: Pose | None = None, **more: object) -> LiftedHand:
    """A hand that goes right by 10 cm a second and turns about the line of sight by half a radian a second."""
    looks = []
    for place, time in enumerate(TIMES.tolist()):
        position = torch.tensor([-0.05 + 0.1 * time, 0.08, 0.45], dtype=torch.float64)
        turn = from_vector(0.5 * time * ABOUT_AHEAD) @ wearer_turn()
        if camera_at is not None:
            back = camera_at.rotation[place].T
            position, turn = back @ (position - camera_at.position_m[place]), back @ turn
        looks.append([seen_hand(position.tolist(), turn, aperture_m=aperture(time))])
    (hand,) = follow_hands(looks, TIMES.tolist(), CAMERA)
    found = lift(hand, TIMES, CAMERA, **more)  # type: ignore[arg-type]
    assert found is not None
    return found


def swaying(at_s: Tensor) -> Pose:
    wave = torch.sin(3 * at_s)
    return Pose(
        rotation=from_vector(0.1 * wave[:, None] * torch.tensor([0.6, 0.8, 0.0], dtype=torch.float64)),
        position_m=torch.stack((0.02 * wave, 0.01 * wave, 0 * wave), dim=1),
        of="camera",
        within="world",
    )


def test_a_known_motion_comes_out_step_by_step() -> None:
    found = retarget(hand_of(palm_m=None), STEPS)
    assert len(NAMES) == len(UNITS) == found.values.shape[1]
    assert found.provenance == "hand_retarget"
    assert found.camera == "held still"
    torch.testing.assert_close(found.start_s, STEPS[:-1])
    expected = torch.tensor([0.02, 0.0, 0.0, 0.0, 0.0, 0.1]).double().expand(len(found.values), 6)
    torch.testing.assert_close(found.values[:, :3], expected[:, :3], atol=3e-3, rtol=0)
    torch.testing.assert_close(found.values[:, 3:6], expected[:, 3:], atol=0.02, rtol=0)
    assert found.values[:, 6].tolist() == [0, 1, 1, 1, 0, 0]  # at 0.6, 0.8, 1.0, 1.2, 1.4, 1.6 s
    assert (found.confidence[:, :6] > 0.5).all()


def test_moving_the_camera_along_changes_nothing_where_its_motion_is_known() -> None:
    swayed = hand_of(swaying(TIMES))
    still, known = retarget(hand_of(), STEPS), retarget(swayed, STEPS, swaying(STEPS))
    unknown = retarget(swayed, STEPS)
    assert known.camera == "known"
    start = swaying(STEPS[:-1]).rotation.transpose(-1, -2)
    for part in (slice(0, 3), slice(3, 6)):
        expected = (start @ still.values[:, part, None])[..., 0]
        torch.testing.assert_close(known.values[:, part], expected, atol=0.02, rtol=0)
        assert (unknown.values[:, part] - expected).abs().max() > 0.02


def test_a_step_without_looks_says_nothing() -> None:
    hand = hand_of()
    gone = hand.confidence.clone()
    gone[20:40] = 0  # From 0.67 to 1.30 s.
    found = retarget(replace(hand, confidence=gone), STEPS)
    assert (found.confidence[:, 0] > 0).tolist() == [True, False, False, False, False, True]
    assert not found.values[1:5].any()
    beyond = retarget(hand, torch.tensor([1.9, 2.4]).double())
    assert not beyond.confidence.any()
    assert not retarget(replace(hand, confidence=torch.zeros(COUNT).double()), STEPS).confidence.any()


def test_each_axis_is_believed_as_far_as_it_is_known() -> None:
    sure = retarget(hand_of(palm_m=0.09), STEPS).confidence
    guess = retarget(hand_of(), STEPS).confidence
    assert (sure[:, :3] > guess[:, :3]).all()
    looks = [[seen_hand((0.1, 0.08, 0.45))] for _ in TIMES]
    camera = assumed_camera(640.0, 480.0)
    (hand,) = follow_hands(looks, TIMES.tolist(), camera)
    found = lift(hand, TIMES, camera)
    assert found is not None
    motion = retarget(found, STEPS)
    assert (motion.confidence[:, 2] < motion.confidence[:, 0]).all()
    assert not motion.confidence[:, 6].any()  # It never pinched.
    shaky = replace(found, jitter_rad=torch.full((COUNT,), 0.7).double())
    assert (retarget(shaky, STEPS).confidence[:, 3] < 0.3 * motion.confidence[:, 3]).all()
    torch.testing.assert_close(retarget(shaky, STEPS).confidence[:, 0], motion.confidence[:, 0])


def test_pinches_have_two_thresholds_and_a_dwell() -> None:
    time = torch.arange(90, dtype=torch.float64) / HZ
    wide = torch.ones(90, dtype=torch.float64)
    wide[30:60] = 0.1
    wide[40:60:2] = 0.35  # Between the thresholds: still closed.
    wide[10:13] = 0.1  # Shorter than any pinch.
    believed = torch.ones(90, dtype=torch.bool)
    states = pinched(wide, time, believed)
    assert states is not None
    assert states.nonzero().flatten().tolist() == list(range(30, 60))
    assert 3 / HZ < DWELL_S
    wide[20:26], believed[20:26] = 0.0, False
    again = pinched(wide, time, believed)
    assert again is not None
    assert torch.equal(again, states)
    assert pinched(0.9 + 0.1 * torch.sin(time), time, believed) is None
    assert pinched(wide, time, torch.zeros(90, dtype=torch.bool)) is None


def test_what_cannot_be_steps_is_refused() -> None:
    hand = hand_of()
    for times in (STEPS[:1], STEPS.flip(0)):
        with pytest.raises(ValueError, match="times must increase"):
            retarget(hand, times)
    with pytest.raises(ValueError, match="of 'head'"):
        retarget(hand, STEPS, replace(swaying(STEPS), of="head"))
    with pytest.raises(ValueError, match="7 poses of 'camera'"):
        retarget(hand, STEPS, swaying(STEPS[:2]))
