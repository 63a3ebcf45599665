"""Variances agree with counting them the long way."""

import numpy as np
import pytest
from scipy import stats

from adapt.evaluate.clusters import (
    Part,
    degrees_of_freedom,
    effective_sessions,
    half_widths,
    of_seeds,
    of_sessions,
    of_windows,
)
from adapt.evaluate.resampling import Bootstrap, studentised

FAST = Bootstrap(resamples=300)
GROUPS = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 3])
VALUES = np.random.default_rng(3).normal(size=10)


def test_variance_of_sessions_is_that_of_means_with_one_session_left_out() -> None:
    left_out = np.array([VALUES[group != GROUPS].mean() for group in range(4)])
    wanted = 3 / 4 * ((left_out - VALUES.mean()) ** 2).sum()
    part = of_sessions(VALUES, GROUPS, FAST)
    assert part.variance == pytest.approx(wanted)
    assert part.dof == pytest.approx(100 / 30 - 1)


def test_variance_of_equal_sessions_is_that_of_their_means() -> None:
    groups = np.repeat(np.arange(5), 4)
    values = np.random.default_rng(4).normal(size=20)
    part = of_sessions(values, groups, FAST)
    assert part.variance == pytest.approx(values.reshape(5, 4).mean(axis=1).var(ddof=1) / 5)
    assert part.dof == pytest.approx(4.0)


def test_variance_of_windows_is_pooled_over_sessions() -> None:
    inside = sum(((VALUES[group == GROUPS] - VALUES[group == GROUPS].mean()) ** 2).sum() for group in range(4))
    part = of_windows(VALUES, GROUPS, FAST)
    assert part.variance == pytest.approx(inside / 6 / 10)
    assert part.dof == 6


def test_variance_of_seeds_is_that_of_their_mean_and_one_seed_has_none() -> None:
    part = of_seeds(np.array([1.0, 2.0, 6.0]))
    assert part.variance == pytest.approx(7.0 / 3)
    assert part.dof == 2
    assert of_seeds(np.array([5.0])).variance == 0.0


def test_effective_sessions_are_as_many_as_equal_ones_and_fewer_where_one_outweighs() -> None:
    assert effective_sessions(np.array([4.0, 4.0, 4.0])) == 3.0
    assert effective_sessions(np.array([10.0, 1.0, 1.0])) == pytest.approx(144 / 102)


def test_degrees_of_freedom_lie_between_those_of_the_larger_part_and_the_sum() -> None:
    one, other = Part(variance=2.0, dof=5.0), Part(variance=2.0, dof=2.0)
    assert degrees_of_freedom([one, Part(variance=0.0, dof=1.0)]) == pytest.approx(5.0)
    assert degrees_of_freedom([one, other]) == pytest.approx(16 / (4 / 5 + 4 / 2))


def test_half_widths_of_one_source_of_chance_are_students_and_of_two_lie_between_two_ways_to_add() -> None:
    one, none = Part(variance=4.0, dof=5.0, widen_high=1.5), Part(variance=0.0, dof=1.0)
    t_of_five, t_of_two = (float(stats.t.ppf(0.975, dof)) for dof in (5, 2))
    assert half_widths([one, none], 0.95) == pytest.approx((2 * t_of_five, 3 * t_of_five))
    down, _ = half_widths([one, Part(variance=4.0, dof=2.0)], 0.95)
    together = float(stats.t.ppf(0.975, 64 / (16 / 5 + 16 / 2))) * 8**0.5
    assert down == pytest.approx((together + 2 * (t_of_five**2 + t_of_two**2) ** 0.5) / 2)


def test_studentised_quantiles_agree_with_resampling_one_by_one() -> None:
    sizes = np.bincount(GROUPS).astype(float)
    off = np.bincount(GROUPS, weights=VALUES - VALUES.mean())
    generator = np.random.default_rng(FAST.seed)
    ratios = []
    for counts in generator.multinomial(4, [0.25] * 4, size=FAST.resamples):
        # Each drawn session stands for itself, as often as it was drawn.
        drawn = np.repeat(np.arange(4), counts)
        mean = off[drawn].sum() / sizes[drawn].sum()
        left_out = np.array(
            [np.delete(off[drawn], place).sum() / np.delete(sizes[drawn], place).sum() for place in range(4)]
        )
        spread = np.sqrt(3 / 4 * ((left_out - mean) ** 2).sum())
        ratios.append(mean / spread if spread > 1e-8 else np.copysign(np.inf, mean))
    low, high = np.quantile(ratios, [0.025, 0.975], method="nearest")
    assert studentised(off, sizes, FAST) == pytest.approx((low, high))


def test_widening_stops_where_the_bootstrap_knows_too_little() -> None:
    # Of two sessions a resample in two holds only one of them, and its own spread is none.
    part = of_sessions(np.array([0.0, 0.1, 1.0, 1.1]), np.array([0, 0, 1, 1]), FAST)
    assert (part.widen_low, part.widen_high) == (2.0, 2.0)


def test_equal_differences_have_no_variance_and_nothing_to_widen() -> None:
    part = of_sessions(np.full(8, 0.5), np.repeat(np.arange(4), 2), FAST)
    assert part == Part(variance=0.0, dof=3.0)
