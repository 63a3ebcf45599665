"""Errors a reader can do the sum of, and agreement with torchmetrics, which computes them its own way."""

import math

import pytest
import torch
from torchmetrics.functional import mean_absolute_error, mean_squared_error
from torchmetrics.functional.image import peak_signal_noise_ratio

from adapt.evaluate.metrics import (
    action_error,
    false_motion_error,
    frame_error,
    latent_error,
    mean_by_step,
    motion_error,
    moving,
    psnr_db,
    share_of_range,
    step_errors,
)


def grey(value: int, frames: int = 2) -> torch.Tensor:
    return torch.full((frames, 4, 4, 3), value, dtype=torch.uint8)


def test_frame_error_is_the_mean_square_of_colours_in_zero_to_one() -> None:
    assert frame_error(grey(0), grey(51)).tolist() == [torch.tensor(0.2).square().item()] * 2


def test_frame_error_of_bytes_does_not_wrap_around() -> None:
    assert frame_error(grey(255), grey(0)).tolist() == frame_error(grey(0), grey(255)).tolist() == [1.0, 1.0]


def test_psnr_agrees_with_torchmetrics() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randint(0, 256, (1, 8, 8, 3), generator=generator, dtype=torch.uint8) for _ in range(2))
    wanted = peak_signal_noise_ratio(a / 255.0, b / 255.0, data_range=1.0)
    assert math.isclose(psnr_db(float(frame_error(a, b))), float(wanted), rel_tol=1e-5)


def test_errors_of_frames_latents_and_actions_agree_with_torchmetrics() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randint(0, 256, (3, 8, 6, 3), generator=generator, dtype=torch.uint8) for _ in range(2))
    for frame in range(3):
        wanted = mean_squared_error(a[frame] / 255.0, b[frame] / 255.0)
        assert math.isclose(float(frame_error(a, b)[frame]), float(wanted), rel_tol=1e-5)
    mask = torch.rand(3, 8, 6, generator=generator) > 0.5
    for frame in range(3):
        wanted = mean_squared_error(a[frame][mask[frame]] / 255.0, b[frame][mask[frame]] / 255.0)
        assert math.isclose(float(motion_error(a, b, mask)[frame]), float(wanted), rel_tol=1e-5)
    one, other = (torch.randn(2, 4, 3, 3, generator=generator) for _ in range(2))
    assert math.isclose(float(latent_error(one, other)[1]), float(mean_squared_error(one[1], other[1])), rel_tol=1e-5)
    told, done = (torch.randn(16, 2, generator=generator) for _ in range(2))
    error = action_error(told, done, torch.ones(16, 2, dtype=torch.bool))
    for axis in range(2):
        wanted = mean_absolute_error(told[:, axis].contiguous(), done[:, axis].contiguous())
        assert math.isclose(float(error[axis]), float(wanted), rel_tol=1e-5)


def test_psnr_of_equal_frames_is_capped_instead_of_infinite() -> None:
    assert psnr_db(0.0) == 100.0


def test_moving_finds_the_pixels_that_differ_from_the_present_by_more_than_noise() -> None:
    true = grey(100)
    true[1, 0, 0, 2] = 160
    true[1, 3, 3] = 110  # A codec's noise.
    mask = moving(true, grey(100, 1)[0])
    assert mask.sum().item() == 1
    assert bool(mask[1, 0, 0])


def test_motion_error_looks_at_moving_pixels_only() -> None:
    true, predicted = grey(0), grey(0)
    mask = torch.zeros(2, 4, 4, dtype=torch.bool)
    mask[0, :2] = True
    predicted[0, 2:] = 255  # Wrong, but where nothing moves.
    predicted[0, 0] = 255  # Wrong on half of what moves.
    assert motion_error(predicted, true, mask)[0].item() == 0.5


def test_motion_error_is_not_a_number_where_nothing_moves() -> None:
    assert motion_error(grey(0), grey(9), torch.zeros(2, 4, 4, dtype=torch.bool)).isnan().all()


