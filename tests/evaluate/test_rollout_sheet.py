"""Several policies in the same scenes stand on one sheet, each with its rows, in its place, under its word."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from adapt.evaluate.rollout_film import Rollout, Shot
from adapt.evaluate.rollout_sheet import CELL_PX, Scene, Strip, Take, cut_strip, draw_scenes, join_cells, part_cells


def plain(red: int, green: int, blue: int, side: int = 40) -> Tensor:
    return torch.tensor((red, green, blue), dtype=torch.uint8).expand(side, side, 3).contiguous()


def rollout(shade: int, *, foreseen: bool = True) -> Rollout:
    """2.4 s, looked at every 0.8 s, pictures every 0.2 s: reality gets redder and what was foreseen bluer."""
    shots = tuple(
        Shot(
            time_s=step / 5,
            ahead_s=0.0 if step == 0 else ((step - 1) % 4 + 1) / 5,
            real=plain(100 + 10 * step, shade, 0),
            foreseen=plain(0, shade, 100 + 10 * step, 16) if foreseen else None,
        )
        for step in range(13)
    )
    return Rollout(instruction="put the red block far left", success=True, shots=shots)


def take(who: str, shade: int, *, success: bool = True, foreseen: bool = True) -> Take:
    return Take(who=who, success=success, strip=cut_strip(rollout(shade, foreseen=foreseen)))


def scene(*takes: Take) -> Scene:
    return Scene(instruction="put the red block far left", takes=takes)


def where(picture: Tensor, *colour: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of all pixels of a colour."""
    there = (picture == torch.tensor(colour, dtype=torch.uint8)).all(-1)
    rows, columns = there.any(1).nonzero(), there.any(0).nonzero()
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


def test_a_strip_has_the_last_moments_before_each_look_above_what_was_foreseen_of_them() -> None:
    strip = cut_strip(rollout(7))
    assert strip.times_s == (0.0, 0.8, 1.6, 2.4)
    assert strip.cells.shape == (2, 4, CELL_PX, CELL_PX, 3)
    assert strip.cells[:, :, 50, 50].tolist() == [
        [[100, 7, 0], [140, 7, 0], [180, 7, 0], [220, 7, 0]],
        [[0, 7, 100], [0, 7, 140], [0, 7, 180], [0, 7, 220]],
    ]
    assert cut_strip(rollout(7, foreseen=False)).cells.shape[0] == 1
    assert cut_strip(rollout(7), columns=2).times_s == (0.0, 2.4)


@pytest.mark.parametrize("strip", [cut_strip(rollout(7)), cut_strip(rollout(7, foreseen=False))], ids=["two", "one"])
def test_a_strip_comes_back_from_its_picture(strip: Strip) -> None:
    again = part_cells(join_cells(strip), strip.times_s)
    assert torch.equal(again.cells, strip.cells)
    assert again.times_s == strip.times_s


@pytest.mark.parametrize("times", [(), (0.0,), (0.0, 0.8, 1.6)])
def test_a_picture_that_does_not_hold_so_many_cells_is_refused(times: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="square cells"):
        part_cells(join_cells(cut_strip(rollout(7))), times)


def test_on_the_sheet_policies_stand_below_each_other_and_moments_in_columns() -> None:
    sheet = draw_scenes([scene(take("base", 1), take("adapted", 2)), scene(take("base", 3), take("adapted", 4))])
    real = [where(sheet, 140, shade, 0) for shade in (1, 2, 3, 4)]
    imagined = [where(sheet, 0, shade, 140) for shade in (1, 2, 3, 4)]
    tops = [top for pair in zip(real, imagined, strict=True) for top, _, _, _ in pair]
    assert tops == sorted(tops)
    assert all(below - above >= CELL_PX for above, below in pairwise(tops))
    assert len({(left, right) for _, _, left, right in (*real, *imagined)}) == 1
    assert where(sheet, 100, 1, 0)[3] < where(sheet, 140, 1, 0)[2]
    assert sheet.shape[1] > max(right for _, _, _, right in real)


def test_done_and_not_done_look_otherwise() -> None:
    done = draw_scenes([scene(take("base", 1))])
    assert not torch.equal(done, draw_scenes([scene(take("base", 1, success=False))]))
    assert torch.equal(done, draw_scenes([scene(take("base", 1))]))


def test_what_cannot_be_shown_takes_a_row_and_says_why() -> None:
    gone = Take(who="base", success=True, strip=None, note="not shown: it ended otherwise")
    with_it, without = draw_scenes([scene(gone, take("adapted", 2))]), draw_scenes([scene(take("adapted", 2))])
    assert where(with_it, 140, 2, 0)[0] - where(without, 140, 2, 0)[0] > CELL_PX
    assert not torch.equal(with_it, draw_scenes([scene(replace(gone, note=""), take("adapted", 2))]))


def test_times_are_told_where_they_are_those_of_all() -> None:
    other = Take(who="adapted", success=True, strip=cut_strip(rollout(2), columns=3))
    assert scene(take("base", 1), take("adapted", 2)).times_s == (0.0, 0.8, 1.6, 2.4)
    assert scene(take("base", 1), other).times_s == ()


def test_a_long_name_stays_left_of_the_pictures() -> None:
    sheet = draw_scenes([scene(take("adapted, recording.minutes 20.0, and more", 1))])
    top, _, left, _ = where(sheet, 100, 1, 0)
    assert (sheet[top:, left - 8 : left] == 255).all()
    assert (sheet[top:, : left - 8] < 200).any()


def test_a_caption_stands_above_all() -> None:
    bare, told = draw_scenes([scene(take("base", 1))]), draw_scenes([scene(take("base", 1))], "The first ones.")
    added = told.shape[0] - bare.shape[0]
    assert added > 0
    assert torch.equal(told[added + 12 :], bare[12:])
    assert (told[:added] < 200).any()
