"""Every base at full size, on the meta device, against what the published classes hold, with nothing left over."""

import ast
import math
from collections import Counter

import pytest
import torch
from formats_builder import GOLDEN, manifest, manifest_shapes, on_meta
from torch import nn

from adapt.errors import CheckpointError
from adapt.models.adapters import add_lora
from adapt.models.formats.codec_names import codec_places
from adapt.models.formats.dreamzero_lora import lora_names
from adapt.models.formats.dreamzero_parts import ActionSizes, ImageSizes
from adapt.models.formats.places import Place
from adapt.models.formats.published import places_of
from adapt.models.formats.sizes import (
    ACTIONS,
    CODEC,
    DIFFUSERS,
    DREAMZERO,
    DREAMZERO_5B,
    DREAMZERO_14B,
    IMAGE,
    KNOWN,
    TEXT,
    TRANSFORMER,
    WAN,
    WAN22_CODEC,
    BaseSizes,
    CodecSizes,
    TextSizes,
)
from adapt.models.formats.wan_names import TIED, image_places, text_places
from adapt.models.lora import LoraConfig
from adapt.models.wan.transformer import WanTransformer

TRANSFORMERS = {
    "wan2.1-i2v-14b-480p": "wan21_i2v_14b",
    "wan2.1-i2v-14b-720p": "wan21_i2v_14b",
    "wan2.1-t2v-1.3b": "wan21_t2v_1_3b",
    "wan2.2-ti2v-5b": "wan22_ti2v_5b",
}
DREAMZEROS = {"dreamzero_14b": DREAMZERO_14B, "dreamzero_5b": DREAMZERO_5B}
# Of the paper's count, in millions of parameters: adapters on q, k, v, o and both feed-forward layers of every block.
LORA_MILLIONS = {4: 19.17, 32: 153.4}


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def stored(places: tuple[Place, ...], module: nn.Module) -> dict[str, tuple[int, ...]]:
    """What the files should hold for a module; each tensor and each parameter exactly once."""
    shapes = shapes_of(module)
    ours = Counter(name for place in places for name in place.ours)
    assert set(ours) == shapes.keys() - TIED.keys()
    assert set(ours.values()) == {1}
    assert len({place.stored for place in places}) == len(places)
    return {place.stored: place.stored_shape(shapes) for place in places}


def test_the_maker_of_the_manifests_imports_nothing_of_ours() -> None:
    tree = ast.parse((GOLDEN / "make_manifests.py").read_text(encoding="utf-8"))
    named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    named += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert {"torch", "diffusers", "transformers"} <= set(named)
    assert not {name.partition(".")[0] for name in named} & {"adapt", "pipelines", "formats_builder"}


@pytest.mark.parametrize("path", sorted((GOLDEN / "manifests").glob("*.json")), ids=lambda path: path.stem)
def test_a_manifest_says_where_it_comes_from_and_counts_right(path) -> None:
    written = manifest(path.stem)
    assert sum(map(math.prod, manifest_shapes(path.stem).values())) == written["parameters"]
    assert written["source"]["class"]
    assert len(written["source"].get("commit", "")) == 40 or written["source"]["version"]


@pytest.mark.parametrize("base", TRANSFORMERS)
def test_the_transformer_at_full_size_is_diffusers(base: str) -> None:
    (transformer,) = on_meta(KNOWN[base].sizes).values()
    wanted = manifest_shapes(f"diffusers_{TRANSFORMERS[base]}")
    assert stored(places_of(DIFFUSERS, TRANSFORMER, transformer), transformer) == wanted


@pytest.mark.parametrize("base", TRANSFORMERS)
def test_the_transformer_at_full_size_is_that_of_the_original_files(base: str) -> None:
    (transformer,) = on_meta(KNOWN[base].sizes).values()
    wanted = manifest_shapes(f"wan_{TRANSFORMERS[base]}")
    assert stored(places_of(WAN, TRANSFORMER, transformer), transformer) == wanted


