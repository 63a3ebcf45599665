"""How do processes that want the same result keep from making it twice? One makes it; the others wait and find it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from adapt.errors import RunError
from adapt.runs.lock import hold

# Lock files stay where they are made, so there is a fixed number of them. Two keys may share one: so many that those
# of a few hundred processes hardly ever do.
_LOCKS = 4096
_PATIENCE_S = 3600.0  # Then it is made twice, which costs time and nothing else.


@contextmanager
def in_turn(folder: Path, key: str) -> Iterator[None]:
    """Wait until no other process makes what `key` names, and keep others from it until the block ends.

    Inside the block ask first whether the result is there by now. Where no lock can be had (a folder that cannot be
    written, a file system without locks, a process that never ends) the block runs all the same.

    Args:
        folder: An existing folder that these processes share.
        key: What is made.
    """
    name = f"turn-{int(sha256(key.encode()).hexdigest(), 16) % _LOCKS:04d}"
    with ExitStack() as held:
        with suppress(RunError, OSError):
            held.enter_context(hold(folder, name, f"making {key}", patience_s=_PATIENCE_S))
        yield
