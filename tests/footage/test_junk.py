"""Each kind of junk, planted at three strengths; and what comes near it but is not junk."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from footage_builder import (
    RATE_HZ,
    Frames,
    Scene,
    along_edge,
    altered,
    barred,
    blurred,
    film,
    scaled,
    side_by_side,
    watch,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from video_builder import even_times, shade

from adapt.footage import reasons
from adapt.footage.junk import STILL_LEVELS, bars_of, bars_share, crop, judge, shot_seam_share, still_stretches
from adapt.footage.settings import FootageConfig
from adapt.footage.watch import LookFigures

GOOD = film(Scene())
LOOK = watch(GOOD[:1]).looks[0]
OTHER = altered(film(Scene(place=2)), lambda frame: 1.25 * frame)
THIRD = altered(film(Scene(place=4)), lambda frame: 0.8 * frame)
# Lit from below, so that beside another picture now this one is the brighter, now that one.
LIT_FROM_BELOW = altered(GOOD, lambda frame: np.repeat([0.6, 1.6], 90)[:, None, None] * frame)


def verdict(frames: Frames, still_s: float = 0.0, **config: float) -> tuple[dict[str, float], str]:
    height, width = frames.shape[1:3]
    return judge(watch(frames).looks, still_s, FootageConfig(**config), size=(height, width))


def reason(frames: Frames) -> str:
    return reasons.common(verdict(frames)[1])


def times(factor: float) -> Frames:
    return altered(GOOD, lambda frame: factor * frame)


def colour_bars(bright: int, dark: int) -> Frames:
    """Eight bars that stand still, from white to black."""
    colours = torch.tensor([[bit & 2, bit & 4, bit & 1] for bit in range(7, -1, -1)]) > 0
    bars = torch.where(colours, bright, dark).to(torch.uint8).repeat_interleave(40, dim=0)
    return bars.expand(5, 180, 320, 3).contiguous()


def tinted(share: float) -> Frames:
    """A screen of one pure colour before most of the scene."""
    screen = GOOD.clone()
    screen[:, :, : round(320 * share)] = torch.tensor([235, 20, 30], dtype=torch.uint8)
    screen[:, 60:, : round(320 * share)] //= 2
    screen[:, 60:, : round(320 * share), 0] = 200
    return screen


@pytest.mark.parametrize("place", range(6))
def test_good_footage_is_kept_and_every_figure_is_recorded(place: int) -> None:
    figures, rejection = verdict(film(Scene(place=place)))
    assert rejection == ""
    assert set(figures) == {
        "brightness",
        "contrast",
        "white_share",
        "vivid_share",
        "seam_share",
        "bars_share",
        "blur",
        "still_s",
    }


@pytest.mark.parametrize(
    ("frames", "wanted"),
    [
        (times(0.18), reasons.DARK),
        (times(0.08), reasons.DARK),
        (times(0.0), reasons.DARK),
        (times(4.0), reasons.WHITE),
        (times(6.0), reasons.WHITE),
        (times(9.0), reasons.WHITE),
        (altered(GOOD, lambda frame: 120 + 0.06 * frame), reasons.PLAIN),
        (altered(GOOD, lambda frame: 90 + 0.03 * frame), reasons.PLAIN),
        (altered(GOOD, lambda frame: np.full_like(frame, 150)), reasons.PLAIN),
        (colour_bars(191, 0), reasons.TEST_CARD),
        (colour_bars(225, 20), reasons.TEST_CARD),
        (colour_bars(255, 0), reasons.TEST_CARD),
        (tinted(0.9), reasons.TEST_CARD),
        (side_by_side(GOOD, OTHER), reasons.PANELS),
        (side_by_side(GOOD, LIT_FROM_BELOW), reasons.PANELS),
        (side_by_side(GOOD, OTHER, THIRD), reasons.PANELS),
        (side_by_side(GOOD, OTHER, divider_px=6), reasons.PANELS),
        (side_by_side(GOOD, OTHER).transpose(1, 2).contiguous(), reasons.PANELS),
        (barred(GOOD, rows=0.25), reasons.BARS),
        (barred(GOOD, columns=0.44), reasons.BARS),
        (barred(GOOD, rows=0.3, columns=0.3), reasons.BARS),
        (blurred(GOOD, 3.0), reasons.BLURRED),
        (blurred(GOOD, 5.0), reasons.BLURRED),
        (blurred(GOOD, 9.0), reasons.BLURRED),
    ],
)
def test_planted_junk_is_found_and_called_by_its_name(frames: Frames, wanted: str) -> None:
    assert reason(frames) == wanted


@pytest.mark.parametrize(
    "frames",
    [
        times(0.4),
        times(1.5),
        altered(GOOD, lambda frame: 70 + 0.4 * frame),
        barred(GOOD, rows=0.12),
        blurred(GOOD, 1.5),
        scaled(GOOD, 90, 160),
    ],
    ids=["dim", "bright", "foggy", "narrow bars", "soft", "small"],
)
def test_what_comes_near_junk_is_kept(frames: Frames) -> None:
    assert verdict(frames)[1] == ""


def test_the_films_of_the_other_tests_are_no_junk() -> None:
    pictures = torch.zeros(len(even_times(10, 5)), 48, 64, 3, dtype=torch.uint8)
    for number, picture in enumerate(pictures):
        picture[:] = shade(2 * number)
        picture[:24, :32] = 255
    assert verdict(pictures)[1] == ""


def test_a_line_within_a_scene_is_no_seam() -> None:
    """A table's edge that runs straight across the picture: one side stays the brighter one."""
    edge = GOOD.clone()
    edge[:, 90:] = (edge[:, 90:].float() * 0.5).byte()
    edge[:, 90:, 100:190] = GOOD[:, 90:, 100:190]  # An arm reaches over it.
    assert verdict(edge)[1] == ""


