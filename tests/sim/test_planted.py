"""Planted policies get the success they must; and whoever reads the true future beats whoever reads noise."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

pytest.importorskip("mujoco")

from needs_gl import needs_gl

from adapt.evaluate.closed_loop import Chooser, Pace, run_episodes
from adapt.evaluate.trials import EpisodeRecord, share_of
from adapt.models.bases import TINY_GEOMETRY
from adapt.policy.many import Plans
from adapt.sim.arm import Arm
from adapt.sim.gripper import Gripper
from adapt.sim.planted import PLANTED, TrueFuture
from adapt.sim.tasks import ALL_TASKS
from adapt.sim.trials import TabletopEpisode, TabletopWorld, trial_starts


def trial(
    chooser: Chooser[TabletopEpisode], episodes: int, body: Gripper | Arm | None = None
) -> tuple[EpisodeRecord, ...]:
    with TabletopWorld(body or Gripper()) as world:
        return run_episodes(world, chooser, trial_starts(ALL_TASKS, episodes, 3), Pace())


@pytest.mark.parametrize("body", [Gripper(), Arm()], ids=["gripper", "arm"])
def test_the_script_that_knows_everything_succeeds(body: Gripper | Arm) -> None:
    records = trial(PLANTED["expert"], 20, body)
    assert share_of(records).share >= 0.95
    assert all(record.done == record.instruction for record in records if record.success)


def test_holding_still_does_nothing() -> None:
    records = trial(PLANTED["still"], 27)
    assert share_of(records).share == 0.0
    assert {record.done for record in records} == {""}
    assert max(record.progress for record in records) < 0.001


def test_moving_at_random_moves_things_but_does_no_task() -> None:
    records = trial(PLANTED["random"], 81)
    assert share_of(records).share <= 0.02
    assert any(record.done for record in records)
    assert trial(PLANTED["random"], 10) == records[:10]


class PerfectHead:
    """Stands for a model whose head reads actions without error. Its latents are the states themselves."""

    geometry = TINY_GEOMETRY

    def __init__(self, noise_m: float = 0.0) -> None:
        self._noise_m = noise_m

    def see(self, windows: Sequence[Sequence[Any]]) -> Tensor:
        assert {len(window) for window in windows} == {1 + self.geometry.frames_per_chunk}
        return torch.stack([torch.stack([seen.state for seen in window]) for window in windows])[..., None, None]

    def read(self, frames: Tensor, observations: Sequence[Any], *, seeds: Sequence[int]) -> Plans:
        """Wants to be at every step where the frames show the tool one step later, closed if it is closing there."""
        del observations
        shown = frames[..., 0, 0].numpy().astype(np.float64)
        times, wanted = np.arange(shown.shape[1]) * 2, np.arange(1, 17)
        rows = []
        for row, seed in zip(shown, seeds, strict=True):
            row = row + np.random.default_rng(seed).normal(0, self._noise_m, row.shape) * [1, 1, 1, 4]
            x, y, z, grip = (np.interp(wanted, times, column) for column in row.T)
            rows.append(np.stack([x, y, z, grip > 0.25], axis=1))
        return Plans(actions=torch.from_numpy(np.stack(rows)), frames=frames)


@needs_gl
def test_the_true_future_is_worth_more_than_noise() -> None:
    truth, noise = (trial(TrueFuture(PerfectHead(noise_m)), 8) for noise_m in (0.0, 0.1))
    assert share_of(truth).share >= 0.7
    assert share_of(noise).share <= 0.2
