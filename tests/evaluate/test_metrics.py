"""Errors a reader can do the sum of, and agreement with torchmetrics."""

import math

import torch
from torchmetrics.functional.image import peak_signal_noise_ratio

from adapt.evaluate.metrics import (
    action_error,
    frame_error,
    latent_error,
    motion_error,
    moving,
    psnr_db,
    share_of_range,
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
