"""Which headers of a plain table belong together, and what its clock says."""

from pathlib import Path

import pytest

from adapt.data.plain_table import (
    element_names,
    read_columns,
    read_header,
    read_plain,
    read_plain_clock,
    tells_commands,
)
from adapt.errors import DataError


def table(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ("action.a1,action.a2", {"action": ("a1", "a2")}),
        ("action_1,action_0", {"action": ("", "")}),
        ("observation.state_0,observation.state_1", {"observation.state": ("", "")}),
        ("observation.state.joint_1,observation.state.grip", {"observation.state": ("joint_1", "grip")}),
        ("action.0,action.1", {"action": ("", "")}),
        ("speed,action.x", {"speed": ("",), "action": ("x",)}),
    ],
)
def test_headers_are_grouped_into_columns(tmp_path, headers, wanted):
    path = table(tmp_path, f"time,{headers}", "0,1,2", "1,3,4")
    rows = read_plain(path)
    assert element_names(rows, read_header(rows, path), path) == wanted


def test_numbered_headers_are_put_in_the_order_of_their_numbers(tmp_path):
    path = table(tmp_path, "action_10,action_2", "10,2", "11,3")
    rows = read_plain(path)
    found = read_columns(rows, read_header(rows, path), ["action"], path)["action"]
    assert found.tolist() == [[2.0, 10.0], [3.0, 11.0]]


@pytest.mark.parametrize(
    ("name", "stamps", "wanted"),
    [
        ("timestamp", ("1000.0", "1000.1"), 0.1),
        ("time_ms", ("5", "105"), 0.1),
        # A float has no room for these: 1.7e18 is told apart in steps of 256.
        ("time_ns", ("1700000000000000001", "1700000000000000101"), 1e-7),
    ],
)
def test_clocks_are_read_in_their_unit_from_the_first_row(tmp_path, name, stamps, wanted):
    path = table(tmp_path, f"{name},action", *(f"{stamp},0" for stamp in stamps))
    rows = read_plain(path)
    clock = read_plain_clock(rows, read_header(rows, path), path)
    assert clock is not None
    assert clock.tolist() == [0.0, pytest.approx(wanted, rel=1e-6)]


def test_time_that_stands_still_is_refused_with_its_row(tmp_path):
    path = table(tmp_path, "time,action", "0,1", "0.1,1", "0.1,2")
    rows = read_plain(path)
    with pytest.raises(DataError, match=r"goes from 0\.1000 to 0\.1000 s at row 2.*Sort the rows"):
        read_plain_clock(rows, read_header(rows, path), path)


def test_a_cell_that_is_empty_is_refused(tmp_path):
    path = table(tmp_path, "action.a,action.b", "1,2", "3,")
    rows = read_plain(path)
    with pytest.raises(DataError, match=r"'action\.b' has rows that are empty"):
        read_columns(rows, read_header(rows, path), ["action"], path)


def test_only_a_table_with_commands_is_a_robot_s(tmp_path):
    assert tells_commands(table(tmp_path, "t,Action.x", "0,1"))
    assert not tells_commands(table(tmp_path, "file_name,text", "a.mp4,pour"))
    (tmp_path / "rows.parquet").write_bytes(b"no parquet")
    assert not tells_commands(tmp_path / "rows.parquet")
