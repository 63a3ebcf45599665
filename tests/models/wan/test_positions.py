"""Learned positions: every token knows its place in the frame, in every pass there is."""

from dataclasses import replace

import pytest
import torch
from model_builder import BODIES

from adapt.models.bases import random_tiny
from adapt.models.batch import Text
from adapt.models.imagine import Imagination, Sampling
from adapt.models.wan.config import WanConfig
from adapt.models.wan.transformer import WanTransformer
from adapt.models.world_action import WorldActionModel

SIZES = WanConfig(num_attention_heads=2, attention_head_dim=12, ffn_dim=32, num_layers=2, text_dim=16)
PLACED = replace(SIZES, learned_positions=(4, 4))


def test_equal_patches_differ_by_their_places_alone_and_alike_in_every_frame():
    torch.manual_seed(0)
    dit = WanTransformer(PLACED)
    frames = torch.randn(1, 1, 16, 1, 1).expand(2, 3, 16, 8, 8)

    tokens = dit.embed_patches(frames).detach().unflatten(1, (3, 16))

    assert torch.allclose(
        tokens - tokens[:, :, :1], (dit.positions.flatten(0, 1) - dit.positions[0, 0]).expand(2, 3, -1, -1), atol=1e-6
    )
    assert len({float(token.sum()) for token in tokens[0, 0]}) == 16


def test_without_them_nothing_is_stored_that_was_not_stored_before():
    assert "positions" not in WanTransformer(SIZES).state_dict()
    assert "learned_positions" not in SIZES.to_json()
    assert WanConfig.from_json(SIZES.to_json()) == SIZES
    assert WanConfig.from_json(PLACED.to_json()) == PLACED


def test_frames_of_another_size_are_refused():
    with pytest.raises(ValueError, match="frames have 4 x 8 tokens, and this model learned positions for 4 x 4"):
        WanTransformer(PLACED).embed_patches(torch.zeros(1, 1, 16, 8, 16))


def test_a_kept_context_has_them_too():
    base = random_tiny(0, bodies=BODIES)
    model = WorldActionModel(
        replace(base.model.config, wan=replace(base.model.config.wan, learned_positions=(4, 4))), base.geometry
    )
    with torch.no_grad():
        for value in model.parameters():
            value.add_(torch.randn(value.shape, generator=torch.Generator().manual_seed(value.numel())) * 0.1)
    width = model.config.wan.text_dim
    text = Text(values=torch.randn(2, 3, width), valid=torch.ones(2, 3, dtype=torch.bool))
    present = torch.randn(2, 1, 16, 8, 8)

    def two_chunks(*, recompute: bool) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        imagination = Imagination(model, present, text, Sampling(steps=2), recompute=recompute)
        imagination.see(imagination.next_chunk(generator)[0])
        return imagination.next_chunk(generator)[0]

    kept = two_chunks(recompute=False)
    assert torch.allclose(kept, two_chunks(recompute=True), atol=1e-4)
    with torch.no_grad():
        model.dit.positions.mul_(3)
    assert not torch.allclose(kept, two_chunks(recompute=False), atol=1e-2)
