"""What do processes that train together tell each other? Counts, gradients, losses: always sums, in one fixed order.

Every process has its share of each step's windows. A loss is the sum over valid elements of all shares divided by
their count over all shares; so counts are added before anything is divided, and gradients are added, never averaged.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from adapt.errors import RunError
from adapt.runs.processes import Rank

T = TypeVar("T")
DDP, FSDP2 = "ddp", "fsdp2"
PATIENCE = timedelta(minutes=10)  # that a process waits for another within a step
_BUCKET = 2**24  # gradients' elements sent at once: 64 MB in single precision
_LOST = ("gloo", "nccl", "timed out", "timeout", "connection", "socket", "broken pipe", "store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """The processes of a training, seen from one of them; by default it trains alone.

    Attributes:
        rank: Which one this is; None where it is alone.
        strategy: How they share the model: "ddp", each has all of it, or "fsdp2", each has a part of what is frozen.
    """

    rank: Rank | None = None
    strategy: str = DDP

    @property
    def number(self) -> int:
        """Of this process; 0 leads."""
        return 0 if self.rank is None else self.rank.number

    @property
    def size(self) -> int:
        """How many there are."""
        return 1 if self.rank is None else self.rank.size

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes."""
        return self.number == 0

    @property
    def in_step(self) -> bool:
        """Whether all must run the transformer equally often, since each holds a part of it."""
        return self.size > 1 and self.strategy == FSDP2

    def tables(self, numbers: Sequence[int | float]) -> list[list[float]]:
        """The same few numbers of every process, by process."""
        if self.size == 1:
            return [[float(number) for number in numbers]]
        own = torch.tensor(numbers, dtype=torch.float64)
        found = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(found, own)
        return [table.tolist() for table in found]

    def everybodys(self, value: T) -> list[T]:
        """A value of every process, by process; slower than `tables`, and takes anything that can be pickled."""
        if self.size == 1:
            return [value]
        found: list[T] = [value] * self.size
        dist.all_gather_object(found, value)
        return found

    def leaders(self, value: T) -> T:
        """The value of the process that leads."""
        if self.size == 1:
            return value
        held = [value]
        dist.broadcast_object_list(held, src=0)
        return held[0]

    def add_gradients(self, parameters: Mapping[str, nn.Parameter]) -> None:
        """Put the sum over all processes into each parameter's gradient; None where no process has one.

        Added in single precision at least, in buckets, in the order of names: with the same processes the same bits.
        """
        if self.size == 1:
            return
        values = [parameters[name] for name in sorted(parameters)]
        given = torch.tensor([value.grad is not None for value in values], dtype=torch.int32)
        dist.all_reduce(given, op=dist.ReduceOp.MAX)
        values = [value for value, there in zip(values, given.tolist(), strict=True) if there]
        for bucket in _buckets(values):
            wide = torch.promote_types(bucket[0].dtype, torch.float32)
            flat = torch.cat([_gradient(value).flatten().to(wide) for value in bucket])
            dist.all_reduce(flat, op=dist.ReduceOp.SUM)
            for value, summed in zip(bucket, torch.split(flat, [value.numel() for value in bucket]), strict=True):
                value.grad = summed.view_as(value).to(value.dtype)

    def require_same(self, what: str, value: T) -> None:
        """See that all processes have the same.

        Raises:
            RunError: They have not.
        """
        with self.told_in_words():
            found = self.everybodys(value)
        if any(other != found[0] for other in found):
            raise RunError(
                f"finetune: {what} is not the same in all {self.size} processes; give them the same version, run "
                "folder and base"
            )

    @contextmanager
    def told_in_words(self) -> Iterator[None]:
        """Inside, what the network says of a process that is gone becomes a message for people.

        Raises:
            RunError: Another process has stopped, or was waited for too long.
        """
        try:
            yield
        except RuntimeError as error:
            told = " ".join(str(error).split())
            if self.size == 1 or not any(word in told.lower() for word in _LOST):
                raise
            why = re.sub(r"\[\S*/\S*\] ?|\. This is typically.*", "", told)[:120]
            raise RunError(
                f"finetune: one of the {self.size} processes that train together has stopped or does not answer "
                f"({why}); see what it said. The same command goes on from the last checkpoint"
            ) from error


ALONE = Ranks()


def _buckets(values: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Neighbours of one type and device, as many as fit a bucket."""
    bucket: list[nn.Parameter] = []
    filled = 0
    for value in values:
        kind = (value.dtype, value.device)
        if bucket and (filled + value.numel() > _BUCKET or kind != (bucket[0].dtype, bucket[0].device)):
            yield bucket
            bucket, filled = [], 0
        bucket.append(value)
        filled += value.numel()
    if bucket:
        yield bucket


def _gradient(value: nn.Parameter) -> Tensor:
    return torch.zeros_like(value) if value.grad is None else value.grad
