"""Who sees whom, against a reference written out token by token in plain words."""

import pytest
import torch

import adapt.models.wan.layout as layouts
from adapt.models.wan.layout import (
    RULES,
    Kind,
    Layout,
    Presence,
    Sight,
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


def may_see(looks: tuple[str, int], at: tuple[str, int], *, open_: bool = False) -> bool:
    """The rules in words: frames 2i + 1 and 2i + 2 are what chunk i predicts, from clean frames up to 2i.

    With `open_`, predicted video also sees the actions and the state of its chunk.
    """
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
    return (kind == "action" or open_) and there == chunk


def spelled_out_mask(chunks: int, *, acting: bool, open_: bool = False) -> torch.Tensor:
    """Who sees whom of the tokens of `spelled_out`."""
    tokens = spelled_out(chunks, acting=acting)
    return torch.tensor([[may_see(looks, at, open_=open_) for at in tokens] for looks in tokens])


@pytest.mark.parametrize("acting", [False, True], ids=["video_only", "joint"])
@pytest.mark.parametrize("chunks", [1, 2, 3, 4])
def test_visibility_is_what_the_rules_say_in_words(chunks: int, *, acting: bool):
    wanted = spelled_out_mask(chunks, acting=acting)

    assert torch.equal(visibility(layout(chunks, acting=acting)), wanted)


@pytest.mark.parametrize("chunks", [1, 2, 3, 4])
def test_visibility_is_what_the_rules_say_where_video_sees_actions(chunks: int):
    wanted = spelled_out_mask(chunks, acting=True, open_=True)

    assert torch.equal(visibility(layout(chunks, video_sees_actions=True)), wanted)


@pytest.mark.parametrize("rule", RULES, ids=lambda pair: f"{pair[0].name} at {pair[1].name}")
@pytest.mark.parametrize("instead", Sight, ids=lambda sight: sight.name)
def test_any_single_rule_changed_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch, rule: tuple[Kind, Kind], instead: Sight
):
    """Each rule turned into each other one: the written-out mask agrees with the true one alone."""
    monkeypatch.setattr(layouts, "RULES", {**RULES, rule: instead})
    changed = visibility.__wrapped__(layout(3))

    assert torch.equal(changed, spelled_out_mask(3, acting=True)) == (instead == RULES[rule])


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


@pytest.mark.parametrize("open_", [False, True], ids=["video_apart", "video_sees_actions"])
@pytest.mark.parametrize("chunks", [1, 2, 3, 4])
def test_mixed_batch_masks_each_window_by_what_it_has(chunks: int, *, open_: bool):
    """Joint, video only, action only and joint without state, each of every length, side by side."""
    shape = layout(chunks, video_sees_actions=open_)
    has = [(True, True, True), (True, False, False), (False, True, True), (True, True, False)]
    rows = [(length, *kind) for kind in has for length in range(1, chunks + 1)]
    lengths, video, action, state = (torch.tensor(column) for column in zip(*rows, strict=True))
    presence = Presence(chunks=lengths, video=video, action=action, state=state)
    tokens = spelled_out(chunks, acting=True)

    def real(row: int, token: tuple[str, int]) -> bool:
        kind, where = token
        count = int(presence.chunks[row])
        if kind == "clean":
            return where <= 2 * (count - 1)
        if kind == "noisy":
            return bool(presence.video[row]) and where <= 2 * count
        return bool((presence.action if kind == "action" else presence.state)[row]) and where < count

    mask = attention_mask(shape, token_valid(shape, presence))
    allowed = spelled_out_mask(chunks, acting=True, open_=open_)

    assert mask.shape == (4 * chunks, 1, len(tokens), len(tokens))
    for row in range(4 * chunks):
        there = torch.tensor([real(row, token) for token in tokens])
        wanted = (allowed & there[:, None] & there[None, :]) | torch.eye(len(tokens), dtype=torch.bool)
        assert torch.equal(mask[row, 0], wanted), row


def everyone(shape: Layout) -> torch.Tensor:
    return torch.ones(2, shape.tokens, dtype=torch.bool)


def whole(mask: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor:
    """A mask written out where it was left out because everything is seen."""
    return torch.ones_like(like) if mask is None else mask[0, 0]


@pytest.mark.parametrize("open_", [False, True], ids=["video_apart", "video_sees_actions"])
@pytest.mark.parametrize("acting", [False, True], ids=["video_only", "joint"])
@pytest.mark.parametrize("chunks", [1, 2, 3, 4])
def test_imagining_with_a_cache_sees_the_rows_of_the_written_out_mask(chunks: int, *, acting: bool, open_: bool):
    """Of the window in which all chunks are noisy: the last chunk's rows, and the columns that are still there."""
    full = spelled_out_mask(chunks, acting=acting, open_=open_)
    tokens = spelled_out(chunks, acting=acting)
    last = [
        kind != "clean" and (where == chunks - 1 if kind in ("action", "state") else (where - 1) // 2 == chunks - 1)
        for kind, where in tokens
    ]
    clean = [kind == "clean" for kind, _ in tokens]
    wanted = full[torch.tensor(last)][:, torch.tensor(last) | torch.tensor(clean)]
    shape = layout(chunks, acting=acting, video_sees_actions=open_, first_noisy=chunks - 1)

    mask = attention_mask(shape, everyone(shape), shape.counts[Kind.CLEAN])

    assert torch.equal(whole(mask, wanted), wanted)


@pytest.mark.parametrize("known", [0, 1, 3, 5])
def test_reading_a_context_in_parts_sees_the_rows_of_the_written_out_mask(known: int):
    """Two tokens a frame: those of frames `known` to 6, over all frames before and their own."""
    shape = layout(4, acting=False, first_noisy=3)
    wanted = spelled_out_mask(4, acting=False)[2 * known : 14, :14]

    mask = attention_mask(shape, everyone(shape), 2 * known, 14)

    assert torch.equal(whole(mask, wanted), wanted)


def test_rows_of_a_window_that_is_not_whole_are_those_of_its_own_mask():
    shape = layout(3)
    there = torch.tensor([True, False])
    valid = token_valid(shape, Presence(chunks=torch.tensor([3, 2]), video=there | True, action=there, state=there))

    assert torch.equal(attention_mask(shape, valid, 4, 15), attention_mask(shape, valid)[:, :, 4:15, :15])


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
