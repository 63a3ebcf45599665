"""Planted tables of errors get the blame they deserve, and no table gets more than its windows can carry."""

from collections.abc import Mapping, Sequence

import pytest
import torch

from adapt.evaluate.blame import (
    ACTION_HEAD,
    CANNOT_TELL,
    CODEC,
    IMAGINED,
    JOINT,
    NOTHING,
    PICTURE,
    ROUND_TRIP,
    TRUE_FUTURE,
    Blame,
)
from adapt.evaluate.blaming import Following, Rungs, find_blame, follow
from adapt.evaluate.bootstrap import Bootstrap
from adapt.evaluate.record import CODEC_CEILING, COPY_LAST, HOLD_LAST, MEAN

FAST = Bootstrap(resamples=300)
FINE = {HOLD_LAST: 0.30, MEAN: 0.35, TRUE_FUTURE: 0.08, ROUND_TRIP: 0.09, IMAGINED: 0.10}
CLEAR = {COPY_LAST: 0.06, CODEC_CEILING: 0.006, IMAGINED: 0.012}


def column(mean: float, windows: int, seed: int) -> list[float]:
    """Errors around `mean`, a tenth of it apart."""
    noise = torch.randn(windows, generator=torch.Generator().manual_seed(seed))
    return (mean * (1 + 0.1 * noise)).tolist()


def rungs(
    actions: Mapping[str, float] | None = None,
    pixels: Mapping[str, float] = CLEAR,
    *,
    windows: int = 24,
    following: Following | None = None,
) -> Rungs:
    """A table with these mean errors, from six sessions."""
    given = actions or {}
    return Rungs(
        windows=[f"w{number}" for number in range(windows)],
        sessions=[f"s{number % 6}" for number in range(windows)],
        pixels={name: column(mean, windows, seed) for seed, (name, mean) in enumerate(pixels.items())},
        actions={name: column(mean, windows, 10 + seed) for seed, (name, mean) in enumerate(given.items())},
        following=following,
    )


def blamed(
    actions: Mapping[str, float] | None = None,
    pixels: Mapping[str, float] = CLEAR,
    *,
    windows: int = 24,
    following: Following | None = None,
) -> Blame:
    return find_blame(rungs(actions, pixels, windows=windows, following=following), FAST)


def test_where_every_rung_is_good_nothing_is_at_fault() -> None:
    found = blamed(FINE)
    assert found.at_fault == NOTHING
    assert found.measure == "actions.overall"
    assert found.ladder == pytest.approx(FINE, rel=0.1)
    assert "holding still: 29.2%" in found.reason


def test_a_head_that_cannot_read_the_true_future_is_at_fault_whatever_the_picture_does() -> None:
    for imagined in (0.1, 0.5):
        found = blamed(FINE | {TRUE_FUTURE: 0.32, ROUND_TRIP: 0.32, IMAGINED: imagined})
        assert found.at_fault == ACTION_HEAD
        assert found.reason.startswith("Read from the true future, actions are off by 3")
        assert "statistics" not in found.reason


def test_a_head_that_gains_next_to_nothing_from_the_truth_is_at_fault_too() -> None:
    assert blamed(FINE | {TRUE_FUTURE: 0.28, ROUND_TRIP: 0.28, IMAGINED: 0.28}).at_fault == ACTION_HEAD


def test_a_joint_head_that_can_do_it_is_named_beside_a_head_that_cannot() -> None:
    broken = FINE | {TRUE_FUTURE: 0.5, ROUND_TRIP: 0.5, IMAGINED: 0.5}
    assert "The joint head can do it: 1" in blamed(broken | {JOINT: 0.12}).reason
    assert "joint" not in blamed(broken | {JOINT: 0.6}).reason


def test_a_picture_from_which_less_is_read_than_from_the_truth_is_at_fault() -> None:
    found = blamed(FINE | {IMAGINED: 0.25})
    assert found.at_fault == PICTURE
    assert "of what the head can read is lost" in found.reason


