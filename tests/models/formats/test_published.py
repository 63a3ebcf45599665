"""Published bases read and written: nothing changes on the way, nothing is guessed, nothing is held twice."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanTransformer3DModel
from formats_builder import DREAMZERO_CONFIG, SMALL, small_base
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

from adapt.errors import CheckpointError, RunError
from adapt.models.adapters import add_lora
from adapt.models.formats.published import load_published, save_published
from adapt.models.formats.shards import plan_shards
from adapt.models.formats.sizes import DIFFUSERS, DREAMZERO, PARTS, TRANSFORMER, WAN, BaseSizes
from adapt.models.lora import LoraConfig
from adapt.models.wan.transformer import WanTransformer
from adapt.runs import disk

KINDS = {
    "t2v": replace(SMALL.transformer, in_channels=16, image_dim=None, added_kv_proj_dim=None),
    "i2v": SMALL.transformer,
    "ti2v": replace(SMALL.transformer, in_channels=48, out_channels=48, image_dim=None, added_kv_proj_dim=None),
}


def equal(one: nn.Module, other: nn.Module) -> bool:
    """Whether two modules hold the same bits."""
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype and torch.equal(first[name], second[name]) for name in first
    )


def transformer(kind: str, **more: Any) -> dict[str, nn.Module]:
    return small_base(BaseSizes(transformer=KINDS[kind]), **more)


@pytest.mark.parametrize("shard_bytes", [10**9, 40_000], ids=["one_file", "shards"])
@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16], ids=["single", "half"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", [DIFFUSERS, WAN])
def test_a_transformer_comes_back_bit_by_bit(
    tmp_path: Path, layout: str, kind: str, stored: torch.dtype, shard_bytes: int
) -> None:
    parts = transformer(kind, dtype=stored)
    save_published(tmp_path / "one", parts, layout, shard_bytes=shard_bytes)
    once = load_published(tmp_path / "one")
    save_published(tmp_path / "two", once.modules, layout, shard_bytes=shard_bytes)
    twice = load_published(tmp_path / "two")

    assert once.kind == twice.kind == layout
    assert once.transformer.config == KINDS[kind]
    assert equal(once.transformer, parts[TRANSFORMER])
    assert equal(twice.transformer, parts[TRANSFORMER])
    assert (len(list((tmp_path / "one").glob("*.safetensors"))) > 1) == (shard_bytes < 10**9)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize("shard_bytes", [10**9, 40_000], ids=["one_file", "shards"])
def test_dreamzeros_files_come_back_bit_by_bit(tmp_path: Path, shard_bytes: int) -> None:
    parts = small_base()
    save_published(tmp_path / "one", parts, DREAMZERO, config=DREAMZERO_CONFIG, shard_bytes=shard_bytes)
    once = load_published(tmp_path / "one", parts=PARTS)
    save_published(tmp_path / "two", once.modules, DREAMZERO, config=once.config, shard_bytes=shard_bytes)
    twice = load_published(tmp_path / "two", parts=PARTS)

    assert once.sizes == SMALL
    assert all(equal(module, once.modules[name]) for name, module in parts.items())
    assert all(equal(module, twice.modules[name]) for name, module in parts.items())
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_dreamzeros_transformer_can_be_taken_out_into_the_other_formats(tmp_path: Path) -> None:
    parts = small_base()
    save_published(tmp_path / "dreamzero", parts, DREAMZERO, config=DREAMZERO_CONFIG)
    taken = load_published(tmp_path / "dreamzero")
    assert set(taken.modules) == {TRANSFORMER}
    for layout in (WAN, DIFFUSERS):
        save_published(tmp_path / layout, taken.modules, layout)
        assert equal(load_published(tmp_path / layout).transformer, parts[TRANSFORMER])


@pytest.mark.parametrize("kind", KINDS)
def test_diffusers_itself_reads_what_is_saved_for_it(tmp_path: Path, kind: str) -> None:
    parts = transformer(kind)
    save_published(tmp_path / "saved", parts, DIFFUSERS, shard_bytes=40_000)
    theirs = WanTransformer3DModel.from_pretrained(tmp_path / "saved")
    wanted = parts[TRANSFORMER].state_dict()
    assert theirs.state_dict().keys() == wanted.keys()
    assert all(torch.equal(value, wanted[name]) for name, value in theirs.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_what_diffusers_saves_is_read(tmp_path: Path, kind: str) -> None:
    config = {k: v for k, v in KINDS[kind].to_json().items() if k != "text_length"}
    theirs = WanTransformer3DModel(**config)
    theirs.save_pretrained(tmp_path / "pipeline" / "transformer", max_shard_size="40KB")
    found = load_published(tmp_path / "pipeline")
    assert found.transformer.config == KINDS[kind]
    assert equal(found.transformer, theirs)


def test_weights_become_the_dtype_that_is_asked_for_and_are_frozen(tmp_path: Path) -> None:
    save_published(tmp_path / "saved", transformer("i2v"), WAN)
    found = load_published(tmp_path / "saved", dtype=torch.bfloat16).transformer
    assert {value.dtype for value in found.parameters()} == {torch.bfloat16}
    assert not any(value.requires_grad for value in found.parameters())
    assert not found.training


def test_what_is_read_runs(tmp_path: Path) -> None:
    parts = small_base()
    save_published(tmp_path / "saved", parts, DREAMZERO, config=DREAMZERO_CONFIG)
    found = load_published(tmp_path / "saved", parts=PARTS).modules
    tokens, pixels = torch.tensor([[4, 2, 1]]), torch.randn(1, 3, 28, 28)
    with torch.no_grad():
        for part, run in {
            "text": lambda module: module(input_ids=tokens).last_hidden_state,
            "image": lambda module: module(pixels),
            "codec": lambda module: module.encode(torch.ones(1, 3, 1, 16, 16)).latent_dist.mode(),
        }.items():
            assert torch.equal(run(found[part]), run(parts[part])), part


@settings(max_examples=200, deadline=None)
@given(sizes=st.lists(st.integers(0, 50), max_size=40), shard_bytes=st.integers(1, 60))
def test_files_are_filled_in_order_and_hold_no_more_than_they_may(sizes: list[int], shard_bytes: int) -> None:
    named = [(str(number), size) for number, size in enumerate(sizes)]
    planned = plan_shards(named, shard_bytes)

    assert [name for names in planned for name in names] == [name for name, _ in named]
    for names in planned:
        total = sum(sizes[int(name)] for name in names)
        assert len(names) == 1 or total <= shard_bytes
    for names, later in pairwise(planned):
        assert sum(sizes[int(name)] for name in names) + sizes[int(later[0])] > shard_bytes


def changed(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change the tensors of a folder that has one file."""
    (path,) = folder.glob("*.safetensors")
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("blocks.1.ffn.0.bias"), r"1 missing \(blocks.1.ffn.0.bias\). Fetch it again"),
        (lambda t: t.update({"blocks.1.extra": torch.ones(1)}), r"1 unexpected \(blocks.1.extra\)"),
        (
            lambda t: t.update({"head.head.bias": torch.ones(3)}),
            r"1 reshaped \(head.head.bias stored \[3\], wanted \[64\]\)",
        ),
        (
            lambda t: t.update({"head.head.bias": torch.ones(64, dtype=torch.int8)}),
            r"head.head.bias is stored as I8; only F64, F32, F16, BF16 are read. Fetch the release",
        ),
        (
            lambda t: t.clear() or t.update({"a": torch.ones(1)}),
            r"its 1 tensors \(a, ...\) are of no base that is known",
        ),
        (lambda t: t.update({"q.base_layer.weight": torch.ones(1)}), r"an adapter beside it \(q.base_layer.weight\)"),
        (lambda t: t.update({"q.lora_A.default.weight": torch.ones(1)}), r"holds an adapter .*read_dreamzero_lora"),
    ],
    ids=["missing", "unexpected", "reshaped", "dtype", "another_model", "wrapped", "adapter"],
)
def test_files_of_something_else_are_refused_by_name(tmp_path: Path, change: Any, said: str) -> None:
    save_published(tmp_path / "saved", transformer("i2v"), WAN)
    changed(tmp_path / "saved", change)
    with pytest.raises(CheckpointError, match=said):
        load_published(tmp_path / "saved")


