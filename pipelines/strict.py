"""How does a plain tree become a typed config? With nothing unknown, nothing guessed, and every value traced."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, TypeVar

from adapt.errors import RecipeError
from adapt.runs.documents import brief, is_text

T = TypeVar("T")
Where = Callable[[str], str]
_MISFIT = object()
_MOST = 2.0**63  # Seeds are 64 bits wide; nothing that a recipe counts or measures is larger.


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key of a config: its full name, its type as written, its type, and what its class says of it."""

    key: str
    type_name: str
    kind: Any
    doc: str


def build(kind: type[T], tree: Mapping[str, Any], where: Where) -> T:
    """Make a config dataclass of a plain tree; keys that are absent keep the class's defaults.

    Args:
        kind: A dataclass whose fields are bool, int, float, str, an enum, list[str], or such a dataclass.
        tree: The values, nested as the dataclass is.
        where: Tells, for a full key, what to call its place in a message, for example "recipes/human.yaml:7".

    Returns:
        The config.

    Raises:
        RecipeError: A key is unknown (the nearest one is named), a value has the wrong type, or the config itself
            refuses its values.
    """
    config: T = _build(kind, tree, where, kind, "")
    return config


def to_plain(config: Any) -> dict[str, Any]:
    """The plain tree of a config: what `build` takes, and JSON and YAML can hold.

    Args:
        config: A config dataclass.

    Returns:
        Nested dictionaries of plain values.
    """
    return {item.name: _plain(getattr(config, item.name)) for item in dataclasses.fields(config)}


def settings(kind: type, prefix: str = "") -> Iterator[Setting]:
    """Every key of a config class, nested ones by their full name, in the order of the class.

    Args:
        kind: A config dataclass.
        prefix: What comes before its keys.

    Yields:
        The leaves; a key whose class says nothing of it has an empty doc.
    """
    hints = typing.get_type_hints(kind)
    docs = field_docs(kind)
    for item in dataclasses.fields(kind):
        hint = hints[item.name]
        if dataclasses.is_dataclass(hint):
            yield from settings(typing.cast(type, hint), f"{prefix}{item.name}.")
        else:
            doc = docs.get(item.name, "")
            yield Setting(key=prefix + item.name, type_name=type_name(hint), kind=hint, doc=doc)


def field_docs(kind: type) -> dict[str, str]:
    """What a class's docstring says of each field in its "Args:" section."""
    docs: dict[str, str] = {}
    lines = (kind.__doc__ or "").splitlines()
    start = next((i for i, line in enumerate(lines) if line.strip() == "Args:"), len(lines))
    name = ""
    margin: int | None = None
    for line in lines[start + 1 :]:
        indent = len(line) - len(line.lstrip())
        margin = indent if margin is None and line.strip() else margin
        if not line.strip() or margin is None or indent < margin:
            break
        if indent == margin:
            name, _, rest = line.strip().partition(":")
            docs[name] = rest.strip()
        else:
            docs[name] += " " + line.strip()
    return docs


def unknown_key(key: str, kind: type, place: str) -> RecipeError:
    """The message for a key that no config has, with the nearest one that exists."""
    known = [setting.key for setting in settings(kind)]
    sections = sorted({name.rpartition(".")[0] for name in known} - {""})
    if key in sections:
        within = [name for name in known if name.startswith(f"{key}.")]
        return RecipeError(f"{place}: '{key}' is a group of keys; set one of them: {', '.join(within)}.")
    near = difflib.get_close_matches(key, known + sections, n=1, cutoff=0.6)
    if not near:
        last = key.rpartition(".")[2]
        tails = difflib.get_close_matches(last, [name.rpartition(".")[2] for name in known], n=1, cutoff=0.75)
        near = [name for name in known if tails and name.rpartition(".")[2] == tails[0]][:1]
    section = key.rpartition(".")[0]
    within = [name for name in known if name.rpartition(".")[0] == section] or known
    remedy = f"did you mean '{near[0]}'?" if near else f"the keys are: {', '.join(within)}."
    return RecipeError(f"{place}: there is no key '{key}'; {remedy} see `wam-adapt config show` for all keys.")


def type_name(hint: Any) -> str:
    """A type as a reader of a recipe would say it; for a choice, the choices."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        return " | ".join(str(member.value) for member in hint)
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__name__
    return str(hint).replace("typing.", "")


def _build(kind: Any, tree: object, where: Where, root: type, prefix: str) -> Any:
    section = prefix.rstrip(".")
    tree = {} if tree is None else tree
    if not isinstance(tree, Mapping):
        example = f"{prefix}{dataclasses.fields(kind)[0].name}"
        raise RecipeError(f"{where(section)}: '{section}' is {brief(tree)}; give it keys, for example '{example}'.")
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if name not in hints:
            raise unknown_key(key, root, where(key))
        if dataclasses.is_dataclass(hints[name]):
            values[name] = _build(hints[name], value, where, root, key + ".")
        else:
            values[name] = _leaf(hints[name], value, key, where)
    try:
        return kind(**values)
    except RecipeError as error:
        places = sorted({where(prefix + name) for name in tree if prefix + name in str(error)})
        raise RecipeError(f"{', '.join(places)}: {error}" if places else str(error)) from error


def _leaf(hint: Any, value: object, key: str, where: Where) -> Any:
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in kinds:
        result = _fit(kind, value)
        if result is not _MISFIT:
            return result
    raise RecipeError(f"{where(key)}: '{key}' is {brief(value)}; it takes {type_name(hint)}.")


def _fit(kind: Any, value: object) -> Any:
    """The value as one of a kind, or the mark of a misfit. A bool is no number, and a text is never read as one."""
    if kind is types.NoneType:
        return value if value is None else _MISFIT
    if kind is float:
        return float(value) if _is_number(value) else _MISFIT  # type: ignore[arg-type]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next((member for member in kind if value in (member, member.value, member.name)), _MISFIT)
    if typing.get_origin(kind) is list:
        (item_kind,) = typing.get_args(kind)
        items = [_fit(item_kind, item) for item in value] if isinstance(value, list) else [_MISFIT]
        return _MISFIT if any(item is _MISFIT for item in items) else items
    if type(value) is not kind or (kind is int and not _is_number(value)) or (kind is str and not is_text(value)):
        return _MISFIT
    return value


def _is_number(value: object) -> bool:
    """Whether a value is a number that can be reckoned with: NaN passes every check of a range, infinity most."""
    return type(value) in (int, float) and -_MOST <= value <= _MOST  # type: ignore[operator]


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_plain(value)
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, list | tuple) else value
