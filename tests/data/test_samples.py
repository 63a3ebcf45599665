import dataclasses
from collections import Counter

import pytest
import torch
from encoded_builder import arm, hand, window, write_folder

from adapt.data.samples import Mixture, WindowDataset, generator


def dataset(folder, count: int, body, split: str | None = "train") -> WindowDataset:
    return WindowDataset(write_folder(folder, [window(n, body) for n in range(count)], [body]), split)


def test_dataset_holds_one_split_only(tmp_path):
    windows = [window(0, hand()), window(1, hand(), split="validation"), window(2, hand())]
    folder = write_folder(tmp_path, windows, [hand()])
    assert len(WindowDataset(folder, "train")) == 2
    assert WindowDataset(folder, "validation")[0].window_id == "human_hand-0001"
    assert len(WindowDataset(folder, None)) == 3


def test_sample_of_a_video_has_latents_and_text_but_no_actions(tmp_path):
    sample = dataset(tmp_path, 1, hand())[0]
    assert sample.latents.shape == (3, 16, 8, 8)
    assert sample.latents.dtype == torch.float32
    assert sample.text.shape == (len("A human hand: task 0") + 1, 64)
    assert sample.actions is None
    assert sample.state is None


def test_sample_has_relative_then_normalised_actions(tmp_path):
    first = window(0, arm())
    actions = torch.stack([torch.linspace(3.0, 5.0, 16), torch.linspace(0.0, 1.0, 16)], dim=1)
    only = dataclasses.replace(first, actions=actions, state=torch.tensor([[4.0, 9.0]]))
    data = WindowDataset(write_folder(tmp_path, [only], [arm()]), "train")
    figures = data.encoded.statistics["arm"].actions
    # Axis 0 is relative: 3..5 around the state 4 is -1..1, whose 1st and 99th percentile are -0.98 and 0.98.
    assert figures.q01[0].item() == pytest.approx(-0.98, abs=1e-3)
    sample = data[0]
    assert sample.actions[0, 0].item() == pytest.approx(-1 / 0.98, abs=1e-3)
    assert sample.actions[15].tolist() == pytest.approx([1 / 0.98, 1 / 0.98], abs=1e-3)
    assert sample.action_valid.all()
    assert sample.provenance == "robot"


def test_sample_marks_numbers_that_are_not_finite_and_hides_them(tmp_path):
    data = dataset(tmp_path, 2, arm())
    broken = data.windows[0].actions.clone()
    broken[3, 1] = float("nan")
    data.windows = (dataclasses.replace(data.windows[0], actions=broken), *data.windows[1:])
    sample = data[0]
    assert sample.action_valid.logical_not().nonzero().tolist() == [[3, 1]]
    assert sample.actions[3, 1].item() == 0.0


def test_mixture_keeps_its_shares_in_every_batch_and_shows_each_window_once_an_epoch(tmp_path):
    mixture = Mixture(
        datasets=[dataset(tmp_path / "new", 6, hand()), dataset(tmp_path / "replay", 4, arm())],
        shares=[0.5, 0.5],
        seed=0,
        batch_size=4,
    )
    plans = [mixture.plan(step) for step in range(6)]
    assert all(Counter(number for number, _ in plan) == {0: 2, 1: 2} for plan in plans)
    assert Counter(index for plan in plans for number, index in plan if number == 0) == dict.fromkeys(range(6), 2)
    assert Counter(index for plan in plans for number, index in plan if number == 1) == dict.fromkeys(range(4), 3)


def test_mixture_is_a_function_of_seed_and_step_alone(tmp_path):
    data = dataset(tmp_path, 6, hand())

    def plan(seed: int, step: int) -> list[tuple[int, int]]:
        return Mixture(datasets=[data], shares=[1.0], seed=seed, batch_size=3).plan(step)

    assert plan(0, 7) == plan(0, 7)
    assert [plan(0, step) for step in range(4)] != [plan(1, step) for step in range(4)]
    first_epoch = [item for step in (0, 1) for item in plan(0, step)]
    second_epoch = [item for step in (2, 3) for item in plan(0, step)]
    assert sorted(first_epoch) == sorted(second_epoch)
    assert first_epoch != second_epoch


def test_mixture_holds_uneven_shares_on_average(tmp_path):
    datasets = [dataset(tmp_path / str(n), 3, hand()) for n in range(3)]
    mixture = Mixture(datasets=datasets, shares=[0.5, 0.3, 0.2], seed=0, batch_size=4)
    seen = Counter(number for step in range(500) for number, _ in mixture.plan(step))
    assert sum(seen.values()) == 2000
    assert seen[0] == 1000  # 0.5 x 4 is a whole number: never left to chance.
    assert seen[1] / 2000 == pytest.approx(0.3, abs=0.02)
    assert seen[2] / 2000 == pytest.approx(0.2, abs=0.02)


def test_mixture_refuses_an_empty_data_set(tmp_path):
    full, empty = dataset(tmp_path, 2, hand()), WindowDataset(tmp_path, "validation")
    with pytest.raises(ValueError, match="data set 1 is empty"):
        Mixture(datasets=[full, empty], shares=[0.5, 0.5], seed=0, batch_size=2)


def test_generator_depends_on_its_seeds_and_not_on_the_global_state():
    torch.manual_seed(1)
    first = torch.rand(2, generator=generator(0, "noise", 3))
    torch.manual_seed(2)
    assert torch.equal(first, torch.rand(2, generator=generator(0, "noise", 3)))
    assert not torch.equal(first, torch.rand(2, generator=generator(0, "noise", 4)))
