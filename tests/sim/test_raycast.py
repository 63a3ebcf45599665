"""Solids appear where geometry says, in front of what they hide, lit from the light's side."""

import numpy as np
import pytest

from adapt.sim.raycast import EYE, LIGHT, Box, Capsule, camera, draw

RED, GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
BLACK = np.zeros((65, 65, 3), np.float32)


def point(x: float, y: float, z: float) -> np.ndarray:
    return np.array([x, y, z], np.float32)


def ball(x: float, y: float, z: float, radius: float, colour: tuple[float, float, float] = RED) -> Capsule:
    return Capsule(a=point(x, y, z), b=point(x, y, z + 1e-4), radius=radius, colour=colour)


def test_each_ray_meets_the_table_where_the_camera_says() -> None:
    view = camera(65, 65)
    met = EYE + view.depth[..., None] * view.rays

    assert np.abs(met[..., 2]).max() < 1e-4
    assert np.allclose(met[..., :2], view.table, atol=1e-4)


def test_a_ball_is_seen_around_the_place_it_stands_on() -> None:
    picture = draw(BLACK, [ball(0.3, 0.2, 0.0, 0.1)])
    hits = picture[..., 0] > 0
    spots = camera(65, 65).table[hits]

    assert spots.mean(0) == pytest.approx([0.3, 0.2], abs=0.05)
    # Of the camera's picture of the table a ball of radius 0.1 covers about pi 0.01, a little more in slant.
    width = spots[:, 0].max() - spots[:, 0].min()
    assert width == pytest.approx(0.2, abs=0.05)


def test_the_nearer_solid_hides_the_farther_one_whatever_the_order() -> None:
    high, low = ball(0.0, 0.0, 0.5, 0.1, GREEN), ball(0.0, 0.45, 0.0, 0.08, RED)
    for solids in ([high, low], [low, high]):
        picture = draw(BLACK, solids)

        assert (picture[..., 1] > 0).any()
        assert _pixels(picture, 0) < _pixels(draw(BLACK, [low]), 0)


def test_the_side_towards_the_light_is_brighter() -> None:
    picture = draw(BLACK, [ball(0.0, 0.0, 0.2, 0.3)])[..., 0]
    columns = np.nonzero(picture.sum(0))[0]
    left, right = columns[1:4], columns[-4:-1]

    assert LIGHT[0] < 0
    assert picture[:, left].max() > picture[:, right].max()


def test_a_box_has_flat_faces_one_brightness_each() -> None:
    box = Box(centre=point(0.0, 0.0, 0.2), half=point(0.2, 0.2, 0.2), colour=RED)
    shades = np.unique(draw(BLACK, [box])[..., 0].round(5))

    assert 3 <= len(shades) <= 4  # black, top, front, and perhaps a sliver of a side


def test_a_capsule_ends_in_round_caps_and_no_further() -> None:
    capsule = Capsule(a=point(-0.3, 0.0, 0.1), b=point(0.3, 0.0, 0.1), radius=0.1, colour=RED)
    spots = camera(65, 65).table[draw(BLACK, [capsule])[..., 0] > 0]

    assert spots[:, 0].max() == pytest.approx(0.4, abs=0.06)
    assert spots[:, 0].min() == pytest.approx(-0.4, abs=0.06)


def test_what_is_out_of_view_changes_nothing() -> None:
    assert (draw(BLACK, [ball(9.0, 0.0, 0.1, 0.1), ball(0.0, -9.0, 0.1, 0.1)]) == 0).all()


def test_drawing_leaves_the_background_as_it_was() -> None:
    background = BLACK.copy()
    draw(background, [ball(0.0, 0.0, 0.1, 0.2)])

    assert (background == 0).all()


def _pixels(picture: np.ndarray, channel: int) -> int:
    return int((picture[..., channel] > 0).sum())
