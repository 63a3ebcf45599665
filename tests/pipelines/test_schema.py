"""Recipes by name and by path, typos, types, and free text that must not be parsed."""

from pathlib import Path

import pytest

from adapt.errors import RecipeError
from pipelines.recipes import compose_as, recipe_names
from pipelines.schema import AdaptConfig, compose
from pipelines.strict import build, settings, to_plain

ODD_NAMES = ["a, b", "don't spill", "(slowly)", "~home", "vid\u00e9os", "\u30b3\u30c3\u30d7", "[1]=@:{}$x", "100%"]


def recipe(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_shipped_recipes_are_found_by_name():
    assert {"human", "play", "demo"} <= set(recipe_names())


def test_compose_returns_the_typed_config():
    config = compose("human")
    assert isinstance(config, AdaptConfig)
    assert config.base == "tiny"


def test_set_changes_one_key_and_leaves_the_rest():
    config = compose("human", ["train.steps=7"])
    assert config.train.steps == 7
    config.train.steps = compose("human").train.steps
    assert config == compose("human")


def test_set_of_a_group_chooses_its_file():
    assert "ffn.net.2" in compose("human").lora.targets
    assert compose("human", ["lora=attention"]).lora.targets == ["to_q", "to_k", "to_v", "to_out.0"]


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("train.adapter_learning_rate=1e-4", lambda c: c.train.adapter_learning_rate, 1e-4),
        ("train.adapter_learning_rate=2", lambda c: c.train.adapter_learning_rate, 2.0),
        ("lora.targets=[to_q, to_k]", lambda c: c.lora.targets, ["to_q", "to_k"]),
        ("lora.targets=to_q", lambda c: c.lora.targets, ["to_q"]),
        ("train.noise_floor.hand_retarget=0.5", lambda c: c.train.noise_floor.hand_retarget, 0.5),
        ("train.shift=5", lambda c: c.train.shift, 5.0),
        ("train.shift=null", lambda c: c.train.shift, None),
        ("base=a, b's (c)~ = x", lambda c: c.base, "a, b's (c)~ = x"),
    ],
)
def test_set_reads_a_value_as_the_type_of_its_key(override, read, value):
    assert read(compose("human", [override])) == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.stpes=7", r"--set train.stpes=7: there is no key 'train.stpes'; did you mean 'train.steps'"),
        ("steps=7", r"no key 'steps'; did you mean 'train.steps'"),
        ("trian.steps=7", r"no key 'trian.steps'; did you mean 'train.steps'"),
        ("train.steps=many", r"--set: 'train.steps' is 'many'; it takes int"),
        ("train.steps=7.5", r"'train.steps' is '7.5'; it takes int"),
        ("lora=atention", r"no file recipes/lora/atention.yaml; did you mean 'attention'"),
        ("lora.rank=0", r"--set: lora.rank is 0"),
        ("train.noise_floor.idn=0.5", r"did you mean 'train.noise_floor.idm'"),
        ("train.noise_floor.idm=1", r"--set: train.noise_floor.idm is 1.0; give a noise level"),
        ("train.noise_floor=0.5", r"'train.noise_floor' is a group of keys; set one of them: train.noise_floor.robot,"),
        ("train.timesteps=cupled", r"--set: train.timesteps is 'cupled'; choose one of: base, independent, coupled"),
        ("train.steps", r"write it as key=value"),
        ("+new=1", r"no key '\+new'"),
    ],
)
def test_a_mistake_in_set_is_refused_with_the_remedy(override, message):
    with pytest.raises(RecipeError, match=message):
        compose("human", [override])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: tiny\ntrain:\n  stpes: 9\n", r"mine.yaml:3: there is no key 'train.stpes'; did you mean 'train.steps'"),
        ("trian:\n  steps: 9\n", r"mine.yaml:1: there is no key 'trian'; did you mean 'train'"),
        ("train:\n  steps: x\n", r"mine.yaml:2: 'train.steps' is 'x'; it takes int"),
        ("train:\n  steps: true\n", r"mine.yaml:2: 'train.steps' is True; it takes int"),
        ("train: 3\n", r"mine.yaml:1: 'train' is 3; give it keys"),
        ("train:\n  steps: 0\n", r"mine.yaml:2: train.steps is 0"),
        ("lora:\n  targets: to_q\n", r"mine.yaml:2: 'lora.targets' is 'to_q'; it takes list\[str\]"),
        (
            "defaults: [lora: atention]\n",
            r"its defaults name 'lora/atention'.*did you mean 'lora/attention'",
        ),
        ("defaults: [humn]\n", r"its defaults name 'humn'.*did you mean 'human'"),
        ("seed: 1\nseed: 2\n", r"mine.yaml: .*duplicate key seed"),
        ("seed: [\n", r"mine.yaml: .*line 2"),
        ("- seed\n", r"mine.yaml: "),
        ("base: ${oops}\n", r"mine.yaml: .*oops"),
    ],
)
def test_a_mistake_in_a_file_is_refused_with_file_and_line(tmp_path, text, message):
    with pytest.raises(RecipeError, match=message):
        compose(recipe(tmp_path, text))


def test_a_mistake_in_a_file_of_a_group_is_told_by_that_file(tmp_path):
    (tmp_path / "lora").mkdir()
    (tmp_path / "lora" / "mine.yaml").write_text("rank: 8\nrnak: 9\n")
    with pytest.raises(RecipeError, match=r"lora/mine.yaml:2: there is no key 'lora.rnak'; did you mean 'lora.rank'"):
        compose(recipe(tmp_path, "defaults: [lora: mine]\n"))


@pytest.mark.parametrize("name", ["humn", "./nowhere.yaml"])
def test_an_unknown_recipe_is_refused_with_those_that_exist(name):
    with pytest.raises(RecipeError, match=f"there is no recipe '{name}'.*demo, human, play"):
        compose(name)


def test_a_recipe_of_ones_own_builds_on_shipped_ones_and_its_keys_win(tmp_path):
    config = compose(recipe(tmp_path, "defaults: [human, override /lora: attention]\ntrain:\n  steps: 9\n"))
    assert config.train.steps == 9
    assert config.train.batch_size == compose("human").train.batch_size
    assert config.lora.targets == ["to_q", "to_k", "to_v", "to_out.0"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_recipe_may_lie_anywhere_and_be_called_anything(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    path = folder / f"{name}.yaml"
    path.write_text("defaults: [human]\ntrain:\n  steps: 9\n")
    composed = compose_as(AdaptConfig, str(path))
    assert composed.config.train.steps == 9
    assert composed.origins["train.steps"] == f"{path}:3"


def test_origins_name_file_and_line_of_the_last_word_on_each_key():
    origins = compose_as(AdaptConfig, "human", ["train.steps=9"]).origins
    assert origins["train.steps"] == "--set"
    assert origins["lora.rank"] == "recipes/lora/every_layer.yaml:2"
    assert origins["base"].startswith("recipes/human.yaml:")
    assert "windows.max_chunks" not in origins


def test_to_plain_and_build_are_inverses():
    config = compose("human", ["train.steps=9", "lora=attention"])
    assert build(AdaptConfig, to_plain(config), lambda key: key) == config


def test_every_key_has_a_type_and_one_line_of_meaning():
    silent = [setting.key for setting in settings(AdaptConfig) if not setting.doc or not setting.type_name]
    assert silent == []
