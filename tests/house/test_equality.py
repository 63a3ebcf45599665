"""Values that hold arrays are compared by who they are: `==` of their fields would ask an array whether it is true."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import torch

from adapt.types import Clip

ROOT = Path(__file__).parents[2]
ARRAY = re.compile(r"\b(Tensor|ndarray|NDArray)\b")
# Compared by their fields, where these hold no arrays: windows of human video, and curves without a best step.
COMPARED = {"Window", "Record"}


def holders() -> Iterator[tuple[str, str, bool]]:
    """Dataclasses with an array in a field: where, which, and whether `==` looks at their fields."""
    for folder in ("adapt", "pipelines"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and (settings := _dataclass_settings(node)) is not None:
                    told = [ast.unparse(item.annotation) for item in node.body if isinstance(item, ast.AnnAssign)]
                    if any(ARRAY.search(each) for each in told):
                        place = f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"
                        yield place, node.name, settings.get("eq") != "False"


def _dataclass_settings(node: ast.ClassDef) -> dict[str | None, str] | None:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if ast.unparse(called).rpartition(".")[2] == "dataclass":
            given = decorator.keywords if isinstance(decorator, ast.Call) else []
            return {each.arg: ast.unparse(each.value) for each in given}
    return None


def test_no_value_with_an_array_in_it_is_compared_field_by_field() -> None:
    found = list(holders())
    assert len(found) > 50
    wrong = [f"{place} {name}: give it eq=False" for place, name, by_fields in found if by_fields]
    assert [told for told in wrong if told.split()[1].rstrip(":") not in COMPARED] == []


def test_what_is_compared_all_the_same_is_still_there() -> None:
    assert {name for _, name, by_fields in holders() if by_fields} == COMPARED


def test_two_values_with_arrays_can_be_compared_and_kept_in_a_set() -> None:
    one, other = (Clip(frames=torch.zeros(2, 4, 4, 3, dtype=torch.uint8), time_s=torch.zeros(2)) for _ in range(2))
    assert one != other
    assert one in [other, one]
    assert len({one, other}) == 2
