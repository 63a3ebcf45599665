"""Where are recipes, and what do they say together? The only file that knows Hydra.

Hydra composes the files. Keys and values are checked here, against the typed config, so that a message can name the
file, the line and the nearest key; and values given on the command line never meet Hydra's grammar, which breaks on
commas, quotes and tildes.
"""

import difflib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml

from adapt.errors import RecipeError
from adapt.runs.documents import brief, is_text, parse_yaml
from pipelines.strict import build, settings, unknown_key
from pipelines.values import read_value

T = TypeVar("T")
_SET = "--set"
_STUMBLES = (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed(Generic[T]):
    """A config, and where each of its keys came from.

    Attributes:
        config: The typed config.
        origins: By full key: "recipes/human.yaml:7" or "--set"; keys left at their class's default are absent.
    """

    config: T
    origins: Mapping[str, str]


def recipes_folder() -> Path:
    """The folder of the recipes that ship with the package: in a wheel its data, in a checkout `recipes/`."""
    packaged = Path(str(resources.files("pipelines") / "_recipes"))
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / "recipes"


def recipe_names(folder: str = "") -> list[str]:
    """The names `--recipe` takes, sorted; those in a folder of `recipes/` for verbs that have one of their own."""
    return sorted(path.stem for path in (recipes_folder() / folder).glob("*.yaml"))


def compose_as(kind: type[T], recipe: str, overrides: Sequence[str] = (), *, folder: str = "") -> Composed[T]:
    """Compose a recipe into a config of a given class.

    Args:
        kind: The config's dataclass.
        recipe: The name of a shipped recipe, or the path of a YAML file.
        overrides: "key=value" for one key, "group=choice" for a file of a group.
        folder: The folder within `recipes/` where names are looked up.

    Returns:
        The config and the origin of its keys.

    Raises:
        RecipeError: Something does not exist or does not fit; names file, key and the nearest that exists.
    """
    path = find_recipe(recipe, folder)
    folders = [path.parent] if path.parent == recipes_folder() else [path.parent, recipes_folder()]
    choices, values = _split(overrides, folders, kind)
    tree, origins = _compose(path, choices)
    known = {setting.key: setting.kind for setting in settings(kind)}
    for key, text in values.items():
        if key not in known:
            raise unknown_key(key, kind, f"{_SET} {key}={text}")
        _put(tree, key, read_value(known[key], text), origins)
        origins[key] = _SET
    config = build(kind, tree, lambda key: _origin_of(key, origins, path))
    return Composed(config=config, origins={key: origins[key] for key in known if key in origins})


def find_recipe(recipe: str, folder: str = "") -> Path:
    """The file of a recipe.

    Args:
        recipe: The name of a shipped recipe, or the path of a YAML file.
        folder: The folder within `recipes/` where names are looked up.

    Returns:
        An existing file, absolute.

    Raises:
        RecipeError: There is none.
    """
    shipped = recipes_folder() / folder / f"{recipe}.yaml"
    if shipped.is_file():
        return shipped.absolute()
    path = Path(recipe).expanduser().absolute()
    if path.is_file() and path.suffix == ".yaml":
        return path
    if path.is_file():
        raise RecipeError(f"recipe {recipe}: its name ends in '{path.suffix}'; rename it to {path.stem}.yaml.")
    names = recipe_names(folder)
    raise RecipeError(
        f"there is no recipe '{recipe}'; {_guess(recipe, names)}shipped are: {', '.join(names)}; "
        "name one of these, or a file of your own by its path, for example ./mine.yaml."
    )


def _split(overrides: Sequence[str], folders: Sequence[Path], kind: type) -> tuple[dict[str, str], dict[str, str]]:
    """Tell choices of a group's file from values of a key."""
    sections = {setting.key.partition(".")[0] for setting in settings(kind) if "." in setting.key}
    choices: dict[str, str] = {}
    values: dict[str, str] = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        key = key.strip()
        if not equals or not key:
            raise RecipeError(f"{_SET} {override}: write it as key=value, for example train.steps=500.")
        if key not in sections:
            values[key] = text
            continue
        group = sorted({path.stem for folder in folders for path in (folder / key).glob("*.yaml")})
        if text not in group:
            raise RecipeError(
                f"{_SET} {override}: there is no file recipes/{key}/{text}.yaml; {_guess(text, group)}"
                f"there are: {', '.join(group) or 'none'}. To set one key, write {key}.KEY=VALUE."
            )
        choices[key] = text
    return choices, values


def _compose(path: Path, choices: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Let Hydra put the files together; return the tree and the origin of each key."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from hydra.types import RunMode
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    _check_text(path)
    _let_hydra_find_shipped_recipes()
    try:
        # A recipe without `_self_` has its own keys win, which is what its writer expects: no word about it.
        with (
            warnings.catch_warnings(action="ignore", category=UserWarning),
            initialize_config_dir(config_dir=str(path.parent), version_base="1.3"),
        ):
            loader = GlobalHydra.instance().config_loader()
            listed = loader.compute_defaults_list(path.stem, [], RunMode.RUN).defaults
            present = {default.config_path.partition("/")[0] for default in listed if default.config_path}
            chosen = [f"{'' if group in present else '+'}{group}={name}" for group, name in choices.items()]
            tree = OmegaConf.to_container(compose(path.stem, chosen), resolve=True)
            used = loader.compute_defaults_list(path.stem, chosen, RunMode.RUN).defaults
    # Hydra checks a list of defaults by asserting, and by stumbling.
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, *_STUMBLES) as error:
        raise RecipeError(f"{_name(path)}: {_in_short(error, path)}") from error
    origins: dict[str, str] = {}
    for default in used:
        if default.config_path is None or default.config_path.startswith("hydra/"):
            continue
        file = _find_file(default.config_path, path)
        if file is not None:
            prefix = f"{default.package}." if default.package else ""
            origins.update((prefix + key, f"{_name(file)}:{line}") for key, line in _lines(file))
    return ({str(key): value for key, value in tree.items()} if isinstance(tree, dict) else {}), origins


def _check_text(path: Path) -> None:
    """Refuse what is no mapping of keys before Hydra meets it, whose words for that help nobody."""
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{_name(path)}: cannot be read ({error.strerror}); check the path.") from error
    except ValueError as error:
        raise RecipeError(f"{_name(path)}: is not valid YAML ({error}); mend that line.") from error
    if tree is not None and not isinstance(tree, dict):
        raise RecipeError(f"{_name(path)}: holds {brief(tree)}; write it as KEY: VALUE lines, like a shipped recipe.")
    if odd := next((key for key in tree or () if not is_text(key)), None):
        raise RecipeError(f"{_name(path)}: has the key {brief(odd)}; keys are words. Rename it.")


def _let_hydra_find_shipped_recipes() -> None:
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.core.plugins import Plugins
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class ShippedRecipes(SearchPathPlugin):  # type: ignore[misc]
        """Puts the shipped recipes behind the folder of the recipe at hand."""

        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            """Add the folder."""
            search_path.append(provider="wam-adapt", path=f"file://{recipes_folder().absolute()}")

    plugins = Plugins.instance()
    if not any(found.__name__ == ShippedRecipes.__name__ for found in plugins.discover(SearchPathPlugin)):
        plugins.register(ShippedRecipes)


def _find_file(config_path: str, recipe: Path) -> Path | None:
    places = (folder / f"{config_path}.yaml" for folder in (recipe.parent, recipes_folder()))
    return next((place for place in places if place.is_file()), None)


def _lines(file: Path) -> Iterator[tuple[str, int]]:
    """Each key of a YAML file, by its full name in the file, with its line."""
    root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    pending: list[tuple[str, Any]] = [("", root)]
    while pending:
        prefix, node = pending.pop()
        if not isinstance(node, yaml.MappingNode):
            continue
        for key, value in node.value:
            name = f"{prefix}{key.value}"
            yield name, key.start_mark.line + 1
            pending.append((name + ".", value))


def _put(tree: dict[str, Any], key: str, value: object, origins: Mapping[str, str]) -> None:
    *sections, name = key.split(".")
    for section in sections:
        inner = tree.get(section)
        if inner is None:
            inner = tree[section] = {}
        if not isinstance(inner, dict):
            raise RecipeError(f"{origins.get(section, 'the recipe')}: '{section}' is {inner!r}; give it keys.")
        tree = inner
    tree[name] = value


def _origin_of(key: str, origins: Mapping[str, str], recipe: Path) -> str:
    return origins.get(key, _name(recipe))


def _name(file: Path) -> str:
    """A recipe's file as a message calls it: shipped ones from "recipes/", others by their path."""
    shipped = recipes_folder().absolute()
    return f"recipes/{file.relative_to(shipped).as_posix()}" if file.is_relative_to(shipped) else str(file)


def _guess(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{near[0]}'? " if near else ""


def _in_short(error: Exception, recipe: Path) -> str:
    """What Hydra or the YAML reader has to say, without the search path, and with the nearest file that exists."""
    missing = re.search(r"Could not (?:find|load) '([^']*)'", str(error))
    if missing is None:
        return " ".join(" ".join(str(error).split()).split(" ")[:60])
    known = [
        file.relative_to(folder).with_suffix("").as_posix()
        for folder in (recipe.parent, recipes_folder())
        for file in sorted([*folder.glob("*.yaml"), *folder.glob("*/*.yaml")])
    ]
    return (
        f"its defaults name '{missing[1]}', and there is no such file; {_guess(missing[1], known)}"
        "groups and files lie in recipes/, beside each other."
    )