def test_a_base_is_refused_before_any_of_its_weights_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_published(tmp_path / "saved", transformer("i2v"), WAN)
    changed(tmp_path / "saved", lambda tensors: tensors.update({"extra": torch.ones(1)}))
    monkeypatch.setattr("adapt.models.formats.published.fill", lambda *_, **__: pytest.fail("weights were read"))
    with pytest.raises(CheckpointError, match="1 unexpected"):
        load_published(tmp_path / "saved")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "Wan2.1_VAE.pth", "model.ckpt"])
def test_pickles_are_refused_by_name_with_the_way_to_convert_them(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(CheckpointError, match=rf"{name}\), which can run code .*weights_only=True.*save_file"):
        load_published(tmp_path)
    with pytest.raises(CheckpointError, match=rf"{name}: is a pickle, .*weights_only=True"):
        load_published(tmp_path / name)


def test_a_shard_or_index_that_is_gone_is_named(tmp_path: Path) -> None:
    save_published(tmp_path / "saved", transformer("t2v"), WAN, shard_bytes=40_000)
    (index,) = (tmp_path / "saved").glob("*.index.json")
    listed = json.loads(index.read_text())
    shard = sorted(set(listed["weight_map"].values()))[1]
    (tmp_path / "saved" / shard).rename(tmp_path / "away")
    with pytest.raises(CheckpointError, match=rf"{shard}: is not there, though the index lists it. Fetch it."):
        load_published(tmp_path / "saved")

    (tmp_path / "away").rename(tmp_path / "saved" / shard)
    moved = {**listed["weight_map"], "patch_embedding.bias": shard}
    index.write_text(json.dumps({"weight_map": moved}))
    with pytest.raises(
        CheckpointError, match=r"does not agree with the files on 1 tensors, such as 'patch_embedding.bias'"
    ):
        load_published(tmp_path / "saved")

    index.unlink()
    with pytest.raises(CheckpointError, match=r"safetensors files and no index. Fetch its \*.safetensors.index.json"):
        load_published(tmp_path / "saved")


@pytest.mark.parametrize("file", ["../x.safetensors", "/etc/x.safetensors", "x.bin", 3])
def test_an_index_may_only_name_files_beside_it(tmp_path: Path, file: Any) -> None:
    (tmp_path / "m.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": file}}))
    with pytest.raises(CheckpointError, match=r"is no index of weights \(it says that 'a' is in"):
        load_published(tmp_path)


