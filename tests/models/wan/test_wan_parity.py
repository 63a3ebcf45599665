"""Our transformer against diffusers' on the same random weights: outputs and gradients."""

from dataclasses import replace

import pytest
import torch
from diffusers import WanTransformer3DModel
from torch import Tensor

from adapt.models.checkpoint import load_strict
from adapt.models.wan.config import WanConfig
from adapt.models.wan.transformer import WanTransformer

TOLERANCE = 1e-5
SMALL = WanConfig(
    num_attention_heads=2, attention_head_dim=24, text_dim=20, freq_dim=32, ffn_dim=64, num_layers=2, in_channels=16
)
VARIANTS = {
    "t2v": SMALL,
    "t2v_without_text_norm": replace(SMALL, cross_attn_norm=False),
    "i2v": replace(SMALL, in_channels=36, image_dim=28, added_kv_proj_dim=48),
    "first_and_last_frame_to_video": replace(
        SMALL, in_channels=36, image_dim=28, added_kv_proj_dim=48, pos_embed_seq_len=10
    ),
    "ti2v": replace(SMALL, in_channels=48, out_channels=48),
    "two_latent_frames_a_token": replace(SMALL, patch_size=(2, 2, 2)),
}
WORDS = 512  # diffusers splits image from text by this length


def both(name: str) -> tuple[WanTransformer3DModel, WanTransformer]:
    """The reference and ours, sharing weights that are random everywhere, biases and zero-initialised layers too."""
    config = VARIANTS[name]
    reference = WanTransformer3DModel(
        **{key: value for key, value in config.to_json().items() if key != "text_length"}
        | {"patch_size": config.patch_size}
    )
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in reference.parameters():
            spread = 0.1 if parameter.ndim < 2 else parameter[0].numel() ** -0.5
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread + (parameter.ndim == 1))
    ours = WanTransformer(config)
    load_strict(ours, reference.state_dict())
    return reference, ours


def inputs(name: str, *, per_token: bool) -> dict[str, Tensor | None]:
    """A small noisy video with its conditions."""
    config = VARIANTS[name]
    generator = torch.Generator().manual_seed(3)
    pf = config.patch_size[0]
    x = torch.randn(2, config.in_channels, 3 * pf, 4, 6, generator=generator)
    timestep = torch.rand(2, 3 * 2 * 3, generator=generator) * 1000 if per_token else torch.tensor([17.0, 950.5])
    image = None
    if config.image_dim is not None:
        rows = 2 if config.pos_embed_seq_len is None else 4
        image = torch.randn(rows, 5, config.image_dim, generator=generator)
    return {"x": x, "timestep": timestep, "text": torch.randn(2, WORDS, 20, generator=generator), "image": image}


@pytest.mark.parametrize("per_token", [False, True], ids=["one_timestep", "timestep_per_token"])
@pytest.mark.parametrize("name", VARIANTS)
def test_outputs_and_gradients_equal_the_reference(name: str, *, per_token: bool):
    reference, ours = both(name)
    given = inputs(name, per_token=per_token)
    x_reference = given["x"].clone().requires_grad_()
    x_ours = given["x"].clone().requires_grad_()

    wanted = reference(x_reference, given["timestep"], given["text"], given["image"], return_dict=False)[0]
    got = ours.forward_plain(x_ours, given["timestep"], given["text"], given["image"])
    wanted.square().mean().backward()
    got.square().mean().backward()

    assert wanted.abs().max() > 0.1
    assert (got - wanted).abs().max() <= TOLERANCE
    assert (x_ours.grad - x_reference.grad).abs().max() <= TOLERANCE
    gradients = dict(ours.named_parameters())
    for parameter_name, parameter in reference.named_parameters():
        if parameter.grad is None:
            assert gradients[parameter_name].grad is None, parameter_name
            continue
        difference = (gradients[parameter_name].grad - parameter.grad).abs().max()
        assert difference <= TOLERANCE * max(1.0, parameter.grad.abs().max().item()), parameter_name


def test_weights_exchange_both_ways():
    reference, ours = both("i2v")

    missing, unexpected = reference.load_state_dict(ours.state_dict(), strict=False)

    assert not missing
    assert not unexpected


def test_bfloat16_stays_near_the_reference_in_bfloat16():
    reference, ours = both("t2v")
    reference.to(torch.bfloat16)
    ours.to(torch.bfloat16)
    given = inputs("t2v", per_token=False)
    x, text = given["x"].to(torch.bfloat16), given["text"].to(torch.bfloat16)

    wanted = reference(x, given["timestep"], text, return_dict=False)[0]
    got = ours.forward_plain(x, given["timestep"], text)

    assert got.dtype == torch.bfloat16
    assert (got - wanted).abs().max() <= 0.05 * wanted.abs().max()
