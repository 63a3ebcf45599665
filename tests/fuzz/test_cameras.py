"""Cameras as somebody declares them."""

import json
import math
from pathlib import Path

from fuzz.hostile import altered, fuzz, json_texts, refused_or_read
from hypothesis import given

from adapt.geometry.cameras import Pinhole, read_camera

CAMERA = {"width_px": 640, "height_px": 480, "fx_px": 500.0, "fy_px": 510.5, "cx_px": 320, "cy_px": 240}
WIDE = {"width_px": 1280, "height_px": 720, "fov_deg": 90}


def usable(camera: Pinhole) -> bool:
    return all(math.isfinite(number) for number in (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px))


@fuzz(60)
@given(value=altered(CAMERA) | altered(WIDE))
def test_camera_as_a_mapping(folder: Path, value: object) -> None:
    found = refused_or_read(lambda: read_camera(value, "cameras.yaml, head"), folder)
    assert found is None or usable(found)


@fuzz(60)
@given(data=json_texts(WIDE))
def test_camera_as_json(folder: Path, data: bytes) -> None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    found = refused_or_read(lambda: read_camera(value, "cameras.json, head"), folder)
    assert found is None or usable(found)
