"""Randomness that is asked for by seed or generator, and never touches the global random state."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

# One for all rows of a batch, or one for each, so that a row's noise does not depend on its place in the batch.
Generators: TypeAlias = torch.Generator | Sequence[torch.Generator]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, layers initialise themselves from `seed`; afterwards the global state is as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def row_seeds(names: Sequence[str], generator: torch.Generator) -> list[int]:
    """A seed per row that depends on the generator and the row's name, not on the other rows.

    So leaving rows out, adding others or splitting a batch changes nothing for a row, and a generator in the same
    state gives the same rows the same numbers. A name that is there twice gets two seeds.

    Args:
        names: Of the rows.
        generator: On the CPU; one integer is drawn from it.
    """
    drawn = int(torch.randint(2**62, (), generator=generator))
    seen: Counter[str] = Counter()
    seeds = []
    for name in names:
        digest = hashlib.sha256(f"{drawn}/{name}/{seen[name]}".encode()).digest()
        seeds.append(int.from_bytes(digest[:6], "big"))
        seen[name] += 1
    return seeds


def normal_rows(shape: tuple[int, ...], generator: Generators) -> Float[Tensor, "b ..."]:
    """Standard normal noise of this shape, drawn on the CPU in single precision; `b` rows first.

    Raises:
        ValueError: There is not one generator for each row.
    """
    if isinstance(generator, torch.Generator):
        return torch.randn(shape, generator=generator)
    if len(generator) != shape[0]:
        raise ValueError(f"{len(generator)} generators for {shape[0]} rows; give one a row, or a single one for all.")
    return torch.stack([torch.randn(shape[1:], generator=own) for own in generator])


def normal(count: int, seed: int) -> Float[Tensor, " n"]:
    """`count` standard normal numbers; asking for more does not change the first ones.

    Numbers are drawn by whole groups of 16, which is how the generator makes them: it treats a rest differently.
    """
    whole = 16 * max(1, -(-count // 16))
    return torch.randn(whole, generator=torch.Generator().manual_seed(seed))[:count]


def uniform(count: int, seed: int) -> Float[Tensor, " n"]:
    """`count` numbers uniform in [0, 1); asking for more does not change the first ones."""
    return torch.rand(count, generator=torch.Generator().manual_seed(seed))
