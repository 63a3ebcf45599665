"""Points go to pixels and back; what nobody declared says that it is assumed."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adapt.errors import DataError
from adapt.geometry.cameras import Pinhole, assumed_camera, from_field_of_view, read_camera

DECLARED = {"width_px": 640.0, "height_px": 480.0, "fx_px": 500.0, "fy_px": 510.0, "cx_px": 300.0, "cy_px": 250.0}
CAMERA = Pinhole(**DECLARED)
SIDE = st.floats(-2, 2, allow_nan=False)


@settings(deadline=None)
@given(SIDE, SIDE, st.floats(0.05, 5, allow_nan=False), st.floats(0.2, 3, allow_nan=False))
def test_a_ray_through_a_point_s_pixel_meets_the_point(x: float, y: float, z: float, scale: float) -> None:
    point = torch.tensor([x, y, z], dtype=torch.float64)
    torch.testing.assert_close(CAMERA.rays(CAMERA.project(point)) * z, point)
    smaller = CAMERA.resized(640 * scale, 480 * scale)
    torch.testing.assert_close(smaller.project(point), CAMERA.project(point) * scale)
    mirrored = CAMERA.mirrored().project(point * torch.tensor([-1.0, 1, 1], dtype=torch.float64))
    torch.testing.assert_close(mirrored[0], 640 - CAMERA.project(point)[0])
    torch.testing.assert_close(mirrored[1], CAMERA.project(point)[1])


def test_what_lies_behind_is_not_seen() -> None:
    assert CAMERA.project(torch.tensor([[0.0, 0, -1], [0, 0, 0]])).isnan().all()


def test_the_field_of_view_is_that_of_the_longer_side() -> None:
    for width, height in ((640.0, 480.0), (480.0, 640.0)):
        camera = from_field_of_view(width, height, 90.0)
        edge = camera.rays(torch.tensor([width, height / 2]) if width > height else torch.tensor([width / 2, height]))
        assert math.degrees(math.atan(edge[:2].abs().max())) == pytest.approx(45)
        assert camera.origin == "declared"


def test_what_is_assumed_says_so_and_is_less_certain() -> None:
    guess = assumed_camera(1280.0, 720.0)
    assert guess.origin == "assumed"
    assert guess.focal_sigma > 10 * from_field_of_view(1280.0, 720.0, 70.0).focal_sigma
    assert read_camera(DECLARED, "here").focal_sigma == 0


def test_a_declared_camera_is_read_as_it_is() -> None:
    assert read_camera(DECLARED, "here") == CAMERA
    assert read_camera({"width_px": 640, "height_px": 480, "fov_deg": 90}, "here").fx_px == pytest.approx(320)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        {},
        {**DECLARED, "fov_deg": 70},
        {**DECLARED, "fx_px": "500"},
        {**DECLARED, "fx_px": True},
        {**DECLARED, "fx_px": 0},
        {**DECLARED, "fx_px": float("nan")},
        {**DECLARED, "cx_px": float("inf")},
        {**DECLARED, "width_px": 10**400},
        {"width_px": 640, "height_px": 480, "fov_deg": 180},
        {1: 2, "a": 3},
    ],
)
def test_what_is_no_camera_is_refused_with_its_place(entry: object) -> None:
    with pytest.raises(DataError, match=r"^cameras\.yaml, head: .*give "):
        read_camera(entry, "cameras.yaml, head")
