"""Copies through what people do to videos; and takes of one task at one place, which are no copies."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from footage_builder import Frames, Scene, altered, film, scaled, watch
from PIL import Image

from adapt.footage import copies as search
from adapt.footage.alignment import WHOLE, Crop, apart, find_crop, fit
from adapt.footage.copies import Copy, Library
from adapt.footage.settings import FootageConfig
from adapt.footage.watch import Watched

THRESHOLD = FootageConfig().max_likeness
SOURCE = film(Scene(looks=60))


def found(earlier: Watched, later: Watched) -> list[Copy]:
    library = Library()
    library.add(earlier)
    return library.copies(later, THRESHOLD)


def covered_s(copies: list[Copy]) -> float:
    spans = [(round(5 * copy.start_s), round(5 * copy.end_s)) for copy in copies]
    return len({look for first, last in spans for look in range(first, last)}) / 5


def coded(frames: Frames, quality: int) -> Frames:
    out = []
    for frame in frames:
        buffer = io.BytesIO()
        Image.fromarray(frame.numpy()).save(buffer, "jpeg", quality=quality)
        out.append(np.array(Image.open(buffer)))
    return torch.from_numpy(np.stack(out))


def cropped(frames: Frames, top: float, bottom: float, left: float, right: float) -> Frames:
    _, height, width, _ = frames.shape
    rows = slice(round(top * height), round((1 - bottom) * height))
    return frames[:, rows, round(left * width) : round((1 - right) * width)].contiguous()


@pytest.mark.parametrize(
    "change",
    [
        lambda frames: coded(frames, 60),
        lambda frames: coded(frames, 25),
        lambda frames: coded(frames, 8),
        lambda frames: scaled(frames, 120, 213),
        lambda frames: scaled(frames, 90, 160),
        lambda frames: scaled(frames, 360, 640),
        lambda frames: cropped(frames, 0.02, 0.02, 0.02, 0.02),
        lambda frames: cropped(frames, 0.05, 0.05, 0.05, 0.05),
        lambda frames: cropped(frames, 0.1, 0.0, 0.0, 0.1),
        lambda frames: coded(cropped(scaled(frames, 120, 213), 0.04, 0.04, 0.04, 0.04), 25),
        lambda frames: altered(frames, lambda frame: 25 + 0.8 * frame),
        lambda frames: frames[7:],
    ],
    ids=[
        "coded well",
        "coded badly",
        "coded worse",
        "two thirds",
        "half",
        "double",
        "2 % off",
        "5 % off",
        "a corner off",
        "all at once",
        "paler",
        "begun later",
    ],
)
@pytest.mark.parametrize("copy_first", [False, True], ids=["source first", "copy first"])
def test_a_copy_is_found_again(change: Callable[[Frames], Frames], copy_first: bool) -> None:  # noqa: FBT001
    one, other = watch(SOURCE), watch(change(SOURCE))
    copies = found(other, one) if copy_first else found(one, other)
    assert covered_s(copies) >= 7.0


def test_a_copy_says_from_when_on_the_other_shows_the_same() -> None:
    copies = found(watch(SOURCE), watch(SOURCE[17:]))
    assert copies
    assert all(copy.of_start_s - copy.start_s == pytest.approx(3.4, abs=0.21) for copy in copies)
    assert {copy.of for copy in copies} == {0}


def test_a_short_piece_of_a_long_video_is_found_in_either_order() -> None:
    long, piece = watch(SOURCE), watch(SOURCE[20:32])
    assert covered_s(found(long, piece)) >= 1.0
    copies = found(piece, long)
    assert copies
    assert all(copy.start_s == pytest.approx(4.0, abs=0.25) for copy in copies)


def test_only_what_was_copied_counts() -> None:
    half = torch.cat([SOURCE[:30], film(Scene(place=7, looks=40))])
    copies = found(watch(SOURCE), watch(half))
    assert covered_s(copies) >= 3.0
    assert max(copy.end_s for copy in copies) <= 6.0 + 1.6


@pytest.mark.parametrize("place", range(4))
def test_takes_at_one_place_are_no_copies_of_each_other(place: int) -> None:
    library = Library()
    for take in range(5):
        watched = watch(film(Scene(place=place, take=take, looks=40, head_px=0.0)))
        assert library.copies(watched, THRESHOLD) == []
        library.add(watched)


def test_the_same_motion_over_things_that_lie_elsewhere_is_no_copy() -> None:
    """As a script, or a practised hand, does one task again and again."""

    def laid_out(places: list[tuple[int, int]]) -> Watched:
        frames = film(Scene(place=3, looks=40, head_px=0.0))
        for number, (down, right) in enumerate(places):
            shade = torch.tensor([(230, 40, 40), (40, 60, 200), (30, 160, 60)][number % 3], dtype=torch.uint8)
            frames[:, down : down + 22, right : right + 22] = shade
        return watch(frames)

    first = [(20, 30), (50, 250), (30, 150), (140, 40), (150, 270)]
    moved = [(down + 14 * (-1) ** number, right + 20) for number, (down, right) in enumerate(first)]
    assert found(laid_out(first), laid_out(first))
    assert found(laid_out(first), laid_out(moved)) == []


def test_the_same_motion_with_one_small_thing_elsewhere_is_no_copy() -> None:
    """A table with strong lines takes all of the correlation; the block on it is three cells wide."""

    def with_block(down: int, right: int) -> Watched:
        frames = film(Scene(place=3, looks=40, head_px=0.0))
        frames[:, down : down + 17, right : right + 30] = torch.tensor((230, 40, 40), dtype=torch.uint8)
        return watch(frames)

    here, there = with_block(20, 40), with_block(20, 240)
    assert fit(here.thumbs.mean(0, dtype=np.float32), there.thumbs.mean(0, dtype=np.float32)) > 0.9
    assert found(here, with_block(20, 40))
    assert found(here, there) == []


def test_what_is_off_by_a_cell_or_paler_is_not_apart_but_what_is_missing_is() -> None:
    thumb = watch(SOURCE[:1]).thumbs[0].astype(np.float32)
    moved = np.concatenate([thumb[:, :1], thumb[:, :-1]], axis=1)
    assert apart(thumb, 0.8 * thumb + 20) == pytest.approx(0.0, abs=1e-5)
    assert apart(thumb, moved) < 0.1
    without = thumb.copy()
    without[10:13, 10:13] = thumb.max() + 2 * thumb.std()
    assert apart(thumb, without) > 0.5
    assert apart(without, thumb) == apart(thumb, without)


def test_other_places_are_no_copies() -> None:
    library = Library()
    for place in range(12):
        watched = watch(film(Scene(place=place, looks=30)))
        assert library.copies(watched, THRESHOLD) == []
        library.add(watched)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_pictures_that_show_nothing_are_no_copies(level: int) -> None:
    nothing = watch(torch.full((30, 90, 160, 3), level, dtype=torch.uint8))
    assert found(nothing, nothing) == []


def test_light_that_flickers_alike_is_no_motion() -> None:
    levels = [60 + 100 * (look % 3) for look in range(30)]
    frames = torch.zeros(30, 48, 64, 3, dtype=torch.uint8)
    for frame, level in zip(frames, levels, strict=True):
        frame[:] = level % 256
        frame[:24, :32] = 255
    assert found(watch(frames), watch(frames)) == []


def test_a_video_too_short_to_be_known_again_does_not_trouble_the_others() -> None:
    library = Library()
    for looks in (1, 2, 4, 60):
        watched = watch(film(Scene(looks=looks)))
        assert library.copies(watched, THRESHOLD) == []
        library.add(watched)


def test_a_threshold_of_one_finds_none() -> None:
    library = Library()
    library.add(watch(SOURCE))
    assert library.copies(watch(SOURCE), 1.0) == []
    assert library.copies(watch(SOURCE), 0.99) != []


@pytest.mark.parametrize("crop", [Crop(0.94, 0.0, 0.0), Crop(0.9, 0.05, -0.1), Crop(0.88, -0.12, 0.12)])
def test_the_crop_of_a_thumbnail_is_found_to_within_a_hundredth(crop: Crop) -> None:
    thumb = watch(SOURCE[:1]).thumbs[0].astype(np.float32)
    shown = np.rint(crop.apply(thumb))
    assert fit(thumb, shown) < 0.9
    assert find_crop(thumb, shown).zoom == pytest.approx(crop.zoom, abs=0.01)
    assert fit(thumb, shown, find_crop(thumb, shown)) > 0.97


def test_what_is_not_cropped_needs_no_crop() -> None:
    thumb = watch(SOURCE[:1]).thumbs[0].astype(np.float32)
    assert find_crop(thumb, thumb) == WHOLE
    assert not Crop(0.9, 0.0, 0.0).is_whole


def test_a_copy_is_found_among_many_takes_at_one_table_and_the_earliest_is_named() -> None:
    takes = [watch(film(Scene(place=3, take=take, looks=30, head_px=0.0, size=(90, 160)))) for take in range(30)]
    library = Library()
    for watched in [*takes, takes[17]]:
        library.add(watched)
    again = watch(coded(film(Scene(place=3, take=17, looks=30, head_px=0.0, size=(90, 160))), 30))
    copies = library.copies(again, THRESHOLD)
    assert {copy.of for copy in copies} == {17}


def test_of_many_takes_at_one_table_a_stretch_is_compared_with_two_dozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a thousand would take hours; the most similar one alone is not always the copy."""
    compared: list[Watched] = []
    find = search._find

    def noting(source: Watched, *rest: Any) -> Any:
        compared.append(source)
        return find(source, *rest)

    monkeypatch.setattr(search, "_find", noting)
    library = Library()
    for take in range(30):
        library.add(watch(film(Scene(place=3, take=take, looks=14, head_px=0.0, size=(45, 80)))))
    assert library.copies(watch(film(Scene(place=3, take=99, looks=14, head_px=0.0, size=(45, 80)))), THRESHOLD) == []
    assert len(compared) == 24


def test_the_earliest_copy_that_counts_is_named() -> None:
    library = Library()
    for frames in (SOURCE, scaled(SOURCE, 120, 213)):
        library.add(watch(frames))
    again = watch(coded(SOURCE, 60))
    assert {copy.of for copy in library.copies(again, THRESHOLD)} == {0}
    assert {copy.of for copy in library.copies(again, THRESHOLD, lambda copy: copy.of == 1)} == {1}
    assert {copy.of for copy in library.copies(again, THRESHOLD, lambda _copy: False)} == {0}
