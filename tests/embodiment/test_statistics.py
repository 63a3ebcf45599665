import dataclasses
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from play_builder import body

from adapt.embodiment.spec import Axis
from adapt.embodiment.statistics import AxisStatistics, BodyStatistics, denormalise, measure, measure_body, normalise
from adapt.errors import EmbodimentError
from adapt.types import Window

JOINT = Axis(name="joint", unit="rad", column="action", index=0)
GRIP = Axis(name="grip", unit="share", column="action", index=1, gripper=True)


def hundred_and_one() -> torch.Tensor:
    """0, 1, .. 100 on both axes: the 1st percentile is 1, the 99th 99."""
    return torch.arange(101, dtype=torch.float64).unsqueeze(1).expand(-1, 2)


def window(actions: torch.Tensor | None, state: torch.Tensor | None) -> Window:
    return Window(
        window_id="0" * 16,
        videos=(),
        start_s=0.0,
        chunks=1,
        instruction="lift",
        session="episode 0",
        split="train",
        embodiment="toy",
        actions=actions,
        state=state,
    )


def test_figures_are_those_of_the_rows():
    found = measure(hundred_and_one(), [JOINT, GRIP])
    assert (found.count, found.names, found.units) == (101, ("joint", "grip"), ("rad", "share"))
    assert [float(getattr(found, key)[0]) for key in ("q01", "q99", "min", "max", "mean")] == [1, 99, 0, 100, 50]
    assert float(found.std[0]) == pytest.approx(850**0.5)


def test_joint_goes_from_percentiles_and_gripper_from_its_whole_range_to_one():
    figures = measure(hundred_and_one(), [JOINT, GRIP])
    rows = torch.tensor([[1.0, 0.0], [50.0, 50.0], [99.0, 100.0]], dtype=torch.float64)
    assert normalise(rows, figures).tolist() == [[-1.0, -1.0], [0.0, 0.0], [1.0, 1.0]]


def test_nothing_is_clipped():
    figures = measure(hundred_and_one(), [JOINT, GRIP])
    assert normalise(torch.tensor([[148.0, 150.0]], dtype=torch.float64), figures).tolist() == [[2.0, 2.0]]


def test_axis_that_never_moved_becomes_zero_and_comes_back():
    figures = measure(torch.full((5, 1), 0.3), [JOINT])
    assert normalise(torch.full((2, 1), 0.3), figures).abs().max() < 1e-6
    back = denormalise(torch.tensor([[0.0], [0.25]], dtype=torch.float64), figures)
    torch.testing.assert_close(back, torch.tensor([[0.3], [0.55]], dtype=torch.float64), rtol=0, atol=1e-7)


@settings(deadline=None, max_examples=100)
@given(
    seen=st.lists(st.tuples(st.floats(-50, 50), st.floats(0, 1)), min_size=1, max_size=30),
    asked=st.lists(st.tuples(st.floats(-1000, 1000), st.floats(-10, 10)), min_size=1, max_size=10),
)
def test_denormalise_undoes_normalise_for_numbers_never_seen(seen, asked):
    figures = measure(torch.tensor(seen, dtype=torch.float64), [JOINT, GRIP])
    rows = torch.tensor(asked, dtype=torch.float64)
    there_and_back = denormalise(normalise(rows, figures), figures)
    torch.testing.assert_close(there_and_back, rows, rtol=1e-12, atol=1e-10)
    torch.testing.assert_close(normalise(denormalise(rows, figures), figures), rows, rtol=1e-8, atol=1e-8)


def test_normalising_keeps_shape_and_dtype():
    figures = measure(hundred_and_one(), [JOINT, GRIP])
    got = normalise(torch.zeros(4, 16, 2), figures)
    assert got.shape == (4, 16, 2)
    assert got.dtype == torch.float32


def test_actions_are_measured_relative_and_state_absolute():
    state = torch.tensor([[1.0, 2.0, 0.0]])
    actions = torch.tensor([[1.5, 2.0, 0.0], [2.0, 2.0, 1.0]])
    found = measure_body([window(actions, state), window(None, None)], body(), action_steps=2)
    assert found.source == "data"
    assert found.actions is not None
    assert found.actions.max.tolist() == [1.0, 0.0, 1.0]
    assert found.actions.relative == (True, True, False)
    assert found.state is not None
    assert found.state.max.tolist() == [1.0, 2.0, 0.0]


def test_body_without_axes_has_no_figures():
    found = measure_body([window(None, None)], body(actions=[], state=[]), action_steps=2)
    assert found.actions is None
    assert found.state is None


def test_no_rows_and_numbers_that_are_none_are_refused():
    with pytest.raises(EmbodimentError, match="no rows to measure"):
        measure_body([], body(), action_steps=2)
    with pytest.raises(EmbodimentError, match="axis 'grip' holds NaN"):
        measure(torch.tensor([[0.0, float("nan")]]), [JOINT, GRIP])


def test_json_round_trip_is_exact():
    figures = measure(hundred_and_one() / 3, [JOINT, GRIP])
    whole = BodyStatistics(actions=figures, state=None, source="base")
    read = BodyStatistics.from_json(json.loads(json.dumps(whole.to_json())), source="stats.json")
    assert read.source == "base"
    assert read.state is None
    assert read.actions is not None
    for field in dataclasses.fields(AxisStatistics):
        mine, theirs = getattr(figures, field.name), getattr(read.actions, field.name)
        assert torch.equal(mine, theirs) if isinstance(mine, torch.Tensor) else mine == theirs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"q1": []}, r"stats\.json: actions: unknown key 'q1'"),
        ({"q01": [1.0]}, "'q01' is .*; wanted 2 numbers"),
        ({"mean": ["a", "b"]}, "wanted 2 numbers"),
        ({"units": ["rad"]}, "2 names but 1 units"),
        ({"gripper": [1, 0]}, "wanted 2 times true or false"),
    ],
)
def test_damaged_statistics_are_refused(change, message):
    whole = BodyStatistics(actions=measure(hundred_and_one(), [JOINT, GRIP]), state=None, source="data").to_json()
    with pytest.raises(EmbodimentError, match=message):
        BodyStatistics.from_json({**whole, "actions": {**whole["actions"], **change}}, source="stats.json")


def test_source_of_statistics_is_data_or_base():
    with pytest.raises(EmbodimentError, match="'source' is 'guess'"):
        BodyStatistics.from_json({"actions": None, "state": None, "source": "guess"}, source="stats.json")


def test_statistics_of_another_body_are_refused():
    spec = body()
    state = torch.zeros(1, 3)
    figures = measure_body([window(torch.zeros(2, 3), state)], spec, action_steps=2)
    figures.check_fits(spec, where="stats.json")
    absolute = body(actions=[{**axis, "relative": False} for axis in spec.to_json()["actions"]])
    with pytest.raises(
        EmbodimentError, match=r"found \('shoulder', 'rad', True\), wanted \('shoulder', 'rad', False\)"
    ):
        figures.check_fits(absolute, where="stats.json")
    with pytest.raises(EmbodimentError, match=r"wanted None"):
        figures.check_fits(body(actions=[]), where="stats.json")
