"""Real training steps whose memory torch's own profiler counts, and plans of the same."""

import gc
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from adapt.models.adapters import add_lora
from adapt.models.bases import TINY_GEOMETRY
from adapt.models.formats.sizes import BaseSizes
from adapt.models.heads.inverse_dynamics import InverseDynamicsConfig
from adapt.models.lora import LoraConfig
from adapt.models.wan.config import WanConfig
from adapt.models.world_action import WorldActionConfig, WorldActionModel
from adapt.train.losses import Objective
from adapt.train.plan.footprint import Footprint, Traced, trace
from adapt.train.plan.subjects import Subject
from adapt.train.settings import TrainConfig
from adapt.types import Sample

WORDS, AXES, CHUNKS = 32, (3, 2), 4
HEAD = InverseDynamicsConfig()
# The shipped base's sizes; others: longer prompts than frames, a narrow and a deep one.
VARIANTS = {
    "tiny": WanConfig(),
    "fixed_text": WanConfig(text_length=128, num_layers=3),
    "narrow": WanConfig(num_attention_heads=2, attention_head_dim=24, ffn_dim=96, num_layers=8),
}


@dataclass(frozen=True)
class Case:
    """How a step is trained."""

    variant: str = "tiny"
    checkpointing: bool = False
    heads: bool = False
    batch: int = 4
    rank: int = 16

    @property
    def wan(self) -> WanConfig:
        return VARIANTS[self.variant]


CASES = (
    Case(),
    Case(checkpointing=True),
    Case(heads=True),
    Case(checkpointing=True, heads=True),
    Case(variant="fixed_text", rank=4),
    Case(variant="narrow", checkpointing=True, batch=2, rank=32),
)


def subject(wan: WanConfig) -> Subject:
    """A base of such sizes, as planned for."""
    return Subject(
        name="variant",
        repository="",
        licence="",
        sizes=BaseSizes(transformer=wan),
        geometry=TINY_GEOMETRY,
        head=HEAD,
        here=True,
        joins=False,
        dtype=torch.float32,
        trains=True,
    )


def foretold(case: Case, *, wan: WanConfig | None = None, parts: int = 1) -> Footprint:
    """What the plan says of a step."""
    base = subject(wan or case.wan)
    shape = replace(base.shape(CHUNKS, acting=True), words=case.wan.text_length or WORDS)
    head = base.action_head(shape, axes=AXES, acting=1.0) if case.heads else None
    asked = Traced(
        shape=shape,
        lora=LoraConfig(rank=case.rank),
        batch=case.batch,
        parts=parts,
        checkpointing=case.checkpointing,
        kernel="cpu",
    )
    return trace(base.transformer(), head, asked)


def measured(case: Case) -> int:
    """Bytes that a real step holds at most: weights, and what torch's allocator gave out and took back."""
    sizes = WorldActionConfig(wan=case.wan, inverse_dynamics=HEAD, joint=False)
    model = WorldActionModel(sizes, TINY_GEOMETRY, seed=0)
    model.add_body("arm", *AXES, seed=0)
    model.requires_grad_(requires_grad=False)
    add_lora(model.dit, LoraConfig(rank=case.rank), base_id="", revision="")
    model.dit.checkpointing = case.checkpointing
    model.train()
    model.heads.requires_grad_(case.heads)
    config = TrainConfig(hidden_state_share=0.0, noised_future_share=0.0)
    objective = Objective(model=model, config=config, heads=case.heads, joint=False, seed=0)
    samples = [_window(number, case) for number in range(case.batch)]
    gc.collect()  # what goes while it is counted would be taken off
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        for sums in objective.sums(samples, [], 0):
            torch.stack([value.sum for value in sums.values()]).sum().backward()
    parts = [model.dit, *([model.heads] if case.heads else [])]
    return sum(value.nbytes for part in parts for value in part.parameters()) + _peak(profiled)


def _peak(profiled: Any) -> int:
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak


def _window(number: int, case: Case) -> Sample:
    draw = torch.Generator().manual_seed(number)
    steps = TINY_GEOMETRY.action_steps * CHUNKS
    return Sample(
        window_id=str(number),
        embodiment="arm" if case.heads else "human_hand",
        latents=torch.randn(1 + 2 * CHUNKS, 16, 8, 8, generator=draw),
        text=torch.randn(WORDS - number % 2, case.wan.text_dim, generator=draw),
        actions=torch.randn(steps, AXES[0], generator=draw) if case.heads else None,
        state=torch.randn(CHUNKS, AXES[1], generator=draw) if case.heads else None,
        provenance="robot" if case.heads else "",
    )
