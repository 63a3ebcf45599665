"""What is still to be answered in a spec that was drafted?"""

from collections.abc import Iterator, Mapping

OPEN = "?"  # stands where the data do not tell, and somebody has to


def find_questions(value: object, where: str = "") -> Iterator[str]:
    """The places of a parsed spec that hold a question, such as "actions[0].unit (shoulder to wrist)".

    Args:
        value: The spec, or a part of it.
        where: The place of that part.
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            if item == OPEN:
                yield f"{where}.{key}".lstrip(".") + _whose(value)
            else:
                yield from find_questions(item, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from find_questions(item, f"{where}[{place}]")


def _whose(entry: Mapping[object, object]) -> str:
    names = entry.get("names") or [entry.get("name")]
    if not isinstance(names, list) or not all(isinstance(name, str) and name != OPEN for name in names):
        return ""
    return f" ({names[0]})" if len(names) == 1 else f" ({names[0]} to {names[-1]})"
