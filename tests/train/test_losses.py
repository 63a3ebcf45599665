from dataclasses import replace

import pytest
import torch
from train_builder import training

from adapt.data.samples import generator
from adapt.objectives.losses import MaskedSum
from adapt.train.losses import ACTION, IMAGINED, JOINT, VIDEO
from adapt.types import Sample


def split(plan, step: int = 0) -> tuple[list[Sample], list[Sample]]:
    samples = plan.mixture.batch(step)
    return [s for s in samples if s.actions is None], [s for s in samples if s.actions is not None]


def added(parts) -> dict[str, MaskedSum]:
    total: dict[str, MaskedSum] = {}
    for sums in parts:
        for name, value in sums.items():
            total[name] = total[name] + value if name in total else value
    return total


@pytest.mark.parametrize("accumulation", [1, 3])
def test_counts_foretell_what_the_losses_of_all_parts_count(tmp_path, accumulation):
    plan = training(tmp_path, joint=True, accumulation=accumulation)
    samples = plan.mixture.batch(0)
    imagined = plan.objective.imagined(samples, 0)
    sums = added(plan.objective.sums(samples, imagined, 0))
    counts = plan.objective.counts(samples, imagined)
    assert set(sums) == {VIDEO, ACTION, IMAGINED, JOINT}
    assert {name: int(value.count) for name, value in sums.items()} == counts


def test_parts_of_one_length_add_up_to_the_padded_batch(tmp_path):
    plan = training(tmp_path)
    samples = [plan.mixture.datasets[0][n] for n in range(4)]
    assert {len(sample.latents) for sample in samples} == {3, 5}
    parts = list(plan.objective.sums(samples, [], 0))
    assert len(parts) == 2
    padded = plan.objective.video_sums(plan.objective.batch(samples), generator(0, "noise", 0), joint=False)
    torch.testing.assert_close(added(parts)[VIDEO].sum, padded[VIDEO].sum, rtol=1e-5, atol=0.0)


def test_accumulation_changes_nothing_about_the_videos_loss(tmp_path):
    samples = training(tmp_path).mixture.batch(0)
    whole, cut = (added(training(tmp_path, accumulation=n).objective.sums(samples, [], 0))[VIDEO] for n in (1, 4))
    torch.testing.assert_close(cut.sum, whole.sum, rtol=1e-5, atol=0.0)


def test_video_only_batch_has_no_action_loss_at_all(tmp_path):
    plan = training(tmp_path, joint=True)
    videos, _ = split(plan)
    assert plan.objective.imagined(videos, 0) == []
    assert set(added(plan.objective.sums(videos, [], 0))) == {VIDEO}
    assert plan.objective.counts(videos, [])[ACTION] == 0


def test_imagined_chunks_keep_present_actions_and_state_and_replace_the_future(tmp_path):
    plan = training(tmp_path)
    two_chunks = plan.mixture.datasets[1][1]
    assert len(two_chunks.latents) == 5
    found = [plan.objective.imagined([two_chunks], step)[0] for step in range(0, 40, 4)]
    starts = {next(c for c in (0, 1) if torch.equal(s.latents[0], two_chunks.latents[2 * c])): s for s in found}
    assert set(starts) == {0, 1}  # either chunk comes up
    for chunk, sample in starts.items():
        assert sample.latents.shape == (3, 16, 8, 8)
        assert not torch.equal(sample.latents[1:], two_chunks.latents[2 * chunk + 1 : 2 * chunk + 3])
        assert torch.equal(sample.actions, two_chunks.actions[16 * chunk : 16 * chunk + 16])
        assert torch.equal(sample.state, two_chunks.state[chunk : chunk + 1])


def test_futures_are_imagined_only_when_asked(tmp_path):
    plan = training(tmp_path, predicted_future_every=3)
    samples = plan.mixture.batch(0)
    assert [bool(plan.objective.imagined(samples, step)) for step in range(5)] == [True, False, False, True, False]
    never = training(tmp_path, predicted_future_every=0)
    assert not never.objective.imagined(samples, 0)


def test_imagined_futures_follow_the_adapters_without_giving_them_a_gradient(tmp_path):
    plan = training(tmp_path)
    samples = plan.mixture.batch(0)
    before = plan.objective.imagined(samples, 0)
    for value in plan.trained.adapters.values():
        torch.nn.init.normal_(value, std=0.5)
    after = plan.objective.imagined(samples, 0)
    assert not torch.equal(before[0].latents, after[0].latents)
    added(plan.objective.sums([], after, 0))[IMAGINED].mean().backward()
    assert all(value.grad is None for value in plan.trained.adapters.values())


def test_instructions_are_dropped_by_window_and_step_in_the_given_share(tmp_path):
    plan = training(tmp_path, text_dropout=0.25)
    (sample, *_), _ = split(plan)
    dropped = [not plan.objective.prepare([replace(sample, window_id=str(n))], 0)[0].text.any() for n in range(400)]
    assert 0.18 < sum(dropped) / 400 < 0.32
    again = plan.objective.prepare([sample, replace(sample, window_id="1")], 0)
    assert (not again[1].text.any()) == dropped[1]
    assert plan.objective.prepare([sample], 0)[0].latents is sample.latents
