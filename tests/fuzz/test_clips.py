"""The list of windows: clips.parquet."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from encoded_builder import arm, hand, window
from fuzz.hostile import altered, damaged, fuzz, refused_or_read
from hypothesis import given

from adapt.data.clip_table import read_clip_table, write_clip_table
from adapt.runs.typed import find_misfit
from adapt.types import VideoRef, Window

VIDEO = VideoRef(camera="main", path="a.mp4", digest="ab" * 32)
NUMBERED = {"start_s": float, "chunks": int, "instruction": str, "videos": tuple[VideoRef, ...]}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    place = tmp_path_factory.mktemp("table") / "clips.parquet"
    write_clip_table(place, [window(0, arm()), window(1, hand()), window(2, arm())])
    return place.read_bytes()


def rows(table: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(pa.BufferReader(table)).to_pylist()
    for row in found:
        row["videos"] = [{"camera": VIDEO.camera, "path": VIDEO.path, "digest": VIDEO.digest}]
    return found


def check(windows: list[Window] | None) -> None:
    for item in windows or ():
        for name, kind in NUMBERED.items():
            assert not find_misfit(getattr(item, name), kind, name)
        for values in (item.actions, item.state):
            assert values is None or (values.ndim == 2 and values.dtype in (torch.float32, torch.float64))


def read(folder: Path) -> None:
    check(refused_or_read(lambda: read_clip_table(folder / "clips.parquet", root=folder), folder))


def test_table_of_windows(folder: Path, table: bytes) -> None:
    @fuzz(60)
    @given(data=damaged(table))
    def read_damaged(data: bytes) -> None:
        (folder / "clips.parquet").write_bytes(data)
        read(folder)

    read_damaged()


def test_rows_of_windows(folder: Path, table: bytes) -> None:
    kinds = pq.read_schema(pa.BufferReader(table))

    @fuzz(60)
    @given(changed=altered(rows(table)))
    def read_altered(changed: Any) -> None:
        # With the kinds that belong there, where the values let it be; else with those that the values have.
        for schema in (kinds, None):
            try:
                pq.write_table(pa.Table.from_pylist(changed, schema=schema), folder / "clips.parquet")
            except (pa.ArrowException, TypeError, AttributeError, ValueError, OverflowError):
                continue  # No parquet file can hold it.
            read(folder)
            return

    read_altered()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("chunks", ["one", "one", "one"]),  # a text where a number belongs
        ("chunks", pa.array([2**31 - 1, 1, 1], pa.int32())),  # gigabytes of frames
        ("chunks", pa.array([0, -1, 1], pa.int32())),
        ("start_s", [float("nan"), 0.0, 0.0]),
        ("quality", ["[" * 3_000, "{}", "{}"]),  # RecursionError
        ("quality", ["[1]", "{}", "{}"]),
        ("actions_type", ["float8", "float8", "float8"]),
        ("actions", [[[1.0, 2.0], [1.0]]] * 3),  # ragged
        ("session", [None, None, None]),
        ("videos", [None, None, None]),
    ],
)
def test_a_column_that_no_window_can_have_is_refused(folder: Path, table: bytes, column: str, values: Any) -> None:
    whole = pq.read_table(pa.BufferReader(table))
    place = whole.column_names.index(column)
    pq.write_table(whole.set_column(place, column, pa.array(values)), folder / "clips.parquet")
    assert refused_or_read(lambda: read_clip_table(folder / "clips.parquet"), folder) is None


def test_a_table_of_an_earlier_release_is_still_read(folder: Path, table: bytes) -> None:
    whole = pq.read_table(pa.BufferReader(table)).drop_columns(["confidence", "weight"])
    pq.write_table(whole, folder / "clips.parquet")
    assert len(read_clip_table(folder / "clips.parquet")) == 3
