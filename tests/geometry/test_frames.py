"""Poses compose and invert, and refuse to be joined where they do not meet."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adapt.geometry.frames import BODY, CAMERA, OPENGL, PALM, Pose, turn_between
from adapt.geometry.rotations import from_vector

TRIPLES = st.tuples(*[st.floats(-1.5, 1.5, allow_nan=False)] * 3)


def pose(turn: tuple[float, ...], place: tuple[float, ...], of: str, within: str) -> Pose:
    rotation = from_vector(torch.tensor(turn, dtype=torch.float64))
    return Pose(rotation=rotation, position_m=torch.tensor(place, dtype=torch.float64), of=of, within=within)


@settings(deadline=None)
@given(st.tuples(*[TRIPLES] * 6))
def test_moving_hand_and_camera_together_changes_nothing(parts: tuple[tuple[float, ...], ...]) -> None:
    palm, camera = pose(parts[0], parts[1], PALM, "world"), pose(parts[2], parts[3], CAMERA, "world")
    moved = pose(parts[4], parts[5], "world", "world")
    before = camera.inverse() @ palm
    after = (moved @ camera).inverse() @ (moved @ palm)
    assert (before.of, before.within) == (after.of, after.within) == (PALM, CAMERA)
    torch.testing.assert_close(before.rotation, after.rotation, atol=1e-9, rtol=0)
    torch.testing.assert_close(before.position_m, after.position_m, atol=1e-9, rtol=0)


@settings(deadline=None)
@given(TRIPLES, TRIPLES, TRIPLES)
def test_there_and_back_is_where_it_was(
    turn: tuple[float, ...], place: tuple[float, ...], spot: tuple[float, ...]
) -> None:
    there = pose(turn, place, PALM, CAMERA)
    points = torch.tensor([spot, (0.0, 0.0, 0.0)], dtype=torch.float64)
    torch.testing.assert_close(there.inverse().carry(there.carry(points)), points)
    torch.testing.assert_close(there.carry(points)[1], there.position_m)


def test_poses_that_do_not_meet_are_not_joined() -> None:
    with pytest.raises(ValueError, match="'palm' cannot carry one told within 'world'"):
        pose((0, 0, 0), (0, 0, 0), PALM, CAMERA) @ pose((0, 0, 0), (0, 0, 0), CAMERA, "world")


def test_conventions_point_where_they_say() -> None:
    ahead, down = torch.tensor([0.0, 0, 1]).double(), torch.tensor([0.0, 1, 0]).double()
    assert (turn_between(CAMERA, BODY) @ ahead).tolist() == [1, 0, 0]
    assert (turn_between(CAMERA, BODY) @ down).tolist() == [0, 0, -1]
    assert (turn_between(CAMERA, OPENGL) @ ahead).tolist() == [0, 0, -1]
    assert (turn_between(OPENGL, BODY) @ torch.tensor([0.0, 1, 0]).double()).tolist() == [0, 0, 1]
    for of in (CAMERA, OPENGL, BODY):
        for within in (CAMERA, OPENGL, BODY):
            assert torch.linalg.det(turn_between(of, within)) == pytest.approx(1)
            torch.testing.assert_close(turn_between(of, within), turn_between(within, of).T)
    with pytest.raises(ValueError, match="'wrist' is no convention"):
        turn_between("wrist", CAMERA)
