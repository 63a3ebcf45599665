"""Recordings of robots as LeRobot keeps them: what describes them, lists them and holds their rows."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzz.hostile import altered, damaged, fuzz, json_texts, refused_or_read
from hypothesis import given
from play_builder import CAMERA, play_set, recording

from adapt.data.episodes import Episode
from adapt.data.lerobot import LeRobotSource

META = ("info.json", "episodes.jsonl", "tasks.jsonl")
ROWS = "data/chunk-000/episode_000000.parquet"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return play_set(tmp_path_factory.mktemp("play") / "set", recording(0.5, 10.0), rate_hz=10.0)


@pytest.fixture(autouse=True)
def kept_whole(recorded: Path) -> Any:
    """Put back what a test has damaged."""
    paths = [*(recorded / "meta" / name for name in META), recorded / ROWS]
    whole = {path: path.read_bytes() for path in paths}
    yield
    for path, data in whole.items():
        path.write_bytes(data)


def read_all(root: Path) -> list[Episode]:
    """Everything but the videos, whose readers are tested elsewhere."""
    source = LeRobotSource(root)
    assert all(path.resolve().is_relative_to(root.resolve()) for path in source.files(source.cameras))
    assert all(len(names) <= 10_000 for names in source.vectors.values())
    good, problems = source.episodes([])
    assert all(reason for _, reason in problems)
    for episode in good:
        refused_or_read(lambda episode=episode: source.table(episode, list(source.vectors)), root)  # type: ignore[misc]
    return good


@pytest.mark.parametrize("name", META)
def test_what_describes_recordings(recorded: Path, name: str) -> None:
    path = recorded / "meta" / name
    whole = path.read_text()
    texts = json_texts(json.loads(whole)) if name == "info.json" else damaged(whole.encode()) | altered_lines(whole)

    @fuzz(40)
    @given(data=texts)
    def read_altered(data: bytes) -> None:
        path.write_bytes(data)
        refused_or_read(lambda: read_all(recorded), recorded)

    read_altered()


def altered_lines(whole: str) -> Any:
    rows = [json.loads(line) for line in whole.splitlines()]
    return altered(rows).map(
        lambda items: "\n".join(json.dumps(row) for row in (items if isinstance(items, list) else [items])).encode()
    )


def test_rows_of_an_episode_as_bytes(recorded: Path) -> None:
    path = recorded / ROWS

    @fuzz(40)
    @given(data=damaged(path.read_bytes()))
    def read_damaged(data: bytes) -> None:
        path.write_bytes(data)
        refused_or_read(lambda: read_all(recorded), recorded)

    read_damaged()


def test_rows_of_an_episode_as_values(recorded: Path) -> None:
    path = recorded / ROWS

    @fuzz(40)
    @given(columns=altered(pq.read_table(path).to_pydict()))
    def read_altered(columns: dict[str, Any]) -> None:
        try:
            pq.write_table(pa.table(columns), path)
        except (pa.ArrowException, TypeError, AttributeError, ValueError, OverflowError):
            return  # No parquet file can hold it.
        refused_or_read(lambda: read_all(recorded), recorded)

    read_altered()


@pytest.mark.parametrize(
    "changes",
    [
        {"data_path": "{episode_index:>999999999}.parquet"},  # a name of a gigabyte
        {"data_path": "{episode_index.__class__.__mro__}.parquet"},
        {"data_path": "{0}"},
        {"data_path": "../../{episode_index}.parquet"},
        {"data_path": "a" * 5_000},
        {"data_path": "\0"},
        {"fps": float("nan")},
        {"fps": 10**400},
        {"chunks_size": 10**400},
        {"codebase_version": ["v2.1"]},
        {"features": {"action": {"dtype": "float32", "shape": [10**12]}}},  # as many names
        {"features": {"action": {"dtype": "float32", "shape": ["x"]}}},
        {"features": {"action": {"dtype": "float32", "shape": [float("inf")]}}},
        {"features": {"action": {"dtype": "float32", "shape": [10**400], "names": {"motors": None}}}},
        {"features": {"../../../etc": {"dtype": "video"}, CAMERA: {"dtype": "video"}}},
    ],
)
def test_a_description_that_means_harm_is_refused(recorded: Path, changes: dict[str, Any]) -> None:
    path = recorded / "meta/info.json"
    text = json.dumps({**json.loads(path.read_text()), **changes})
    path.write_text(text)
    found = refused_or_read(lambda: read_all(recorded), recorded)
    assert not found


@pytest.mark.parametrize(
    "columns",
    [
        {"action": [["a", "b"]] * 5},  # ArrowInvalid
        {"action": [[[1.0], [2.0]]] * 5},
        {"action": [[]] * 5},  # cannot be reshaped
        {"action": [{"x": 1}] * 5},
        {"timestamp": ["now"] * 5},
        {"timestamp": [[]] * 5},
        {"task_index": [float("nan")] * 5},
        {"task_index": [2**62] * 5},
    ],
)
def test_rows_of_another_kind_are_a_problem_of_their_episode(recorded: Path, columns: dict[str, Any]) -> None:
    table = pq.read_table(recorded / ROWS).to_pydict()
    pq.write_table(pa.table({**table, **columns}), recorded / ROWS)
    source = LeRobotSource(recorded)
    good, problems = source.episodes([])
    if good:
        assert refused_or_read(lambda: source.table(good[0], list(source.vectors)), recorded) is None
    else:
        assert len(problems) == 1


def test_an_episode_without_a_row_is_no_crash(recorded: Path) -> None:
    table = pq.read_table(recorded / ROWS).slice(0, 0)
    for kept in (table, table.drop_columns(["task_index"])):
        pq.write_table(kept, recorded / ROWS)
        assert refused_or_read(lambda: read_all(recorded), recorded) == []


@pytest.mark.parametrize("names", [None, "xyz", {"motors": None}, {"motors": "xyz"}, [None], [["x"], None], 5, {}])
def test_names_that_are_none_leave_a_column_without(recorded: Path, names: object) -> None:
    path = recorded / "meta/info.json"
    info = json.loads(path.read_text())
    info["features"]["action"]["names"] = names
    path.write_text(json.dumps(info))
    assert refused_or_read(lambda: LeRobotSource(recorded), recorded).vectors["action"] == ("", "", "")
