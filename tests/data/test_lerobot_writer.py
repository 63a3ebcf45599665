import hashlib
import json

import datasets
import pytest
import torch
from play_builder import CAMERA, NAMES, play_set, recording

from adapt.data.episodes import Recording
from adapt.data.lerobot import LeRobotSource
from adapt.data.lerobot_writer import write_lerobot_v21
from adapt.errors import DataError


def digests(root) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_what_is_written_is_read_back(tmp_path):
    source = LeRobotSource(play_set(tmp_path / "set", recording(1.0, 10.0), rate_hz=10.0))
    (episode,), problems = source.episodes([CAMERA])
    assert problems == []
    written = recording(1.0, 10.0)
    table = source.table(episode, ["action", "observation.state"])
    for column, rows in table.columns.items():
        torch.testing.assert_close(rows, written.columns[column], rtol=1e-6, atol=0)
    assert episode.spans[0].instruction == "lift the cup"


def test_layout_is_that_of_lerobot_v21(tmp_path):
    root = play_set(tmp_path / "set")
    assert list(digests(root)) == [
        "data/chunk-000/episode_000000.parquet",
        "data/chunk-000/episode_000001.parquet",
        "meta/episodes.jsonl",
        "meta/episodes_stats.jsonl",
        "meta/info.json",
        "meta/tasks.jsonl",
        f"videos/chunk-000/{CAMERA}/episode_000000.mp4",
        f"videos/chunk-000/{CAMERA}/episode_000001.mp4",
    ]
    info = json.loads((root / "meta/info.json").read_text())
    totals = {key: info[key] for key in info if key.startswith("total_")}
    assert totals == {
        "total_episodes": 2,
        "total_frames": 160,
        "total_tasks": 2,
        "total_videos": 2,
        "total_chunks": 1,
    }
    assert (info["codebase_version"], info["fps"], info["splits"]) == ("v2.1", 20, {"train": "0:2"})
    assert info["features"]["action"] == {"dtype": "float32", "shape": [3], "names": NAMES}
    assert info["features"][CAMERA]["shape"] == [16, 16, 3]


def test_rows_count_on_through_the_episodes(tmp_path):
    root = play_set(tmp_path / "set", recording(0.2, 10.0), recording(0.3, 10.0, "push"), rate_hz=10.0)
    files = [str(path) for path in sorted(root.glob("data/*/*.parquet"))]
    rows = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert rows["index"][:] == [0, 1, 2, 3, 4]
    assert rows["frame_index"][:] == [0, 1, 0, 1, 2]
    assert rows["episode_index"][:] == [0, 0, 1, 1, 1]
    assert rows["task_index"][:] == [0, 0, 1, 1, 1]
    assert rows["timestamp"][:] == pytest.approx([0, 0.1, 0, 0.1, 0.2])


def test_episode_statistics_are_those_of_the_rows_and_pictures(tmp_path):
    root = play_set(tmp_path / "set", recording(0.3, 10.0), rate_hz=10.0)
    stats = json.loads((root / "meta/episodes_stats.jsonl").read_text())["stats"]
    assert stats["action"]["min"] == pytest.approx([1.0, 1.0, 0.0])
    assert stats["action"]["max"] == pytest.approx([1.2, 1.2, 0.0])
    assert stats["action"]["count"] == [3]
    assert stats[CAMERA]["max"] == [[[pytest.approx(2 / 255)]]] * 3


def test_same_instruction_is_one_task(tmp_path):
    root = play_set(tmp_path / "set", recording(0.2, 10.0), recording(0.2, 10.0), rate_hz=10.0)
    assert (root / "meta/tasks.jsonl").read_text() == '{"task_index": 0, "task": "lift the cup"}\n'


def test_writing_twice_gives_the_same_bytes(tmp_path):
    assert digests(play_set(tmp_path / "one")) == digests(play_set(tmp_path / "two"))


def test_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(DataError, match="not empty"):
        play_set(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def test_no_recordings_are_refused(tmp_path):
    with pytest.raises(DataError, match="no recordings"):
        write_lerobot_v21(tmp_path / "set", [], rate_hz=10.0, robot="toy", names={})


def test_rows_and_frames_of_unequal_number_are_refused(tmp_path):
    whole = recording(1.0, 10.0)
    short = Recording(instruction="x", columns=whole.columns, frames={CAMERA: whole.frames[CAMERA][:5]})
    with pytest.raises(DataError, match=r"recording 0: .*'action': 10.*: 5"):
        play_set(tmp_path / "set", short)


def test_recording_with_other_columns_than_the_first_is_refused(tmp_path):
    whole = recording(1.0, 10.0)
    other = Recording(instruction="x", columns={"action": whole.columns["action"]}, frames=whole.frames)
    with pytest.raises(DataError, match="recording 1 has other columns"):
        play_set(tmp_path / "set", whole, other)
    assert not (tmp_path / "set/meta/info.json").exists()
