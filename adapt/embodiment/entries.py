"""How is one entry of a parsed YAML or JSON file taken, so that a slip is named with its place?

Every function takes `where`, the file and the place in it, which begins the message of its EmbodimentError.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence

from adapt.errors import EmbodimentError
from adapt.runs.documents import brief, is_text

_MOST_HZ = 100_000.0
_MOST = 10**9  # No place in a vector, and no count of rows, is beyond it.


def take_mapping(value: object, keys: Sequence[str], where: str) -> Mapping[str, object]:
    """Take a mapping that has no key but these.

    Raises:
        EmbodimentError: It is something else, or a key is unknown.
    """
    if not isinstance(value, Mapping):
        raise EmbodimentError(f"{where}: found {type(value).__name__}; give the keys {', '.join(keys)}.")
    for key in value:
        if key not in keys:
            raise EmbodimentError(
                f"{where}: unknown key {brief(key)}.{nearest(str(key), keys)} Use one of {', '.join(keys)}."
            )
    return value


def take_items(entry: Mapping[str, object], key: str, where: str) -> list[tuple[object, str]]:
    """Take a list, each item with the place where it stands.

    Raises:
        EmbodimentError: It is missing or not a list.
    """
    value = entry.get(key)
    if not isinstance(value, list):
        raise EmbodimentError(f"{where}: '{key}' is {brief(value)}; give a list, or [] for none.")
    return [(item, f"{where}: {key}[{place}]") for place, item in enumerate(value)]


def take_texts(entry: Mapping[str, object], key: str, where: str) -> list[str]:
    """Take a list of at least one text.

    Raises:
        EmbodimentError: It is missing, empty, or holds something else.
    """
    value = entry.get(key)
    if not isinstance(value, list) or not value or not all(is_text(item) and item for item in value):
        raise EmbodimentError(f"{where}: '{key}' is {brief(value)}; give a list of texts.")
    return list(value)


def take_text(entry: Mapping[str, object], key: str, where: str) -> str:
    """Take a text that is not blank.

    Raises:
        EmbodimentError: It is missing, blank or not a text.
    """
    value = entry.get(key)
    if not isinstance(value, str) or not is_text(value) or not value.strip():
        raise EmbodimentError(f"{where}: '{key}' is {brief(value)}; give a text.")
    return value


def take_whole(entry: Mapping[str, object], key: str, where: str) -> int:
    """Take a whole number from 0.

    Raises:
        EmbodimentError: It is missing, negative or not a whole number.
    """
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise EmbodimentError(f"{where}: '{key}' is {brief(value)}; give a whole number from 0.")
    return value


def take_rate(entry: Mapping[str, object], key: str, where: str) -> float | None:
    """Take a number of times a second; None where it is missing.

    Raises:
        EmbodimentError: It is not a number above 0.
    """
    value = entry.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= _MOST_HZ:
        raise EmbodimentError(f"{where}: '{key}' is {brief(value)}; give how many come a second, a number above 0.")
    return float(value)


def take_switch(entry: Mapping[str, object], key: str, where: str) -> bool:
    """Take true or false; false where it is missing.

    Raises:
        EmbodimentError: It is neither.
    """
    value = entry.get(key, False)
    if not isinstance(value, bool):
        raise EmbodimentError(f"{where}: '{key}' is {brief(value)}; give true or false.")
    return value


def nearest(word: str, known: Iterable[str]) -> str:
    """A sentence, with a space before it, that offers the known word most like this one; empty where none is."""
    match = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean '{match[0]}'?" if match else ""
