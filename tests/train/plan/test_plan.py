"""Plans of the bases that users have: nothing is fetched, sizes are theirs, and the ladder is climbed in order."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from merge_builder import published_base

from adapt.errors import CheckpointError, RecipeError
from adapt.models.adapters import adapter_parameters, add_lora
from adapt.models.formats.sizes import KNOWN
from adapt.models.lora import LoraConfig
from adapt.train.plan.cards import CARDS, COUNTED_ON, GIB, read_machine
from adapt.train.plan.footprint import Footprint, Traced, trace
from adapt.train.plan.ladder import choose, climb
from adapt.train.plan.plan import Asked, Plan, make_plan
from adapt.train.plan.subjects import find_subject

DREAMZERO_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"]


def plan(base: str, gpu: str, rank: int = 4, **changes: object) -> Plan:
    asked = Asked(
        subject=find_subject(base),
        minutes=12.0,
        data="play",
        machine=read_machine(gpu),
        lora=LoraConfig(rank=rank, alpha=float(rank), targets=DREAMZERO_TARGETS),
    )
    return make_plan(replace(asked, **changes), measure=False)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def dreamzero() -> Plan:
    return plan("GEAR-Dreams/DreamZero-AgiBot", "8x80", rank=32)


def test_dreamzeros_sequence_and_adapters_are_as_they_are_published(dreamzero: Plan):
    assert dreamzero.again.tokens == 15_940
    assert dreamzero.again.adapter_parameters == 153_354_240  # at rank 32
    assert round(dreamzero.again.head_parameters / 1e6, 1) == 89.4
    assert dreamzero.again.frozen == 2 * 16_394_878_784
    assert dreamzero.disk["the base, in half precision"] == 2 * 22_924_172_116


def test_a_rank_an_eighth_as_high_has_an_eighth_of_the_parameters():
    subject = find_subject("dreamzero-droid")
    quarter = replace(subject.sizes.transformer, num_layers=10)
    transformer = replace(subject, sizes=replace(subject.sizes, transformer=quarter)).transformer()
    with torch.device("meta"):
        add_lora(transformer, LoraConfig(rank=4, targets=DREAMZERO_TARGETS), base_id="", revision="")
    assert sum(value.numel() for value in adapter_parameters(transformer)) == 19_169_280 // 4


def test_a_block_keeps_its_input_and_no_more_with_checkpointing(dreamzero: Plan):
    """16-bit tokens of the whole sequence, for every block."""
    subject = dreamzero.asked.subject
    found = []
    for layers in (2, 3):
        transformer = replace(subject.sizes.transformer, num_layers=layers)
        dit = replace(subject, sizes=replace(subject.sizes, transformer=transformer)).transformer()
        asked = Traced(shape=subject.shape(4, acting=False), lora=LoraConfig(rank=4), checkpointing=True)
        found.append(trace(dit, None, asked))
    assert found[1].tokens == 2 * 9 * 880
    gradients = found[1].gradients - found[0].gradients
    assert 0 <= found[1].tokens * 5120 * 2 - (found[1].activations - found[0].activations) <= gradients


def test_eight_cards_share_a_batch_and_train_what_one_of_them_cannot(dreamzero: Plan):
    assert dreamzero.chosen is not None
    assert dreamzero.chosen.settings[:2] == ("train.checkpointing=true", "train.devices=8")
    assert (dreamzero.batch, dreamzero.parts) == (1, 1)


def test_a_small_card_is_told_what_only_a_later_version_can_do(dreamzero: Plan):
    machine = read_machine("24")
    rungs = climb(dreamzero.plain, dreamzero.again, machine)
    assert [rung.name for rung in rungs][:2] == ["as it is", "checkpointing"]
    assert not any(rung.fits(machine) for rung in rungs[:2])
    assert [rung.planned for rung in rungs] == [False, False, True, True]


def test_hours_are_the_work_at_a_share_of_the_speed(dreamzero: Plan):
    train = dreamzero.asked.train
    work = dreamzero.rung.flops * train.batch_size * train.steps
    assert dreamzero.hours == pytest.approx(work / (8 * 0.3 * 989.4e12) / 3600)
    # Two operations for each weight and token forward, attention besides.
    assert dreamzero.again.forward_flops > 2 * 14e9 * 15_940


def test_without_anything_but_names_the_shipped_base_is_planned_for():
    found = plan("tiny", "24", data="human", price_per_h=2.0)
    assert found.chosen is found.rungs[0]
    assert not any(rung.planned for rung in found.rungs)
    assert found.windows == 225  # 12 minutes of 3.2 s
    assert found.cost == 2.0 * found.hours
    assert "the base, in half precision" not in found.disk


def test_a_fetched_folder_is_planned_for_by_its_headers(tmp_path: Path):
    base = published_base(tmp_path / "fetched")
    for path in (base / "transformer").glob("*.safetensors"):
        whole = path.read_bytes()
        path.write_bytes(whole[: 8 + int.from_bytes(whole[:8], "little")] + bytes(len(whole)))  # no weight is read
        path.write_bytes(path.read_bytes()[: len(whole)])
    found = find_subject(str(base))
    assert (found.here, found.joins, found.trains) == (True, False, False)
    assert found.sizes.transformer.num_layers == 3


@pytest.mark.parametrize("name", [*KNOWN, "Wan-AI/Wan2.2-TI2V-5B"])
def test_every_known_base_is_found(name: str):
    found = find_subject(name)
    assert found.shape(4, acting=True).tokens((1, 2, 2)) in (15_940, 13_200, 750)
    assert found.licence


def test_a_name_that_nobody_knows_is_refused():
    with pytest.raises(CheckpointError, match="is neither known by name nor a folder"):
        find_subject("wan3")


def test_minutes_that_make_no_window_are_refused():
    with pytest.raises(RecipeError, match="make no window"):
        plan("tiny", "24", minutes=0.001)


@pytest.mark.parametrize(
    ("text", "name", "count", "tflops"),
    [
        ("24", "RTX 4090", 1, 165.2),
        ("8x80", "H100", 8, 989.4),
        ("h200", "H200", 1, 989.4),
        ("2 x rtx 4090", "RTX 4090", 2, 165.2),
    ],
)
def test_machines_are_read_as_people_write_them(text: str, name: str, count: int, tflops: float):
    found = read_machine(text)
    assert (found.card.name, found.count, found.card.tflops) == (name, count, tflops)
    assert found.room == COUNTED_ON * found.card.memory_gib * GIB


@pytest.mark.parametrize("text", ["", "much", "0x24", "8", "-1"])
def test_what_is_no_machine_is_refused(text: str):
    with pytest.raises(RecipeError, match="Give GB of memory"):
        read_machine(text)


def toy(**changes: int) -> Footprint:
    """A transformer of ten blocks of 4 GB."""
    giga = 10**9
    sizes = {
        "frozen": 42 * giga, "of_blocks": 40 * giga, "of_block": 4 * giga, "linear": 40 * giga, "widest": giga,
        "channels": 0, "trained": giga, "gradients": giga, "optimiser": 2 * giga, "activations": 100 * giga,
        "adapter_parameters": 1, "head_parameters": 0, "flops": 3, "forward_flops": 1, "tokens": 1, "itemsize": 2,
    }  # fmt: skip
    return Footprint(**{**sizes, **changes})


@pytest.mark.parametrize(
    ("gpu", "name", "frozen"),
    [
        ("141", "as it is", 42),
        ("80", "checkpointing", 42),
        ("4x48", "checkpointing, FSDP2", 2 + 8 + 10),
        ("48", "checkpointing, frozen weights in 8 bits", 22),
        ("24", "checkpointing, blocks in the machine's memory", 10),
    ],
)
def test_the_plainest_rung_that_fits_is_taken(gpu: str, name: str, frozen: int):
    machine = read_machine(gpu)
    chosen = choose(
        climb(toy(activations=60 * 10**9 if gpu == "141" else 100 * 10**9), toy(activations=5 * 10**9), machine),
        machine,
    )
    assert chosen is not None
    assert (chosen.name, chosen.frozen) == (name, frozen * 10**9)


def test_nothing_is_taken_where_nothing_fits():
    machine = read_machine("24")
    assert choose(climb(toy(), toy(), machine), machine) is None


def test_cards_are_in_order_of_memory():
    assert [card.memory_gib for card in CARDS] == sorted(card.memory_gib for card in CARDS)
