"""Made-up footage moves, differs from clip to clip, and comes again with its seed."""

import numpy as np

from adapt.sim.textures import moving_texture


def test_the_same_seed_gives_the_same_clip_and_the_next_another() -> None:
    first, again = (moving_texture(np.random.default_rng(4), 5, 32) for _ in range(2))
    other = moving_texture(np.random.default_rng(5), 5, 32)

    assert first.shape == (5, 32, 32, 3)
    assert (first == again).all()
    assert not np.array_equal(first, other)


def test_most_clips_move() -> None:
    rng = np.random.default_rng(0)
    clips = [moving_texture(rng, 5, 32).astype(int) for _ in range(30)]

    assert np.mean([np.abs(clip[-1] - clip[0]).mean() > 0.5 for clip in clips]) > 0.6


def test_clips_are_neither_flat_nor_mostly_clipped() -> None:
    rng = np.random.default_rng(1)
    clips = np.stack([moving_texture(rng, 1, 32) for _ in range(60)])

    assert np.mean(clips.std(axis=(1, 2, 3, 4)) > 8) > 0.6
    assert np.mean((clips == 0) | (clips == 255)) < 0.35


def test_some_clips_carry_the_bars_of_a_letterboxed_view() -> None:
    rng = np.random.default_rng(2)
    barred = [(moving_texture(rng, 1, 32)[0, :2] == 0).all() for _ in range(60)]

    assert 0.1 < np.mean(barred) < 0.6
