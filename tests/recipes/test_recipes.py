"""The contract of recipes: each composes, says how it is run, and every key means something to some code."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from pipelines import recipes
from pipelines.arguments import build_parser
from pipelines.pretrain.settings import PretrainConfig
from pipelines.recipes import compose_as, recipes_folder
from pipelines.schema import AdaptConfig, compose
from pipelines.strict import settings
from pipelines.tabletop.settings import TabletopConfig

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "recipes"
WHOLE = sorted(FOLDER.glob("*.yaml"))
PRETRAIN = sorted((FOLDER / "pretrain").glob("*.yaml"))
SECTIONS = {setting.key.partition(".")[0] for setting in settings(AdaptConfig) if "." in setting.key}
CHOICES = sorted(path for path in FOLDER.glob("*/*.yaml") if path.parent.name in SECTIONS)
TABLETOP = sorted((FOLDER / "tabletop").glob("*.yaml"))
KNOWN_FOLDERS = SECTIONS | {"embodiment", "pretrain", "tabletop"}


def name(path: Path) -> str:
    return path.relative_to(FOLDER).with_suffix("").as_posix()


def header(path: Path) -> str:
    """The comment a recipe opens with, without its marks."""
    lines = []
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return "\n".join(lines)


def attributes_read() -> set[str]:
    """The name of every attribute that the library or a pipeline reads, outside the classes that declare them."""
    sources = [path for room in ("adapt", "pipelines") for path in (REPOSITORY / room).rglob("*.py")]
    names = set()
    for path in sources:
        if path.name == "settings.py":
            continue
        tree = ast.parse(path.read_text())
        inside = {
            id(node)
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef) and function.name == "__post_init__"
            for node in ast.walk(function)
        }
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and id(node) not in inside}
    return names


def test_there_is_a_recipe_for_each_kind_of_data():
    assert {"human", "play", "demo"} <= {path.stem for path in WHOLE}


@pytest.mark.parametrize("path", WHOLE, ids=name)
def test_a_recipe_composes(path):
    assert isinstance(compose(path.stem), AdaptConfig)


@pytest.mark.parametrize("path", CHOICES, ids=name)
def test_a_choice_composes_into_every_recipe_and_is_what_the_config_then_says(path):
    group, choice = path.parent.name, path.stem
    composed = compose_as(AdaptConfig, "human", [f"{group}={choice}"])
    assert f"recipes/{group}/{choice}.yaml" in {origin.rpartition(":")[0] for origin in composed.origins.values()}


@pytest.mark.parametrize("path", PRETRAIN, ids=name)
def test_a_recipe_of_a_base_composes(path):
    assert isinstance(compose_as(PretrainConfig, str(path)).config, PretrainConfig)


@pytest.mark.parametrize("path", TABLETOP, ids=name)
def test_a_plan_on_the_tabletop_composes(path):
    assert isinstance(compose_as(TabletopConfig, path.stem, folder="tabletop").config, TabletopConfig)


def test_no_folder_of_recipes_is_one_that_nothing_reads():
    assert {path.parent.name for path in FOLDER.glob("*/*.yaml")} <= KNOWN_FOLDERS


@pytest.mark.parametrize("path", [*WHOLE, *PRETRAIN, *TABLETOP], ids=name)
def test_a_recipe_opens_with_a_command_that_is_understood(path):
    (command,) = re.findall(r"^wam-adapt (.*)$", header(path), flags=re.MULTILINE)
    assert build_parser().parse_args(shlex.split(command)).verb


@pytest.mark.parametrize("path", [*WHOLE, *TABLETOP], ids=name)
def test_a_recipe_says_what_it_needs(path):
    assert re.search(r"^Needs: .+\.", header(path), flags=re.MULTILINE)


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=name)
def test_a_recipe_is_short_and_opens_with_a_sentence(path):
    assert len(path.read_text().splitlines()) <= 60
    assert header(path).splitlines()[0]


@pytest.mark.parametrize("config", [AdaptConfig, PretrainConfig, TabletopConfig])
def test_every_key_has_its_meaning_in_words(config):
    assert [setting.key for setting in settings(config) if not setting.doc.endswith(".")] == []


@pytest.mark.parametrize("config", [AdaptConfig, PretrainConfig, TabletopConfig])
def test_every_key_is_read_by_some_code(config):
    read = attributes_read()
    unread = [setting.key for setting in settings(config) if setting.key.rpartition(".")[2] not in read]
    assert unread == [], "promised, and read by no code"


def test_recipes_lie_in_the_checkout_and_in_a_wheel_among_the_package_s_data(tmp_path, monkeypatch):
    assert recipes_folder() == FOLDER
    (tmp_path / "_recipes").mkdir()
    monkeypatch.setattr(recipes.resources, "files", lambda _package: tmp_path)
    assert recipes_folder() == tmp_path / "_recipes"
