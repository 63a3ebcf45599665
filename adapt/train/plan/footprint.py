"""What one training step holds in memory and computes, traced from the shapes of a model without its memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from adapt.models.adapters import add_lora
from adapt.models.lora import LoraConfig
from adapt.models.wan.transformer import WanTransformer
from adapt.train.plan.shapes import Passed, video_loss
from adapt.train.plan.tally import Tally, attention_of

_ADAM_STATES = 2  # of each trained number AdamW keeps a mean and a mean square


@runtime_checkable
class ActionHead(Protocol):
    """What is trained beside the transformer."""

    @property
    def module(self) -> nn.Module:
        """Its weights."""

    def tokens(self, batch: int) -> Tensor | None:
        """Action and state tokens that join the transformer's sequence; None where none do."""

    def loss(self, hidden: Tensor | None, batch: int) -> Tensor:
        """Its loss, of what became of those tokens or of what it reads itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """One training step of one process, in bytes and floating point operations.

    Args:
        frozen: Weights that are not trained.
        of_blocks: Those of them that lie in the transformer's blocks.
        of_block: Those of one block.
        linear: Those of the blocks' linear layers, which can be kept in 8 bits.
        widest: The largest of these.
        channels: Outputs of all of these, which have a scale each where they are kept in 8 bits.
        trained: Adapters and heads.
        gradients: Of what is trained.
        optimiser: What AdamW keeps of what is trained.
        activations: The most that lives besides all these.
        adapter_parameters: Numbers in the adapters.
        head_parameters: Numbers in the heads.
        flops: Forward and backward, of one window.
        forward_flops: Forward alone, of one window.
        tokens: Of the sequence.
        itemsize: Bytes of a frozen number.
    """

    frozen: int
    of_blocks: int
    of_block: int
    linear: int
    widest: int
    channels: int
    trained: int
    gradients: int
    optimiser: int
    activations: int
    adapter_parameters: int
    head_parameters: int
    flops: int
    forward_flops: int
    tokens: int
    itemsize: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.frozen + self.trained + self.gradients + self.optimiser + self.activations


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """What is to be traced.

    Args:
        shape: Of each window.
        lora: The adapters.
        batch: Windows that go through side by side.
        parts: Batches in a step; all but the first meet the gradients of those before.
        checkpointing: Whether blocks are computed again for their gradients.
        kernel: Whose attention, "cpu" or "cuda".
    """

    shape: Passed
    lora: LoraConfig
    batch: int = 1
    parts: int = 1
    checkpointing: bool = False
    kernel: str = "cuda"


def trace(dit: WanTransformer, head: ActionHead | None, asked: Traced) -> Footprint:
    """Run one training step on the meta device, and count.

    Args:
        dit: On the meta device, in the precision it is to be trained in; gets adapters.
        head: On the meta device; None where no head is trained.
        asked: How it is trained.
    """
    frozen = [*dit.parameters(), *dit.buffers()]
    blocks = list(dit.blocks.parameters())
    linear = [layer.weight for layer in dit.blocks.modules() if isinstance(layer, nn.Linear)]
    one = list(dit.blocks[0].parameters())
    with torch.device("meta"):
        add_lora(dit, asked.lora, base_id="", revision="")
    dit.train()
    dit.checkpointing = asked.checkpointing
    adapters = [value for value in dit.parameters() if value.requires_grad]
    heads = [] if head is None else list(head.module.parameters())
    trained = [*adapters, *heads]
    forward, tally = _run(dit, head, asked, trained)
    return Footprint(
        frozen=_nbytes(frozen),
        of_blocks=_nbytes(blocks),
        of_block=_nbytes(one),
        linear=_nbytes(linear),
        widest=max(value.nbytes for value in linear),
        channels=sum(value.shape[0] for value in linear),
        trained=_nbytes(trained),
        gradients=_nbytes(trained),
        optimiser=_ADAM_STATES * _nbytes(trained),
        # Gradients are told apart. In a step of one part they come while activations go, and are in the peak.
        activations=max(tally.peak - _nbytes(trained) * (asked.parts == 1), 0),
        adapter_parameters=sum(value.numel() for value in adapters),
        head_parameters=sum(value.numel() for value in heads),
        flops=tally.flops // asked.batch,
        forward_flops=forward // asked.batch,
        tokens=asked.shape.tokens(dit.config.patch_size),
        itemsize=dit.proj_out.weight.itemsize,
    )


def extrapolate(footprints: Sequence[Footprint], layers: Sequence[int], wanted: int) -> Footprint:
    """The footprint of a deeper transformer: all blocks are alike, so all figures are linear in their count.

    Args:
        footprints: Of two depths, the shallower first.
        layers: These depths, of at least two blocks.
        wanted: The depth to tell for.
    """
    short, longer = footprints
    steps, apart = wanted - layers[0], layers[1] - layers[0]
    return Footprint(
        **{
            field.name: getattr(short, field.name)
            + (getattr(longer, field.name) - getattr(short, field.name)) * steps // apart
            for field in fields(Footprint)
        }
    )


def _run(dit: WanTransformer, head: ActionHead | None, asked: Traced, trained: list[nn.Parameter]) -> tuple[int, Tally]:
    """A part of a step up to its gradients; the work of its forward pass, and all that was counted."""
    if asked.parts > 1:
        for value in trained:
            value.grad = torch.zeros_like(value)  # of the parts before
    weights = [*dit.parameters(), *dit.buffers(), *([] if head is None else head.module.parameters())]
    tally = Tally([*weights, *(value.grad for value in trained if value.grad is not None)])
    with torch.device("meta"), attention_of(asked.kernel), tally:
        tokens = None if head is None else head.tokens(asked.batch)
        loss, hidden = video_loss(dit, asked.shape, asked.batch, tokens)
        if head is not None:
            loss = loss + head.loss(hidden, asked.batch)
        del tokens, hidden
        forward = tally.flops
        torch.autograd.backward(loss)
    for value in trained:
        value.grad = None
    return forward, tally


def _nbytes(tensors: Iterable[Tensor]) -> int:
    return sum(value.nbytes for value in tensors)
