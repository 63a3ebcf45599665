from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from adapt.runs.typed import find_misfit


@dataclass(frozen=True)
class Cup:
    name: str
    volume_l: float
    handles: int = 1
    full: bool = False


@dataclass(frozen=True)
class Shelf:
    cups: tuple[Cup, ...]
    size: tuple[int, int]
    prices: Mapping[str, float | None]
    notes: Any = None


def shelf(**changes: Any) -> Shelf:
    return Shelf(**{"cups": (Cup("a", 1),), "size": (2, 3), "prices": {"a": None, "b": 2}, **changes})


def test_a_value_that_fits_is_passed_over_in_silence():
    assert find_misfit(shelf(), Shelf, "shelf") == ""
    assert find_misfit(shelf(notes=object()), Shelf, "shelf") == ""
    assert find_misfit(None, str | None, "word") == ""
    assert find_misfit([1, 2], list[int], "numbers") == ""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cups": (Cup("a", 1), Cup(5, 1))}, r"shelf.cups[1].name is 5, where str belongs"),
        ({"cups": (Cup("\ud800", 1),)}, r"shelf.cups[0].name is '\ud800'"),
        ({"cups": (Cup("a", volume_l=True),)}, "shelf.cups[0].volume_l is True"),
        ({"cups": (Cup("a", float("nan")),)}, "shelf.cups[0].volume_l is nan"),
        ({"cups": (Cup("a", 1, handles=1.0),)}, "shelf.cups[0].handles is 1.0, where int belongs"),
        ({"cups": (Cup("a", 1, full=1),)}, "shelf.cups[0].full is 1"),
        ({"cups": ({"name": "a"},)}, "shelf.cups[0] is {'name': 'a'}, where Cup belongs"),
        ({"cups": "abc"}, "shelf.cups is 'abc', where tuple belongs"),
        ({"cups": None}, "shelf.cups is None"),
        ({"size": (1, 2, 3)}, "shelf.size has 3 items, 2 belong there"),
        ({"prices": {5: 1.0}}, "shelf.prices: a key is 5"),
        ({"prices": {"a": "free"}}, "shelf.prices['a'] is 'free'"),
        ({"prices": [("a", 1.0)]}, "shelf.prices is [('a', 1.0)]"),
    ],
)
def test_the_first_place_that_does_not_fit_is_named_with_what_stands_there(changes, told):
    assert find_misfit(shelf(**changes), Shelf, "shelf").startswith(told)
