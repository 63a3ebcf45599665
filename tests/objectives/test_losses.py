import torch

from adapt.objectives.losses import MaskedSum, masked_square_error

NAN = float("nan")


def test_only_valid_elements_are_summed_and_counted():
    prediction = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    valid = torch.tensor([[True, False], [True, True]])

    error = masked_square_error(prediction, torch.zeros(2, 2), valid)

    assert error.sum.item() == 1 + 9 + 16
    assert error.count.item() == 3


def test_weight_scales_a_row_but_not_the_count():
    error = masked_square_error(
        torch.ones(2, 2), torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool), torch.tensor([1.0, 0.5])
    )

    assert error.sum.item() == 2 * 1 + 2 * 0.5
    assert error.count.item() == 4


def test_nan_where_invalid_reaches_neither_sum_nor_gradient():
    prediction = torch.tensor([1.0, NAN], requires_grad=True)

    error = masked_square_error(prediction, torch.tensor([0.0, NAN]), torch.tensor([True, False]))
    error.sum.backward()

    assert error.sum.item() == 1
    assert prediction.grad is not None
    assert prediction.grad.tolist() == [2.0, 0.0]


def test_sums_add_before_anyone_divides():
    first = MaskedSum(torch.tensor(6.0), torch.tensor(2))
    second = MaskedSum(torch.tensor(0.0), torch.tensor(1))

    total = first + second

    assert total.mean().item() == 2.0  # 6 / 3, not the mean of 3 and 0
    assert first.over(12).item() == 0.5


def test_mean_of_nothing_is_zero():
    nothing = masked_square_error(torch.ones(2), torch.zeros(2), torch.zeros(2, dtype=torch.bool))

    assert nothing.mean().item() == 0.0
    assert nothing.over(0).item() == 0.0


def test_weight_may_have_more_than_one_leading_axis():
    error = masked_square_error(
        torch.ones(2, 2, 3),
        torch.zeros(2, 2, 3),
        torch.ones(2, 2, 3, dtype=torch.bool),
        torch.tensor([[1.0, 2.0], [0.0, 0.5]]),
    )

    assert error.sum.item() == 3 * (1 + 2 + 0 + 0.5)
    assert error.count.item() == 12
