import numpy as np
import pytest
import torch
from footage_builder import Frames, Scene, altered, film, watch

from adapt.footage.settings import FootageConfig
from adapt.footage.shots import first_looks

THRESHOLD = FootageConfig().shot_change


def shots(frames: Frames) -> list[int]:
    return first_looks([look.change for look in watch(frames).looks], THRESHOLD)


def brightened(frames: Frames, factors: list[float]) -> Frames:
    parts = [altered(frame[None], lambda x, f=factor: f * x) for frame, factor in zip(frames, factors, strict=True)]
    return torch.cat(parts)


@pytest.mark.parametrize("size", [(90, 160), (180, 320), (720, 1280)], ids=str)
@pytest.mark.parametrize("places", [(0, 1), (2, 3), (4, 5)], ids=str)
def test_a_cut_is_found_at_the_look_after_it(places: tuple[int, int], size: tuple[int, int]) -> None:
    one, other = (film(Scene(place=place, looks=8, size=size)) for place in places)
    assert shots(torch.cat([one, other])) == [0, 8]


def test_several_cuts_are_found() -> None:
    films = [film(Scene(place=place, looks=6)) for place in range(5)]
    assert shots(torch.cat(films)) == [0, 6, 12, 18, 24]


@pytest.mark.parametrize("head_px", [0.0, 6.0, 20.0])
def test_a_head_that_turns_makes_no_cut(head_px: float) -> None:
    assert shots(film(Scene(head_px=head_px, looks=40))) == [0]


@pytest.mark.parametrize("factor", [0.4, 0.7, 1.5])
def test_light_that_is_switched_makes_no_cut(factor: float) -> None:
    assert shots(brightened(film(Scene(looks=16)), [1.0] * 8 + [factor] * 8)) == [0]


@pytest.mark.parametrize("factor", [0.4, 1.8])
def test_a_flash_makes_no_cut(factor: float) -> None:
    assert shots(brightened(film(Scene(looks=16)), [1.0] * 8 + [factor] + [1.0] * 7)) == [0]


def test_noise_in_the_dark_makes_no_cut() -> None:
    draw = np.random.default_rng(0)
    black = torch.from_numpy(draw.integers(0, 6, (20, 90, 160, 3)).astype(np.uint8))
    assert shots(black) == [0]


def test_a_picture_that_goes_black_ends_its_shot() -> None:
    one = film(Scene(looks=8))
    assert shots(torch.cat([one, torch.zeros_like(one)])) == [0, 8]


def test_a_change_must_stand_out_from_those_around_it() -> None:
    assert first_looks([0.0, 0.1, 0.9, 0.1, 0.1], 0.3) == [0, 2]
    assert first_looks([0.0, 0.1, 0.9, 0.8, 0.9], 0.3) == [0]
    assert first_looks([0.0, 0.05, 0.2, 0.05], 0.3) == [0]
    assert first_looks([], 0.3) == [0]
