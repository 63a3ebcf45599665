"""Robots' recordings in the other layouts: LeRobot v3.0's lists, plain tables, HDF5."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzz.hostile import altered, damaged, fuzz, refused_or_read
from hypothesis import given
from play_builder import CAMERA, NAMES, recording
from robot_formats import as_aloha, as_plain, as_robomimic, as_v30

from adapt.data.sources import open_source

RATE_HZ = 10.0
RECORDINGS = (recording(0.5, RATE_HZ), recording(0.6, RATE_HZ))
COLUMNS = {"observation.state": NAMES, "action": NAMES}
LISTED = "meta/episodes/chunk-000/file-000.parquet"


@pytest.fixture(scope="module")
def v30(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return as_v30(tmp_path_factory.mktemp("v30") / "set", RECORDINGS, RATE_HZ, COLUMNS)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return as_plain(tmp_path_factory.mktemp("plain") / "set", RECORDINGS, RATE_HZ, COLUMNS)


def read_all(root: Path) -> int:
    """Everything but the videos, whose readers are tested elsewhere."""
    source = open_source(root, rate_hz=RATE_HZ)
    assert all(path.resolve().is_relative_to(root.resolve()) for path in source.files(source.cameras))
    good, problems = source.episodes([])
    assert all(reason for _, reason in problems)
    for episode in good:
        refused_or_read(lambda episode=episode: source.table(episode, list(source.vectors)), root)  # type: ignore[misc]
    return len(good)


@pytest.mark.parametrize("name", [LISTED, "meta/tasks.parquet", "data/chunk-000/file-000.parquet"])
def test_a_table_of_v3_as_bytes_and_as_values(v30: Path, tmp_path: Path, name: str) -> None:
    root = shutil.copytree(v30, tmp_path / "set")
    whole, rows = (root / name).read_bytes(), pq.read_table(root / name).to_pydict()

    @fuzz(25)
    @given(data=damaged(whole))
    def read_damaged(data: bytes) -> None:
        (root / name).write_bytes(data)
        refused_or_read(lambda: read_all(root), root)

    @fuzz(25)
    @given(columns=altered(rows))
    def read_altered(columns: dict[str, Any]) -> None:
        try:
            pq.write_table(pa.table(columns), root / name)
        except (pa.ArrowException, TypeError, AttributeError, ValueError, OverflowError):
            return  # No parquet file can hold it.
        refused_or_read(lambda: read_all(root), root)

    read_damaged()
    read_altered()


@pytest.mark.parametrize(
    "changes",
    [
        {f"videos/{CAMERA}/from_timestamp": [float("nan"), -1.0]},
        {f"videos/{CAMERA}/from_timestamp": [1e300, 0.0]},
        {"data/file_index": [2**62, -1]},
        {"length": ["long", None]},
        {"episode_index": [0, 0]},
        {"tasks": [None, None]},
    ],
)
def test_a_list_of_episodes_that_cannot_be_is_refused_or_its_episode_is(
    v30: Path, tmp_path: Path, changes: Any
) -> None:
    root = shutil.copytree(v30, tmp_path / "set")
    rows = {**pq.read_table(root / LISTED).to_pydict(), **changes}
    try:
        pq.write_table(pa.table(rows), root / LISTED)
    except pa.ArrowException:
        pytest.skip("no parquet file can hold it")
    refused_or_read(lambda: read_all(root), root)
    refused_or_read(lambda: open_source(root).episodes([CAMERA]), root)


@pytest.mark.parametrize("name", ["take_00/rows.csv", "metadata.jsonl"])
def test_a_plain_table_and_what_is_said_of_it(plain: Path, tmp_path: Path, name: str) -> None:
    root = shutil.copytree(plain, tmp_path / "set")
    path = root / name

    @fuzz(25)
    @given(data=damaged(path.read_bytes()))
    def read_damaged(data: bytes) -> None:
        path.write_bytes(data)
        refused_or_read(lambda: read_all(root), root)

    read_damaged()


@pytest.mark.parametrize("write", [as_aloha, as_robomimic])
def test_hdf5_as_bytes(tmp_path: Path, write: Any) -> None:
    pytest.importorskip("h5py")
    root = write(tmp_path / "set", RECORDINGS, RATE_HZ, COLUMNS)
    path = sorted(root.glob("*.hdf5"))[0]
    whole = path.read_bytes()

    @fuzz(25)
    @given(data=damaged(whole))
    def read_damaged(data: bytes) -> None:
        path.write_bytes(data)
        refused_or_read(lambda: read_all(root), root)

    read_damaged()
