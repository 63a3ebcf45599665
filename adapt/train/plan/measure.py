"""Three real steps on a device at hand: the planned shapes through weights of noise, so that nothing is fetched."""

import time
from dataclasses import dataclass

import torch
from torch import nn

from adapt.models.adapters import add_lora
from adapt.models.wan.transformer import WanTransformer
from adapt.train.plan.cards import PROCESSOR
from adapt.train.plan.footprint import ActionHead, Traced
from adapt.train.plan.shapes import video_loss
from adapt.train.plan.tally import Tally

STEPS = 3
_SPREAD = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What real steps took.

    Args:
        device: As torch calls it.
        step_s: Seconds of a step; the first, in which much is set up, does not count.
        peak: Bytes that lived at once, weights included: of a GPU by its allocator; of a CPU as the plan counts them.
    """

    device: str
    step_s: float
    peak: int


def three_steps(dit: WanTransformer, head: ActionHead | None, asked: Traced, device: torch.device) -> Measured:
    """Train three steps, with AdamW.

    Args:
        dit: On the meta device; is given weights on `device`.
        head: Likewise.
        asked: How it is trained. Its kernel is the device's own.
        device: To train on.
    """
    _fill(dit, device)
    with torch.device(device):
        add_lora(dit, asked.lora, base_id="", revision="")
    dit.to(device).train()
    dit.checkpointing = asked.checkpointing
    trained = [value for value in dit.parameters() if value.requires_grad]
    if head is not None:
        _fill(head.module, device)
        trained += list(head.module.requires_grad_().parameters())
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    weights = [*dit.parameters(), *dit.buffers(), *([] if head is None else head.module.parameters())]
    held = sum(value.nbytes for value in weights)
    times, tally = [], Tally(weights)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    for number in range(STEPS):
        started = time.perf_counter()
        if number == STEPS - 1 and device.type != "cuda":
            with tally:  # Counting takes time of its own, so what is counted is not what is timed.
                _step(dit, head, asked, optimizer, device)
            continue
        _step(dit, head, asked, optimizer, device)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - started)
    states = sum(value.nbytes for state in optimizer.state.values() for value in state.values() if value.ndim)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else held + states + tally.peak
    return Measured(device=_name(device), step_s=sum(times[1:]) / len(times[1:]), peak=peak)


def _step(
    dit: WanTransformer, head: ActionHead | None, asked: Traced, optimizer: torch.optim.Optimizer, device: torch.device
) -> None:
    optimizer.zero_grad(set_to_none=True)
    with torch.device(device):
        for _ in range(asked.parts):
            tokens = None if head is None else head.tokens(asked.batch)
            loss, hidden = video_loss(dit, asked.shape, asked.batch, tokens)
            if head is not None:
                loss = loss + head.loss(hidden, asked.batch)
            torch.autograd.backward(loss)
    optimizer.step()


def _fill(module: nn.Module, device: torch.device) -> None:
    module.to_empty(device=device)
    with torch.no_grad():
        for value in (*module.parameters(), *module.buffers()):
            value.normal_(0.0, _SPREAD)


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else PROCESSOR
