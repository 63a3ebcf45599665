"""Laws of noise levels against scipy's distributions and numbers worked out by hand."""

import pytest
import torch
from scipy import stats

from adapt.objectives.choices import TIMESTEPS
from adapt.objectives.timesteps import Law, Timesteps

DRAWS = 20_000
LAWS = [Law(), Law(shift=3.0), Law(shift=0.5), Law(power=7.0), Law(shift=5.0, power=3.0)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(coupling: str, *, shift: float = 3.0, floor: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    return Timesteps(coupling=coupling, shift=shift).draw(DRAWS, seeded(), floor)


def unshifted(sigma, shift: float):
    """Esser et al.'s eq. 23 solved for what was shifted."""
    return sigma / (shift + sigma - shift * sigma)


def fits(levels: torch.Tensor, *, shift: float = 1.0, power: float = 1.0, floor: float = 0.0) -> bool:
    """Whether levels could have come from a shifted Beta(power, 1) law given that it is at or above a floor."""
    below = stats.beta(power, 1).cdf(unshifted(floor, shift))

    def share(sigma):
        return ((stats.beta(power, 1).cdf(unshifted(sigma, shift)) - below) / (1 - below)).clip(0, 1)

    return stats.kstest(levels.double().numpy(), share).pvalue > 1e-3


@pytest.mark.parametrize("law", LAWS, ids=str)
@pytest.mark.parametrize("floor", [0.0, 0.4, 0.9])
def test_a_law_draws_what_scipy_says_it_draws(law: Law, floor: float):
    levels = law.at(torch.rand(DRAWS, generator=seeded()), floor)

    assert fits(levels, shift=law.shift, power=law.power, floor=floor)
    assert not fits(levels, shift=3 * law.shift, power=law.power, floor=floor)  # the check can tell laws apart


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_the_share_below_a_level_is_the_quantile_that_gives_it(law: Law):
    quantiles = torch.tensor([0.0, 0.1, 0.5, 0.99], dtype=torch.float64)

    back = [law.below(float(level)) for level in law.at(quantiles)]

    assert back == pytest.approx(quantiles.tolist())
    assert (law.below(0.0), law.below(1.0)) == (0.0, 1.0)


def test_levels_by_hand():
    half = torch.tensor([0.5], dtype=torch.float64)

    assert Law(shift=3.0).at(half).item() == 0.75  # 3 x .5 / (1 + 2 x .5)
    assert Law(power=7.0).at(half).item() == pytest.approx(0.5 ** (1 / 7))
    assert Law().at(half, 0.6).item() == pytest.approx(0.8)  # halfway from .6 to 1
    # Shifted by 3, .75 has half the law below it; the quantile .5 of the rest is u = .75, which is .9 shifted.
    assert Law(shift=3.0).at(half, 0.75).item() == pytest.approx(0.9)


@pytest.mark.parametrize("floor", [0.1, 1 / 3, 0.7, 0.999])
def test_rounding_never_crosses_a_floor(floor: float):
    lowest = torch.tensor([0.0, 1e-9, 1e-7])

    assert all((law.at(lowest, floor) >= torch.tensor(floor)).all() for law in LAWS)


def test_coupled_actions_share_their_chunks_level():
    video, action = drawn("coupled")

    assert torch.equal(video, action)
    assert fits(video, shift=3.0)


def test_independent_levels_have_one_law_and_nothing_to_do_with_each_other():
    video, action = drawn("independent")

    assert fits(video, shift=3.0)
    assert fits(action, shift=3.0)
    assert stats.spearmanr(video.numpy(), action.numpy()).pvalue > 1e-3
    assert stats.spearmanr(*(part.numpy() for part in drawn("coupled"))).pvalue < 1e-100


def test_decoupled_video_is_nearly_noise_and_actions_are_uniform():
    video, action = drawn("decoupled", shift=1.0)

    assert fits(video, power=7.0)
    assert video.mean().item() == pytest.approx(7 / 8, abs=0.003)
    assert (video < 0.5).float().mean() < 0.02  # .5 ** 7 is .8 %
    assert fits(action)
    assert stats.spearmanr(video.numpy(), action.numpy()).pvalue > 1e-3


def test_shift_comes_on_top_of_the_decoupled_laws():
    video, action = drawn("decoupled", shift=5.0)

    assert fits(video, shift=5.0, power=7.0)
    assert fits(action, shift=5.0)


@pytest.mark.parametrize("coupling", TIMESTEPS)
@pytest.mark.parametrize("floor", [0.3, 0.8])
def test_floored_actions_follow_the_law_given_the_floor_and_leave_the_video_alone(coupling: str, floor: float):
    free_video, free_action = drawn(coupling)
    video, action = drawn(coupling, floor=floor)

    assert torch.equal(video, free_video)
    assert (action >= floor).all()
    assert fits(action, shift=3.0, floor=floor)
    assert not fits(free_action.clamp(min=floor), shift=3.0, floor=floor)  # a lump at the floor would be seen


def test_coupled_actions_leave_their_chunks_level_only_where_it_is_below_their_floor():
    video, action = drawn("coupled", floor=0.6)
    low = video < 0.6

    assert low.float().mean().item() == pytest.approx(1 / 3, abs=0.02)  # .6 is .333 before a shift of 3
    assert torch.equal(action[~low], video[~low])
    assert stats.spearmanr(video[low].numpy(), action[low].numpy()).pvalue > 1e-3


@pytest.mark.parametrize("coupling", TIMESTEPS)
def test_first_chunks_do_not_depend_on_how_many_follow(coupling: str):
    levels = Timesteps(coupling=coupling, shift=3.0)
    few, many = levels.draw(2, seeded(), 0.5), levels.draw(4, seeded(), 0.5)

    assert all(torch.equal(long[:2], short) for long, short in zip(many, few, strict=True))
    assert many[0].unique().numel() == 4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"coupling": "sideways"}, "'sideways'; known: independent, coupled, decoupled"), ({"shift": 0.0}, "shift is 0")],
)
def test_timesteps_refuse_what_does_not_exist(wrong, message: str):
    with pytest.raises(ValueError, match=message):
        Timesteps(**wrong)