@pytest.mark.parametrize("name", DREAMZEROS)
def test_every_tensor_of_dreamzero_has_its_place(name: str) -> None:
    parts = on_meta(DREAMZEROS[name])
    assert parts.keys() == {TRANSFORMER, ACTIONS, TEXT, IMAGE, CODEC}
    found = [stored(places_of(DREAMZERO, part, module), module) for part, module in parts.items()]
    together = {stored_name: shape for shapes in found for stored_name, shape in shapes.items()}
    assert len(together) == sum(map(len, found))
    assert together == manifest_shapes(name)


def test_dreamzero_agibot_has_the_published_number_of_tensors() -> None:
    assert KNOWN["dreamzero-agibot"].sizes == DREAMZERO_14B
    assert len(manifest_shapes("dreamzero_14b")) == 2146


@pytest.mark.parametrize(
    ("sizes", "name"), [(CodecSizes(), "wan21_codec"), (WAN22_CODEC, "wan22_codec")], ids=["wan21", "wan22"]
)
def test_the_codec_is_that_of_the_original_files(sizes: CodecSizes, name: str) -> None:
    codec = on_meta(BaseSizes(transformer=KNOWN["wan2.1-t2v-1.3b"].sizes.transformer, codec=sizes))[CODEC]
    assert shapes_of(codec) == manifest_shapes(f"diffusers_{name}")
    assert stored(codec_places(codec.state_dict()), codec) == manifest_shapes(f"wan_{name}")


def test_the_encoders_are_those_of_the_original_files() -> None:
    small = KNOWN["wan2.1-t2v-1.3b"].sizes.transformer
    parts = on_meta(BaseSizes(transformer=small, text=TextSizes(), image=ImageSizes()))
    clip = {name: shape for name, shape in manifest_shapes("wan_clip_h_14").items() if not name.startswith("textual.")}

    assert shapes_of(parts[TEXT]) == manifest_shapes("diffusers_umt5_xxl")
    assert stored(text_places(parts[TEXT].state_dict()), parts[TEXT]) == manifest_shapes("wan_umt5_xxl")
    assert shapes_of(parts[IMAGE].vision) == manifest_shapes("diffusers_clip_h_14")
    assert stored(image_places(parts[IMAGE].state_dict()), parts[IMAGE]) == clip


@pytest.mark.parametrize("rank", LORA_MILLIONS)
def test_adapters_on_the_14b_are_as_large_as_dreamzeros(rank: int) -> None:
    with torch.device("meta"):
        transformer = WanTransformer(DREAMZERO_14B.transformer)
        add_lora(transformer, LoraConfig(rank=rank, alpha=float(rank)), base_id="dreamzero-agibot", revision="")
    count = sum(value.numel() for name, value in transformer.named_parameters() if ".lora_" in name)
    assert count / 1e6 == pytest.approx(LORA_MILLIONS[rank], abs=0.05 if rank == 32 else 0.005)
    assert count == rank * 40 * (8 * 2 * 5120 + 2 * (5120 + 13824))


@pytest.mark.parametrize("name", ["dreamzero_14b_lora_r4", "dreamzero_14b_lora_r32", "dreamzero_5b_lora_r4"])
def test_every_tensor_of_a_lora_save_has_its_place(name: str) -> None:
    rank = manifest(name)["source"]["lora"]["r"]
    sizes = DREAMZEROS[name.partition("_lora")[0]]
    with torch.device("meta"):
        transformer = WanTransformer(sizes.transformer)
        add_lora(transformer, LoraConfig(rank=rank, alpha=float(rank)), base_id="", revision="")
    assert sizes.actions == ActionSizes()
    actions = on_meta(sizes)[ACTIONS]
    matrices = {name: value for name, value in transformer.named_parameters() if ".lora_" in name}
    adapter = {f"base_model.model.{name.replace('.default.', '.')}": value for name, value in matrices.items()}
    found = lora_names(adapter, dict(actions.state_dict()))
    assert {stored_name: tuple(value.shape) for stored_name, value in found.items()} == manifest_shapes(name)


def test_a_parameter_that_no_format_knows_is_refused_by_name() -> None:
    with pytest.raises(CheckpointError, match=r"transformer: its tensor 'positions' has no counterpart"):
        places_of(WAN, TRANSFORMER, nn.ParameterDict({"positions": torch.zeros(1)}))
