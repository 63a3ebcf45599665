"""Intervals of success rates hold the truth over trainings and episodes, at 0 and 1 too; small, of seconds."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from adapt.evaluate.closed_loop_intervals import gain_limits, rate_limits, share_limits
from adapt.evaluate.resampling import Bootstrap

BOOTSTRAP = Bootstrap(resamples=100)
REPETITIONS = 120
# Level of both arms, spread between trainings, spread between episodes; all on the scale of the log odds.
SETTINGS = {
    "hardly ever": (-5.0, -5.0, 0.3, 1.0),
    "a gain, trainings alike": (0.0, -1.0, 0.0, 1.5),
    "a gain, trainings unlike": (0.0, -1.0, 0.6, 1.0),
    "nearly always": (4.0, 3.0, 0.3, 1.0),
}


def draws(
    level: float, luck: float, hard: NDArray[np.float64], seeds: int, draw: np.random.Generator
) -> NDArray[np.float64]:
    chance = special.expit(level + hard + draw.normal(0, luck, (seeds, 1)))
    return (draw.random(chance.shape) < chance).astype(np.float64)


def truth(level: float, luck: float, hard: float) -> float:
    return float(special.expit(level + np.random.default_rng(9).normal(0, np.hypot(luck, hard), 200_000)).mean())


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_rates_and_gains_lie_in_their_intervals_as_often_as_promised(
    setting: tuple[float, float, float, float],
) -> None:
    one, other, luck, hard = setting
    draw = np.random.default_rng(0)
    true_rate, true_other = truth(one, luck, hard), truth(other, luck, hard)
    rates = gains = 0
    for _ in range(REPETITIONS):
        episodes = draw.normal(0, hard, 120)
        arm, against = (draws(level, luck, episodes, 5, draw) for level in (one, other))
        rate, gain = rate_limits(arm, BOOTSTRAP), gain_limits(arm, against, BOOTSTRAP)
        rates += rate.low <= true_rate <= rate.high
        gains += gain.low <= true_rate - true_other <= gain.high
    # Of 120 repetitions at a true 95 %, fewer than 108 hold the truth once in 200 times.
    assert rates >= 108
    assert gains >= 108


def test_episodes_alone_would_promise_too_much_where_trainings_differ() -> None:
    draw = np.random.default_rng(0)
    held = narrow = 0
    for _ in range(REPETITIONS):
        arm = draws(0.0, 0.8, np.zeros(250), 5, draw)
        rate, mid = rate_limits(arm, BOOTSTRAP), arm.mean()
        half = 1.96 * np.sqrt(mid * (1 - mid) / arm.size)
        held += rate.low <= 0.5 <= rate.high
        narrow += mid - half <= 0.5 <= mid + half
    assert held >= 108
    assert narrow < 60


def test_the_interval_widens_with_the_spread_between_trainings_though_the_mean_stays() -> None:
    even = np.zeros((5, 100))
    even[:, :40] = 1
    uneven = np.zeros((5, 100))
    for row, share in enumerate((10, 20, 40, 60, 70)):
        uneven[row, :share] = 1
    one, other = rate_limits(even, BOOTSTRAP), rate_limits(uneven, BOOTSTRAP)
    assert one.mid == other.mid == pytest.approx(0.4)
    assert other.high - other.low > 1.5 * (one.high - one.low)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_where_all_or_none_succeed_an_interval_is_left_that_more_episodes_narrow(value: float) -> None:
    few, many = (rate_limits(np.full((5, count), value), BOOTSTRAP) for count in (50, 500))
    assert few.mid == many.mid == value
    assert abs((few.low if value else few.high) - value) > abs((many.low if value else many.high) - value) > 0.002
    assert (few.high if value else few.low) == value


def test_trainings_that_agree_on_nothing_but_failure_do_not_count_as_more_episodes() -> None:
    one, five = (rate_limits(np.zeros((seeds, 100)), BOOTSTRAP) for seeds in (1, 5))
    assert one.high == five.high


def test_two_arms_that_fail_alike_everywhere_are_not_equal_to_the_last_digit() -> None:
    gain = gain_limits(np.zeros((5, 250)), np.zeros((5, 250)), BOOTSTRAP)
    assert gain.low == -gain.high
    assert gain.high == pytest.approx(3.69 / 250, rel=0.01)
    assert gain.detectable == pytest.approx(gain.high)


def test_pairing_in_the_same_episodes_narrows_the_interval() -> None:
    draw = np.random.default_rng(0)
    hard = draw.normal(0, 3, 250)
    arm, against = draws(0.5, 0.0, hard, 5, draw), draws(0.0, 0.0, hard, 5, draw)
    paired = gain_limits(arm, against, BOOTSTRAP)
    mixed = gain_limits(arm, against[:, draw.permutation(250)], BOOTSTRAP)
    assert paired.mid == pytest.approx(mixed.mid)
    assert paired.high - paired.low < 0.6 * (mixed.high - mixed.low)


def test_a_policy_that_was_not_trained_stands_against_every_training() -> None:
    draw = np.random.default_rng(0)
    arm, base = draws(0.0, 0.5, np.zeros(150), 5, draw), draws(-2.0, 0.0, np.zeros(150), 1, draw)
    gain = gain_limits(arm, base, BOOTSTRAP)
    assert gain.mid == pytest.approx(arm.mean() - base.mean())
    assert gain.seeds == 5


def test_what_is_kept_is_the_ratio_and_whole_where_nothing_was_lost() -> None:
    draw = np.random.default_rng(0)
    base = draws(2.0, 0.0, np.zeros(250), 1, draw)
    kept = share_limits(np.repeat(base, 5, axis=0), base, BOOTSTRAP)
    assert kept is not None
    assert kept.mid == pytest.approx(1.0)
    assert kept.low < 1.0 < kept.high
    half = base.copy()
    half[:, :125] = 0
    lost = share_limits(np.repeat(half, 5, axis=0), base, BOOTSTRAP)
    assert lost is not None
    assert lost.mid == pytest.approx(half.sum() / base.sum())
    assert lost.high < 0.65
    assert share_limits(base, np.zeros_like(base), BOOTSTRAP) is None


@pytest.mark.parametrize(("one", "other"), [((5, 100), (5, 99)), ((5, 100), (4, 100))])
def test_what_is_not_of_the_same_episodes_and_seeds_is_not_compared(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match="same"):
        gain_limits(np.zeros(one), np.zeros(other), BOOTSTRAP)