def test_latent_error_is_the_mean_square_of_each_latent_frame() -> None:
    true = torch.zeros(2, 1, 2, 2)
    predicted = true.clone()
    predicted[1, 0, 0, 0] = 2.0
    assert latent_error(predicted, true).tolist() == [0.0, 1.0]


def test_action_error_is_in_the_unit_of_each_axis_and_skips_what_is_not_valid() -> None:
    true = torch.tensor([[0.0, 10.0, 5.0], [0.0, float("nan"), 5.0]])
    predicted = torch.tensor([[0.1, 13.0, 0.0], [0.3, 99.0, 0.0]])
    valid = true.isfinite() & torch.tensor([True, True, False])
    error = action_error(predicted, true, valid)
    assert torch.allclose(error[:2], torch.tensor([0.2, 3.0]))
    assert error[2].isnan()


def test_share_of_range_leaves_out_axes_that_never_moved() -> None:
    error = torch.tensor([0.5, 3.0, float("nan")])
    assert share_of_range(error, torch.tensor([2.0, 0.0, 1.0])) == 0.25


def test_share_of_range_is_not_a_number_where_no_axis_ever_moved() -> None:
    assert math.isnan(share_of_range(torch.tensor([1.0]), torch.tensor([0.0])))


def test_motion_that_is_only_imagined_is_an_error_where_the_truth_rests() -> None:
    true, predicted, present = grey(0), grey(0), grey(0, 1)[0]
    true[:, 0] = 255  # A quarter of the picture moves,
    predicted[:, 0] = 255  # and is foretold;
    predicted[1, 3, :2] = 255  # but two more pixels are imagined to move.
    mask = moving(true, present)
    assert motion_error(predicted, true, mask).tolist() == [0.0, 0.0]  # It looks elsewhere.
    assert torch.allclose(false_motion_error(predicted, true, present), torch.tensor([0.0, 2 / 12]))


def test_motion_missed_is_not_motion_imagined() -> None:
    true = grey(0)
    true[:, 0] = 255
    frozen = grey(0)
    assert false_motion_error(frozen, true, grey(0, 1)[0]).tolist() == [0.0, 0.0]


def test_motion_foretold_in_the_wrong_colour_is_not_motion_imagined() -> None:
    true, predicted, present = grey(0), grey(0), grey(0, 1)[0]
    true[:, 0], predicted[:, 0] = 255, 128
    assert false_motion_error(predicted, true, present).tolist() == [0.0, 0.0]
    assert (motion_error(predicted, true, moving(true, present)) > 0).all()


def test_imagining_more_motion_never_lowers_the_error_of_imagined_motion() -> None:
    true, present = grey(0), grey(0, 1)[0]
    little = grey(0)
    little[:, 0, 0] = 255
    faint_everywhere = torch.maximum(little, grey(30))
    assert (false_motion_error(faint_everywhere, true, present) > false_motion_error(little, true, present)).all()


def test_where_everything_moves_no_motion_can_be_false() -> None:
    assert false_motion_error(grey(0), grey(255), grey(0, 1)[0]).isnan().all()


def test_a_codecs_noise_is_no_imagined_motion() -> None:
    assert false_motion_error(grey(20), grey(0), grey(0, 1)[0]).tolist() == [0.0, 0.0]


def test_step_errors_keep_each_step_and_axis_apart() -> None:
    true = torch.tensor([[0.0, 10.0], [1.0, float("nan")]])
    found = step_errors(torch.tensor([[0.5, 7.0], [1.0, 3.0]]), true, true.isfinite())
    assert torch.allclose(found[0], torch.tensor([0.5, 3.0]))
    assert found[1, 0] == 0.0
    assert found[1, 1].isnan()


def test_mean_by_step_takes_the_windows_that_are_that_long_and_valid_there() -> None:
    short = torch.tensor([[1.0, 4.0]])
    long = torch.tensor([[3.0, float("nan")], [5.0, float("nan")]])
    found = mean_by_step([short, long])
    assert found[:, 0].tolist() == [2.0, 5.0]
    assert found[0, 1] == 4.0
    assert found[1, 1].isnan()


def test_mean_by_step_of_no_window_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least one window"):
        mean_by_step([])
