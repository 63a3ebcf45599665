import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from play_builder import body

from adapt.embodiment.resample import resample, to_absolute, to_relative
from adapt.embodiment.spec import Axis
from adapt.errors import DataError, EmbodimentError

JOINT = Axis(name="joint", unit="rad", column="action", index=0)
GRIP = Axis(name="grip", unit="share", column="action", index=0, gripper=True)
MOVE = Axis(name="dx", unit="m", column="action", index=0, increment=True)


def read(axis: Axis, time_s: list[float], values: list[float], at_s: list[float], step_s: float = 0.1) -> list[float]:
    rows = torch.tensor(values, dtype=torch.float64).unsqueeze(1)
    asked = torch.tensor(at_s, dtype=torch.float64)
    return resample(torch.tensor(time_s, dtype=torch.float64), rows, asked, [axis], step_s=step_s)[:, 0].tolist()


def test_joint_is_interpolated_by_time_between_uneven_rows():
    # Rows at 0, 1 and 3 s; by row number the value at 2 s would be that of no row.
    assert read(JOINT, [0, 1, 3], [0, 10, 30], [0, 0.5, 1, 2, 3]) == pytest.approx([0, 5, 10, 20, 30])


def test_gripper_keeps_its_last_command_between_rows():
    assert read(GRIP, [0, 1, 3], [0, 1, 0], [0, 0.9, 1, 2.9, 3]) == [0, 0, 1, 1, 0]


def test_gripper_takes_the_row_of_its_time_though_the_stamp_is_rounded():
    stamps = torch.tensor([0.0, 0.1, 0.2, 0.3], dtype=torch.float32).double()  # 0.1 is 0.10000000149
    values = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    got = resample(stamps, values, torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64), [GRIP], step_s=0.1)
    assert got[:, 0].tolist() == [1, 2, 3]


def test_increments_are_added_up_over_the_new_step():
    # 1 cm per row at 20 Hz is 2 cm per step at 10 Hz, and the last row's lasts one period beyond it.
    assert read(MOVE, [0, 0.05, 0.1, 0.15], [1, 1, 1, 3], [0, 0.1], step_s=0.1) == pytest.approx([2, 4])


def test_increments_at_their_own_rate_stay_as_they_are():
    assert read(MOVE, [0, 0.1, 0.2], [1, -2, 3], [0, 0.1, 0.2], step_s=0.1) == pytest.approx([1, -2, 3])


def test_time_just_outside_the_rows_takes_the_nearest_row():
    assert read(JOINT, [1, 2, 3], [5, 6, 7], [0.0, 4.0]) == [5, 7]


@pytest.mark.parametrize("at_s", [-0.1, 4.1])
def test_time_more_than_a_period_outside_the_rows_is_refused(at_s):
    with pytest.raises(DataError, match=r"rows run from 1\.000 to 3\.000 s"):
        read(JOINT, [1, 2, 3], [5, 6, 7], [at_s])


def test_time_that_does_not_increase_is_refused_with_the_row():
    with pytest.raises(DataError, match=r"row 2 is at 1\.000 s after 1\.000 s"):
        read(JOINT, [0, 1, 1], [0, 0, 0], [0.5])


def test_single_row_is_refused():
    with pytest.raises(DataError, match="at least 2 rows, found 1"):
        read(JOINT, [0], [0], [0])


def test_resampling_keeps_the_dtype_and_takes_many_axes_and_none():
    time_s, rows = torch.tensor([0.0, 1.0]), torch.tensor([[0.0, 0.0], [2.0, 1.0]])
    got = resample(time_s, rows, torch.tensor([0.5]), [JOINT, GRIP], step_s=1.0)
    assert got.dtype == torch.float32
    assert got.tolist() == [[1.0, 0.0]]
    assert resample(time_s, rows[:, :0], torch.tensor([0.5]), [], step_s=1.0).shape == (1, 0)


@settings(deadline=None, max_examples=50)
@given(
    gaps=st.lists(st.floats(0.01, 0.2), min_size=3, max_size=20),
    slope=st.floats(-5, 5),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=8),
)
def test_straight_motion_is_recovered_exactly_from_any_uneven_stamps(gaps, slope, shares):
    stamps = torch.tensor([0.0, *gaps], dtype=torch.float64).cumsum(0)
    asked = torch.tensor(shares, dtype=torch.float64) * stamps[-1]
    got = resample(stamps, (slope * stamps).unsqueeze(1), asked, [JOINT], step_s=0.1)
    torch.testing.assert_close(got[:, 0], slope * asked, rtol=0, atol=1e-9)


def test_relative_axes_count_from_the_state_at_their_own_chunks_start():
    actions = torch.tensor([[1.0, 1.0, 0.5], [2.0, 2.0, 0.5], [13.0, 13.0, 0.5], [14.0, 14.0, 0.5]])
    state = torch.tensor([[1.0, 0.0, 0.9], [10.0, 3.0, 0.9]])
    got = to_relative(actions, state, body(), action_steps=2)
    assert got.tolist() == [[0.0, 1.0, 0.5], [1.0, 2.0, 0.5], [3.0, 10.0, 0.5], [4.0, 11.0, 0.5]]


def test_relative_axis_finds_its_state_by_name_not_by_place():
    axes = [
        {"name": "grip", "unit": "share", "column": "s", "index": 0},
        {"names": ["elbow", "shoulder"], "unit": "rad", "column": "s", "start": 1},
    ]
    got = to_relative(torch.zeros(1, 3), torch.tensor([[9.0, 2.0, 1.0]]), body(state=axes), action_steps=1)
    assert got.tolist() == [[-1.0, -2.0, 0.0]]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), chunks=st.integers(1, 4))
def test_absolute_undoes_relative(seed, chunks):
    noise = torch.Generator().manual_seed(seed)
    actions = torch.randn(chunks * 16, 3, generator=noise, dtype=torch.float64)
    state = torch.randn(chunks, 3, generator=noise, dtype=torch.float64)
    back = to_absolute(to_relative(actions, state, body(), action_steps=16), state, body(), action_steps=16)
    torch.testing.assert_close(back, actions, rtol=0, atol=1e-12)


@pytest.mark.parametrize("state", [None, torch.zeros(3, 3)])
def test_relative_actions_without_a_state_per_chunk_are_refused(state):
    with pytest.raises(EmbodimentError, match="need a state per chunk"):
        to_relative(torch.zeros(32, 3), state, body(), action_steps=16)


def test_body_without_relative_axes_needs_no_state():
    spec = body(actions=[{"name": "grip", "unit": "share", "column": "action", "index": 0}])
    assert to_relative(torch.ones(16, 1), None, spec, action_steps=16).sum() == 16
