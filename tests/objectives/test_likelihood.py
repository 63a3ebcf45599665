import pytest
import torch

from adapt.objectives.likelihood import masked_gaussian_nll

NAN = float("nan")


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_plain_likelihood_is_torchs():
    mean, log_variance, target = normal(4, 3), normal(4, 3, seed=1), normal(4, 3, seed=2)
    wanted = torch.nn.GaussianNLLLoss(reduction="sum", eps=1e-12)(mean, target, log_variance.exp())

    found = masked_gaussian_nll((mean, log_variance), target, torch.ones(4, 3, dtype=torch.bool))

    assert found.sum.item() == pytest.approx(wanted.item(), rel=1e-12)
    assert found.count.item() == 12


def test_only_valid_elements_are_summed_and_rows_weigh_as_asked():
    mean, target = torch.zeros(2, 2), torch.tensor([[2.0, NAN], [4.0, 6.0]])
    log_variance = torch.zeros(2, 2)
    valid = torch.tensor([[True, False], [True, True]])

    found = masked_gaussian_nll((mean, log_variance), target, valid, torch.tensor([1.0, 0.5]))

    assert found.sum.item() == 0.5 * 4 + 0.5 * (0.5 * 16 + 0.5 * 36)
    assert found.count.item() == 3


def test_nan_where_invalid_reaches_neither_sum_nor_gradient():
    mean = torch.tensor([1.0, NAN], requires_grad=True)
    log_variance = torch.tensor([0.5, NAN], requires_grad=True)
    valid = torch.tensor([True, False])

    masked_gaussian_nll((mean, log_variance), torch.tensor([0.0, NAN]), valid, beta=0.5).sum.backward()

    assert mean.grad.isfinite().all()
    assert log_variance.grad.isfinite().all()
    assert (mean.grad[1], log_variance.grad[1]) == (0, 0)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_beta_weighs_each_element_by_a_power_of_its_variance_that_is_not_trained(beta: float):
    """The mean's gradient is the error over variance^(1 - beta): that of squared error for 1."""
    mean, log_variance = normal(5).requires_grad_(), normal(5, seed=1).requires_grad_()
    target, everything = normal(5, seed=2), torch.ones(5, dtype=torch.bool)

    masked_gaussian_nll((mean, log_variance), target, everything, beta=beta).sum.backward()

    error, variance = (mean - target).detach(), log_variance.detach().exp()
    torch.testing.assert_close(mean.grad, error / variance ** (1 - beta))
    torch.testing.assert_close(log_variance.grad, 0.5 * (1 - error.square() / variance) * variance**beta)
