from dataclasses import replace

import pytest
import torch
from model_builder import batch_of, window

from adapt.models.batch import drop_text, no_text


def test_collate_pads_to_the_longest_window_and_the_widest_body_with_masked_zeros():
    batch = batch_of(window("long", 3, "gripper"), window("short", 1, "arm"), window("video", 2))

    assert batch.chunks.tolist() == [3, 1, 2]
    assert batch.latents.shape == (3, 7, 16, 8, 8)
    assert batch.actions.shape == (3, 48, 3)
    assert batch.state.shape == (3, 3, 2)
    assert batch.has_action.tolist() == [True, True, False]
    assert batch.has_state.tolist() == [False, True, False]
    assert batch.action_valid.sum(dim=(1, 2)).tolist() == [48 * 2, 16 * 3, 0]
    assert batch.future_valid.sum(dim=1).tolist() == [6, 2, 4]
    assert batch.frame_valid.sum(dim=1).tolist() == [7, 3, 5]
    assert batch.text.valid.sum(dim=1).tolist() == [7, 8, 8]
    assert batch.latents[1, 3:].abs().sum() == 0
    assert batch.actions[1, 16:].abs().sum() == 0
    assert batch.provenances == ("robot", "robot", "")


def test_collate_of_video_alone_has_no_action_axes():
    batch = batch_of(window("a", 1), window("b", 2))

    assert batch.actions.shape == (2, 32, 0)
    assert not batch.action_valid.any()


def test_collate_keeps_given_validity():
    sample = window("a", 1, "arm")
    valid = torch.zeros(16, 3, dtype=torch.bool)
    valid[:4, 1] = True

    batch = batch_of(replace(sample, action_valid=valid))

    assert batch.action_valid.sum() == 4


def test_collate_refuses_latents_that_are_no_whole_number_of_chunks():
    sample = replace(window("odd", 1), latents=torch.zeros(4, 16, 8, 8))

    with pytest.raises(ValueError, match="window odd: latents are"):
        batch_of(sample)


def test_collate_refuses_actions_that_do_not_span_the_window():
    sample = replace(window("cut", 2, "arm"), actions=torch.zeros(31, 3))

    with pytest.raises(ValueError, match="window cut: 31 action steps; 2 chunks need 32"):
        batch_of(sample)


def test_collate_refuses_nothing():
    with pytest.raises(ValueError, match="at least one sample"):
        batch_of()


def test_drop_text_takes_instructions_away_at_the_asked_rate():
    batch = batch_of(*(window(f"w{i}", 1) for i in range(8)))

    kept = drop_text(batch, 0.0, torch.Generator().manual_seed(0))
    gone = drop_text(batch, 1.0, torch.Generator().manual_seed(0))
    some = drop_text(batch, 0.5, torch.Generator().manual_seed(0))

    assert torch.equal(kept.text.values, batch.text.values)
    assert gone.text.values.abs().sum() == 0
    assert torch.equal(gone.text.valid, no_text(batch.text).valid)
    assert 0 < (some.text.valid.sum(dim=1) == 1).sum() < 8
