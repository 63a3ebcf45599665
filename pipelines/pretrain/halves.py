"""Every step of a training in two halves, side by side where there are two cores: the same bytes, in half the time.

The halves of a step draw and compute for themselves, and their gradients are added. A second process does so on the
same weights, which lie in shared memory; where there is one core, one process does one half after the other.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection

import torch
from torch import Tensor, nn

from adapt.errors import RunError

HALVES = 2
LossOf = Callable[[int, int], tuple[Tensor, float]]  # of a step and a half: what to minimise, and what to tell


def cores() -> int:
    """How many processes are worth while here: 2 or 1."""
    # Elsewhere a forked process may not use the system's numeric libraries.
    return min(HALVES, len(os.sched_getaffinity(0))) if sys.platform == "linux" else 1


@contextmanager
def halves(trained: Sequence[nn.Parameter], loss_of: LossOf, processes: int) -> Iterator[Callable[[int], float]]:
    """Gradients of a step from both of its halves.

    Args:
        trained: What gets gradients. Until the end of the context its values lie in shared memory.
        loss_of: The loss of one half of a step, which draws from nothing but the two numbers it is given.
        processes: 1 or 2.

    Yields:
        A function of the step: leaves the mean loss's gradient in `trained` and returns the mean of what was told.

    Raises:
        RunError: The second process is gone.
    """
    if processes == 1:
        yield lambda step: _alone(trained, loss_of, step)
        return
    gradients = [torch.zeros_like(parameter) for parameter in trained]
    for tensor in (*gradients, *(parameter.data for parameter in trained)):
        tensor.share_memory_()  # type: ignore[no-untyped-call]
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    other = fork.Process(target=_serve, args=(there, here, trained, gradients, loss_of), daemon=True)
    other.start()
    there.close()
    try:
        yield lambda step: _together(trained, gradients, loss_of, here, step)
    finally:
        here.close()
        other.join()


def _alone(trained: Sequence[nn.Parameter], loss_of: LossOf, step: int) -> float:
    first = _compute(trained, loss_of, step, 0)
    gradients = [parameter.grad for parameter in trained]
    second = _compute(trained, loss_of, step, 1)
    _add(trained, gradients)
    return (first + second) / HALVES


def _together(
    trained: Sequence[nn.Parameter], gradients: Sequence[Tensor], loss_of: LossOf, other: Connection, step: int
) -> float:
    try:
        other.send(step)
        first = _compute(trained, loss_of, step, 0)
        second, has = other.recv()
    except (EOFError, BrokenPipeError) as gone:
        raise RunError(
            "pretrain: the second process is gone and does not answer. Give the same command again: it goes on from "
            "the checkpoint."
        ) from gone
    _add(trained, [gradient if there else None for gradient, there in zip(gradients, has, strict=True)])
    return float(first + second) / HALVES


def _serve(
    main: Connection,
    unused: Connection,
    trained: Sequence[nn.Parameter],
    gradients: Sequence[Tensor],
    loss_of: LossOf,
) -> None:
    """The second process: the second half of every step it is told, until nobody is there any more."""
    unused.close()  # Held open here too, it would never tell that the other end is gone.
    while True:
        try:
            step = main.recv()
        except EOFError:
            return
        told = _compute(trained, loss_of, step, 1)
        for parameter, gradient in zip(trained, gradients, strict=True):
            if parameter.grad is not None:
                gradient.copy_(parameter.grad)
        main.send((told, [parameter.grad is not None for parameter in trained]))


def _compute(trained: Sequence[nn.Parameter], loss_of: LossOf, step: int, half: int) -> float:
    for parameter in trained:
        parameter.grad = None
    loss, told = loss_of(step, half)
    (loss / HALVES).backward()  # type: ignore[no-untyped-call]
    return told


def _add(trained: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    for parameter, gradient in zip(trained, gradients, strict=True):
        if gradient is not None:
            parameter.grad = gradient.clone() if parameter.grad is None else parameter.grad + gradient