def test_a_seam_must_stay_where_it_is() -> None:
    wandering = torch.cat([side_by_side(GOOD, OTHER)[place : place + 1].roll(8 * place, dims=2) for place in range(9)])
    assert reason(wandering) != reasons.PANELS


def test_what_lies_along_an_edge_for_a_while_is_no_seam_but_panels_last() -> None:
    looks = watch(along_edge(GOOD, range(7, 13))[:13]).looks
    panels = watch(side_by_side(GOOD, OTHER)).looks

    def found(seen: Sequence[LookFigures], shot: float) -> str:
        return reasons.common(judge(seen, 0.0, FootageConfig(), size=(180, 320), shot_seam_share=shot)[1])

    assert found(looks[7:], 1.0) == reasons.PANELS
    assert found(looks[7:], shot_seam_share(looks)) == ""
    assert found(panels, shot_seam_share(panels)) == reasons.PANELS


@pytest.mark.parametrize("barred_off", [range(5), range(20, 25)])
def test_looks_from_all_over_a_shot_are_asked_for_a_seam(barred_off: range) -> None:
    """Longer than the looks that are asked, with what looks like a seam at its beginning or its end alone."""
    looks = watch(along_edge(GOOD, barred_off)).looks
    assert shot_seam_share([look for look in looks for _ in range(4)]) < 0.2
    panels = watch(torch.cat([GOOD[:3], side_by_side(GOOD, OTHER)[3:]])).looks
    assert shot_seam_share([look for look in panels for _ in range(4)]) > FootageConfig().max_seam_share


def test_a_camera_that_turns_too_fast_is_the_reason_also_where_that_blurs_the_picture() -> None:
    fast = {"camera_known_share": 1.0, "camera_deg_s": 61.2, "camera_peak_deg_s": 90.0}
    for frames in (GOOD, blurred(GOOD, 5.0)):
        looks = watch(frames).looks
        lenient, strict = (
            judge(looks, 0.0, FootageConfig(max_camera_deg_s=most), size=(180, 320), camera=fast)
            for most in (61.5, 61.0)
        )
        assert reasons.common(lenient[1]) == ("" if frames is GOOD else reasons.BLURRED)
        assert strict[1] == f"{reasons.CAMERA} (it turns by 61 degrees a second)"
        assert fast.items() <= strict[0].items()


@pytest.mark.parametrize(
    ("key", "off", "frames"),
    [
        ("min_brightness", 0.0, times(0.18)),
        ("max_white_share", 1.0, times(4.0)),
        ("min_contrast", 0.0, altered(GOOD, lambda frame: 120 + 0.06 * frame)),
        ("max_vivid_share", 1.0, tinted(0.9)),
        ("max_seam_share", 1.0, side_by_side(GOOD, OTHER)),
        ("max_bars_share", 1.0, barred(GOOD, rows=0.25)),
        ("max_blur", 1.0, blurred(GOOD, 3.0)),
    ],
)
def test_each_threshold_can_be_set_to_keep_all(key: str, off: float, frames: Frames) -> None:
    assert verdict(frames)[1] != ""
    assert verdict(frames, **{key: off})[1] == ""


def test_the_reason_names_what_was_found() -> None:
    assert "white (" not in verdict(times(9.0))[1]
    assert verdict(times(0.08))[1].endswith("(its brightest parts reach 5% of white)")
    assert "crop=320:134:0:22" in verdict(barred(GOOD, rows=0.25))[1]


def moved(steps: Callable[[int], float]) -> list[float]:
    """How far looks moved that follow a path of grey levels: as measured, since a second before."""
    path = [float(steps(look)) for look in range(50)]
    return [abs(path[look] - path[max(0, look - 5)]) for look in range(50)]


