"""A film shows what happened beside what was foreseen, and one sheet has room for all of it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from adapt.evaluate.rollout_film import Rollout, Shot, draw_rollout, draw_sheet

RED, BLUE = (200, 30, 30), (30, 30, 200)


def plain(colour: Sequence[int], side: int) -> Tensor:
    return torch.tensor(colour, dtype=torch.uint8).expand(side, side, 3).contiguous()


def rollout(*, foreseen: bool = True, success: bool = True) -> Rollout:
    """3 s, looked at every 0.8 s, pictures every 0.2 s; reality is red, and what was foreseen is blue."""
    shots = tuple(
        Shot(
            time_s=step / 5,
            ahead_s=0.0 if step == 0 else ((step - 1) % 4 + 1) / 5,
            real=plain(RED, 100),
            foreseen=plain((0, 0, 40 + 10 * step), 64) if foreseen else None,
        )
        for step in range(16)
    )
    return Rollout(instruction="put the red block far left", success=success, shots=shots)


def columns_of(picture: Tensor, wanted: Sequence[int]) -> list[int]:
    """Where along a picture a colour is."""
    there = (picture == torch.tensor(wanted, dtype=torch.uint8)).all(-1).any(0)
    return [int(place) for place in there.nonzero()]


def test_reality_stands_left_and_what_was_foreseen_right() -> None:
    frames = draw_rollout(rollout())
    assert len(frames) == 16 + 5
    assert frames.shape[1] % 2 == frames.shape[2] % 2 == 0
    red, blue = columns_of(frames[3], RED), columns_of(frames[3], (0, 0, 70))
    assert len(red) == len(blue) == 320
    assert max(red) < min(blue)


def test_the_end_says_whether_it_was_done_and_stays_for_a_second() -> None:
    done, failed = draw_rollout(rollout()), draw_rollout(rollout(success=False))
    assert torch.equal(done[:15], failed[:15])
    assert not torch.equal(done[15], failed[15])
    assert torch.equal(done[15], done[-1])


def test_a_rollout_without_foresight_has_one_panel() -> None:
    assert draw_rollout(rollout(foreseen=False)).shape[2] == 336
    both, one = draw_sheet([rollout()]), draw_sheet([rollout(foreseen=False)])
    assert both.shape[0] - one.shape[0] == 132


def test_a_sheet_shows_the_last_moments_before_each_look_and_the_end() -> None:
    sheet = draw_sheet([rollout()], columns=10)
    # The beginning, 0.8, 1.6 and 2.4 s, and the end at 3 s.
    shown = {step for step in range(16) if columns_of(sheet, (0, 0, 40 + 10 * step))}
    assert shown == {0, 4, 8, 12, 15}


def test_a_sheet_has_no_more_columns_than_asked_for() -> None:
    sheet = draw_sheet([rollout(), rollout(foreseen=False)], columns=3)
    shown = {step for step in range(16) if columns_of(sheet, (0, 0, 40 + 10 * step))}
    assert len(shown) == 3
    assert {0, 15} <= shown
    assert len(columns_of(sheet, RED)) == 3 * 128
