"""Weights of noise levels against formulas written anew, and their average over the law."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from adapt.objectives.choices import WEIGHTINGS
from adapt.objectives.timesteps import Law
from adapt.objectives.weighting import level_weight

LAWS = [Law(), Law(shift=3.0), Law(shift=5.0), Law(power=7.0)]


def at(sigma: float, weighting: str, law: Law) -> float:
    return float(level_weight(torch.tensor([sigma], dtype=torch.float64), weighting, law))


@pytest.mark.parametrize("law", LAWS, ids=str)
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_weights_average_1_over_the_law_that_levels_are_drawn_from(weighting: str, law: Law):
    """Integrated over the law's density, which scipy knows, and not over our quantiles."""

    def integrand(u: float) -> float:
        sigma = law.shift * u / (1 + (law.shift - 1) * u)
        return at(sigma, weighting, law) * stats.beta(law.power, 1).pdf(u)

    average, _ = integrate.quad(integrand, 0, 1, limit=200)

    assert average == pytest.approx(1, abs=2e-5)


def test_no_weighting_is_exactly_1_everywhere():
    sigma = torch.tensor([0.0, 0.3, 1.0])

    assert torch.equal(level_weight(sigma, "none", Law(shift=3.0)), torch.ones(3))


def test_bell_is_what_wan_and_dreamzero_are_trained_with():
    """Their table of 1000 steps at shift 5, written out anew; ours is its limit for many steps."""
    share = 1 - np.arange(1000) / 1000
    step = 1000 * 5 * share / (1 + 4 * share)
    bump = np.exp(-2 * ((step - 500) / 1000) ** 2)
    table = (bump - bump.min()) * 1000 / (bump - bump.min()).sum()

    ours = level_weight(torch.tensor(step / 1000), "bell", Law(shift=5.0))

    np.testing.assert_allclose(ours.numpy(), table, atol=3e-3)
    # The figures read off DreamZero's own scheduler when it was run.
    told = {0.5: 2.08, 0.8: 1.21, 0.9: 0.63, 0.1: 0.63, 1.0: 0.0}
    assert {sigma: at(sigma, "bell", Law(shift=5.0)) for sigma in told} == pytest.approx(told, abs=0.006)


def test_logit_normal_weighs_uniform_levels_as_if_they_were_drawn_from_its_density():
    density = {sigma: stats.norm.pdf(special.logit(sigma)) / (sigma * (1 - sigma)) for sigma in (0.02, 0.5, 0.7)}

    assert {sigma: at(sigma, "logit_normal", Law()) for sigma in density} == pytest.approx(density, rel=1e-5)
    assert at(0.5, "logit_normal", Law()) == pytest.approx(4 / math.sqrt(2 * math.pi))
    levels = torch.rand(200_000, generator=torch.Generator().manual_seed(0))
    weighed = (level_weight(levels, "logit_normal", Law()) * levels.square()).mean().item()
    expected = stats.norm.expect(lambda x: special.expit(x) ** 2)
    assert weighed == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("weighting", ["bell", "logit_normal"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_ends_weigh_nothing(weighting: str, dtype: torch.dtype):
    ends = level_weight(torch.tensor([0.0, 1.0], dtype=dtype), weighting, Law(shift=3.0))

    assert ends.dtype == dtype
    torch.testing.assert_close(ends, torch.zeros(2, dtype=dtype), atol=1e-6, rtol=0)


def test_a_weighting_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="'heavy'; known: none, bell, logit_normal"):
        level_weight(torch.zeros(1), "heavy", Law())
