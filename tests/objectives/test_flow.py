import pytest
import torch

from adapt.objectives.flow import interpolate, predicted_clean, shift_sigma, velocity


def test_interpolate_is_data_at_sigma_0_noise_at_1_and_halfway_between():
    clean = torch.tensor([[2.0, 4.0]] * 3)
    noise = torch.tensor([[0.0, 8.0]] * 3)

    mixed = interpolate(clean, noise, torch.tensor([0.0, 0.5, 1.0]))

    assert mixed.tolist() == [[2.0, 4.0], [1.0, 6.0], [0.0, 8.0]]


def test_interpolate_takes_one_level_per_row_and_frame():
    mixed = interpolate(torch.zeros(1, 2, 3), torch.ones(1, 2, 3), torch.tensor([[0.25, 1.0]]))

    assert mixed.tolist() == [[[0.25] * 3, [1.0] * 3]]


def test_velocity_points_from_data_to_noise():
    assert velocity(torch.tensor([1.0, 5.0]), torch.tensor([3.0, 1.0])).tolist() == [2.0, -4.0]


def test_true_velocity_leads_back_to_the_data_from_every_level():
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)
    sigma = torch.tensor([0.1, 0.4, 0.8, 1.0], dtype=torch.float64)

    back = predicted_clean(interpolate(clean, noise, sigma), velocity(clean, noise), sigma)

    torch.testing.assert_close(back, clean)


def test_shift_keeps_the_ends_and_raises_what_is_between():
    shifted = shift_sigma(torch.tensor([0.0, 0.5, 1.0]), 3.0)

    assert shifted.tolist() == [0.0, 0.75, 1.0]  # 3 x 0.5 / (1 + 2 x 0.5)
    assert shift_sigma(torch.tensor([0.5]), 1.0).tolist() == [0.5]


def test_shift_refuses_what_is_not_positive():
    with pytest.raises(ValueError, match="shift is 0"):
        shift_sigma(torch.tensor([0.5]), 0.0)
