"""How the camera turned is told from the picture, whatever the size, the light and the place; and no more than that."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from footage_builder import Scene, altered, film
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor
from turning_builder import STILL, place_of, seen_from

from adapt.footage.camera_motion import CameraMotion, camera_motion
from adapt.footage.junk import camera_figures
from adapt.footage.pairs import Pairing, Pairs
from adapt.footage.picture import shrink

PLACES = [place_of(seed) for seed in range(3)]
NEAR_DEG = 0.15


def motion(before: Tensor, now: Tensor) -> CameraMotion | None:
    pairing = Pairing()
    pairing.look(shrink(before))
    pairs = pairing.look(shrink(now))
    return camera_motion(pairs, np.zeros(len(pairs.now), np.bool_), now.shape[1] / now.shape[0])


def angle_deg(before: Tensor, now: Tensor, fov_deg: float = 70.0) -> float:
    found = motion(before, now)
    assert found is not None
    return found.angle_deg(fov_deg)


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize(
    "turn_deg", [STILL, (0, 0.4, 0), (0, 2, 0), (-3, 5, 1), (0, -12, 0), (10, -8, 6), (0, 25, 0), (0, 0, 12)]
)
def test_by_how_much_the_camera_turned_is_found(place: int, turn_deg: tuple[float, float, float]) -> None:
    found = angle_deg(seen_from(PLACES[place], STILL), seen_from(PLACES[place], turn_deg))
    true = math.hypot(*turn_deg)
    assert found == pytest.approx(true, abs=NEAR_DEG + 0.02 * true)


@given(yaw=st.floats(-8, 8), pitch=st.floats(-8, 8), roll=st.floats(-5, 5), place=st.integers(0, 2))
@settings(max_examples=12, deadline=None)
def test_turning_back_undoes_it_and_a_mirror_swaps_left_and_right(
    yaw: float, pitch: float, roll: float, place: int
) -> None:
    one, other = seen_from(PLACES[place], STILL), seen_from(PLACES[place], (pitch, yaw, roll))
    there, back, mirrored = motion(one, other), motion(other, one), motion(one.flip(1), other.flip(1))
    assert there is not None
    assert back is not None
    assert mirrored is not None
    assert back.angle_deg(70.0) == pytest.approx(there.angle_deg(70.0), abs=0.3)
    assert back.zoom * there.zoom == pytest.approx(1, abs=0.01)
    assert (mirrored.right, mirrored.roll_deg) == (
        pytest.approx(-there.right, abs=0.004),
        pytest.approx(-there.roll_deg, abs=0.3),
    )
    assert mirrored.down == pytest.approx(there.down, abs=0.004)


def test_the_picture_moves_against_the_camera_and_turns_as_told() -> None:
    still = seen_from(PLACES[0], STILL)
    moved = [motion(still, seen_from(PLACES[0], turn)) for turn in ((0, 6, 0), (-6, 0, 0), (0, 0, 6))]
    right, down, roll = (found for found in moved if found is not None)
    assert right.right == pytest.approx(math.tan(math.radians(6)) / 2 / math.tan(math.radians(35)), abs=0.002)
    assert down.down == pytest.approx(right.right, abs=0.002)
    assert roll.roll_deg == pytest.approx(6, abs=0.15)
    assert abs(roll.right) + abs(roll.down) + abs(right.down) + abs(down.right) < 0.006


@pytest.mark.parametrize("size", [(360, 640), (120, 160), (320, 180), (150, 150), (64, 64)])
def test_size_and_shape_of_the_picture_do_not_matter(size: tuple[int, int]) -> None:
    pictures = [seen_from(PLACES[0], turn, size=size) for turn in (STILL, (2, 7, 1))]
    assert angle_deg(*pictures) == pytest.approx(math.hypot(2, 7, 1), abs=0.4)


@pytest.mark.parametrize(("fov_deg", "off_deg"), [(45.0, 0.3), (55.0, 0.3), (90.0, 0.3), (110.0, 1.3)])
def test_a_declared_field_of_view_is_used(fov_deg: float, off_deg: float) -> None:
    """Measured as if through a lens of 70 degrees, and told as through another: less well the wider that is."""
    pictures = [seen_from(PLACES[1], turn, fov_deg=fov_deg) for turn in (STILL, (0, 6, 0))]
    assert angle_deg(*pictures, fov_deg) == pytest.approx(6, abs=off_deg)


def test_light_noise_and_blur_are_no_motion() -> None:
    draw = np.random.default_rng(0)
    still = seen_from(PLACES[2], STILL)[None]
    for change in (
        lambda frame: 0.5 * frame + 20,
        lambda frame: frame + 6 * draw.standard_normal(frame.shape),
        lambda frame: 1.3 * frame,
    ):
        assert angle_deg(still[0], altered(still, change)[0]) < NEAR_DEG


def test_moving_closer_is_no_turn() -> None:
    one, wide = seen_from(PLACES[0], STILL, size=(180, 320)), seen_from(PLACES[0], STILL, size=(198, 352))
    close = seen_from(PLACES[0], STILL, fov_deg=math.degrees(2 * math.atan(math.tan(math.radians(35)) / 1.1)))
    found = motion(one, close)
    assert wide.shape[1] == 1.1 * one.shape[1]
    assert found is not None
    assert found.zoom == pytest.approx(1.1, abs=0.01)
    assert found.angle_deg(70.0) < NEAR_DEG


@pytest.mark.parametrize("share", [0.2, 0.4])
def test_what_moves_otherwise_is_left_out_while_it_is_in_the_minority(share: float) -> None:
    before, now = seen_from(PLACES[0], STILL), seen_from(PLACES[0], (0, 3, 0))
    edge = round(share * before.shape[1])
    before[:, :edge], now[:, :edge] = seen_from(PLACES[1], STILL)[:, :edge], seen_from(PLACES[1], (5, -6, 0))[:, :edge]
    assert angle_deg(before, now) == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (seen_from(PLACES[0], STILL), seen_from(PLACES[1], STILL)),
        (torch.full((180, 320, 3), 128, dtype=torch.uint8), torch.full((180, 320, 3), 128, dtype=torch.uint8)),
        (torch.zeros(20, 640, 3, dtype=torch.uint8), torch.zeros(20, 640, 3, dtype=torch.uint8)),
        (seen_from(PLACES[0], STILL), seen_from(PLACES[0], STILL, size=(320, 180))),
    ],
    ids=["another scene", "one colour", "a strip", "another shape"],
)
def test_what_cannot_be_told_is_not_told(before: Tensor, now: Tensor) -> None:
    assert motion(before, now) is None


def test_noise_has_no_motion() -> None:
    draw = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (2, 180, 320, 3), dtype=torch.uint8, generator=draw)
    assert motion(noise[0], noise[1]) is None


def turned(spots: NDArray[np.float64], turn_deg: Sequence[float]) -> NDArray[np.float64]:
    """Where spots of a square picture are seen after a turn."""
    focal = 0.5 / math.tan(math.radians(35))
    rays = np.concatenate(((spots - 0.5) / focal, np.ones((len(spots), 1))), axis=1)
    rays = Rotation.from_rotvec(np.radians(turn_deg)).apply(rays)
    return np.asarray(rays[:, :2] / rays[:, 2:] * focal + 0.5)


def found_of(before: NDArray[np.float64], now: NDArray[np.float64]) -> CameraMotion | None:
    return camera_motion(Pairs(before=before, now=now), np.zeros(len(before), np.bool_), 1.0)


@pytest.mark.parametrize(("agree", "known"), [(8, False), (40, True)])
def test_what_few_of_many_spots_agree_on_is_no_motion_of_the_camera(agree: int, *, known: bool) -> None:
    draw = np.random.default_rng(1)
    before, now = draw.uniform(size=(2, 70, 2))
    now[:agree] = turned(before[:agree], (0, 4, 0))
    found = found_of(before, now)
    assert (found is not None) == known
    assert found is None or found.angle_deg(70.0) == pytest.approx(4, abs=0.05)


@pytest.mark.parametrize(("count", "known"), [(3, False), (5, False), (6, True)])
def test_a_handful_of_spots_is_too_few_though_they_agree(count: int, *, known: bool) -> None:
    before = np.random.default_rng(2).uniform(size=(count, 2))
    assert (found_of(before, turned(before, (0, 4, 0))) is not None) == known


def test_many_spots_together_know_better_than_two() -> None:
    draw = np.random.default_rng(3)
    off_deg = []
    for _ in range(20):
        before = draw.uniform(size=(40, 2))
        found = found_of(before, turned(before, (2, 4, 3)) + 0.003 * draw.standard_normal((40, 2)))
        assert found is not None
        off_deg.append(abs(found.angle_deg(70.0) - math.hypot(2, 4, 3)) + abs(found.zoom - 1) * 10)
    assert np.quantile(off_deg, 0.9) < 0.12


def test_spots_of_one_place_say_nothing() -> None:
    """However many: no two of them are far enough apart to tell a turn about that place from one about another."""
    spots = np.full((30, 2), 0.4)
    assert camera_motion(Pairs(before=spots, now=spots + 0.1), np.zeros(30, np.bool_), 1.0) is None


def test_of_tiles_that_look_the_same_the_near_one_is_meant() -> None:
    floor = seen_from(PLACES[0], STILL)[:60, :80].repeat(4, 5, 1)
    found = motion(floor[:180, :320], floor[2:182, 5:325])
    assert found is not None
    assert (found.right, found.down) == (pytest.approx(-5 / 320, abs=0.003), pytest.approx(-2 / 320, abs=0.003))
    assert found.share > 0.9


@given(seed=st.integers(0, 10_000), count=st.integers(0, 40), kind=st.sampled_from(["one", "line", "few", "any"]))
@settings(max_examples=60, deadline=None)
def test_whatever_pairs_there_are_it_answers(seed: int, count: int, kind: str) -> None:
    """Spots that fall into one, or onto one line, or come in a few heaps, as those of tiles do."""
    draw = np.random.default_rng(seed)
    before, now = draw.uniform(size=(2, count, 2))
    heaps = draw.uniform(size=(3, 2))[draw.integers(0, 3, count)]
    now = {"one": np.full_like(now, 0.3), "line": now * (1, 0), "few": heaps, "any": now}[kind]
    for one, other in ((before, now), (now, before)):
        found = found_of(one, other)
        assert found is None or (0 <= found.share <= 1 and math.isfinite(found.angle_deg(70.0)))


def test_it_reads_what_it_wrote() -> None:
    found = motion(seen_from(PLACES[0], STILL), seen_from(PLACES[0], (1, 3, 2)))
    assert found is not None
    assert CameraMotion.from_json(found.to_json()) == found


def test_a_film_that_sways_is_followed_and_a_film_at_rest_is_not() -> None:
    """Three pixels of 320 a look, by chance in both directions: some eight degrees a second; the hand in it counts
    for nothing.
    """
    rest, swaying = (
        [motion(*pair) for pair in pairwise(frames)] for frames in (film(Scene(head_px=0.0)), film(Scene(head_px=3.0)))
    )
    assert camera_figures(rest, 5.0, 70.0)["camera_deg_s"] < 0.3
    assert 3 < camera_figures(swaying, 5.0, 70.0)["camera_deg_s"] < 8


def test_figures_of_a_window_are_of_what_is_known_and_missing_where_that_is_too_little() -> None:
    turn = CameraMotion(right=0.0, down=0.0, roll_deg=4.0, zoom=1.0, share=1.0)
    fast = CameraMotion(right=0.0, down=0.0, roll_deg=-10.0, zoom=1.0, share=1.0)
    figures = camera_figures([turn, None, fast], 5.0, 70.0)
    assert figures == {"camera_known_share": 2 / 3, "camera_deg_s": 35.0, "camera_peak_deg_s": 50.0}
    assert camera_figures([turn, None, None, None], 5.0, 70.0) == {"camera_known_share": 0.25}
    assert camera_figures([], 5.0, 70.0) == {"camera_known_share": 0.0}
