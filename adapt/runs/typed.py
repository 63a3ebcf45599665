"""Is a value what its annotation says? For what was read from a file, where nobody has looked at it yet."""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from adapt.runs.documents import brief, is_text

_MOST = 1e300  # What is beyond it becomes infinite when rounded or reckoned with; NaN compares to nothing.


def find_misfit(value: object, kind: Any, where: str) -> str:
    """The first place at which a value is not of its kind, in words; empty where all of it is.

    A whole number will do for a float, no bool for a number, and neither NaN nor an infinity for anything; a text must
    be one that files can hold.

    Args:
        value: To be looked at, as deep as it goes.
        kind: An annotation: None, bool, int, float, str, Any, unions, tuples, lists, sequences and string-keyed
            mappings of these, and dataclasses whose fields are annotated so.
        where: What the value is called in the answer.
    """
    if kind is Any:
        return ""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        found = [find_misfit(value, each, where) for each in typing.get_args(kind)]
        return "" if "" in found else found[0]
    if dataclasses.is_dataclass(kind):
        return _first(_fields(value, kind, where))
    if typing.get_origin(kind) is not None:
        return _first(_items(value, kind, where))
    return "" if _is(value, kind) else _misfit(value, kind, where)


def _fields(value: object, kind: Any, where: str) -> Iterator[str]:
    if not isinstance(value, kind):
        yield _misfit(value, kind, where)
        return
    for name, hint in _hints(kind).items():
        yield find_misfit(getattr(value, name), hint, f"{where}.{name}")


def _items(value: object, kind: Any, where: str) -> Iterator[str]:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if not isinstance(value, origin) or isinstance(value, str | bytes):
        yield _misfit(value, origin, where)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield find_misfit(name, inner[0], f"{where}: a key")
            yield find_misfit(item, inner[1], f"{where}[{brief(name)}]")
    elif isinstance(value, Sequence):
        kinds = (inner[0],) * len(value) if origin is not tuple or inner[-1] is ... else inner
        if len(kinds) != len(value):
            yield f"{where} has {len(value)} items, {len(kinds)} belong there"
            return
        for place, (item, each) in enumerate(zip(value, kinds, strict=True)):
            yield find_misfit(item, each, f"{where}[{place}]")


def _is(value: object, kind: Any) -> bool:
    if kind in (None, types.NoneType):
        return value is None
    if kind is str:
        return is_text(value)
    if kind is float:
        return type(value) in (int, float) and -_MOST <= value <= _MOST  # type: ignore[operator]
    return type(value) is kind


def _misfit(value: object, kind: Any, where: str) -> str:
    return f"{where} is {brief(value)}, where {getattr(kind, '__name__', kind)} belongs"


def _first(problems: Iterator[str]) -> str:
    return next(filter(None, problems), "")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {item.name: hints[item.name] for item in dataclasses.fields(kind)}
