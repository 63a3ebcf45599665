"""What a head says of its own doubt: against worlds whose noise and modes are known."""

import pytest
import torch
from head_builder import DOT, dot_head, dots, targets, train

from adapt.models.heads.inverse_dynamics import InverseDynamics
from adapt.models.heads.transitions import Transitions


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Coin(InverseDynamics):
    """Knows the exact velocity where actions are a fair coin between -1 and 1, about its member's own middle."""

    middles = (0.0,)

    def forward(self, _: Transitions, noisy: torch.Tensor, sigma: torch.Tensor, *, member: int = 0):
        """By Bayes: of the two lines that lead through a noisy point, each as likely as its noise."""
        level = sigma[:, None, None]
        middle = self.middles[member]
        side = torch.tanh((1 - level) * (noisy - (1 - level) * middle) / level**2)
        return (noisy - middle - side) / level, None


def coin(steps: int = 1, *, middles: tuple[float, ...] = (0.0,)) -> Coin:
    plain = dot_head("flow", steps=steps, members=len(middles))
    head = Coin(plain.config, DOT)
    head.projections.add("dot", (1, 0), 0)
    head.middles = middles
    return head


def test_one_step_gives_the_mean_between_two_modes_whatever_the_noise():
    assert coin().act(dots(torch.zeros(64)), seeded()).abs().max() < 1e-6


def test_many_steps_give_the_modes_and_both_of_them():
    actions = coin(steps=16).act(dots(torch.zeros(200)), seeded())

    assert (actions.abs() - 1).abs().max() < 0.1
    assert 0.4 < (actions > 0).float().mean() < 0.6


def test_a_flow_heads_spread_is_that_of_the_modes_and_its_mean_what_act_gives():
    seen = dots(torch.zeros(3))

    reading = coin().read(seen, seeded(4), draws=200)

    assert torch.equal(reading.mean, coin().act(seen, seeded(4)))
    torch.testing.assert_close(reading.spread, torch.ones(3, 2, 1), rtol=0.05, atol=0)  # of a fair coin


def test_a_flow_ensembles_spread_adds_how_far_its_members_stand_apart():
    """Middles at -3, 0 and 3 have a variance of 6; each coin adds its own of 1."""
    reading = coin(middles=(-3.0, 0.0, 3.0)).read(dots(torch.zeros(2)), seeded(), draws=200)

    assert reading.mean.abs().max() < 1e-5
    torch.testing.assert_close(reading.spread, torch.full((2, 2, 1), 7.0).sqrt(), rtol=0.05, atol=0)


def test_a_flow_head_learns_the_mean_and_the_modes():
    """As the coin above, but where it falls is told for futures of 1; trained, not computed."""

    def toss(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        told = torch.randint(2, (48,), generator=generator).float()
        side = torch.randint(2, (48,), generator=generator) * 2.0 - 1.0
        return told, torch.where(told == 1, 1.0, side)[:, None, None].expand(-1, 2, 1)

    head = train(dot_head("flow"), toss, 300)
    open_end, told = (head.read(dots(torch.full((12,), future)), seeded(), draws=16) for future in (0.0, 1.0))

    assert open_end.mean.square().mean().sqrt() < 0.4
    assert (told.mean - 1).square().mean().sqrt() < 0.4
    assert open_end.spread.mean() > 0.75
    assert told.spread.mean() < 0.3


@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_a_gaussian_head_finds_how_noisy_each_future_and_axis_is(beta: float):
    """Noise of 0.1 after one future, 0.4 after the other, half of it on the second axis, about a mean that moves."""
    noise = torch.tensor([[0.1, 0.05], [0.4, 0.2]])

    def noisy(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        kind = torch.randint(2, (128,), generator=generator)
        mean = torch.where(kind == 1, 0.5, -0.5)[:, None, None]
        return kind * 2.0 - 1.0, mean + noise[kind, None] * torch.randn(128, 2, 2, generator=generator)

    head = train(dot_head("gaussian", axes=2, beta=beta), noisy, 300)
    reading = head.read(dots(torch.tensor([-1.0, 1.0])), seeded())

    ratio = reading.spread / noise[:, None]
    assert ratio.min() > 0.8, ratio
    assert ratio.max() < 1.2, ratio
    assert (reading.mean - torch.tensor([-0.5, 0.5])[:, None, None]).abs().max() < 0.1


@pytest.mark.parametrize("objective", ["regression", "gaussian"])
def test_members_agree_where_they_learned_and_differ_elsewhere(objective: str):
    def wave(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        future = torch.rand(64, generator=generator) * 2 - 1
        actions = torch.stack([torch.sin(2 * future), torch.cos(2 * future)], dim=1)
        return future, actions[..., None]

    head = train(dot_head(objective, members=3), wave, 100)
    place = torch.linspace(-5, 5, 41)
    means, _ = head._answers(dots(place), seeded())
    disagreement = means.std(dim=0).mean(dim=(1, 2))
    spread = head.read(dots(place), seeded()).spread.mean(dim=(1, 2))

    near, far = place.abs() <= 1, place.abs() >= 4
    assert disagreement[far].mean() > 2 * disagreement[near].mean()
    assert spread[far].mean() > 1.3 * spread[near].mean()


def test_the_spread_is_the_mean_variance_and_the_variance_of_the_means():
    head = dot_head("gaussian", members=3, axes=2)
    seen = dots(torch.tensor([0.3, -2.0]))
    means, log_variances = head._answers(seen, seeded())

    reading = head.read(seen, seeded())

    torch.testing.assert_close(reading.mean, means.mean(dim=0))
    assert torch.equal(reading.mean, head.act(seen, seeded()))
    # The variance of a mixture, from its second moment.
    second = (log_variances.exp() + means.square()).mean(dim=0)
    torch.testing.assert_close(reading.spread.square(), second - reading.mean.square())


def test_a_lone_regression_head_does_not_claim_to_be_sure():
    assert dot_head("regression").read(dots(torch.zeros(2)), seeded()).spread is None
    assert dot_head("regression", members=2).read(dots(torch.zeros(2)), seeded()).spread.min() > 0


def test_a_spread_from_one_sample_is_refused():
    with pytest.raises(ValueError, match="draws is 1; a spread needs 2 or more"):
        dot_head("flow").read(dots(torch.zeros(1)), seeded(), draws=1)


def test_a_reading_is_repeatable():
    head = dot_head("flow", members=2)
    first, again, other = (head.read(dots(torch.zeros(2)), seeded(seed)) for seed in (0, 0, 1))

    assert torch.equal(first.spread, again.spread)
    assert not torch.equal(first.spread, other.spread)


def test_variances_stay_within_bounds_and_their_gradient_lives():
    head = dot_head("gaussian")
    out = head.projections.of("dot").variance_out
    for bias, low, high in ((1e4, 1.0, 13.0), (-1e4, 5e-4, 2e-3)):
        torch.nn.init.constant_(out.bias, bias)
        spread = head.read(dots(torch.zeros(1)), seeded()).spread
        assert low < spread.min() <= spread.max() < high
    torch.nn.init.constant_(out.bias, 6.0)  # just outside
    head.loss(dots(torch.zeros(2)), targets(torch.zeros(2, 2, 1)), seeded()).sum.backward()
    assert out.bias.grad.abs().min() > 1e-3
