"""From where does long work go on? From its last state, whose bytes its digest vouches for, or from the one before.

A disk may change bytes that it took, and what followed from them would be wrong without anybody noticing.
"""

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from adapt.errors import RunError
from adapt.runs.atomic import write_atomic
from adapt.runs.documents import in_short

log = logging.getLogger(__name__)

T = TypeVar("T")
_HEAD = b"wam-adapt state\n"
_DIGITS = 64  # of a SHA-256, in hex; a line feed follows


def state_files(path: Path) -> tuple[Path, Path]:
    """Where the last state lies, and the one before it."""
    return path, path.with_name(f"{path.name}.before")


def write_state(path: Path, content: bytes | memoryview) -> None:
    """Put a state where it is looked for; the one that was there becomes the one before.

    Args:
        path: Where; its folder must exist.
        content: The state.

    Raises:
        OSError: The folder cannot be written, or the disk is full: then the last state is kept as the one before.
    """
    last, before = state_files(path)
    with suppress(FileNotFoundError):
        last.replace(before)
    write_atomic(last, content, head=_HEAD + hashlib.sha256(content).hexdigest().encode() + b"\n")


def read_state(path: Path, parse: Callable[[bytes], T]) -> T | None:
    """The last state; where it is damaged, the one before, with a warning.

    A damaged state is removed when a sound one stands in for it, so that it does not push that one out.

    Args:
        path: Where the last state lies.
        parse: Makes a value of what was written; raises ValueError where it cannot. What was written without a digest,
            as earlier versions did, is for it to judge.

    Returns:
        What `parse` made of it; None where there is no state.

    Raises:
        RunError: There are states, but none is sound.
    """
    faults: dict[Path, str] = {}
    for place in state_files(path):
        try:
            found = parse(_read(place))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            faults[place] = in_short(error)
            continue
        for damaged, fault in faults.items():
            log.warning("%s is damaged (%s); going on from the state before it, %s", damaged, fault, place.name)
            with suppress(OSError):
                damaged.unlink()
        return found
    if faults:
        told = " and ".join(f"{place} is damaged ({fault})" for place, fault in faults.items())
        raise RunError(f"{told}, so there is nothing to go on from; delete {_them(faults)}, and the work starts over")
    return None


def forget_state(path: Path) -> None:
    """Remove the last state and the one before, once the work is done."""
    for place in state_files(path):
        place.unlink(missing_ok=True)


def _them(faults: dict[Path, str]) -> str:
    return "it" if len(faults) == 1 else "both"


def _read(place: Path) -> bytes:
    data = place.read_bytes()
    if not data.startswith(_HEAD):
        return data
    begins = len(_HEAD) + _DIGITS + 1
    content = data[begins:]
    if data[len(_HEAD) : begins] != hashlib.sha256(content).hexdigest().encode() + b"\n":
        raise ValueError("its bytes are not those that were written")
    return content
