"""Turns, mirrors and pixels that are not square, against the same done to the painted picture."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from coding_builder import Coding, film, quarters

from adapt.video.probe import probe
from adapt.video.reader import read_frames, stream_frames
from adapt.video.upright import Orientation, square_size

ONE = 1 << 16  # 1.0 in a display matrix


def matrix(turn_deg: int, *, mirrored: bool) -> list[int]:
    """The display matrix that turns anticlockwise and then swaps left and right."""
    cosine, sine = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[turn_deg]
    side = -1 if mirrored else 1
    return [side * cosine * ONE, -sine * ONE, 0, side * sine * ONE, cosine * ONE, 0, 0, 0, 1 << 30]


@pytest.mark.parametrize("mirrored", ["mirrored", ""])
@pytest.mark.parametrize("turn_deg", [0, 90, 180, 270])
def test_turned_and_mirrored_videos_are_shown_upright(tmp_path: Path, mirrored: str, turn_deg: int) -> None:
    path = film(tmp_path / "v", Coding(display_matrix=matrix(turn_deg, mirrored=bool(mirrored))))
    truth = 255 * np.rot90(quarters(2), k=turn_deg // 90)
    truth = truth[:, ::-1] if mirrored else truth
    frame = read_frames(path, [0.25]).frames[0].double().numpy()
    info = probe(path)
    assert np.abs(frame[5:-5:6, 5:-5:6] - truth[5:-5:6, 5:-5:6]).mean() < 6
    assert (info.height, info.width) == truth.shape[:2]
    assert (info.rotation_deg, info.mirrored) == (turn_deg, bool(mirrored))
    assert ("mirrored" in info.treatment) == bool(mirrored)
    assert next(stream_frames(path, 5.0))[1].shape == truth.shape


def test_a_tilted_matrix_is_taken_to_the_nearest_right_angle(tmp_path: Path) -> None:
    for turn_deg, nearest_deg in ((10, 0), (80, 90)):
        cosine, sine = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
        tilted = [round(value * ONE) for value in (cosine, -sine, 0, sine, cosine, 0, 0, 0)] + [1 << 30]
        path = film(tmp_path / f"v{turn_deg}", Coding(display_matrix=tilted))
        assert probe(path).rotation_deg == nearest_deg
        assert read_frames(path, [0.0]).frames.shape[1:3] == ((64, 48) if nearest_deg else (48, 64))


def test_two_turns_and_mirrors_have_names() -> None:
    assert Orientation(transpose=True).turn_deg == 270
    assert Orientation(transpose=True).mirrored
    assert not Orientation(flip_rows=True, flip_columns=True).mirrored


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        (Fraction(4, 3), (48, 85)),
        (Fraction(3, 4), (64, 64)),
        (Fraction(224, 225), (48, 64)),
        (Fraction(1, 1), (48, 64)),
        (Fraction(40, 1), (48, 64)),
    ],
)
def test_pixels_that_are_not_square_are_stretched(tmp_path: Path, aspect: Fraction, size: tuple[int, int]) -> None:
    path = film(tmp_path / "v", Coding(pixel_aspect=aspect))
    frame = read_frames(path, [0.25]).frames[0].double().numpy()
    info = probe(path)
    assert frame.shape == (*size, 3)
    assert (info.height, info.width) == size
    assert frame[size[0] // 4, size[1] // 4] == pytest.approx([200, 60, 40], abs=4)
    assert any("made square" in words for words in info.treatment) == (size != (48, 64))
    assert next(stream_frames(path, 5.0))[1].shape == (*size, 3)


def test_a_turned_video_is_stretched_before_it_is_turned(tmp_path: Path) -> None:
    path = film(tmp_path / "v", Coding(pixel_aspect=Fraction(4, 3), display_matrix=matrix(90, mirrored=False)))
    assert read_frames(path, [0.0]).frames.shape == (1, 85, 48, 3)


def test_a_file_that_says_nothing_has_square_pixels() -> None:
    assert square_size(av.VideoFrame(64, 48, "yuv420p"), None) == (48, 64)