def test_a_codec_whose_round_trip_loses_what_the_head_reads_is_at_fault() -> None:
    assert blamed(FINE | {ROUND_TRIP: 0.25}).at_fault == CODEC


def test_of_codec_and_picture_the_one_that_loses_more_is_at_fault() -> None:
    assert blamed(FINE | {ROUND_TRIP: 0.20, IMAGINED: 0.29}).at_fault == PICTURE
    assert blamed(FINE | {ROUND_TRIP: 0.29, IMAGINED: 0.20}).at_fault == CODEC


def test_a_loss_that_is_certain_but_small_is_no_fault() -> None:
    assert blamed(FINE | {IMAGINED: 0.12}).at_fault == NOTHING


def test_a_codec_that_shows_no_more_than_a_frozen_frame_is_at_fault_before_all_else() -> None:
    blind = CLEAR | {CODEC_CEILING: 0.058, IMAGINED: 0.058}
    for actions in (None, FINE, FINE | {TRUE_FUTURE: 0.5, IMAGINED: 0.5, ROUND_TRIP: 0.5}):
        found = blamed(actions, blind)
        assert found.at_fault == CODEC
        assert "as wrong as a frozen frame" in found.reason


@pytest.mark.parametrize(("size", "error"), [(12.0, 3.0), (0.05, 0.36)])
def test_actions_of_the_right_shape_and_the_wrong_size_point_to_another_bodys_statistics(
    size: float, error: float
) -> None:
    swapped = FINE | {TRUE_FUTURE: error, ROUND_TRIP: error, IMAGINED: error}
    found = blamed(swapped, following=Following(correlation=0.93, size=size))
    assert found.at_fault == ACTION_HEAD
    assert f"correlation 0.93) at {size:.2g} times their size: suspect the statistics" in found.reason


@pytest.mark.parametrize("error", [0.16, 0.24])
def test_actions_of_the_right_shape_told_far_too_small_are_suspected_though_their_error_gives_nothing_away(
    error: float,
) -> None:
    tiny = FINE | {TRUE_FUTURE: error, ROUND_TRIP: error, IMAGINED: error}
    found = blamed(tiny, following=Following(correlation=0.8, size=0.05))
    assert found.at_fault == ACTION_HEAD
    assert "0.05 times their size: suspect the statistics" in found.reason
    for harmless in (Following(correlation=0.8, size=0.7), Following(correlation=0.2, size=0.05)):
        assert blamed(tiny, following=harmless).at_fault != ACTION_HEAD


def test_a_codec_that_may_be_too_poor_is_named_before_head_or_picture_are_blamed() -> None:
    wide = [0.06 * (0.15 if place % 6 < 2 else 0.8) for place in range(24)]
    table = rungs(FINE | {TRUE_FUTURE: 0.32, ROUND_TRIP: 0.32, IMAGINED: 0.32})
    pixels: dict[str, Sequence[float]] = {**table.pixels, CODEC_CEILING: wide, IMAGINED: [1.1 * one for one in wide]}
    for actions in (table.actions, {}):
        found = find_blame(Rungs(windows=table.windows, sessions=table.sessions, pixels=pixels, actions=actions), FAST)
        assert found.at_fault == CANNOT_TELL
        assert "the codec's own picture of the truth is 5" in found.reason


def test_actions_beyond_their_whole_range_point_to_statistics_even_without_a_shape() -> None:
    swapped = FINE | {TRUE_FUTURE: 3.0, ROUND_TRIP: 3.0, IMAGINED: 3.0}
    assert "more than their whole range: suspect the statistics" in blamed(swapped).reason


def test_a_head_without_a_shape_and_within_range_does_not_accuse_the_statistics() -> None:
    broken = FINE | {TRUE_FUTURE: 0.5, ROUND_TRIP: 0.5, IMAGINED: 0.5}
    assert "statistics" not in blamed(broken, following=Following(correlation=0.1, size=1.0)).reason


def test_too_few_windows_cannot_tell_and_say_how_many_there_were() -> None:
    found = blamed(FINE | {IMAGINED: 0.25}, windows=3)
    assert found.at_fault == CANNOT_TELL
    assert "cannot be told from 3 held-out windows, of 8 at least" in found.reason


