"""Trivial contenders say what they promise."""

import torch

from adapt.evaluate.baselines import copy_last_frame, hold_last, mean_action


def test_copying_the_last_frame_repeats_the_present() -> None:
    present = torch.arange(12, dtype=torch.uint8).view(2, 2, 3)
    future = copy_last_frame(present, 3)
    assert future.shape == (3, 2, 2, 3)
    assert all(torch.equal(frame, present) for frame in future)


def test_holding_last_holds_each_chunks_state_and_else_the_last_command() -> None:
    state = torch.tensor([[1.0, 7.0], [2.0, 8.0]])
    held = hold_last(state, torch.tensor([-1.0, 0.5]), [0, None], (2, 3))
    assert held.tolist() == [[1.0, 0.5]] * 3 + [[2.0, 0.5]] * 3


def test_holding_last_without_a_state_repeats_the_last_command() -> None:
    assert hold_last(None, torch.tensor([0.5]), [0], (1, 2)).tolist() == [[0.5], [0.5]]


def test_the_mean_action_never_changes() -> None:
    assert mean_action(torch.tensor([1.0, 2.0]), 3).tolist() == [[1.0, 2.0]] * 3
