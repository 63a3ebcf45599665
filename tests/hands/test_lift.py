"""Hands of known place, turn and opening are put where they are; and what is uncertain says so."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from hand_builder import CAMERA, HZ, seen_hand, skeleton, wearer_turn
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from adapt.geometry.cameras import Pinhole, from_field_of_view
from adapt.geometry.rotations import from_vector, geodesic_rad
from adapt.hands.depth import depth_at
from adapt.hands.landmarks import SeenHand
from adapt.hands.lift import LiftedHand, lift
from adapt.hands.palm import palm_position, palm_rotation, pinch_aperture
from adapt.hands.place import place_shapes
from adapt.hands.tracks import PALM_M as MODEL_PALM_M
from adapt.hands.tracks import follow_hands

COUNT = 40
TIMES = torch.arange(COUNT, dtype=torch.float64) / HZ


def lifted(seen: Sequence[SeenHand], camera: Pinhole = CAMERA, **more: object) -> LiftedHand:
    (hand,) = follow_hands([[one] for one in seen], TIMES.tolist(), camera)
    found = lift(hand, TIMES, camera, **more)  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("place", [(0.0, 0.0, 0.4), (0.15, 0.1, 0.35), (-0.3, 0.2, 0.7)])
def test_a_hand_is_put_where_it_is_and_turned_as_it_is(side: str, place: tuple[float, float, float]) -> None:
    hand = seen_hand(place, side=side, aperture_m=0.05)
    found = lifted([hand] * COUNT)
    assert found.side == side
    torch.testing.assert_close(found.palm.position_m[5], torch.tensor(place).double(), atol=2e-3, rtol=0)
    truth = palm_rotation(skeleton(side) @ wearer_turn().T, side)
    assert math.degrees(geodesic_rad(found.palm.rotation[5], truth)) < 1.5
    assert float(found.aperture_m[5]) == pytest.approx(0.05, abs=1e-3)
    assert float(found.aperture_palms[5]) == pytest.approx(0.05 / MODEL_PALM_M, rel=0.02)
    assert (found.palm.of, found.palm.within) == ("palm", "camera")


def test_the_palm_s_axes_are_fingers_ahead_and_back_up_for_both_hands() -> None:
    for side in ("left", "right"):
        turn = palm_rotation(skeleton(side), side)
        assert geodesic_rad(turn, torch.eye(3).double()) < 0.05
    with pytest.raises(ValueError, match="left or right, not 'both'"):
        palm_rotation(skeleton(), "both")


TRIPLES = st.tuples(*[st.floats(-1.5, 1.5, allow_nan=False)] * 3)


@settings(deadline=None, max_examples=30)
@given(TRIPLES, TRIPLES)
def test_the_palm_s_frame_turns_with_the_hand_and_mirrors_with_it(
    turn: tuple[float, ...], move: tuple[float, ...]
) -> None:
    rotation, shift = from_vector(torch.tensor(turn, dtype=torch.float64)), torch.tensor(move, dtype=torch.float64)
    joints = skeleton() @ rotation.T + shift
    torch.testing.assert_close(palm_rotation(joints, "right"), rotation @ palm_rotation(skeleton(), "right"))
    torch.testing.assert_close(palm_position(joints), palm_position(skeleton()) + shift)
    assert float(pinch_aperture(joints)) == pytest.approx(float(pinch_aperture(skeleton())))
    flip = torch.diag(torch.tensor([-1.0, 1, 1], dtype=torch.float64))
    side = torch.diag(torch.tensor([1.0, -1, 1], dtype=torch.float64))
    torch.testing.assert_close(palm_rotation(joints @ flip, "left"), flip @ palm_rotation(joints, "right") @ side)


def test_a_hand_seen_off_the_axis_is_turned_back_into_the_camera_s_axes() -> None:
    place = (0.25, 0.0, 0.35)
    hand = seen_hand(place)
    found = lifted([hand] * COUNT)
    truth = palm_rotation(skeleton() @ wearer_turn().T, "right")
    untouched = palm_rotation(hand.world_m.double(), "right")
    assert math.degrees(geodesic_rad(untouched, truth)) > 30
    assert math.degrees(geodesic_rad(found.palm.rotation[5], truth)) < 3


def test_one_finger_seen_wrongly_does_not_pull_the_hand() -> None:
    place = (0.05, 0.05, 0.4)
    hand = seen_hand(place)
    pixels = CAMERA.of_shares(hand.landmarks[None, :, :2].double())
    pixels[0, 5:9] += torch.tensor([25.0, -15.0])
    joints = place_shapes(hand.world_m[None].double(), pixels, CAMERA)
    torch.testing.assert_close(palm_position(joints)[0], torch.tensor(place).double(), atol=2e-3, rtol=0)


def test_a_measured_palm_sets_the_distance_and_narrows_what_is_uncertain() -> None:
    hand = seen_hand((0.1, 0.1, 0.5))
    small = replace(hand, world_m=hand.world_m * 0.8)  # as a model says of a hand larger than its idea of one
    guess, sure = lifted([small] * COUNT), lifted([small] * COUNT, palm_m=MODEL_PALM_M / 0.8)
    assert float(guess.palm.position_m[5, 2]) == pytest.approx(0.4, abs=0.02)
    assert float(sure.palm.position_m[5, 2]) == pytest.approx(0.5, abs=0.02)
    assert (guess.size_origin, sure.size_origin) == ("assumed", "measured")
    assert sure.scale_sigma < guess.scale_sigma
    assert sure.sigma_m[5, 2] / 0.5 < guess.sigma_m[5, 2] / 0.4
    torch.testing.assert_close(guess.aperture_palms[5], sure.aperture_palms[5])
    assert float(sure.aperture_m[5]) == pytest.approx(0.06, abs=1e-3)


def test_an_assumed_camera_changes_the_distance_and_nothing_to_the_side() -> None:
    place = (0.1, 0.1, 0.5)
    seen = [seen_hand(place)] * COUNT
    wrong = replace(from_field_of_view(640.0, 480.0, 65.0), origin="assumed", focal_sigma=0.25)
    right, guess = lifted(seen), lifted(seen, wrong)
    ratio = wrong.fx_px / CAMERA.fx_px
    assert float(guess.palm.position_m[5, 2] / right.palm.position_m[5, 2]) == pytest.approx(ratio, abs=0.04)
    torch.testing.assert_close(guess.palm.position_m[5, :2], right.palm.position_m[5, :2], atol=0.006, rtol=0)
    assert (right.focal_origin, guess.focal_origin) == ("declared", "assumed")
    assert guess.sigma_m[5, 2] > 1.5 * right.sigma_m[5, 2]
    assert float((guess.palm.position_m[5, 2] - place[2]).abs()) < float(guess.sigma_m[5, 2])


def test_depth_decides_the_distance_and_its_holes_do_not() -> None:
    place = (0.05, 0.05, 0.5)
    hand = seen_hand(place)
    small = replace(hand, world_m=hand.world_m * 0.8)
    skin = (skeleton() @ wearer_turn().T)[:, 2] * 0.8 + place[2] - 0.01
    depth = skin.expand(COUNT, 21).clone()
    depth[:, 9] = torch.nan  # A hole.
    depth[:, 17] = 1.4  # The table beside the hand.
    found = lifted([small] * COUNT, depth_m=depth)
    assert float(found.palm.position_m[5, 2]) == pytest.approx(0.5, abs=0.01)
    assert (found.focal_origin, found.size_origin) == ("not needed", "depth")
    assert found.sigma_m[5, 2] < 0.02
    nothing = lifted([small] * COUNT, depth_m=torch.full((COUNT, 21), torch.nan))
    assert float(nothing.palm.position_m[5, 2]) == pytest.approx(0.4, abs=0.02)


def test_depth_is_read_around_a_landmark_and_not_in_holes_or_outside() -> None:
    picture = torch.zeros(20, 40, dtype=torch.int32)
    picture[8:13, 18:23] = 500
    picture[10, 20] = 65535  # A speck.
    shares = torch.full((21, 2), 0.9)
    shares[0], shares[1] = torch.tensor([0.5125, 0.525]), torch.tensor([1.2, 0.5])
    found = depth_at(picture, shares, metres_per_unit=0.001)
    assert float(found[0]) == pytest.approx(0.5)
    assert found[1:].isnan().all()
    with pytest.raises(ValueError, match="metres above 0"):
        depth_at(picture, shares, metres_per_unit=0.0)


def jittery(place: Callable[[float], tuple[float, float, float]], noise_px: float = 2.0) -> list[SeenHand]:
    generator = torch.Generator().manual_seed(1)
    return [seen_hand(place(float(t)), noise_px=noise_px, generator=generator) for t in TIMES]


def test_smoothing_halves_the_jitter_of_places_and_turns_and_keeps_the_reach() -> None:
    seen = jittery(lambda t: (0.05 + 0.1 * math.sin(2 * t), 0.08, 0.45))
    truth = torch.tensor([[0.05 + 0.1 * math.sin(2 * t), 0.08, 0.45] for t in TIMES.tolist()], dtype=torch.float64)
    raw, calm = lifted(seen, smooth=False), lifted(seen)

    def jitter(found: LiftedHand) -> Tensor:
        return (found.palm.position_m - truth).diff(dim=0).square().mean()

    assert jitter(calm) < 0.5**2 * jitter(raw)
    span = calm.palm.position_m[:, 0].amax() - calm.palm.position_m[:, 0].amin()
    assert float(span) == pytest.approx(float(truth[:, 0].amax() - truth[:, 0].amin()), rel=0.1)


def test_a_jump_in_metres_alone_is_rejected() -> None:
    """In the picture nothing happens; the depth camera says that the hand is elsewhere for a moment."""
    depth = torch.full((COUNT, 21), 0.45, dtype=torch.float64)
    depth[20] = 1.3
    found = lifted([seen_hand((0.1, 0.08, 0.45))] * COUNT, depth_m=depth)
    assert found.outliers.nonzero().flatten().tolist() == [20]
    assert found.confidence[20] == 0
    torch.testing.assert_close(found.palm.position_m[20], found.palm.position_m[10], atol=0.005, rtol=0)


def test_a_hand_beyond_reason_is_no_hand_and_a_palm_beyond_reason_is_refused() -> None:
    (hand,) = follow_hands([[seen_hand((0.1, 0.1, 4.0))]] * COUNT, TIMES.tolist(), CAMERA)
    assert lift(hand, TIMES, CAMERA) is None
    for palm_m in (0.0, 9.0, math.nan):
        with pytest.raises(ValueError, match=r"metres, 0\.04 to 0\.15"):
            lift(hand, TIMES, CAMERA, palm_m=palm_m)