def test_rest_is_told_from_work_and_from_slow_drift() -> None:
    busy = still_stretches(moved(lambda look: 40 * (look % 3)), RATE_HZ)
    assert max((last - first for first, last in busy), default=0) < RATE_HZ
    assert still_stretches(moved(lambda look: 2.5 * look), RATE_HZ) == []
    assert still_stretches(moved(lambda look: 0.6 * look), RATE_HZ) == [(0, 3)]  # Less than a second is known by then.
    assert still_stretches(moved(lambda look: 0.5 * (look % 3)), RATE_HZ) == [(0, 49)]
    assert still_stretches(moved(lambda look: 9.0 * min(look, 20)), RATE_HZ) == [(20, 49)]


@pytest.mark.parametrize("still_s", [3.2, 10.0, 600.0])
def test_a_window_within_a_long_rest_is_rejected(still_s: float) -> None:
    assert verdict(GOOD, still_s=still_s)[1] == f"{reasons.STILL} (for {still_s:.1f} s)"
    assert verdict(GOOD, still_s=2.8)[1] == ""


@pytest.mark.parametrize("noise", [0.0, 2.0, 5.0])
def test_a_camera_at_rest_counts_as_still_whatever_its_noise(noise: float) -> None:
    draw = np.random.default_rng(0)
    rest = altered(GOOD[:1].repeat(10, 1, 1, 1), lambda frame: frame + noise * draw.standard_normal(frame.shape))
    assert max(look.moved for look in watch(rest).looks) < STILL_LEVELS


def test_a_hand_that_moves_before_a_camera_at_rest_is_no_rest() -> None:
    looks = watch(film(Scene(head_px=0.0))).looks
    assert min(look.moved for look in looks[1:]) >= STILL_LEVELS


def test_bars_on_one_side_only_or_of_a_dark_scene_are_none() -> None:
    one = barred(GOOD, rows=0.3).roll(27, dims=1)  # All of it at the top.
    assert bars_share(bars_of(watch(one).looks)) == 0.0
    vignette = np.clip(np.minimum(np.arange(180), np.arange(180)[::-1]) / 60, 0, 1) ** 2
    assert bars_share(bars_of(watch(altered(GOOD, lambda frame: frame * vignette[:, None, None])).looks)) < 0.05


@pytest.mark.parametrize(
    ("sides", "common"),
    [
        ([(0.2, 0.19, 0.0, 0.0)], (0.2, 0.19, 0.0, 0.0)),
        ([(0.2, 0.15, 0.1, 0.11)], (0.0, 0.0, 0.1, 0.11)),
        ([(0.2, 0.2, 0.15, 0.1)], (0.2, 0.2, 0.0, 0.0)),
        ([(0.2, 0.2, 0.1, 0.0)], (0.2, 0.2, 0.0, 0.0)),
        ([(0.2, 0.2, 0.1, 0.1), (0.1, 0.12, 0.3, 0.3)], (0.1, 0.12, 0.1, 0.1)),
        ([(0.2, 0.2, 0.1, 0.1), (0.0, 0.0, 0.0, 0.0)], (0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_bars_come_in_pairs_of_like_size_and_are_in_every_look(
    sides: list[tuple[float, float, float, float]], common: tuple[float, float, float, float]
) -> None:
    assert bars_of([replace(LOOK, bars=each) for each in sides]) == common


@given(each=st.tuples(*[st.floats(0, 0.4)] * 4), height=st.integers(64, 2160), width=st.integers(64, 3840))
@settings(max_examples=50, deadline=None)
def test_the_recommended_crop_is_all_of_the_picture_within_the_bars_but_for_its_even_sides(
    each: tuple[float, float, float, float], height: int, width: int
) -> None:
    top, bottom, left, right = each
    told = re.fullmatch(r"ffmpeg -i IN\.mp4 -vf crop=(\d+):(\d+):(\d+):(\d+) OUT\.mp4", crop(each, (height, width)))
    assert told is not None
    wide, high, x, y = map(int, told.groups())
    assert all(number % 2 == 0 for number in (wide, high, x, y))
    for first, length, before, after, side in ((x, wide, left, right, width), (y, high, top, bottom, height)):
        assert before * side - 1e-6 <= first < before * side + 2 + 1e-6
        end = side * (1 - after)
        assert end - 2 - 1e-6 < first + length <= end + 1e-6


def test_the_recommended_crop_holds_no_bar_and_is_even() -> None:
    sides = (0.125, 0.125, 0.0, 0.0)
    assert crop(sides, (101, 321)) == "ffmpeg -i IN.mp4 -vf crop=320:74:0:14 OUT.mp4"


def test_judging_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="there are none"):
        judge([], 0.0, FootageConfig(), size=(1, 1))
