"""Our transformer against diffusers' on the same random weights: outputs and gradients."""

from dataclasses import replace

import pytest
import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanAttnProcessor
from torch import Tensor

from adapt.models.batch import Text
from adapt.models.checkpoint import load_strict
from adapt.models.first_image import FirstImage
from adapt.models.passes import Scene, extend_cache, start_cache, velocities
from adapt.models.wan.config import WanConfig
from adapt.models.wan.layout import Layout, Presence
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


def apart(ours: Tensor, reference: Tensor) -> float:
    """The largest difference, as a share of the largest entry where that is below 1."""
    return ((ours - reference).abs().max() / reference.abs().max().clamp(max=1.0)).item()


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

    assert 0.3 <= wanted.std() <= 3
    assert (got - wanted).abs().max() <= TOLERANCE
    assert apart(x_ours.grad, x_reference.grad) <= TOLERANCE
    gradients = dict(ours.named_parameters())
    assert gradients.keys() == dict(reference.named_parameters()).keys()
    for parameter_name, parameter in reference.named_parameters():
        assert parameter.grad.abs().max() > 0, parameter_name
        assert apart(gradients[parameter_name].grad, parameter.grad) <= TOLERANCE, parameter_name


@pytest.mark.parametrize("per_token", [False, True], ids=["one_timestep", "timestep_per_token"])
@pytest.mark.parametrize("name", VARIANTS)
def test_a_change_of_any_single_parameter_breaks_the_parity(name: str, *, per_token: bool):
    """So every tensor takes part, and none could be wired wrongly without the test above seeing it."""
    reference, ours = both(name)
    given = inputs(name, per_token=per_token)
    unnoticed = []
    with torch.no_grad():
        wanted = reference(given["x"], given["timestep"], given["text"], given["image"], return_dict=False)[0]
        for parameter_name, parameter in ours.named_parameters():
            kept = parameter.clone()
            parameter.mul_(1 + 0.1 * torch.randn(kept.shape, generator=torch.Generator().manual_seed(0)))
            got = ours.forward_plain(given["x"], given["timestep"], given["text"], given["image"])
            parameter.copy_(kept)
            if (got - wanted).abs().max() <= 100 * TOLERANCE:
                unnoticed.append(parameter_name)
        restored = ours.forward_plain(given["x"], given["timestep"], given["text"], given["image"])

    assert not unnoticed
    assert (restored - wanted).abs().max() <= TOLERANCE


CHUNKS = 3
FRAMES = [("clean", frame) for frame in range(2 * CHUNKS - 1)] + [
    ("noisy", frame) for frame in range(1, 2 * CHUNKS + 1)
]


class CausalReference(WanAttnProcessor):
    """The reference's self-attention, told which frame of FRAMES sees which and where each stands in time."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        seen = torch.tensor([[self.may_see(*looks, *at) for at in FRAMES] for looks in FRAMES])
        self.mask = seen.repeat_interleave(cells, 0).repeat_interleave(cells, 1)[None, None]

    @staticmethod
    def may_see(kind: str, frame: int, other: str, there: int) -> bool:
        """Frame 0 is alone; then two by two. Clean ones see clean ones up to their pair, noisy ones up to before it."""
        pair, other_pair = (frame + 1) // 2, (there + 1) // 2
        if kind == "clean":
            return other == "clean" and other_pair <= pair
        return other_pair < pair if other == "clean" else other_pair == pair

    def __call__(self, attn, hidden, text=None, _mask=None, rotary=None):
        cells = self.mask.shape[-1] // len(FRAMES)
        where = torch.tensor([frame for _, frame in FRAMES]).repeat_interleave(cells) * cells
        where = where + torch.arange(cells).repeat(len(FRAMES))
        return super().__call__(attn, hidden, text, self.mask, tuple(table[:, where] for table in rotary))


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "two_latent_frames_a_token"])
def test_the_causal_pass_equals_the_reference_under_the_same_mask_and_so_does_the_cached_one(name: str):
    """What training and imagining run, and not only the plain pass: clean and noisy frames in one sequence."""
    reference, ours = both(name)
    own = VARIANTS[name].out_channels
    generator = torch.Generator().manual_seed(4)
    latents = torch.randn(2, len(FRAMES), own, 4, 6, generator=generator)
    beside = torch.randn(2, 2 * CHUNKS + 1, VARIANTS[name].in_channels - own, 4, 6, generator=generator)
    frames = torch.cat([latents, beside[:, [frame for _, frame in FRAMES]]], dim=2)
    features = inputs(name, per_token=False)["image"]
    text = torch.randn(2, WORDS, 20, generator=generator)
    sigma = torch.tensor([[0.9, 0.3, 0.6], [0.1, 1.0, 0.5]])
    everyone = torch.ones(2, dtype=torch.bool)
    scene = Scene(
        layout=Layout(chunks=CHUNKS, rows=2, columns=3),
        presence=Presence(chunks=CHUNKS * everyone.long(), video=everyone, action=everyone, state=everyone),
        clean=latents[:, : 2 * CHUNKS - 1],
        noisy=latents[:, 2 * CHUNKS - 1 :],
        sigma=sigma,
        text=Text(values=text, valid=torch.ones(2, WORDS, dtype=torch.bool)),
        image=FirstImage(features=features, channels=beside if beside.shape[2] else None),
    )
    for block in reference.blocks:
        block.attn1.set_processor(CausalReference(cells=6))
    times = torch.cat([torch.zeros(2, 5), sigma.repeat_interleave(2, dim=1)], dim=1).repeat_interleave(6, dim=1)

    wanted = reference(frames.transpose(1, 2), 1000 * times, text, features, return_dict=False)[0]
    wanted = wanted.transpose(1, 2)[:, 5:]
    got = velocities(ours, scene).video
    cache = start_cache(ours, scene.text, scene.image)
    extend_cache(ours, cache, scene.layout, scene.clean)
    cached = velocities(ours, scene, cache).video

    assert 0.3 <= wanted.std() <= 3
    assert (got - wanted).abs().max() <= TOLERANCE
    assert (cached - wanted).abs().max() <= TOLERANCE
    found = [
        torch.autograd.grad(out.square().mean(), list(m.parameters())) for out, m in ((wanted, reference), (got, ours))
    ]
    names = [[name for name, _ in m.named_parameters()] for m in (reference, ours)]
    theirs, found_here = (dict(zip(*pair, strict=True)) for pair in zip(names, found, strict=True))
    assert all(apart(found_here[name], theirs[name]) <= TOLERANCE for name in theirs)


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
