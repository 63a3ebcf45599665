"""A context read once and kept, against one read again in every pass."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from variant_builder import frames_of, image_of, text_of, variant

import adapt.models.imagine as imagining
from adapt.models.adapters import adapter_parameters, add_lora
from adapt.models.imagine import Bodies, Imagination, Sampling
from adapt.models.lora import LoraConfig
from adapt.models.passes import Scene, extend_cache, start_cache, velocities
from adapt.models.wan.context_cache import ContextCache, Picture
from adapt.models.wan.layout import Kind, Presence, token_valid
from adapt.models.wan.transformer import WanTransformer
from adapt.models.world_action import WorldActionModel

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
STATE = torch.tensor([[0.5, -0.5], [0.0, 0.0]])
GUIDED = Sampling(steps=2, guidance=2.0)


def bodies(dtype: torch.dtype) -> Bodies:
    return Bodies(names=("arm", "gripper"), state=STATE.to(dtype), has_state=torch.tensor([True, False]))


def futures(
    model: WorldActionModel,
    sampling: Sampling,
    *,
    recompute: bool,
    chunks: int = 4,
    joint: bool = False,
    known: int = 1,
) -> list[Tensor]:
    """Frames, and actions, of one chunk after the other from `known` frames on; prompts of different lengths."""
    present, text, image = frames_of(model, known), text_of(model, 5, 3), image_of(model)
    imagination = Imagination(model, present, text, sampling, image=image, recompute=recompute)
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(chunks):
        frames, actions = imagination.next_chunk(generator, bodies(frames_of(model, 1).dtype) if joint else None)
        imagination.see(frames)
        found += [frames] if actions is None else [frames, actions]
    return found


def furthest(first: list[Tensor], second: list[Tensor]) -> float:
    """The largest difference anywhere."""
    return max((a - b).abs().max().item() for a, b in zip(first, second, strict=True))


def difference(model: WorldActionModel, sampling: Sampling = GUIDED, **case: int | bool) -> float:
    """Between kept and recomputed context; asserts that there is something to compare."""
    kept, again = (futures(model, sampling, recompute=recompute, **case) for recompute in (False, True))
    assert all(0.3 < part.float().std() < 10 for part in again)
    return furthest(kept, again)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["single", "double"])
@pytest.mark.parametrize("joint", [False, True], ids=["video", "joint"])
@pytest.mark.parametrize("kind", ["t2v", "t2v_fixed_text", "i2v", "ti2v"])
def test_rollout_over_a_whole_window_is_the_same(kind: str, dtype: torch.dtype, *, joint: bool):
    assert difference(variant(kind, dtype=dtype), joint=joint) <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["single", "double"])
@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_it_is_the_same_where_video_sees_actions(dtype: torch.dtype, guidance: float):
    model = variant(dtype=dtype, video_sees_actions=True)

    assert difference(model, replace(GUIDED, guidance=guidance), joint=True) <= TOLERANCE[dtype]


def test_it_is_the_same_without_a_joint_head_and_for_a_single_window():
    model = variant(dtype=torch.float64, joint=False)
    text, context = text_of(model, 4), frames_of(model, 3, windows=1)

    kept, again = (
        Imagination(model, context, text, GUIDED, recompute=recompute).next_chunk(torch.Generator().manual_seed(0))[0]
        for recompute in (False, True)
    )

    assert (kept - again).abs().max() <= 1e-12


@pytest.mark.parametrize("solver", ["unipc", "dpm++"])
def test_it_is_the_same_with_every_solver(solver: str):
    model = variant(dtype=torch.float64)

    assert difference(model, Sampling(steps=4, guidance=2.0, solver=solver), chunks=2, joint=True) <= 1e-12


@pytest.mark.parametrize("known", [1, 3, 5, 7])
def test_a_context_of_any_number_of_chunks_can_be_read_at_once(known: int):
    assert difference(variant(dtype=torch.float64), known=known, chunks=1, joint=True) <= 1e-12


def test_it_is_the_same_with_adapters_on():
    model = variant(dtype=torch.float64)
    plain = futures(model, GUIDED, recompute=False)
    add_lora(model.dit, LoraConfig(rank=2), base_id="small", revision="0")
    with torch.no_grad():
        for place, parameter in enumerate(adapter_parameters(model.dit)):
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(place)) * 0.1)
    model.double().requires_grad_(requires_grad=False)

    assert difference(model, joint=True) <= 1e-12
    assert furthest(plain, futures(model, GUIDED, recompute=False)) > 0.1


def test_it_is_about_the_same_in_bfloat16():
    model = variant(dtype=torch.bfloat16)
    kept, again = (futures(model, GUIDED, recompute=recompute, joint=True) for recompute in (False, True))

    assert all(part.dtype == torch.bfloat16 for part in kept)
    assert furthest(kept[:2], again[:2]) < 0.1 * again[0].abs().max()


def kept_of(model: WorldActionModel, *ends: int) -> ContextCache:
    """What is kept of 7 frames, read up to each of `ends` in turn."""
    frames, text = frames_of(model, 7), text_of(model, 5, 3)
    cache = start_cache(model.dit, text)
    for end in ends:
        layout = model.layout((end + 1) // 2, first_noisy=(end - 1) // 2, acting=False)
        extend_cache(model.dit, cache, layout, frames[:, cache.frames : end])
    return cache


def test_reading_chunk_by_chunk_keeps_what_reading_at_once_does():
    model = variant(dtype=torch.float64)
    at_once, by_chunk, in_two = (kept_of(model, *ends) for ends in ((7,), (1, 3, 5, 7), (5, 7)))

    assert at_once.frames == by_chunk.frames == in_two.frames == 7
    for first, second, third in zip(at_once.blocks, by_chunk.blocks, in_two.blocks, strict=True):
        assert first.clean.keys.shape == (2, 2, 7 * 16, 12)
        for other in (second, third):
            assert (first.clean.keys - other.clean.keys).abs().max() <= 1e-12
            assert (first.clean.values - other.clean.values).abs().max() <= 1e-12


def test_clean_tokens_keys_and_values_depend_on_neither_noisy_frames_nor_noise_level():
    """Why a context can be kept at all: two full passes with everything else changed leave them bit for bit."""
    model = variant()
    layout = model.layout(4, first_noisy=3, acting=False)
    text, everyone = text_of(model, 5, 3), torch.ones(2, dtype=torch.bool)
    presence = Presence(chunks=4 * everyone.long(), video=everyone, action=everyone, state=everyone)
    clean = layout.counts[Kind.CLEAN]

    def keys(seed: int, sigma: float) -> list[Tensor]:
        cache = ContextCache(3, model.dit.words(text.values, text.valid))
        levels = torch.tensor([[0.0, sigma]] * 2)
        given, _ = model.dit.conditions(layout, token_valid(layout, presence), levels, cache.words, picture=Picture())
        tokens = torch.cat([frames_of(model, 7), frames_of(model, 2, seed=seed)], dim=1)
        model.dit(model.dit.embed_patches(tokens), replace(given, remember=True), cache)
        return [part for block in cache.blocks for part in (block.clean.keys, block.clean.values)]

    first, second = keys(3, 0.9), keys(4, 0.2)

    assert all(torch.equal(a[:, :, :clean], b[:, :, :clean]) for a, b in zip(first, second, strict=True))
    assert all(not torch.equal(a[:, :, clean:], b[:, :, clean:]) for a, b in zip(first, second, strict=True))
    for kept, part in zip(kept_of(model, 7).blocks, first[::2], strict=True):
        assert (kept.clean.keys - part[:, :, :clean]).abs().max() <= 1e-5


def test_an_image_is_kept_too():
    """Each block keeps its own keys and values of the picture, and reads those and not the picture afterwards."""
    model = variant("i2v", dtype=torch.float64)
    layout, everyone = model.layout(4, first_noisy=3, acting=False), torch.ones(2, dtype=torch.bool)
    scene = Scene(
        layout=layout,
        presence=Presence(chunks=4 * everyone.long(), video=everyone, action=everyone, state=everyone),
        clean=frames_of(model, 7),
        noisy=frames_of(model, 2, seed=3),
        sigma=torch.full((2, 1), 0.7, dtype=torch.float64),
        text=text_of(model, 5, 3),
        image=image_of(model),
    )
    cache = start_cache(model.dit, scene.text, scene.image)
    extend_cache(model.dit, cache, layout, scene.clean)
    full, kept = velocities(model.dit, scene).video, velocities(model.dit, scene, cache).video

    assert (kept - full).abs().max() <= 1e-12
    assert [tuple(block.image.keys.shape) for block in cache.blocks] == [(2, 2, 5, 12)] * 3
    cache.blocks[1].image = cache.blocks[0].image
    assert (velocities(model.dit, scene, cache).video - kept).abs().max() > 1e-3


def not_extended(dit, cache, layout, frames):
    """Reads the first frame only, and says it has read all."""
    if cache.frames == 0:
        extend_cache(dit, cache, layout, frames)
    cache.frames = layout.clean_frames


def test_a_cache_that_is_not_extended_would_be_noticed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(imagining, "extend_cache", not_extended)

    assert difference(variant(), chunks=2) > 0.01


def test_a_cache_extended_at_the_wrong_position_would_be_noticed(monkeypatch: pytest.MonkeyPatch):
    right = WanTransformer.conditions

    def one_frame_off(dit, layout, valid, sigmas, words, part=slice(None), *, picture):
        given, embedded = right(dit, layout, valid, sigmas, words, part, picture=picture)
        cells = layout.rows * layout.columns
        read_later = part.stop is not None and part.start > 0
        return (
            replace(given, rotation=tuple(t.roll(cells, 0) for t in given.rotation)) if read_later else given
        ), embedded

    monkeypatch.setattr(WanTransformer, "conditions", one_frame_off)

    assert difference(variant(), chunks=2) > 0.01


def test_a_cache_shared_between_text_and_no_text_would_be_noticed(monkeypatch: pytest.MonkeyPatch):
    made: list[ContextCache] = []

    def shared(dit, text, image):
        made.append(made[0] if made else start_cache(dit, text, image))
        return made[-1]

    monkeypatch.setattr(imagining, "start_cache", shared)

    assert difference(variant(), chunks=1) > 0.01


def test_a_cache_of_another_context_is_refused():
    model = variant()
    layout = model.layout(4, first_noisy=3, acting=False)
    everyone = torch.ones(2, dtype=torch.bool)
    scene = Scene(
        layout=layout,
        presence=Presence(chunks=4 * everyone.long(), video=everyone, action=everyone, state=everyone),
        clean=frames_of(model, 7),
        noisy=frames_of(model, 2),
        sigma=torch.ones(2, 1),
        text=text_of(model, 5, 3),
    )

    with pytest.raises(AssertionError, match="another context"):
        velocities(model.dit, scene, kept_of(model, 5))
    with pytest.raises(AssertionError, match="chunk's end"):
        kept_of(model, 4)


def test_a_cache_takes_the_memory_it_says():
    """Two tables a block: for 2 windows of 7 frames of 16 tokens, and of 5 words, 24 wide, 4 bytes a number."""
    model = variant()
    layout = model.layout(4, first_noisy=3, acting=False)
    cache = kept_of(model, 7)

    assert layout.clean_frames == cache.frames
    assert cache.nbytes == 2 * 3 * 2 * (7 * 16 + 5) * 24 * 4


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_each_pass_of_a_solver_step_takes_the_noisy_tokens_alone(guidance: float):
    model = variant()
    lengths: list[int] = []
    model.dit.register_forward_hook(lambda _dit, given, _out: lengths.append(given[0].shape[1]))

    futures(model, Sampling(steps=3, guidance=guidance), recompute=False, chunks=2)

    passes = 1 if guidance == 1.0 else 2
    first = [16, 32] * passes + [32] * 2 * passes  # 16 tokens a frame: the present is read, then 3 steps of a chunk
    second = [32, 32] * passes + [32] * 2 * passes  # the first chunk is read, then 3 steps of the next
    assert lengths == first + second


def test_memory_filled_with_nan_before_use_reaches_no_imagined_future():
    model = variant()
    torch.use_deterministic_algorithms(mode=True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    try:
        found = [futures(model, GUIDED, recompute=recompute, joint=True) for recompute in (False, True)]
    finally:
        torch.use_deterministic_algorithms(mode=False)

    assert all(bool(torch.isfinite(part).all()) for part in found[0] + found[1])
    assert furthest(found[0], futures(model, GUIDED, recompute=False, joint=True)) == 0
