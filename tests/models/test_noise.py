import torch
from model_builder import batch_of, window

from adapt.models.batch import Batch
from adapt.models.noise import Noise, draw_noise


def drawn(batch: Batch, *, coupled: bool = False) -> Noise:
    return draw_noise(batch, torch.Generator().manual_seed(4), shift=3.0, coupled=coupled)


def test_a_windows_noise_does_not_depend_on_what_else_is_in_the_batch():
    """Neither on order, nor on padding to more chunks or to a body with more axes."""
    alone = drawn(batch_of(window("a", 1, "gripper")))
    together = drawn(batch_of(window("b", 3, "arm"), window("a", 1, "gripper")))

    assert torch.equal(together.video[1, :2], alone.video[0])
    assert torch.equal(together.video_sigma[1, :1], alone.video_sigma[0])
    assert torch.equal(together.action[1, :16, :2], alone.action[0])
    assert torch.equal(together.action_sigma[1, :1], alone.action_sigma[0])


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

    apart, coupled = drawn(batch), drawn(batch, coupled=True)

    assert apart.video_sigma.unique().numel() == 3
    assert not torch.equal(apart.action_sigma, apart.video_sigma)
    assert torch.equal(coupled.action_sigma, coupled.video_sigma)
    assert torch.equal(coupled.video_sigma, apart.video_sigma)
    assert torch.equal(apart.frame_sigma, apart.video_sigma.repeat_interleave(2, dim=1))
