"""A spot is found again where it is, to parts of a pixel, and only where it is that spot."""

import numpy as np
import pytest
from footage_builder import place_picture
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.ndimage import shift as shifted

from adapt.footage import pairs
from adapt.footage.pairs import NO_PAIRS, Pairing, Pairs
from adapt.footage.picture import Picture

HEIGHT, WIDTH = 72, 128  # so that no pixel is made of others
PLACE = place_picture(3, HEIGHT + 40, WIDTH + 40).mean(2)


def picture(grey: NDArray[np.float64]) -> Picture:
    grey = grey.astype(np.float32)
    return Picture(rgb=np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2), grey=grey)


def between(before: NDArray[np.float64], now: NDArray[np.float64]) -> Pairs:
    pairing = Pairing()
    assert pairing.look(picture(before)) is NO_PAIRS
    return pairing.look(picture(now))


def window(down: int, right: int) -> NDArray[np.float64]:
    return PLACE[20 + down : 20 + down + HEIGHT, 20 + right : 20 + right + WIDTH]


@pytest.mark.parametrize(("right", "down"), [(0.0, 0.0), (3.3, 0.0), (0.0, -6.7), (-15.5, 4.25)])
def test_spots_are_found_again_to_a_tenth_of_a_pixel(right: float, down: float) -> None:
    moved = shifted(PLACE, (down, right), order=3, mode="nearest")[20 : 20 + HEIGHT, 20 : 20 + WIDTH]
    found = between(window(0, 0), moved)
    steps = (found.now - found.before) * (WIDTH, HEIGHT)
    assert len(steps) >= 20
    assert np.abs(np.median(steps, axis=0) - (right, down)).max() < 0.1


def test_along_a_straight_edge_no_spot_can_be_told_from_its_neighbours() -> None:
    """What tells them apart is noise, which is another in every look."""
    noise = np.random.default_rng(0).standard_normal((2, HEIGHT, WIDTH))
    edge = np.where(np.arange(WIDTH) < WIDTH // 2, 60.0, 180.0) * np.ones((HEIGHT, 1))
    assert len(between(edge + noise[0], edge + noise[1]).now) == 0
    edge[HEIGHT // 2 :] = 60.0
    assert len(between(edge + noise[0], edge + noise[1]).now) > 0


def test_what_is_alike_from_afar_alone_is_not_the_same_spot() -> None:
    """Fine stripes that leave the mean of every two by two pixels as it was."""
    stripes = 60.0 * (-1.0) ** np.arange(WIDTH)
    assert len(between(window(0, 0), window(0, 2)).now) >= 20
    assert len(between(window(0, 0), window(0, 2) + stripes).now) == 0


def test_a_place_that_lies_beyond_what_is_searched_is_not_sure() -> None:
    smooth = gaussian_filter(PLACE, 3.0)[20 : 20 + HEIGHT, 20 : 20 + WIDTH].astype(np.float32)
    spots = np.array([[row, column] for row in (8, 14, 20) for column in (10, 20, 30, 40)], np.int32)
    for off, sure in ((0, True), (1, True), (2, False), (3, False)):
        _, found = pairs._refined(smooth, smooth, spots, spots + np.array((0, off), np.int32))
        assert found.all() == sure
        assert found.any() == sure
