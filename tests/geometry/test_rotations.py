"""Rotations keep what rotations must keep, whatever they are."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from adapt.geometry.rotations import (
    from_quaternion,
    from_vector,
    geodesic_rad,
    mean_rotation,
    orthonormal,
    to_quaternion,
    to_vector,
)

NUMBERS = st.floats(-1.8, 1.8, allow_nan=False)  # of a vector whose length stays below pi
VECTORS = st.tuples(NUMBERS, NUMBERS, NUMBERS).filter(lambda v: math.hypot(*v) < 3.1)


def turned(vector: tuple[float, float, float]) -> Tensor:
    return from_vector(torch.tensor(vector, dtype=torch.float64))


@settings(deadline=None)
@given(VECTORS)
def test_vectors_matrices_and_quaternions_name_the_same_rotation(vector: tuple[float, float, float]) -> None:
    rotation = turned(vector)
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3, dtype=torch.float64))
    assert torch.linalg.det(rotation) == pytest.approx(1)
    torch.testing.assert_close(to_vector(rotation), torch.tensor(vector, dtype=torch.float64), atol=1e-7, rtol=0)
    torch.testing.assert_close(from_quaternion(to_quaternion(rotation)), rotation)
    torch.testing.assert_close(from_quaternion(-3 * to_quaternion(rotation)), rotation)


def test_known_turns_come_out_as_known() -> None:
    quarter = from_quaternion(torch.tensor([math.sqrt(0.5), 0, 0, math.sqrt(0.5)], dtype=torch.float64))
    expected = torch.tensor([[0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(quarter, expected)  # x turns to y about z
    half = turned((0, math.pi, 0))
    assert to_vector(half).norm() == pytest.approx(math.pi)


@settings(deadline=None)
@given(VECTORS, VECTORS, VECTORS)
def test_distance_is_symmetric_and_the_same_in_every_frame(
    one: tuple[float, float, float], other: tuple[float, float, float], moved: tuple[float, float, float]
) -> None:
    a, b, q = turned(one), turned(other), turned(moved)
    apart = geodesic_rad(a, b)
    assert 0 <= apart <= math.pi + 1e-9
    for again in (geodesic_rad(b, a), geodesic_rad(q @ a, q @ b), geodesic_rad(a @ q, b @ q)):
        torch.testing.assert_close(again, apart, atol=1e-6, rtol=0)


@settings(deadline=None)
@given(VECTORS, VECTORS)
def test_the_mean_of_two_lies_half_way_and_a_weight_draws_it(
    start: tuple[float, float, float], step: tuple[float, float, float]
) -> None:
    small = torch.tensor(step, dtype=torch.float64) * 0.4  # below a right angle from end to end
    ends = torch.stack([turned(start), turned(start) @ from_vector(small)])
    middle = turned(start) @ from_vector(small / 2)
    torch.testing.assert_close(mean_rotation(ends), middle, atol=1e-7, rtol=0)
    drawn = mean_rotation(ends, torch.tensor([3.0, 1.0], dtype=torch.float64))
    assert geodesic_rad(drawn, ends[0]) <= geodesic_rad(drawn, ends[1]) + 1e-9
    torch.testing.assert_close(mean_rotation(ends, torch.tensor([0.0, 2.0]).double()), ends[1], atol=1e-7, rtol=0)


def test_a_mean_without_weight_is_refused() -> None:
    both = torch.eye(3).expand(2, 3, 3)
    for weight in (torch.zeros(2), torch.tensor([1.0, -1.0]), torch.tensor([torch.nan, 1.0])):
        with pytest.raises(ValueError, match="weights of 0 or more"):
            mean_rotation(both, weight)
    with pytest.raises(ValueError, match="length 0"):
        from_quaternion(torch.zeros(4))


def test_a_frame_of_two_directions_is_a_rotation_and_of_one_is_none() -> None:
    frame = orthonormal(torch.tensor([0.0, 2, 0]), torch.tensor([0.0, 1, 3]))
    torch.testing.assert_close(frame, torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    assert orthonormal(torch.tensor([0.0, 2, 0]), torch.tensor([0.0, 1, 0])).isnan().any()
