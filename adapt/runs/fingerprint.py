"""What names a piece of work? A digest of everything that decides its result."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

# None, bool, int, float, str, and lists and string-keyed mappings of them. The recursive union cannot be checked at
# run time on Python 3.11, so the type is open and `canonical` is what refuses everything else.
Json: TypeAlias = Any


def fingerprint(value: Json) -> str:
    """SHA-256, in hex, of a value's canonical JSON: equal values give equal digests on every machine.

    Args:
        value: JSON-like: None, bool, int, float, str, and lists, tuples and string-keyed mappings of them.

    Returns:
        64 hexadecimal digits.

    Raises:
        TypeError: The value holds something else. A Path is refused on purpose: where a file lies must not decide
            a result; use its content's digest.
        ValueError: The value holds NaN or an infinity.
    """
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def canonical(value: Json) -> str:
    """The one spelling of a value as JSON: keys sorted, no spaces, floats by `repr`.

    Args:
        value: As for `fingerprint`.

    Returns:
        The JSON text, in ASCII.

    Raises:
        TypeError: The value holds something that JSON does not know, or a key that is not a string.
        ValueError: The value holds NaN or an infinity.
    """
    return json.dumps(_plain(value, "value"), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: Json, where: str) -> Json:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        wrong = [key for key in value if not isinstance(key, str)]
        if wrong:
            raise TypeError(f"{where} has the key {wrong[0]!r}; a fingerprint takes string keys only")
        return {key: _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise TypeError(
        f"{where} is a {type(value).__name__}, which has no canonical spelling; give plain JSON values, "
        "and for a file the digest of its content"
    )
