"""Limits of a body are read from its file or a file of their own, and a slip in them is named."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from serve_builder import LIMITS, robot

from adapt.embodiment.limits import Limit, load_limits, read_limits
from adapt.embodiment.spec import Embodiment
from adapt.errors import EmbodimentError


def read(*entries: dict[str, Any]) -> tuple[Limit, ...]:
    return read_limits({"limits": list(entries)}, "arm.yaml")


def test_one_number_stands_for_all_and_a_list_gives_one_each() -> None:
    assert read(
        {"names": ["a", "b"], "low": [-1, -2.5], "high": 3, "speed": 0.5}, {"names": ["c"], "acceleration": 4}
    ) == (
        Limit(axis="a", low=-1.0, high=3.0, speed=0.5),
        Limit(axis="b", low=-2.5, high=3.0, speed=0.5),
        Limit(axis="c", acceleration=4.0),
    )


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"names": ["a"], "low": [1, 2]}, "'low' is [1, 2]; give one finite number, or a list of 1"),
        ({"names": ["a"], "high": "far"}, "'high' is 'far'"),
        ({"names": ["a"], "high": float("nan")}, "'high' is nan"),
        ({"names": ["a"], "high": float("inf")}, "'high' is inf"),
        ({"names": ["a"], "high": 10**400}, "'high' is"),
        ({"names": ["a"], "speed": True}, "'speed' is True"),
        ({"names": ["a"], "speed": 0}, "'speed' of 'a' is 0; give a number above 0"),
        ({"names": ["a"], "acceleration": -1}, "'acceleration' of 'a' is -1"),
        ({"names": ["a"], "low": 1, "high": 1}, "'a' may go from 1 to 1"),
        ({"names": ["a"], "velocity": 1}, "unknown key 'velocity'"),
        ({"names": []}, "'names' is []"),
        ({"low": 1}, "'names' is None"),
    ],
)
def test_a_slip_is_named_with_its_place(entry: dict[str, Any], told: str) -> None:
    with pytest.raises(EmbodimentError) as refused:
        read({"names": ["fine"], "low": 0}, entry)
    assert str(refused.value).startswith("arm.yaml: limits[1]: ")
    assert told in str(refused.value)


def test_an_axis_is_limited_once() -> None:
    with pytest.raises(EmbodimentError, match="the axis 'a' is limited twice"):
        read({"names": ["a"], "low": 0}, {"names": ["a"], "high": 1})


def test_a_body_with_limits_is_read_back_and_one_without_is_written_as_before() -> None:
    body = robot(limits=LIMITS)
    assert Embodiment.from_json(body.to_json(), source="again") == body
    assert body.to_json()["limits"][1] == {"names": ["lift"], "low": 0.0, "high": 0.3, "speed": 0.5}
    assert "limits" not in robot().to_json()


def test_limits_of_an_axis_that_the_body_lacks_are_refused() -> None:
    value = robot().to_json() | {"limits": [{"names": ["shouldr"], "speed": 1.0}]}
    with pytest.raises(EmbodimentError, match=r"no action axis 'shouldr'\. Did you mean 'shoulder'"):
        Embodiment.from_json(value, source="toy.yaml")


def test_a_file_of_limits_is_read(tmp_path: Path) -> None:
    path = tmp_path / "limits.yaml"
    path.write_text(yaml.safe_dump({"limits": [limit.to_json() for limit in LIMITS]}))
    assert load_limits(path) == LIMITS
    for text, told in (("limit: []", "unknown key 'limit'"), ("limits: [", "not valid YAML"), ("", "found NoneType")):
        path.write_text(text)
        with pytest.raises(EmbodimentError, match=told):
            load_limits(path)
    with pytest.raises(EmbodimentError, match="cannot be read"):
        load_limits(tmp_path / "gone.yaml")