def test_a_part_that_a_format_lacks_is_refused(tmp_path: Path) -> None:
    save_published(tmp_path / "saved", transformer("t2v"), WAN)
    with pytest.raises(CheckpointError, match="has no text; a wan folder has transformer"):
        load_published(tmp_path / "saved", parts=("text",))
    with pytest.raises(CheckpointError, match="a diffusers folder holds transformer; there are actions, codec"):
        save_published(tmp_path / "more", small_base(), DIFFUSERS)
    with pytest.raises(CheckpointError, match="a dreamzero folder holds actions, codec, image, text, transformer"):
        save_published(tmp_path / "more", transformer("t2v"), DREAMZERO)
    with pytest.raises(CheckpointError, match=r"no format 'onnx'\. Take one of diffusers, wan, dreamzero"):
        save_published(tmp_path / "more", transformer("t2v"), "onnx")
    assert not (tmp_path / "more").exists()


def test_a_transformer_that_carries_an_adapter_is_not_saved_as_a_base(tmp_path: Path) -> None:
    parts = transformer("t2v")
    add_lora(parts[TRANSFORMER], LoraConfig(rank=2), base_id="x", revision="")
    with pytest.raises(CheckpointError, match="carries an adapter, which such files do not hold"):
        save_published(tmp_path / "saved", parts, WAN)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"learned_positions": (4, 4)}, "no place for learned positions"),
        ({"text_length": 77}, "prompts of 77 tokens"),
        ({"patch_size": (1, 4, 4)}, r"its models have patches of \(1, 2, 2\).*Save it in the diffusers format"),
    ],
)
def test_sizes_that_a_format_cannot_say_are_not_saved(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    odd = WanTransformer(replace(KINDS["t2v"], **change))
    with pytest.raises(CheckpointError, match=said):
        save_published(tmp_path / "saved", {TRANSFORMER: odd}, WAN)


def test_a_full_disk_is_noticed_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(RunError, match=r"needs 0.0 GB, and the disk of .* has 0.0 GB free"):
        save_published(tmp_path / "saved", transformer("t2v"), WAN)
    assert list(tmp_path.iterdir()) == []


def test_a_config_that_is_gone_can_be_replaced_by_sizes(tmp_path: Path) -> None:
    parts = small_base()
    save_published(tmp_path / "saved", parts, DREAMZERO, config=DREAMZERO_CONFIG)
    (tmp_path / "saved" / "config.json").unlink()
    with pytest.raises(CheckpointError, match="or give the base's sizes"):
        load_published(tmp_path / "saved")
    assert equal(load_published(tmp_path / "saved", sizes=SMALL).transformer, parts[TRANSFORMER])


MEMORY = """
import sys
from pathlib import Path
import torch
from adapt.models.formats.published import load_published
from adapt.models.formats.sizes import build
from adapt.models.formats.tensor_files import open_tensor_files
from safetensors.torch import load_file

folder, how = Path(sys.argv[1]), sys.argv[2]
sizes = load_published(folder).sizes  # imports what there is to import
torch.nn.Linear(4, 4)(torch.zeros(1, 4))

def held():
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return int(fields["VmHWM"].split()[0]) * 1024

Path("/proc/self/clear_refs").write_text("5")  # the highest so far is forgotten
before = held()
if how == "ours":
    kept = load_published(folder, dtype=torch.float32).transformer
else:
    kept = build(sizes)["transformer"]
    names = {path.name for path in folder.glob("*.safetensors")}
    tensors = {name: value.float() for file in names for name, value in load_file(folder / file).items()}
    kept.load_state_dict(tensors)
print(held() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the memory of a process is read from /proc")
def test_weights_are_never_in_memory_twice(tmp_path: Path) -> None:
    """Read in half and made single, so that mapping the file cannot be what saves the memory; beside the usual way."""
    wide = replace(KINDS["t2v"], num_attention_heads=16, attention_head_dim=32, ffn_dim=2048, num_layers=8)
    parts = small_base(BaseSizes(transformer=wide), dtype=torch.bfloat16)
    save_published(tmp_path / "saved", parts, DIFFUSERS, shard_bytes=20_000_000)
    weights = 4 * sum(value.numel() for value in parts[TRANSFORMER].parameters())
    taken = {}
    for how in ("ours", "usual"):
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(tmp_path / "saved"), how], capture_output=True, text=True, check=True
        )
        taken[how] = int(done.stdout) / weights
    assert weights > 1e8
    assert taken["ours"] < 1.6, taken  # the weights, and the pages of one file that the system has mapped
    assert taken["usual"] > 1.9, taken
