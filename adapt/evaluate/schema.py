"""Is this JSON an evaluation? A check against `evaluation_schema.json`, for the few schema words it uses."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from adapt.errors import DataError
from adapt.runs.documents import brief, is_text

_MOST = 1e300

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
def read_schema(name: str) -> Mapping[str, Any]:
    """A JSON schema (draft 2020-12) of this folder, by its file's name."""
    schema = json.loads(resources.files("adapt.evaluate").joinpath(name).read_text(encoding="utf-8"))
    assert isinstance(schema, dict)
    return schema


def evaluation_schema() -> Mapping[str, Any]:
    """The JSON schema (draft 2020-12) that every `evaluation.json` keeps."""
    return read_schema("evaluation_schema.json")


def check_evaluation(value: Mapping[str, Any]) -> None:
    """Refuse what is not an evaluation.

    Raises:
        DataError: It is of another format, and which version reads that; or the first field that breaks the schema.
    """
    schema = evaluation_schema()
    wanted = schema["properties"]["format"]["const"]
    found = value.get("format") if isinstance(value, Mapping) else None
    if _is_kind(found, "integer") and found != wanted:
        remedy = (
            "Update wam-adapt to read it"
            if found > wanted
            else "No released version wrote that; run `wam-adapt evaluate` again"
        )
        raise DataError(f"evaluation.json is of format {found}; this version reads format {wanted}. {remedy}.")
    problem = find_problem(value, schema, "evaluation.json")
    if problem:
        raise DataError(f"{problem}. Run `wam-adapt evaluate` again to write it anew.")


def find_problem(value: Any, schema: Mapping[str, Any], where: str, root: Mapping[str, Any] | None = None) -> str:
    """The first way in which `value` breaks `schema`, in words; empty where it keeps it.

    Knows `type`, `const`, `enum`, `minimum`, `maximum`, `required`, `properties`, `additionalProperties`, `items`,
    `anyOf` and local `$ref`, which is all that the schemas of this package use.

    Args:
        value: To be checked.
        schema: Whole, or a part of `root`.
        where: What the value is called in the answer.
        root: The schema whose `$defs` a `$ref` means; `schema` itself where not given.
    """
    root = schema if root is None else root
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    checks: tuple[Callable[[Any, Mapping[str, Any], str, Mapping[str, Any]], str], ...] = (
        _scalar,
        _object,
        _array,
        _any_of,
    )
    for check in checks:
        problem = check(value, schema, where, root)
        if problem:
            return problem
    return ""


def _scalar(value: Any, schema: Mapping[str, Any], where: str, _: Mapping[str, Any]) -> str:
    if "type" in schema and not _is_kind(value, schema["type"]):
        return f"{where} should be {_words(schema['type'])}; found {value!r:.60}"
    if "const" in schema and value != schema["const"]:
        return f"{where} should be {schema['const']!r}; found {value!r:.60}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where} should be one of {', '.join(map(repr, schema['enum']))}; found {value!r:.60}"
    number = _is_kind(value, "number")
    if number and not -_MOST <= value <= _MOST:  # NaN compares to nothing, so it is refused as well.
        return f"{where} should be a number that can be reckoned with; found {brief(value)}"
    if number and value < schema.get("minimum", value):
        return f"{where} should be at least {schema['minimum']}; found {value!r}"
    if number and value > schema.get("maximum", value):
        return f"{where} should be at most {schema['maximum']}; found {value!r}"
    return ""


def _object(value: Any, schema: Mapping[str, Any], where: str, root: Mapping[str, Any]) -> str:
    if not isinstance(value, Mapping):
        return ""
    for name in schema.get("required", ()):
        if name not in value:
            return f"{where} lacks {name!r}"
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for name, item in value.items():
        if name in known:
            problem = find_problem(item, known[name], f"{where}: {name}", root)
        elif others is False:
            problem = f"{where} has the unknown field {name!r}"
        else:
            problem = find_problem(item, others, f"{where}: {name}", root) if isinstance(others, Mapping) else ""
        if problem:
            return problem
    return ""


def _array(value: Any, schema: Mapping[str, Any], where: str, root: Mapping[str, Any]) -> str:
    if not isinstance(value, list) or "items" not in schema:
        return ""
    problems = (find_problem(item, schema["items"], f"{where}[{index}]", root) for index, item in enumerate(value))
    return next((problem for problem in problems if problem), "")


def _any_of(value: Any, schema: Mapping[str, Any], where: str, root: Mapping[str, Any]) -> str:
    """The problem with the last choice, which is the fullest one; empty where any fits."""
    problem = ""
    for choice in schema.get("anyOf", ()):
        problem = find_problem(value, choice, where, root)
        if not problem:
            return ""
    return problem


def _is_kind(value: Any, kinds: str | list[str]) -> bool:
    names = [kinds] if isinstance(kinds, str) else kinds
    # JSON's booleans are no numbers, though Python's are.
    fits = any(isinstance(value, KINDS[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names)
    return fits and (not isinstance(value, str) or is_text(value))


def _words(kinds: str | list[str]) -> str:
    return " or ".join([kinds] if isinstance(kinds, str) else kinds)
