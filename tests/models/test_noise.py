from dataclasses import replace

import pytest
import torch
from model_builder import batch_of, window
from scipy import integrate

from adapt.models.batch import Batch
from adapt.models.noise import Noise, draw_noise
from adapt.objectives.choices import TIMESTEPS, WEIGHTINGS
from adapt.objectives.timesteps import Law
from adapt.objectives.weighting import level_weight


def drawn(batch: Batch, **law: str) -> Noise:
    return draw_noise(batch, torch.Generator().manual_seed(4), shift=3.0, **law)


def floored(batch: Batch, *floors: float) -> Batch:
    return replace(batch, action_floor=torch.tensor(floors))


def test_a_windows_noise_does_not_depend_on_what_else_is_in_the_batch():
    """Neither on order, nor on padding to more chunks or to a body with more axes."""
    alone = drawn(batch_of(window("a", 1, "gripper")))
    together = drawn(batch_of(window("b", 3, "arm"), window("a", 1, "gripper")))

    assert torch.equal(together.video[1, :2], alone.video[0])
    assert torch.equal(together.video_sigma[1, :1], alone.video_sigma[0])
    assert torch.equal(together.action[1, :16, :2], alone.action[0])
    assert torch.equal(together.action_sigma[1, :1], alone.action_sigma[0])


@pytest.mark.parametrize("coupling", TIMESTEPS)
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_a_windows_levels_and_weights_do_not_depend_on_what_else_is_in_the_batch(coupling: str, weighting: str):
    alone = drawn(floored(batch_of(window("a", 2, "gripper")), 0.6), coupling=coupling, weighting=weighting)
    batch = batch_of(window("b", 3, "arm"), window("a", 2, "gripper"), window("c", 3))
    together = drawn(floored(batch, 0.0, 0.6, 0.0), coupling=coupling, weighting=weighting)

    for name in ("video_sigma", "video_weight", "action_sigma", "action_weight"):
        assert torch.equal(getattr(together, name)[1, :2], getattr(alone, name)[0]), name


def test_windows_steps_and_repeats_get_different_noise():
    batch = batch_of(window("a", 1, "arm"), window("b", 1, "arm"), window("a", 1, "arm"))
    generator = torch.Generator().manual_seed(4)
    first, second = (draw_noise(batch, generator, shift=3.0) for _ in range(2))

    rows = torch.cat([first.video, second.video]).flatten(1)
    assert all(not torch.equal(rows[i], rows[j]) for i in range(6) for j in range(i))
    assert abs(rows.mean()) < 0.02
    assert abs(rows.std() - 1) < 0.02


def test_levels_are_one_a_chunk_shared_with_the_actions_only_when_coupled():
    batch = batch_of(window("a", 3, "arm"))

    apart, coupled = drawn(batch), drawn(batch, coupling="coupled")

    assert apart.video_sigma.unique().numel() == 3
    assert not torch.equal(apart.action_sigma, apart.video_sigma)
    assert torch.equal(coupled.action_sigma, coupled.video_sigma)
    assert torch.equal(coupled.video_sigma, apart.video_sigma)
    assert torch.equal(apart.frame_sigma, apart.video_sigma.repeat_interleave(2, dim=1))


def test_video_only_and_default_batches_count_every_level_alike():
    noise = drawn(batch_of(window("a", 3, "arm"), window("b", 2)))

    assert torch.equal(noise.video_weight, torch.ones(2, 3))
    assert torch.equal(noise.action_weight, torch.ones(2, 3))


@pytest.mark.parametrize("coupling", TIMESTEPS)
def test_a_floor_raises_its_own_windows_action_levels_and_touches_nothing_else(coupling: str):
    batch = batch_of(*[window(name, 3, "arm") for name in "abcdefgh"])
    free = drawn(batch, coupling=coupling)
    raised = drawn(floored(batch, *[0.9, 0.0] * 4), coupling=coupling)

    assert (free.action_sigma[::2] < 0.9).any()
    assert (raised.action_sigma[::2] >= 0.9).all()
    assert torch.equal(raised.action_sigma[1::2], free.action_sigma[1::2])
    assert torch.equal(raised.action_weight[1::2], free.action_weight[1::2])
    for name in ("video", "video_sigma", "video_weight", "action"):
        assert torch.equal(getattr(raised, name), getattr(free, name)), name


@pytest.mark.parametrize("coupling", TIMESTEPS)
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_a_floor_teaches_on_average_what_masking_the_levels_below_it_would(coupling: str, weighting: str):
    """Weighed, the levels above the floor count as often as they would without one; here, in their mean square."""
    floor, law = 0.7, Law(shift=3.0)
    batch = floored(batch_of(*[window(f"{n}", 4, "gripper") for n in range(500)]), *[floor] * 500)

    noise = drawn(batch, coupling=coupling, weighting=weighting)

    def masked(quantile: float) -> float:
        level = law.at(torch.tensor([quantile], dtype=torch.float64))
        return float(level_weight(level, weighting, law) * level.square() * (level >= floor))

    start = law.below(floor)
    wanted, _ = integrate.quad(masked, start, 1)
    each = noise.action_weight * noise.action_sigma.square()
    error = (each.std() / each.numel() ** 0.5).item()
    assert each.mean().item() == pytest.approx(wanted, abs=4 * error)
    assert error < 0.02 * wanted
