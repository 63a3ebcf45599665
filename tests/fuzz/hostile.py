"""Inputs that mean harm, and what must hold when they are read.

`WAM_ADAPT_FUZZ=100000` tries that many for each target instead of the few of every day, and others each time.
"""

import copy
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from adapt.errors import AdaptError

T = TypeVar("T")
ASKED = int(os.environ.get("WAM_ADAPT_FUZZ", "0"))
LONGEST_S = 10.0  # of one input, on the processor
LONGEST_MESSAGE = 6_000  # A word of the user's own may stand in it as it is.
COUNTS: dict[str, dict[str, int]] = {}  # by test: how many inputs were read, and how many refused

# The last is longer than any file may be called.
TEXTS = ("", " ", "\0", "\ud800", "..", "../../x", "/dev/zero", "~", "null", "nan", "{}", "{0}", "${x}", "a" * 300)
NUMBERS = (0, -1, 2**31, 2**63, -(2**63), 10**30, 1e300, 1e-300, -0.0, float("nan"), float("inf"), float("-inf"))
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.integers(),
    st.floats(),
    st.sampled_from(TEXTS),
    st.text(max_size=8),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.text(max_size=4), SCALARS, max_size=3),
    st.sampled_from([[], {}, [[]], [{}], {"": {}}]),
)
TOKENS = (b"\0", b"\xff", b"\xed\xa0\x80", b"[" * 3_000, b'{"a":' * 3_000, b"9" * 5_000, b"NaN", b"1e999", b"-", b"}")
TOKENS += (b'"', b",", b":", b"\n", b"\r", b"\xef\xbb\xbf", b"\\ud800", b"\x85", b"*a", b"&a", b"<<: ", b"!!int ''")


