"""Bodies, and how their numbers are scaled."""

import json
from pathlib import Path

import pytest
import yaml
from fuzz.hostile import altered, damaged, fuzz, json_texts, refused_or_read
from hypothesis import given
from hypothesis import strategies as st
from play_builder import body
from toy_bundle import toy_bundle

from adapt.embodiment.spec import Embodiment, load_embodiment
from adapt.embodiment.statistics import BodyStatistics

SPEC = {
    "name": "toy",
    "prompt": "A robot: {instruction}",
    "cameras": [{"name": "top", "column": "images.top", "slot": "full"}],
    "actions": [
        {"names": ["a", "b"], "unit": "rad", "column": "action", "start": 0, "relative": True, "base_slots": [3, 4]},
        {"name": "grip", "unit": "share", "column": "action", "index": 2, "gripper": True, "base_slot": 5},
    ],
    "state": [{"names": ["a", "b"], "unit": "rad", "column": "state", "start": 0}],
    "limits": [{"names": ["a", "b"], "low": -1.0, "high": [1.0, 2.5], "speed": 0.5}, {"names": ["grip"], "low": 0}],
}
STATISTICS = toy_bundle().statistics.to_json()
DOUBLING = "a0: &a0 [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
MERGING = "a0: &a0 {k0: 1, k1: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 20)}], k{n}: 1}}\n" for n in range(1, 12)
)


def spelled(value: object) -> bytes:
    return yaml.safe_dump(value, sort_keys=False).encode()


@fuzz(60)
@given(data=st.one_of(altered(SPEC).map(spelled), damaged(spelled(SPEC)), damaged(spelled(SPEC))))
def test_spec_of_a_body(folder: Path, data: bytes) -> None:
    path = folder / "toy.yaml"
    path.write_bytes(data)
    found = refused_or_read(lambda: load_embodiment(str(path), []), folder)
    if found is not None:
        assert Embodiment.from_json(json.loads(json.dumps(found.to_json())), source="again") == found
        assert "pour" in found.prompt_for("pour")


@fuzz(60)
@given(value=altered(body().to_json()))
def test_body_as_json(folder: Path, value: object) -> None:
    found = refused_or_read(lambda: Embodiment.from_json(value, source="body.json"), folder)
    assert found is None or Embodiment.from_json(found.to_json(), source="again") == found


@fuzz(60)
@given(data=json_texts(STATISTICS))
def test_statistics_of_a_body(folder: Path, data: bytes) -> None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    found = refused_or_read(lambda: BodyStatistics.from_json(value, source="stats.json"), folder)
    for part in (found.actions, found.state) if found else ():
        assert part is None or bool((part.low.isfinite() & part.high.isfinite()).all())


@pytest.mark.parametrize(
    "text",
    [
        "name: !!bool x",  # KeyError
        "name: !!int ''",  # IndexError
        "name: !!timestamp x",  # AttributeError
        "name: 2001-99-99",  # ValueError
        "name: &a [*a]",
        "[" * 400,
        'name: "\\ud800"',
        "index: 0x" + "f" * 9_000,  # a number that Python will not write out
        DOUBLING,  # nine to the eleventh
        MERGING,
        "x: " + "a" * 3_000_000,
    ],
    ids=range(11),
)
def test_yaml_that_means_harm_is_refused(folder: Path, text: str) -> None:
    path = folder / "toy.yaml"
    path.write_text(text)
    assert refused_or_read(lambda: load_embodiment(str(path), []), folder) is None


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 10**400, True, "1"])
def test_statistics_that_would_reach_the_robot_as_nonsense_are_refused(folder: Path, odd: object) -> None:
    actions = {**STATISTICS["actions"], "q01": [odd, 0.0]}
    value = {**STATISTICS, "actions": actions}
    assert refused_or_read(lambda: BodyStatistics.from_json(value, source="stats.json"), folder) is None
