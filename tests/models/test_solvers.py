"""Solvers against velocity fields that are known in closed form."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from adapt.models.imagine import Sampling
from adapt.models.solvers import SOLVERS, Solver, noise_levels

MEAN, DEVIATION = 0.5, 0.6
Field = Callable[[Tensor, float], Tensor]


def noise(*shape: int) -> Tensor:
    return torch.randn(shape or (2, 3, 40), generator=torch.Generator().manual_seed(0))


def of_a_gaussian(x: Tensor, sigma: float) -> Tensor:
    """Noise minus data, on average over what may have led to x, for data with MEAN and DEVIATION in every axis."""
    spread = ((1 - sigma) * DEVIATION) ** 2 + sigma**2
    off = (x - (1 - sigma) * MEAN) / spread
    return sigma * off - (MEAN + (1 - sigma) * DEVIATION**2 * off)


def of_a_point(x: Tensor, sigma: float) -> Tensor:
    """Likewise for data that is MEAN always."""
    return (x - MEAN) / sigma


def solve(name: str, steps: int, field: Field, start: Tensor, shift: float = 1.0) -> Tensor:
    solver, x = Solver(name, steps, shift), start
    for sigma in solver.levels:
        x = solver.step(field(x, sigma), x)
    return x


def error(name: str, steps: int, shift: float = 1.0) -> float:
    """Worst distance from where the flow really leads: noise z ends at MEAN + DEVIATION z."""
    start = noise()
    return (solve(name, steps, of_a_gaussian, start, shift) - (MEAN + DEVIATION * start)).abs().max().item()


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("steps", [1, 4, 16])
def test_data_that_is_one_point_is_reached_from_anywhere(name: str, steps: int):
    reached = solve(name, steps, of_a_point, noise(), shift=3.0)

    torch.testing.assert_close(reached, torch.full_like(reached, MEAN), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("name", "order"), [("euler", 1.0), ("unipc", 2.0), ("dpm++", 1.8)])
def test_the_error_falls_with_the_steps_at_the_solvers_order(name: str, order: float):
    """Of second order, but for dpm++'s first and last step, which are of first and weigh less with more steps."""
    measured = math.log2(error(name, 128) / error(name, 512)) / 2

    assert measured == pytest.approx(order, abs=0.15)  # the noise that errs most is not the same on every processor


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_at_16_steps_bending_beats_straight_lines_and_at_1_all_are_the_same(shift: float):
    one = [error(name, 1, shift) for name in SOLVERS]
    few = {name: error(name, 4, shift) for name in SOLVERS}
    many = {name: error(name, 16, shift) for name in SOLVERS}

    assert one == pytest.approx([one[0]] * 3, rel=1e-4)
    assert many["unipc"] < many["dpm++"] < many["euler"] / 3
    assert all(many[name] < few[name] < one[0] for name in SOLVERS)


def test_four_steps_at_shift_three_visit_the_levels_worked_out_by_hand():
    """1, 3/4, 1/2 and 1/4 become 3s / (1 + 2s): 1, 9/10, 3/4 and 1/2."""
    assert noise_levels(4, 3.0) == pytest.approx([1.0, 0.9, 0.75, 0.5])
    assert noise_levels(2, 5.0) == pytest.approx([1.0, 5 / 6])
    assert noise_levels(4, 1.0) == pytest.approx([1.0, 0.75, 0.5, 0.25])


@pytest.mark.parametrize("steps", [1, 4, 16])
@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_visits_the_same_levels(name: str, steps: int):
    assert Solver(name, steps, 3.0).levels == pytest.approx(noise_levels(steps, 3.0), abs=2e-6)


@pytest.mark.parametrize("name", SOLVERS)
def test_the_same_start_gives_the_same_end_bit_for_bit(name: str):
    state = torch.get_rng_state()
    first, again = (solve(name, 5, of_a_gaussian, noise()) for _ in range(2))

    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", ["unipc", "dpm++"])
def test_a_solver_remembers_its_steps_so_two_tensors_need_two(name: str):
    """Two tensors solved side by side by solvers of their own end where each ends alone; a shared one goes astray."""
    pair = [noise(1, 1, 8), noise(1, 1, 8) + 3]
    alone = [solve(name, 4, of_a_gaussian, start) for start in pair]
    own, x = [Solver(name, 4, 1.0) for _ in pair], list(pair)
    for sigma in own[0].levels:
        x = [solver.step(of_a_gaussian(one, sigma), one) for solver, one in zip(own, x, strict=True)]
    one_for_both, y = Solver(name, 8, 1.0), list(pair)
    for sigma in own[0].levels:
        y = [one_for_both.step(of_a_gaussian(one, sigma), one) for one in y]

    assert all(torch.equal(a, b) for a, b in zip(x, alone, strict=True))
    assert (y[1] - alone[1]).abs().max() > 0.1


@pytest.mark.parametrize("name", SOLVERS)
def test_a_sample_keeps_its_precision_when_the_velocity_comes_in_less(name: str):
    start = noise()
    solver = Solver(name, 1, 1.0)

    assert solver.step(of_a_point(start, 1.0).bfloat16(), start).dtype == torch.float32


def test_an_unknown_solver_and_no_step_at_all_are_refused():
    with pytest.raises(ValueError, match=r"solver is 'heun'; known: euler, unipc, dpm\+\+"):
        Sampling(solver="heun")
    with pytest.raises(ValueError, match="steps is 0"):
        Sampling(steps=0)
    with pytest.raises(ValueError, match="solver is 'heun'"):
        Solver("heun", 4, 1.0)