def fuzz(few: int, *, share: float = 1.0) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Try so many inputs, the same ones every day; as many as asked for, and others, where a number is asked for.

    Args:
        few: How many every day.
        share: Of those asked for; below 1 for what is made of an input that another target has read already.
    """
    return settings(
        max_examples=max(few, round(ASKED * share)) if ASKED else few,
        deadline=None,
        derandomize=not ASKED,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def refused_or_read(read: Callable[[], T], allowed: Path) -> T | None:
    """What was read; None where it was refused in words of ours.

    Whatever else is raised passes, and fails the test. So does an input that takes too long, takes memory that it
    only claims to need, makes anything be written outside the `allowed` folder, or is answered by a flood of words.
    """
    name = os.environ["PYTEST_CURRENT_TEST"].partition(" ")[0].rpartition("/")[2]
    count = COUNTS.setdefault(name, {"inputs": 0, "refused": 0})
    count["inputs"] += 1
    with _within_time(), _nothing_written_outside(allowed):
        try:
            return read()
        except AdaptError as error:
            refusal = error
    count["refused"] += 1
    assert 10 < len(str(refusal)) < LONGEST_MESSAGE, f"a message of {len(str(refusal))} characters"
    cause: BaseException | None = refusal
    while cause is not None:
        assert not isinstance(cause, MemoryError), f"{refusal}: memory was asked for that the input only claims"
        cause = cause.__cause__ or cause.__context__
    return None


class _Late(BaseException):
    """No reader catches this one."""


@contextmanager
def _within_time() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise _Late

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_S)
    try:
        yield
    except _Late as late:
        raise AssertionError(f"it took more than {LONGEST_S:g} s") from late
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


_watched: list[Path] = []  # the folder that may be written to; empty while nobody looks
_strayed: list[str] = []
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "shutil.rmtree")


def _look(event: str, told: tuple[Any, ...]) -> None:
    if not _watched or not (event == "open" or event in _CHANGES):
        return
    if event == "open" and not (isinstance(told[2], int) and told[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
        return
    changed = told[1] if event in ("os.rename", "os.symlink", "os.link") else told[0]
    place = os.fsdecode(changed) if isinstance(changed, str | bytes | os.PathLike) else ""
    if event in ("os.remove", "os.rmdir") and told[1] >= 0:  # named from within an open folder
        place = f"/proc/self/fd/{told[1]}/{place}"
    if place and place != os.devnull and not os.path.realpath(place).startswith(str(_watched[0])):
        _strayed.append(f"{event} {place}")


sys.addaudithook(_look)


@contextmanager
def _nothing_written_outside(allowed: Path) -> Iterator[None]:
    _strayed.clear()
    _watched.append(allowed.resolve())
    try:
        yield
    finally:
        _watched.clear()
    strayed = [place for place in _strayed if "__pycache__" not in place]
    assert not strayed, f"written outside {allowed}: {strayed}"


def altered(document: Any) -> st.SearchStrategy[Any]:
    """A plain document with one to three of its parts changed: taken away, renamed, doubled, nested, another kind."""

    @st.composite
    def alter(draw: st.DrawFn) -> Any:
        changed = copy.deepcopy(document)
        for _ in range(draw(st.integers(1, 3))):
            changed = _change(draw, changed)
        return changed

    return alter()


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """Bytes cut short anywhere, with flipped bits, with pieces lost, repeated or slipped in; or none of these bytes."""
    place = st.integers(0, len(whole))

    @st.composite
    def damage(draw: st.DrawFn) -> bytes:
        data = bytearray(whole)
        for _ in range(draw(st.integers(1, 3))):
            at, to = sorted((min(draw(place), len(data)), min(draw(place), len(data))))
            kind = draw(st.integers(0, 4))
            if kind == 0:
                del data[at:]
            elif kind == 1 and at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            elif kind == 2:
                del data[at : min(to, at + 16)]
            elif kind == 3:
                data[at:at] = data[at : min(to, at + 64)]
            else:
                data[at:at] = draw(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=8)))
        return bytes(data)

    return st.one_of(damage(), damage(), st.binary(max_size=64))


def json_texts(document: Any) -> st.SearchStrategy[bytes]:
    """A JSON text that was this document: with other parts, another encoding, a key twice, or damaged as bytes."""
    text = json.dumps(document)
    doubled = text.replace("{", '{"format": 7, ', 1) if "{" in text else text
    encodings = [text.encode(name) for name in ("utf-16", "utf-32", "utf-8-sig", "utf-7")]
    parts = altered(document).map(lambda value: json.dumps(value).encode())
    return st.one_of(parts, parts, damaged(text.encode()), st.sampled_from([*encodings, doubled.encode()]))


def _change(draw: st.DrawFn, document: Any) -> Any:
    places = list(_places(document, ()))
    if not places:
        return copy.deepcopy(draw(VALUES))
    *above, last = draw(st.sampled_from(places))
    holder = document
    for step in above:
        holder = holder[step]
    old = holder.pop(last)
    put = holder.__setitem__ if isinstance(holder, dict) else holder.insert
    kind = draw(st.sampled_from(["lost", "nested", "again", "alike", "other"]))
    if kind == "nested":
        put(last, draw(st.sampled_from([[old], {"": old}])))
    elif kind == "again":
        put(last, copy.deepcopy(old))
        put(draw(st.sampled_from(TEXTS)) if isinstance(holder, dict) else last, old)
    elif kind != "lost":
        # What is sampled is shared between inputs, and the next change may be within it.
        put(last, copy.deepcopy(_like(draw, old) if kind == "alike" else draw(VALUES)))
    return document


def _like(draw: st.DrawFn, value: Any) -> Any:
    """Another value of the same kind, which passes where kinds alone are looked at."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return draw(st.one_of(st.sampled_from(NUMBERS), st.just(-value), st.just(value * 10**9), st.floats()))
    if isinstance(value, str):
        return draw(st.one_of(st.sampled_from(TEXTS), st.text(max_size=8).map(lambda more: value + more)))
    if isinstance(value, list):
        return value * draw(st.sampled_from([2, 50]))
    return {} if isinstance(value, Mapping) else draw(VALUES)


def _places(document: Any, above: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for step, item in inner:
        yield (*above, step)
        yield from _places(item, (*above, step))