def test_a_difference_that_drowns_in_noise_cannot_be_told() -> None:
    noisy = rungs(FINE)
    wild = [0.08 + 0.5 * (number % 2) * (number % 3) for number in range(24)]
    found = find_blame(
        Rungs(
            windows=noisy.windows,
            sessions=noisy.sessions,
            pixels=noisy.pixels,
            actions={**noisy.actions, TRUE_FUTURE: wild},
        ),
        FAST,
    )
    assert found.at_fault == CANNOT_TELL
    assert "can read at all" in found.reason


def test_without_labels_codec_and_picture_are_judged_and_the_head_is_not() -> None:
    fine = blamed()
    assert (fine.at_fault, fine.measure) == (NOTHING, "video.motion_error")
    assert fine.reason.endswith("Action head: not applicable: no labels.")
    poor = blamed(pixels=CLEAR | {IMAGINED: 0.05})
    assert poor.at_fault == PICTURE
    assert "codec 90%, imagined picture 1" in poor.reason


def test_without_the_source_video_the_picture_is_judged_beside_a_frozen_frame() -> None:
    seen = {COPY_LAST: 0.06, IMAGINED: 0.055}
    assert blamed(pixels=seen).at_fault == PICTURE
    assert blamed(pixels=seen | {IMAGINED: 0.01}).at_fault == NOTHING


def test_the_windows_that_lose_most_at_the_rung_at_fault_come_first() -> None:
    table = rungs(FINE | {IMAGINED: 0.25})
    imagined = list(table.actions[IMAGINED])
    imagined[7], imagined[3] = 0.5, 0.45
    # Window 11 is bad as a whole: not because of the picture.
    true, imagined[11] = list(table.actions[TRUE_FUTURE]), 0.35
    true[11] = 0.25
    actions: dict[str, Sequence[float]] = {**table.actions, IMAGINED: imagined, TRUE_FUTURE: true}
    found = find_blame(
        Rungs(windows=table.windows, sessions=table.sessions, pixels=table.pixels, actions=actions), FAST
    )
    assert found.at_fault == PICTURE
    assert found.worst[:2] == ("w7", "w3")
    assert "w11" not in found.worst


def test_windows_in_which_nothing_moves_are_left_out_and_none_is_no_ground_to_judge() -> None:
    table = rungs()
    gone = [float("nan")] * 24
    some = {name: [*gone[:4], *list(row)[4:]] for name, row in table.pixels.items()}
    found = find_blame(Rungs(windows=table.windows, sessions=table.sessions, pixels=some, actions={}), FAST)
    assert found.windows == 20
    none = dict.fromkeys(table.pixels, gone)
    found = find_blame(Rungs(windows=table.windows, sessions=table.sessions, pixels=none, actions={}), FAST)
    assert found.at_fault == CANNOT_TELL
    assert found.ladder == {}


def test_following_sees_the_shape_of_each_axis_apart_from_size_and_offset() -> None:
    true = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    found = follow(true, true * torch.tensor([4.0, 4.0, 40.0]) + 7)
    assert found is not None
    assert found.correlation == pytest.approx(1.0)
    assert found.size == pytest.approx(4.0)
    other = follow(true, torch.randn(50, 3, generator=torch.Generator().manual_seed(1)))
    assert other is not None
    assert abs(other.correlation) < 0.4


def test_following_leaves_out_unknown_steps_and_axes_that_do_not_move() -> None:
    true = torch.tensor([[0.0, 5.0], [1.0, 5.0], [torch.nan, 5.0], [2.0, 5.0]])
    found = follow(true, torch.tensor([[0.0, 1.0], [2.0, 2.0], [9.0, 3.0], [4.0, 4.0]]))
    assert found is not None
    assert (found.correlation, found.size) == (pytest.approx(1.0), pytest.approx(2.0))
    assert follow(true[:, 1:], true[:, 1:]) is None
