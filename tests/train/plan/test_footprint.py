"""What is foretold of memory is what a real step takes; of work, what can be counted by hand."""

from dataclasses import fields, replace

import pytest
import torch
import torch.nn.functional as F
from plan_builder import CASES, VARIANTS, Case, foretold, measured, subject

from adapt.models.lora import LoraConfig
from adapt.train.plan.footprint import Footprint, Traced, extrapolate, trace
from adapt.train.plan.measure import three_steps
from adapt.train.plan.tally import Tally, attention_of


# docs/results/plan.json has them all; here, each way of training once.
@pytest.mark.parametrize("case", [CASES[0], CASES[3], CASES[5]], ids=str)
def test_memory_is_foretold_within_a_tenth_of_what_the_allocator_gives_out(case: Case):
    told = foretold(case)
    assert told.total - told.optimiser == pytest.approx(measured(case), rel=0.1)


def test_gradients_of_an_earlier_part_are_held_beside():
    """The second batch of a step meets the gradients of the first; they are told apart from activations."""
    one, two = (foretold(Case(), parts=parts) for parts in (1, 2))
    assert two.gradients == one.gradients
    assert one.total < two.total <= one.total + one.gradients
    assert two.flops == one.flops


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_deep_model_is_told_from_two_shallow_ones_to_the_byte(*, checkpointing: bool):
    case = Case(variant="narrow", checkpointing=checkpointing, batch=1)
    of = {n: foretold(case, wan=replace(VARIANTS["narrow"], num_layers=n)) for n in (2, 4, 8)}
    assert extrapolate([of[2], of[4]], (2, 4), 8) == of[8]


def test_work_is_that_of_the_products_and_of_attention():
    """Counted by hand for a linear layer and attention, forward and backward."""
    weight = torch.empty(8, 6, device="meta", requires_grad=True)
    x = torch.empty(5, 6, device="meta", requires_grad=True)
    with Tally([weight, x]) as tally:
        F.linear(x, weight).sum().backward()
    assert tally.flops == 3 * 2 * 5 * 6 * 8
    q = torch.empty(1, 2, 16, 4, device="meta", requires_grad=True)
    for kernel in ("cpu", "cuda"):
        with attention_of(kernel), Tally([q]) as tally:
            F.scaled_dot_product_attention(q, q, q).sum().backward()
        product = 2 * 2 * 16 * 16 * 4
        assert tally.flops == 2 * product + 5 * product  # backward makes the scores again


def test_what_is_let_go_is_taken_off_and_what_is_shared_counts_once():
    with Tally() as tally:
        a = torch.zeros(100)
        b = a.view(10, 10)
        assert tally.live == 400
        del a
        assert tally.live == 400
        del b
        assert tally.live == 0
        torch.zeros(50)
    assert tally.peak == 400


def test_attention_keeps_its_mask_and_not_its_scores():
    """The formula written out would keep heads x tokens x tokens numbers."""
    q = torch.empty(1, 8, 256, 4, device="meta", requires_grad=True)
    mask = torch.ones(1, 1, 256, 256, device="meta", dtype=torch.bool)
    for kernel in ("cpu", "cuda"):
        with attention_of(kernel), Tally([q, mask]) as tally:
            out = F.scaled_dot_product_attention(q, q, q, attn_mask=mask)
        assert 4 * 256 * 256 <= tally.peak < 8 * 4 * 256 * 256
        assert out.shape == q.shape
    assert F.scaled_dot_product_attention.__name__ == "scaled_dot_product_attention"


def test_checkpointing_is_a_third_more_work_and_a_small_part_of_the_memory():
    plain, again = (foretold(Case(checkpointing=keep)) for keep in (False, True))
    assert 1.2 < again.flops / plain.flops < 1.5
    assert again.activations < 0.5 * plain.activations
    assert again.forward_flops == plain.forward_flops


def test_three_real_steps_hold_what_was_foretold():
    base = subject(VARIANTS["narrow"])
    asked = Traced(shape=base.shape(2, acting=True), lora=LoraConfig(rank=4), batch=2, kernel="cpu")
    told = trace(base.transformer(), None, asked)
    found = three_steps(base.transformer(), None, asked, torch.device("cpu"))
    assert found.peak == pytest.approx(told.total, rel=0.1)
    assert found.step_s > 0


def test_every_figure_is_a_whole_number():
    assert {field.type for field in fields(Footprint)} == {int}
