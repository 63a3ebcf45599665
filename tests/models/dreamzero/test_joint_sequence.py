"""DreamZero's tokens, one by one, against its code told in plain words: who sees whom, where each stands, its level.

`_forward_train` and `_process_*` of wan_video_dit_action_casual_chunk.py at ab790c1, read line by line; what comes of
them all is held against the original in test_released_outputs.
"""

from dataclasses import replace

import pytest
import torch

from adapt.models.dreamzero.sequence import DreamZeroLayout
from adapt.models.wan.blocks import line_rotation_table
from adapt.models.wan.layout import Kind, Layout, time_slots, token_table, visibility
from adapt.models.wan.transformer import _layout_rotation

STEPS, CELLS = 3, 2  # actions a chunk; tokens a frame, in one row
Token = tuple[str, int, int]  # what it is, its frame (video) or chunk, and which of these


def layout(chunks: int, **changes: object) -> DreamZeroLayout:
    plain = DreamZeroLayout(chunks=chunks, rows=1, columns=CELLS, frames_per_chunk=2, action_steps=STEPS)
    return replace(plain, **changes)


def spelled_out(chunks: int, *, first: bool = False, only_last: bool = False) -> list[Token]:
    """The tokens in order."""
    predicted = [chunks - 1] if only_last else list(range(chunks))
    noisy = ([0] if first else []) + [frame for chunk in predicted for frame in (2 * chunk + 1, 2 * chunk + 2)]
    tokens = [("clean", frame, cell) for frame in range(2 * chunks - 1) for cell in range(CELLS)]
    tokens += [("noisy", frame, cell) for frame in noisy for cell in range(CELLS)]
    tokens += [("action", chunk, step) for chunk in predicted for step in range(STEPS)]
    return tokens + [("state", chunk, 0) for chunk in predicted]


def may_see(looks: Token, at: Token, *, sampled: bool = False) -> bool:
    """The rules in words; chunk i is frames 2i + 1 and 2i + 2, predicted from clean frames up to 2i."""
    kind, where, _ = looks
    seen, there, _ = at
    if kind == "clean":  # up to the end of its own chunk; the first frame sees itself
        return seen == "clean" and there <= (where if where % 2 == 0 else where + 1)
    if kind == "noisy" and where == 0:
        return seen == "noisy" and there == 0
    if kind == "state" and not sampled:
        return seen == "state" and there == where
    chunk = (where - 1) // 2 if kind == "noisy" else where
    if seen == "clean":
        return there <= 2 * chunk
    if seen == "noisy":
        return there > 0 and (there - 1) // 2 == chunk
    return there == chunk


@pytest.mark.parametrize("chunks", [1, 2, 4])
@pytest.mark.parametrize("first", [False, True])
def test_who_sees_whom_is_what_the_words_say(chunks: int, *, first: bool):
    tokens = spelled_out(chunks, first=first)
    wanted = torch.tensor([[may_see(looks, at) for at in tokens] for looks in tokens])

    assert torch.equal(visibility(layout(chunks, noisy_first=first)), wanted)


@pytest.mark.parametrize("chunks", [1, 3])
def test_when_it_samples_a_state_sees_what_its_actions_see(chunks: int):
    tokens = spelled_out(chunks, only_last=True)
    wanted = torch.tensor([[may_see(looks, at, sampled=True) for at in tokens] for looks in tokens])

    found = visibility(layout(chunks, first_noisy=chunks - 1, sampled=True))

    assert torch.equal(found, wanted)
    clean = (2 * chunks - 1) * CELLS
    assert found[clean:].all()


def test_no_action_sees_another_chunks_actions_or_state_and_no_clean_frame_any_at_all():
    shape = layout(3)
    table, sees = token_table(shape), visibility(shape)
    acting = table.kind >= Kind.ACTION
    elsewhere = table.chunk[:, None] != table.chunk[None, :]

    assert not (sees & elsewhere & acting[None, :]).any()
    assert not sees[table.kind == Kind.CLEAN][:, table.kind != Kind.CLEAN].any()


@pytest.mark.parametrize(("chunks", "only_last"), [(3, False), (3, True), (1, False)])
def test_positions_are_frames_and_cells_or_running_numbers(chunks: int, *, only_last: bool):
    table = token_table(layout(chunks, first_noisy=chunks - 1 if only_last else 0))

    for row, (kind, where, which) in enumerate(spelled_out(chunks, only_last=only_last)):
        if kind in ("clean", "noisy"):
            assert table.position[row].tolist() == [where, 0, which]
            assert table.index[row] == -1
        else:
            assert table.index[row] == (where * STEPS + which if kind == "action" else where)


def test_a_running_number_turns_every_pair_of_channels_by_its_own_frequency():
    """Pair p of a head of d channels turns by number / 10000 ** (2 p / d), as in one dimension."""
    d = 12
    cos, sin = _layout_rotation(layout(2), d)
    tokens = spelled_out(2)

    for row, (kind, where, which) in enumerate(tokens):
        if kind in ("action", "state"):
            number = where * STEPS + which if kind == "action" else where
            angle = torch.tensor([number / 10000 ** (2 * pair / d) for pair in range(d // 2)], dtype=torch.float64)
        else:  # d - 4 (d // 6) channels for frames, 2 (d // 6) for rows and for columns
            places = [(where, 4, pair) for pair in range(2)] + [(0, 4, pair) for pair in range(2)]
            places += [(which, 4, pair) for pair in range(2)]
            angle = torch.tensor([place / 10000 ** (2 * pair / of) for place, of, pair in places], dtype=torch.float64)
        torch.testing.assert_close(cos[row].double(), angle.cos(), atol=1e-7, rtol=0)
        torch.testing.assert_close(sin[row].double(), angle.sin(), atol=1e-7, rtol=0)
    assert not torch.equal(line_rotation_table(torch.tensor([1]), d)[1], sin[[tokens.index(("clean", 1, 0))]])


@pytest.mark.parametrize("first", [False, True])
def test_levels_are_each_frames_and_each_steps_and_a_state_has_its_first_steps(*, first: bool):
    shape = layout(2, noisy_first=first)
    slots = time_slots(shape).tolist()
    tokens = spelled_out(2, first=first)
    frames = 4 + int(first)

    for (kind, where, which), slot in zip(tokens, slots, strict=True):
        if kind == "clean":
            assert slot == 0
        elif kind == "noisy":
            assert slot == 1 + where - int(not first)
        else:
            assert slot == 1 + frames + where * STEPS + which
    assert (shape.video_levels, shape.action_levels) == (frames, 2 * STEPS)
    assert max(slots) == shape.video_levels + shape.action_levels


def test_our_own_sequence_is_another():
    ours = Layout(chunks=2, rows=1, columns=CELLS, action_steps=STEPS, video_sees_actions=True)

    assert ours != layout(2)
    assert torch.equal(visibility(ours), visibility(layout(2)))  # the same eyes
    assert token_table(ours).index is None
    assert not torch.equal(time_slots(ours), time_slots(layout(2)))


def test_without_actions_there_are_frames_alone():
    shape = layout(2, action_steps=0)

    assert shape.counts == (3 * CELLS, 4 * CELLS, 0, 0)
    assert shape.action_levels == 0
    assert len(token_table(shape).index) == len(time_slots(shape)) == shape.tokens == 7 * CELLS
