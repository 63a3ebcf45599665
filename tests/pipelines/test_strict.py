from dataclasses import dataclass, field
from enum import StrEnum

import pytest

from adapt.errors import RecipeError
from pipelines.strict import build, field_docs, settings, to_plain
from pipelines.values import read_value


class Mode(StrEnum):
    SLOW = "slow"
    FAST = "fast"


@dataclass(slots=True, kw_only=True)
class Pour:
    """How to pour.

    Args:
        angle: How far the jug is tilted,
            in degrees.
        mode: How fast.

    Raises:
        RecipeError: The jug is upside down.
    """

    angle: float = 45.0
    mode: Mode = Mode.SLOW

    def __post_init__(self) -> None:
        if self.angle > 90:
            raise RecipeError(f"pour.angle is {self.angle}; give up to 90.")


@dataclass(slots=True, kw_only=True)
class Kitchen:
    """Everything.

    Args:
        cups: How many.
        clean: Whether they are.
        names: What they are called.
        owner: Whose they are; null for nobody's.
        pour: How to pour.
    """

    cups: int = 1
    clean: bool = True
    names: list[str] = field(default_factory=list)
    owner: str | None = None
    pour: Pour = field(default_factory=Pour)


def make(tree) -> Kitchen:
    return build(Kitchen, tree, lambda key: f"<{key}>")


def test_build_takes_each_type_and_fills_the_rest_with_defaults():
    tree = {"cups": 2, "clean": False, "names": ["a"], "owner": "me", "pour": {"angle": 30, "mode": "fast"}}
    expected = Kitchen(cups=2, clean=False, names=["a"], owner="me", pour=Pour(angle=30.0, mode=Mode.FAST))
    assert make(tree) == expected
    assert make({}) == Kitchen()
    assert make({"pour": None, "owner": None}) == Kitchen()


def test_build_and_to_plain_are_inverses():
    tree = {"cups": 2, "clean": False, "names": ["a"], "owner": None, "pour": {"angle": 30.0, "mode": "fast"}}
    assert to_plain(make(tree)) == tree


def test_a_whole_number_becomes_a_float_where_a_float_is_wanted():
    assert isinstance(make({"pour": {"angle": 30}}).pour.angle, float)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"cups": True}, "<cups>: 'cups' is True; it takes int"),
        ({"cups": 2.0}, "<cups>: 'cups' is 2.0; it takes int"),
        ({"clean": 1}, "'clean' is 1; it takes bool"),
        ({"names": "a"}, r"'names' is 'a'; it takes list\[str\]"),
        ({"names": [1]}, r"'names' is \[1\]; it takes list\[str\]"),
        ({"owner": 3}, r"'owner' is 3; it takes str \| None"),
        ({"pour": {"angle": "steep"}}, "<pour.angle>: 'pour.angle' is 'steep'; it takes float"),
        ({"pour": {"mode": "fsat"}}, r"<pour.mode>: 'pour.mode' is 'fsat'; it takes slow \| fast"),
        ({"pour": {"angel": 3}}, "<pour.angel>: there is no key 'pour.angel'; did you mean 'pour.angle'"),
        ({"angle": 3}, "there is no key 'angle'; did you mean 'pour.angle'"),
        ({"qqq": 3}, "there is no key 'qqq'; the keys are: cups, clean, names, owner"),
        ({"pour": {"angle": 100}}, "<pour.angle>: pour.angle is 100.0; give up to 90"),
        ({"pour": [1]}, r"<pour>: 'pour' is \[1\]; give it keys, for example 'pour.angle'"),
    ],
)
def test_build_refuses_what_does_not_fit_and_says_where(tree, message):
    with pytest.raises(RecipeError, match=message):
        make(tree)


def test_settings_lists_every_leaf_with_type_and_meaning():
    found = {setting.key: (setting.type_name, setting.doc) for setting in settings(Kitchen)}
    assert list(found) == ["cups", "clean", "names", "owner", "pour.angle", "pour.mode"]
    assert found["pour.angle"] == ("float", "How far the jug is tilted, in degrees.")
    assert found["pour.mode"] == ("slow | fast", "How fast.")
    assert found["owner"][0] == "str | None"


def test_field_docs_end_where_the_section_ends():
    assert set(field_docs(Pour)) == {"angle", "mode"}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (int, "7", 7),
        (int, "seven", "seven"),
        (float, "1e-4", 1e-4),
        (bool, "True", True),
        (bool, "no", False),
        (bool, "1", "1"),
        (str, "a, b's (c) ~x = [y]", "a, b's (c) ~x = [y]"),
        (str, "null", "null"),
        (str | None, "null", None),
        (int | None, "3", 3),
        (list[str], "[a, b]", ["a", "b"]),
        (list[int], "1,2", [1, 2]),
        (list[str], "", []),
    ],
)
def test_read_value_reads_text_as_its_type_and_leaves_the_rest_as_text(kind, text, value):
    assert read_value(kind, text) == value
