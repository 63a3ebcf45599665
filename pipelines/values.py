"""What does the text after `key=` mean? Read by the key's type, never by a grammar of its own."""

import types
import typing
from enum import Enum
from typing import Any

_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


def read_value(kind: Any, text: str) -> Any:
    """Read a value given on the command line as its key's type wants it.

    Texts are taken as they are: commas, quotes and tildes mean nothing. What cannot be read as the type is returned
    as text, and refused by whoever checks types, with the key's name.

    Args:
        kind: bool, int, float, str, an enum, a list of these, or such a type or None.
        text: What follows the equals sign.

    Returns:
        The value, or the text.
    """
    if isinstance(kind, types.UnionType):
        inner = [each for each in typing.get_args(kind) if each is not types.NoneType]
        return None if text.strip().lower() in ("null", "none") else read_value(inner[0], text)
    if typing.get_origin(kind) is list:
        (item_kind,) = typing.get_args(kind)
        parts = text.strip().removeprefix("[").removesuffix("]").split(",")
        return [read_value(item_kind, part.strip()) for part in parts if part.strip()]
    if kind is str or (isinstance(kind, type) and issubclass(kind, Enum)):
        return text
    if kind is bool:
        return _TRUTH.get(text.strip().lower(), text)
    try:
        return kind(text)
    except ValueError:
        return text
