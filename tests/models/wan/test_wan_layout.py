"""Who sees whom, against a reference written out token by token in plain words."""

import pytest
import torch

from adapt.models.wan.layout import (
    Kind,
    Layout,
    Presence,
    attention_mask,
    time_slots,
    token_table,
    token_valid,
    visibility,
)

STEPS = 3  # action tokens a chunk, few enough to read


def layout(chunks: int, *, acting: bool = True, video_sees_actions: bool = False, first_noisy: int = 0) -> Layout:
    return Layout(
        chunks=chunks,
        rows=1,
        columns=2,
        first_noisy=first_noisy,
        action_steps=STEPS if acting else 0,
        video_sees_actions=video_sees_actions,
    )


def spelled_out(chunks: int, *, acting: bool) -> list[tuple[str, int]]:
    """Tokens in order: what each is, and its latent frame (video) or chunk (action, state)."""
    tokens = [("clean", frame) for frame in range(2 * (chunks - 1) + 1) for _ in range(2)]
    tokens += [("noisy", frame) for frame in range(1, 2 * chunks + 1) for _ in range(2)]
    if acting:
        tokens += [("action", chunk) for chunk in range(chunks) for _ in range(STEPS)]
        tokens += [("state", chunk) for chunk in range(chunks)]
    return tokens


def may_see(looks: tuple[str, int], at: tuple[str, int]) -> bool:
    """The rules in words: frames 2i + 1 and 2i + 2 are what chunk i predicts, from clean frames up to 2i."""
    kind, where = looks
    seen, there = at
    if kind == "state":
        return at == looks
    if kind == "clean":
        block_end = where if where % 2 == 0 else where + 1
        return seen == "clean" and there <= block_end
    chunk = (where - 1) // 2 if kind == "noisy" else where
    if seen == "clean":
        return there <= 2 * chunk
    if seen == "noisy":
        return (there - 1) // 2 == chunk
    return kind == "action" and there == chunk


@pytest.mark.parametrize("acting", [False, True], ids=["video_only", "joint"])
@pytest.mark.parametrize("chunks", [1, 2, 3, 4])
def test_visibility_is_what_the_rules_say_in_words(chunks: int, *, acting: bool):
    tokens = spelled_out(chunks, acting=acting)
    wanted = torch.tensor([[may_see(looks, at) for at in tokens] for looks in tokens])

    assert torch.equal(visibility(layout(chunks, acting=acting)), wanted)


def test_video_sees_its_chunks_actions_and_state_only_when_switched_on():
    plain, open_ = visibility(layout(2)), visibility(layout(2, video_sees_actions=True))
    table = token_table(layout(2))
    added = (open_ & ~plain).nonzero()

    assert not (plain & ~open_).any()
    assert {(Kind(int(table.kind[q])), Kind(int(table.kind[k]))) for q, k in added} == {
        (Kind.NOISY, Kind.ACTION),
        (Kind.NOISY, Kind.STATE),
    }
    assert all(table.chunk[q] == table.chunk[k] for q, k in added)


def test_mixed_batch_masks_each_window_by_what_it_has():
    shape = layout(3)
    presence = Presence(
        chunks=torch.tensor([3, 1, 2, 2]),
        video=torch.tensor([True, True, True, False]),
        action=torch.tensor([True, True, False, True]),
        state=torch.tensor([True, False, False, True]),
    )
    tokens = spelled_out(3, acting=True)

    def real(row: int, token: tuple[str, int]) -> bool:
        kind, where = token
        count = int(presence.chunks[row])
        if kind == "clean":
            return where <= 2 * (count - 1)
        if kind == "noisy":
            return bool(presence.video[row]) and where <= 2 * count
        return bool((presence.action if kind == "action" else presence.state)[row]) and where < count

    mask = attention_mask(shape, token_valid(shape, presence))

    assert mask.shape == (4, 1, len(tokens), len(tokens))
    for row in range(4):
        for q, looks in enumerate(tokens):
            for k, at in enumerate(tokens):
                wanted = q == k or (may_see(looks, at) and real(row, looks) and real(row, at))
                assert bool(mask[row, 0, q, k]) == wanted, (row, looks, at)


def test_mask_of_whole_windows_is_shared_by_the_batch():
    shape = layout(2)
    everyone = torch.ones(5, dtype=torch.bool)
    presence = Presence(chunks=torch.full((5,), 2), video=everyone, action=everyone, state=everyone)

    assert attention_mask(shape, token_valid(shape, presence)).shape[0] == 1


def test_imagining_the_next_chunk_sees_as_training_did():
    """The last chunk's rows are the same whether all chunks are noisy or only the last."""
    train, act = layout(3), layout(3, first_noisy=2)
    table, next_table = token_table(train), token_table(act)
    kept = (table.kind == Kind.CLEAN) | (table.chunk == 2)

    assert torch.equal(visibility(train)[kept][:, kept], visibility(act))
    assert torch.equal(table.position[kept], next_table.position)


def test_actions_stand_in_time_between_the_frames_they_lead_through():
    table = token_table(layout(2))
    actions = table.position[table.kind == Kind.ACTION, 0]

    torch.testing.assert_close(actions, torch.tensor([2 / 3, 4 / 3, 2, 8 / 3, 10 / 3, 4], dtype=torch.float64))
    assert table.position[table.kind == Kind.STATE, 0].tolist() == [0.0, 2.0]


def test_noise_levels_are_shared_by_a_chunk_and_clean_tokens_have_none():
    slots = time_slots(layout(2))

    assert slots.tolist() == [0] * 6 + [1] * 4 + [2] * 4 + [3] * 3 + [4] * 3 + [0] * 2
