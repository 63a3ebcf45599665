"""What does a recipe come to? Each key with its type, value, meaning and where the value was set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.recipes import Composed, compose_as
from pipelines.schema import AdaptConfig
from pipelines.strict import settings, to_plain

if TYPE_CHECKING:
    from rich.text import Text

DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One key of a composed recipe.

    Attributes:
        key: Its full name, as `--set` takes it.
        type: What it takes; for a choice, the choices.
        value: What it is, as plain JSON.
        doc: What it means.
        origin: "recipes/train/default.yaml:2", "--set", or "default".
    """

    key: str
    type: str
    value: Any
    doc: str
    origin: str


def run(recipe: str, overrides: Sequence[str] = ()) -> list[Row]:
    """Compose a recipe and explain every key.

    Args:
        recipe: The name of a shipped recipe, or the path of a YAML file.
        overrides: As `--set` takes them.

    Returns:
        One row a key, in the order of the schema.

    Raises:
        RecipeError: The recipe does not compose, or a value is refused.
    """
    composed: Composed[AdaptConfig] = compose_as(AdaptConfig, recipe, overrides)
    tree = to_plain(composed.config)
    return [
        Row(
            key=setting.key,
            type=setting.type_name,
            value=_find(tree, setting.key),
            doc=setting.doc,
            origin=composed.origins.get(setting.key, DEFAULT),
        )
        for setting in settings(AdaptConfig)
    ]


def as_text(rows: Sequence[Row]) -> "Text":
    """The rows for a person to read: two lines a key, which hold in any width, and in a pipe."""
    from rich.text import Text

    text = Text()
    for row in rows:
        value = f"[{', '.join(map(str, row.value))}]" if isinstance(row.value, list) else str(row.value)
        text.append(f"{row.key} = {value}", style="" if row.origin == DEFAULT else "bold")
        text.append(f"   ({row.type}; {row.origin})\n    {row.doc}\n", style="dim")
    text.rstrip()
    return text


def _find(tree: dict[str, Any], key: str) -> Any:
    value: Any = tree
    for part in key.split("."):
        value = value[part]
    return value
