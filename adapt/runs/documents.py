"""How is a text read that anybody may have written? JSON and YAML that cannot hang, flood or bewilder their reader."""

import json
import reprlib
from functools import cache
from typing import Any

from adapt.runs.fingerprint import Json

DEEPEST = 100  # What this package writes has fewer than ten levels.
LARGEST_YAML = 2**20  # Characters; a recipe or a body has a few thousand.
_MOST_ITEMS = 100_000  # Of a YAML text when its aliases are written out: a few lines can stand for billions.
_LONGEST_SAID = 240
_MOST_MERGED = 1_000  # Keys of one mapping when what it merges is written out.


def parse_json(text: str | bytes) -> Json:
    """The value of a JSON text that is not nested beyond reason.

    Args:
        text: Its whole text.

    Returns:
        Plain JSON.

    Raises:
        ValueError: It is not JSON, or has more than `DEEPEST` levels.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"it has more than {DEEPEST} levels") from error
    refuse_deep(value)
    return value


def parse_object(text: str | bytes) -> dict[str, Json]:
    """The value of a JSON text that has to be an object; as `parse_json` else.

    Raises:
        ValueError: It is not JSON, not an object, or has more than `DEEPEST` levels.
    """
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError(f"it holds {brief(value)} where an object belongs")
    return value


def parse_yaml(text: str) -> Json:
    """The value of a YAML text, read without running anything.

    Args:
        text: Its whole text.

    Returns:
        What PyYAML's safe loader makes of it: plain values, and dates.

    Raises:
        ValueError: It is not YAML, a tag does not fit what it stands before, or it is too long, too deep, or too much
            when its aliases are written out. The message is one line.
    """
    import yaml

    if len(text) > LARGEST_YAML:
        raise ValueError(f"it has {len(text)} characters, at most {LARGEST_YAML} are read")
    try:
        value = yaml.load(text, Loader=_loader())
    # The constructors of PyYAML's tags let through whatever Python raises: `!!bool x` a KeyError, `!!int ""` an
    # IndexError, `!!timestamp x` an AttributeError.
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError) as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error
    except RecursionError as error:
        raise ValueError(f"it has more than {DEEPEST} levels") from error
    refuse_deep(value, most=_MOST_ITEMS)
    return value


def is_text(value: object) -> bool:
    """Whether a value is a text that a file can hold and a path can name.

    Escapes in JSON and YAML can spell half of a character, which no file can hold, and NUL, which ends a path.
    """
    try:
        return isinstance(value, str) and b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


def brief(value: object) -> str:
    """A value as a message shows it: as Python writes it, cut where it is long or deep."""
    return _BRIEF.repr(value)


def in_short(error: BaseException) -> str:
    """What an error of Python or of a library says, for the brackets of a message: one line, cut where it is long."""
    said = " ".join(str(error).split())
    # A KeyError says nothing but the key.
    told = f"{type(error).__name__} {said}".strip() if isinstance(error, LookupError) or not said else said
    return told if len(told) <= _LONGEST_SAID else f"{told[:_LONGEST_SAID]}..."


class _Brief(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxdict, self.maxlist, self.maxtuple = 3, 6, 8, 8
        self.maxstring = self.maxother = 80

    def repr_int(self, x: int, _level: int) -> str:
        """Python refuses to write out a number of more than 4,300 digits."""
        return repr(x) if x.bit_length() <= 128 else f"<a whole number of {x.bit_length()} bits>"


_BRIEF = _Brief()


def refuse_deep(value: Json, *, most: int | None = None) -> None:
    """Refuse plain JSON that is nested beyond reason, before something that calls itself is let loose on it.

    Args:
        value: Plain JSON.
        most: Values in it, as often as they are met; None for any number.

    Raises:
        ValueError: It has more than `DEEPEST` levels, or more than `most` values.
    """
    pending: list[tuple[Any, int]] = [(value, 1)]
    met = 0
    while pending:
        item, level = pending.pop()
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list | tuple) else ()
        met += len(inner)
        if level > DEEPEST:
            raise ValueError(f"it has more than {DEEPEST} levels")
        if most is not None and met > most:
            raise ValueError(f"it stands for more than {most} values")
        pending.extend((each, level + 1) for each in inner if isinstance(each, dict | list | tuple))


@cache
def _loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """The safe loader, unless keys merged by `<<` multiply."""

        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            """Write out what a mapping merges."""
            super().flatten_mapping(node)
            if len(node.value) > _MOST_MERGED:
                raise ValueError(f"line {node.start_mark.line + 1}: a mapping of more than {_MOST_MERGED} keys")

    return Loader
