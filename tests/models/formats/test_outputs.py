"""The published classes' weights, by their names, give the published classes' outputs in ours.

Names and shapes would not notice two tensors of one shape that are exchanged; these outputs do (`tests/golden`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from formats_builder import GOLDEN, on_meta
from safetensors.torch import load_file
from torch import Tensor, nn

from adapt.models.formats.codec_names import codec_places
from adapt.models.formats.dreamzero_parts import ActionSizes, DreamZeroActions, ImageSizes
from adapt.models.formats.fill import _finish, _put
from adapt.models.formats.places import Place
from adapt.models.formats.sizes import ACTIONS, CODEC, IMAGE, TEXT, TRANSFORMER, BaseSizes, CodecSizes, TextSizes
from adapt.models.formats.wan_names import image_places, text_places, transformer_places
from adapt.models.wan.config import WanConfig

TOLERANCE, CODECS = 1e-5, 5e-5  # a codec's many convolutions are summed in another order on another processor
Tensors = dict[str, Tensor]
WAN = WanConfig(
    num_attention_heads=2,
    attention_head_dim=12,
    in_channels=8,
    out_channels=8,
    text_dim=10,
    freq_dim=16,
    ffn_dim=32,
    num_layers=2,
    text_length=512,
)
IMAGE_SIZES = ImageSizes(hidden=16, mlp=64, layers=3, heads=2, image=28, patch=14, projection=6)
TEXT_SIZES = TextSizes(vocab=20, dim=16, dim_attn=16, dim_ffn=24, num_heads=2, num_layers=2, num_buckets=8)


def velocity(transformer: nn.Module, given: Tensors) -> Tensors:
    text = torch.zeros(1, 512, 10)
    text[0, : len(given["text"])] = given["text"]
    image = given["image"].unsqueeze(0) if "image" in given else None
    out = transformer.forward_plain(given["x"].unsqueeze(0), given["timestep"], text, image)
    return {"velocity": out[0]}


def features(encoder: nn.Module, given: Tensors) -> Tensors:
    out = encoder(input_ids=given["ids"], attention_mask=given["mask"]).last_hidden_state
    return {"features": out[:, :4]}


def coded(codec: nn.Module, given: Tensors) -> Tensors:
    latents = codec.encode(given["video"]).latent_dist.mode()
    return {"latents": latents, "video": codec.decode(latents).sample}


def acted(actions: DreamZeroActions, given: Tensors) -> Tensors:
    one = torch.zeros(2, dtype=torch.long)
    return {
        "state": actions.state_encoder(given["state"], one),
        "actions": actions.action_encoder(given["actions"], given["timestep"], one),
        "decoded": actions.action_decoder(given["tokens"], one),
    }


@dataclass(frozen=True, kw_only=True)
class Case:
    """One of the files: which part of which base, where its tensors are, and how it is run."""

    part: str
    sizes: BaseSizes
    places: Callable[[list[str]], tuple[Place, ...]]
    run: Callable[[nn.Module, Tensors], Tensors]
    idle: frozenset[str] = frozenset()  # beginnings of names of tensors that are stored and take no part


def same_names(names: list[str]) -> tuple[Place, ...]:
    return tuple(Place(stored=name, ours=(name,)) for name in names)


I2V = replace(WAN, in_channels=12, image_dim=12, added_kv_proj_dim=24)
CASES = {
    "wan21_i2v": Case(part=TRANSFORMER, sizes=BaseSizes(transformer=I2V), places=transformer_places, run=velocity),
    "wan22_ti2v": Case(part=TRANSFORMER, sizes=BaseSizes(transformer=WAN), places=transformer_places, run=velocity),
    "umt5": Case(part=TEXT, sizes=BaseSizes(transformer=WAN, text=TEXT_SIZES), places=text_places, run=features),
    "clip": Case(
        part=IMAGE,
        sizes=BaseSizes(transformer=WAN, image=IMAGE_SIZES),
        places=image_places,
        run=lambda encoder, given: {"features": encoder(given["pixels"])},
        # The features are those of the last block but one; and what is added to every key changes no attention.
        idle=frozenset(
            {
                "vision.encoder.layers.2.",
                "vision.post_layernorm.",
                "projection",
                "log_scale",
                "vision.encoder.layers.0.self_attn.k_proj.bias",
                "vision.encoder.layers.1.self_attn.k_proj.bias",
            }
        ),
    ),
    "wan21_codec": Case(
        part=CODEC, sizes=BaseSizes(transformer=WAN, codec=CodecSizes(z_dim=4, dim=2)), places=codec_places, run=coded
    ),
    "wan22_codec": Case(
        part=CODEC,
        sizes=BaseSizes(transformer=WAN, codec=CodecSizes(z_dim=4, dim=2, decoder_dim=4, residual=True)),
        places=codec_places,
        run=coded,
    ),
    "dreamzero_actions": Case(
        part=ACTIONS,
        sizes=BaseSizes(transformer=WAN, actions=ActionSizes(action_dim=5, state_dim=6, hidden=7)),
        places=same_names,
        run=acted,
    ),
}


def opened(name: str) -> tuple[nn.Module, Tensors, Tensors]:
    """Ours with the stored weights, each put where its name says; what was given; what came of it."""
    case, tensors = CASES[name], load_file(GOLDEN / "outputs" / f"{name}.safetensors")
    groups: dict[str, Tensors] = {"weights": {}, "given": {}, "wanted": {}}
    for key, value in tensors.items():
        group, _, rest = key.partition(".")
        groups[group][rest] = value.float() if value.is_floating_point() else value
    module = on_meta(case.sizes)[case.part]
    places = {place.stored: place for place in case.places(list(module.state_dict()))}
    assert places.keys() == groups["weights"].keys()
    for stored, place in places.items():
        for ours, value in place.apart(groups["weights"][stored]).items():
            _put(module, ours, value.clone())
    _finish(module)
    if case.part == CODEC:
        groups["wanted"]["video"].clamp_(-1, 1)  # diffusers cuts what it decodes
    return module, groups["given"], groups["wanted"]


def apart(got: Tensors, wanted: Tensors) -> float:
    """The largest difference, as a share of the largest entry."""
    assert got.keys() == wanted.keys()
    return max(((got[key] - wanted[key]).abs().max() / wanted[key].abs().max()).item() for key in wanted)


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_those_of_the_published_class(name: str) -> None:
    module, given, wanted = opened(name)
    with torch.no_grad():
        got = CASES[name].run(module, given)
    assert all(value.std() > 1e-3 for value in wanted.values())
    assert apart(got, wanted) <= (CODECS if "codec" in name else TOLERANCE)


@pytest.mark.parametrize("name", CASES)
def test_no_tensor_could_be_in_a_wrong_place_unnoticed(name: str) -> None:
    """Each parameter changed by itself moves the outputs; but for those that are stored and not used."""
    module, given, wanted = opened(name)
    case, unnoticed = CASES[name], []
    with torch.no_grad():
        for parameter_name, value in module.named_parameters():
            kept = value.clone()
            value.mul_(1 + 0.5 * torch.randn(value.shape, generator=torch.Generator().manual_seed(0)))
            if apart(case.run(module, given), wanted) <= 10 * TOLERANCE:
                unnoticed.append(parameter_name)
            value.copy_(kept)
    assert [found for found in unnoticed if not found.startswith(tuple(case.idle))] == []
    assert all(any(found.startswith(idle) for found in unnoticed) for idle in case.idle)
