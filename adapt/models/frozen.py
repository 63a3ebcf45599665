"""Guards: what must not run in training (codec, text encoder) and what acting must not do (decode).

Latents and prompts are encoded once, before training; a model that acts reads latents. A frozen part that runs
anyway is a mistake that only shows as slowness, so inside these contexts it raises.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

ENCODE, DECODE, TEXT = "codec.encode", "codec.decode", "text.encode"
_forbidden: ContextVar[tuple[str, frozenset[str]] | None] = ContextVar("forbidden", default=None)


@contextmanager
def forbid_frozen() -> Iterator[None]:
    """Make every call of the codec or the text encoder raise: for the training loop."""
    with _forbid("training", frozenset((ENCODE, DECODE, TEXT))):
        yield


@contextmanager
def forbid_decoding() -> Iterator[None]:
    """Make decoding latents to images raise: for acting."""
    with _forbid("acting", frozenset((DECODE,))):
        yield


def guard(call: str) -> None:
    """Raise if `call` is forbidden here.

    Raises:
        RuntimeError: Inside `forbid_frozen` or `forbid_decoding`, for a call they name.
    """
    state = _forbidden.get()
    if state is not None and call in state[1]:
        raise RuntimeError(f"{call} was called while {state[0]}; it must run before, and its result be passed in.")


@contextmanager
def _forbid(where: str, calls: frozenset[str]) -> Iterator[None]:
    before = _forbidden.get()
    token = _forbidden.set((where, calls | (before[1] if before else frozenset())))
    try:
        yield
    finally:
        _forbidden.reset(token)
