"""Is this JSON an evaluation? A check against `evaluation_schema.json`, for the few schema words it uses."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from adapt.errors import DataError

KINDS: Mapping[str, type | tuple[type, ...]] = {
    "object": Mapping,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


@cache
def evaluation_schema() -> Mapping[str, Any]:
    """The JSON schema (draft 2020-12) that every `evaluation.json` keeps."""
    text = resources.files("adapt.evaluate").joinpath("evaluation_schema.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    assert isinstance(schema, dict)
    return schema


def check_evaluation(value: Mapping[str, Any]) -> None:
    """Refuse what is not an evaluation.

    Raises:
        DataError: The first field that breaks the schema, with what was found there.
    """
    problem = find_problem(value, evaluation_schema(), "evaluation.json")
    if problem:
        raise DataError(f"{problem}. Run `wam-adapt evaluate` again to write it anew.")


def find_problem(value: Any, schema: Mapping[str, Any], where: str) -> str:
    """The first way in which `value` breaks `schema`, in words; empty where it keeps it.

    Knows `type`, `const`, `enum`, `minimum`, `required`, `properties`, `additionalProperties`, `items` and local
    `$ref`, which is all that the schema in this folder uses.
    """
    if "$ref" in schema:
        schema = evaluation_schema()["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    checks: tuple[Callable[[Any, Mapping[str, Any], str], str], ...] = (_scalar, _object, _array)
    for check in checks:
        problem = check(value, schema, where)
        if problem:
            return problem
    return ""


def _scalar(value: Any, schema: Mapping[str, Any], where: str) -> str:
    if "type" in schema and not _is_kind(value, schema["type"]):
        return f"{where} should be {_words(schema['type'])}; found {value!r:.60}"
    if "const" in schema and value != schema["const"]:
        return f"{where} should be {schema['const']!r}; found {value!r:.60}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where} should be one of {', '.join(map(repr, schema['enum']))}; found {value!r:.60}"
    if "minimum" in schema and value < schema["minimum"]:
        return f"{where} should be at least {schema['minimum']}; found {value!r}"
    return ""


def _object(value: Any, schema: Mapping[str, Any], where: str) -> str:
    if not isinstance(value, Mapping):
        return ""
    for name in schema.get("required", ()):
        if name not in value:
            return f"{where} lacks {name!r}"
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for name, item in value.items():
        if name in known:
            problem = find_problem(item, known[name], f"{where}: {name}")
        elif others is False:
            problem = f"{where} has the unknown field {name!r}"
        else:
            problem = find_problem(item, others, f"{where}: {name}") if isinstance(others, Mapping) else ""
        if problem:
            return problem
    return ""


def _array(value: Any, schema: Mapping[str, Any], where: str) -> str:
    if not isinstance(value, list) or "items" not in schema:
        return ""
    problems = (find_problem(item, schema["items"], f"{where}[{index}]") for index, item in enumerate(value))
    return next((problem for problem in problems if problem), "")


def _is_kind(value: Any, kinds: str | list[str]) -> bool:
    names = [kinds] if isinstance(kinds, str) else kinds
    # JSON's booleans are no numbers, though Python's are.
    return any(isinstance(value, KINDS[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names)


def _words(kinds: str | list[str]) -> str:
    return " or ".join([kinds] if isinstance(kinds, str) else kinds)
