"""Altered data: exactly one thing is wrong, and everything else is as it was."""

from dataclasses import replace

import pytest
import torch
from encoded_builder import arm, hand, window, write_folder
from hypothesis import given
from hypothesis import strategies as st

from adapt.data.altered import ShuffledInTime, displaced, exchange, with_instructions
from adapt.data.encoded import read_encoded
from adapt.data.samples import Mixture, WindowDataset

TOLD = st.lists(st.sampled_from(["push red", "pull blue", "lift the cup", "", "Push red!", "wave"]), max_size=8)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """Arm windows of one to three chunks, three tasks."""
    windows = [window(n, arm(), chunks=1 + n % 3) for n in range(6)]
    return read_encoded(write_folder(tmp_path_factory.mktemp("encoded"), windows, [arm()]))


@given(TOLD, TOLD)
def test_no_instruction_keeps_its_place_and_none_is_used_for_two(told, others):
    found = exchange(told, others)
    plain = {" ".join(text.lower().replace("!", "").split()) for text in found.instead_of}
    for right, wrong in found.instead_of.items():
        assert right.lower().strip("!") != wrong.lower().strip("!")
    assert len(set(found.instead_of.values())) == len(plain)
    assert bool(found.problem) == (not found.instead_of)
    assert set(found.instead_of) == {text for text in told if text} or found.problem


def test_several_tasks_are_passed_round_in_a_fixed_order():
    assert exchange(["b", "c", "a", "a"], ["z"]).instead_of == {"a": "b", "b": "c", "c": "a"}


def test_a_single_task_borrows_the_one_that_is_least_like_it():
    found = exchange(["pour the water"], ["pour the tea", "Pour the water.", "push red left"])
    assert (found.instead_of, found.borrowed) == ({"pour the water": "push red left"}, True)


def test_a_single_task_without_others_cannot_be_wrong_and_says_why():
    assert "single instruction ('pour')" in exchange(["pour"], ["Pour", ""]).problem


def test_data_without_instructions_cannot_be_wrong():
    assert "no instructions" in exchange(["", ""], ["push"]).problem


def test_wrong_windows_have_the_right_pixels_and_actions_and_the_text_of_another_task(encoded):
    swap = exchange([item.instruction for item in encoded.windows], ())
    right = WindowDataset(encoded, "train")
    wrong = WindowDataset(with_instructions(encoded, swap), "train")
    texts = {item.instruction: right[place].text for place, item in enumerate(right.windows)}
    for place, item in enumerate(right.windows):
        one, other = right[place], wrong[place]
        assert torch.equal(one.latents, other.latents)
        assert torch.equal(one.actions, other.actions)
        assert torch.equal(one.state, other.state)
        assert one.window_id == other.window_id
        assert torch.equal(other.text, texts[swap.instead_of[item.instruction]])
        assert not torch.equal(other.text, one.text) if other.text.shape == one.text.shape else True


def test_the_data_itself_keeps_its_instructions(encoded):
    before = [item.instruction for item in encoded.windows]
    with_instructions(encoded, exchange(before, ()))
    assert [item.instruction for item in encoded.windows] == before


def test_borrowed_instructions_bring_their_embeddings(tmp_path):
    folder = write_folder(tmp_path, [replace(window(0, hand()), instruction="pour")], [hand()])
    encoded = read_encoded(folder)
    swap = exchange(["pour"], ["push red"])
    with pytest.raises(ValueError, match="A human hand: push red"):
        with_instructions(encoded, swap)
    told = torch.randn(3, 64)
    wrong = WindowDataset(with_instructions(encoded, swap, {"A human hand: push red": told}), "train")
    assert torch.equal(wrong[0].text, told)


@given(st.integers(2, 12), st.integers(0, 100))
def test_nothing_stays_where_it_was_and_nothing_is_lost(count, seed):
    order = displaced(count, torch.Generator().manual_seed(seed))
    assert sorted(order) == list(range(count))
    assert all(place != number for place, number in enumerate(order))


def test_shuffled_windows_keep_the_present_and_show_every_later_frame_in_another_place(encoded):
    right, shuffled = WindowDataset(encoded, "train"), ShuffledInTime(encoded, "train")
    for place in range(len(right)):
        one, other = right[place], shuffled[place]
        assert torch.equal(one.latents[0], other.latents[0])
        assert all(not torch.equal(a, b) for a, b in zip(one.latents[1:], other.latents[1:], strict=True))
        assert {frame.sum().item() for frame in one.latents} == {frame.sum().item() for frame in other.latents}
        assert torch.equal(one.actions, other.actions)
        assert torch.equal(one.text, other.text)
        assert torch.equal(shuffled[place].latents, other.latents)


def test_altered_data_is_drawn_in_the_same_order_as_the_data_itself(encoded):
    swap = exchange([item.instruction for item in encoded.windows], ())
    sets = [
        WindowDataset(encoded, "train"),
        ShuffledInTime(encoded, "train"),
        WindowDataset(with_instructions(encoded, swap), "train"),
    ]
    drawn = [
        [
            s.window_id
            for step in range(5)
            for s in Mixture(datasets=[d], shares=[1.0], seed=3, batch_size=4).batch(step)
        ]
        for d in sets
    ]
    assert drawn[0] == drawn[1] == drawn[2]
