"""Dropout whose draws hang on the row and on nothing else: not on the batch, the process or the device."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_seeds: ContextVar[Callable[[], Sequence[int]] | None] = ContextVar("row_seeds", default=None)
_LOW, _BITS = 0xFFFFFFFF, 24  # masks are hashed in 32 bits, of which the upper 24 are compared


@contextmanager
def dropping(seeds: Callable[[], Sequence[int]]) -> Iterator[None]:
    """Inside, every `RowDropout` in training draws the mask of a batch's row from that row's seed.

    Args:
        seeds: Gives one for each row; asked once, and only where something is dropped.
    """
    token = _seeds.set(cache(seeds))
    try:
        yield
    finally:
        _seeds.reset(token)


def dropping_as_here() -> Callable[[], AbstractContextManager[None]] | None:
    """Makes contexts that drop as `dropping` does here, for what is computed again where that is out of reach.

    A backward pass runs after it was left, and on a GPU in a thread that never entered it.

    Returns:
        Gives a new context each time; None outside `dropping`.
    """
    given = _seeds.get()
    return None if given is None else lambda: dropping(given)


class RowDropout(nn.Module):
    """Dropout by row; outside `dropping` it draws from the global state, as torch's own.

    Whether an element is kept is a hash of the row's seed, this layer's number and the element's place in the row.
    So a batch may be split over parts and processes, padded longer, or computed again for its gradient, and a row's
    mask stays what it was.

    Args:
        share: Of the inputs set to zero in training; the others grow by 1 / (1 - share).
        number: Of the layer, so that no two drop the same elements.

    Raises:
        ValueError: Inside `dropping` with another count of rows than the input has.

    Source:
        The finaliser of MurmurHash3 (Austin Appleby, public domain), twice; in 64-bit integers, which wrap alike on
        every device.
    """

    def __init__(self, share: float, number: int) -> None:
        super().__init__()
        self.share = share
        self.number = number

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements of each row (the first axis)."""
        given = _seeds.get()
        if not self.training or given is None:
            return F.dropout(x, self.share, self.training)
        seeds = given()
        if len(seeds) != x.shape[0]:
            raise ValueError(f"dropout: {x.shape[0]} rows, but seeds for {len(seeds)}; give one a row.")
        kept = self._kept(seeds, prod(x.shape[1:]), x.device).view(x.shape)
        return x * kept.to(x.dtype).div_(1.0 - self.share)

    def _kept(self, seeds: Sequence[int], count: int, device: torch.device) -> Tensor:
        rows = torch.tensor([_mixed(_mixed(seed) ^ _mixed(self.number + 1)) for seed in seeds], device=device)
        places = torch.arange(count, device=device).mul_(0x9E3779B1).bitwise_and_(_LOW)
        hashed = _mix_(_mix_(places.unsqueeze(0) ^ rows.unsqueeze(1)))
        kept: Tensor = (hashed >> 32 - _BITS) >= round(self.share * 2**_BITS)
        return kept


def _mix_(value: Tensor) -> Tensor:
    """Scramble 32-bit numbers held in 64-bit ones, in place."""
    value.bitwise_xor_(value >> 16).mul_(0x85EBCA6B).bitwise_and_(_LOW)
    value.bitwise_xor_(value >> 13).mul_(0xC2B2AE35).bitwise_and_(_LOW)
    value.bitwise_xor_(value >> 16)
    return value


def _mixed(number: int) -> int:
    """Both halves of a number as one scrambled 32-bit number."""
    return int(_mix_(torch.tensor((number ^ (number >> 32)) & _LOW)))
