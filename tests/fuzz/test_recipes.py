"""Recipes, what `--set` gives, and the plan of a study on the tabletop."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from fuzz.hostile import TEXTS, altered, damaged, fuzz, refused_or_read
from hypothesis import given
from hypothesis import strategies as st

from adapt.errors import RecipeError
from adapt.runs.fingerprint import canonical
from pipelines.recipes import compose_as, recipes_folder
from pipelines.schema import AdaptConfig
from pipelines.strict import build, settings, to_plain
from pipelines.tabletop.plan import make_plan, plan_fingerprint, with_value
from pipelines.tabletop.settings import TabletopConfig, read_condition

RECIPE = (recipes_folder() / "human.yaml").read_bytes()
SWEEP = {"claim": "sweep", "arms": ["control", "adapted"], "sweep": {"key": "gap.looks", "values": ["0.0", "0.5"]}}
KEYS = [setting.key for setting in settings(TabletopConfig)]
VALUES = st.one_of(
    st.sampled_from((*TEXTS, "1e400", "-1", "0", "9" * 5_000, "[1,2", "1_000", "0x10", "inf", "labelled nan")),
    st.text(max_size=12),
    st.floats().map(str),
    st.integers().map(str),
)


def build_as(kind: type, tree: Any) -> Any:
    return build(kind, tree, lambda key: f"<{key}>")


@fuzz(80)
@given(tree=altered(to_plain(AdaptConfig())))
def test_tree_of_a_recipe(folder: Path, tree: Any) -> None:
    config = refused_or_read(lambda: build_as(AdaptConfig, tree), folder)
    if config is not None:
        assert build_as(AdaptConfig, to_plain(config)) == config
        canonical(to_plain(config))  # All of it can be fingerprinted: no NaN.


@fuzz(40)
@given(tree=st.one_of(altered(to_plain(TabletopConfig())), altered({**to_plain(TabletopConfig()), **SWEEP})))
def test_plan_of_a_study_on_the_tabletop(folder: Path, tree: Any) -> None:
    def plan() -> int:
        config = build_as(TabletopConfig, tree)
        if config.seeds > 20 or len(config.sweep.values) > 20:
            return 0  # It is asked for, so it would be planned.
        return len(plan_fingerprint(config)) + len(make_plan(config).units)

    refused_or_read(plan, folder)


@fuzz(80)
@given(key=st.one_of(st.sampled_from(KEYS), st.sampled_from(TEXTS)), text=VALUES)
def test_value_given_for_a_key(folder: Path, key: str, text: str) -> None:
    config = refused_or_read(lambda: with_value(TabletopConfig(), key, text), folder)
    assert config is None or len(plan_fingerprint(config)) == 16


@fuzz(40)
@given(text=VALUES)
def test_condition_of_a_study(folder: Path, text: str) -> None:
    for said in (text, f"labelled {text}"):
        found = refused_or_read(lambda said=said: read_condition(said), folder)  # type: ignore[misc]
        assert found is None or 0 < found[1] < 1e6


@fuzz(12)
@given(data=st.one_of(damaged(RECIPE), altered(yaml.safe_load(RECIPE)).map(lambda tree: yaml.safe_dump(tree).encode())))
def test_file_of_a_recipe(folder: Path, data: bytes) -> None:
    path = folder / "mine.yaml"
    path.write_bytes(data)
    found = refused_or_read(lambda: compose_as(AdaptConfig, str(path)), folder)
    assert found is None or isinstance(found.config, AdaptConfig)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 400,
        "5",
        "- a\n- b\n",
        "seed: !!bool x\n",
        "seed: 2001-99-99\n",
        "? [1, 2]\n: 3\n",
        "1: 2\n",
        'base: "\\ud800"\n',
        "defaults: 5\n",
        "defaults: [[a]]\n",
        "defaults: [{a: {b: c}}]\n",
        "defaults: [{5: x}]\n",
        "defaults: ['']\n",
        "defaults: [mine]\n",  # itself
        "seed: ${seed}\n",
        "seed: ${oc.nothing:x}\n",
        "seed: ${\n",
        "train: {steps: 1.5}\n",
        f"seed: {10**400}\n",
        f"train: {{head_learning_rate: {10**400}}}\n",
        "train: {head_learning_rate: .nan}\n",
        "train: {head_learning_rate: .inf}\n",
        "\0",
        "\xff",
    ],
)
def test_a_recipe_that_is_none_is_refused(folder: Path, text: str) -> None:
    path = folder / "mine.yaml"
    path.write_bytes(text.encode("latin-1"))
    assert refused_or_read(lambda: compose_as(AdaptConfig, str(path)), folder) is None


@pytest.mark.parametrize(
    "override", ["", "=", "seed", "seed=", "seed=1=2", "=1", "lora=\0", "train=../../x", "seed=nan"]
)
def test_an_override_that_is_none_is_refused(folder: Path, override: str) -> None:
    assert refused_or_read(lambda: compose_as(AdaptConfig, "human", [override]), folder) is None


def test_no_number_of_a_recipe_is_nan() -> None:
    for setting in settings(AdaptConfig):
        if setting.kind is float:
            with pytest.raises(RecipeError, match="it takes float"):
                with_nan(setting.key)


def with_nan(key: str) -> None:
    tree: Any = float("nan")
    for name in reversed(key.split(".")):
        tree = {name: tree}
    build_as(AdaptConfig, tree)
