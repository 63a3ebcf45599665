import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from play_builder import CAMERA, NAMES, play_set, recording

from adapt.data.films import Film
from adapt.data.lerobot import LeRobotSource
from adapt.data.sources import open_source
from adapt.errors import DataError
from adapt.video.writer import write_video


def parquet(root: Path, index: int) -> Path:
    return root / f"data/chunk-000/episode_{index:06d}.parquet"


def video(root: Path, index: int) -> Path:
    return root / f"videos/chunk-000/{CAMERA}/episode_{index:06d}.mp4"


def change_info(root: Path, **changes: object) -> None:
    path = root / "meta/info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change_rows(root: Path, index: int, **columns: object) -> None:
    """Replace or add columns of one episode's rows; None drops one."""
    table = pq.read_table(parquet(root, index))
    for name, values in columns.items():
        if name in table.column_names:
            table = table.drop_columns([name])
        if values is not None:
            table = table.append_column(name, pa.array(values))
    pq.write_table(table, parquet(root, index))


def test_columns_and_cameras_are_told(tmp_path):
    source = LeRobotSource(play_set(tmp_path / "set"))
    assert source.vectors["action"] == tuple(NAMES)
    assert source.vectors["task_index"] == ("",)
    assert source.cameras == (CAMERA,)
    assert source.rate_hz == 20.0


@pytest.mark.parametrize("names", [[NAMES], {"motors": NAMES}, NAMES])
def test_element_names_are_found_flat_nested_or_grouped(tmp_path, names):
    root = play_set(tmp_path / "set")
    features = json.loads((root / "meta/info.json").read_text())["features"]
    features["action"]["names"] = names
    change_info(root, features=features)
    assert LeRobotSource(root).vectors["action"] == tuple(NAMES)


def test_episodes_are_read_with_instruction_videos_and_rows(tmp_path):
    source = LeRobotSource(play_set(tmp_path / "set"))
    (first, second), problems = source.episodes([CAMERA])
    assert problems == []
    assert (first.index, first.session, first.length, first.rate_hz) == (0, "episode 0", 80, 20.0)
    assert [span.instruction for span in (*first.spans, *second.spans)] == ["lift the cup", "push the cup"]
    assert first.videos == {CAMERA: Film(path=video(source.root, 0))}
    table = source.table(second, ["action"])
    torch.testing.assert_close(table.time_s[[0, 79]], torch.tensor([0.0, 3.95], dtype=torch.float64))
    torch.testing.assert_close(table.columns["action"][79], torch.tensor([4.95, 4.95, 1.0], dtype=torch.float64))


def test_time_runs_from_the_first_row_whatever_its_stamp(tmp_path):
    root = play_set(tmp_path / "set")
    change_rows(root, 0, timestamp=[0.05 * (row + 1) for row in range(80)])
    source = LeRobotSource(root)
    episodes, _ = source.episodes([])
    assert float(source.table(episodes[0], []).time_s[0]) == 0.0


def test_rows_without_stamps_are_timed_by_the_rate(tmp_path):
    root = play_set(tmp_path / "set")
    change_rows(root, 0, timestamp=None)
    source = LeRobotSource(root)
    assert float(source.table(source.episodes([])[0][0], []).time_s[-1]) == pytest.approx(3.95)


def test_instruction_comes_from_the_rows_and_not_from_the_list_of_labels(tmp_path):
    root = play_set(tmp_path / "set")
    lines = [{"episode_index": 0, "tasks": ["valid", "lift the cup"], "length": 80}]
    (root / "meta/episodes.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    assert LeRobotSource(root).episodes([])[0][0].spans[0].instruction == "lift the cup"


def test_episode_is_cut_where_its_instruction_changes(tmp_path):
    root = play_set(tmp_path / "set")
    change_rows(root, 0, task_index=[0] * 40 + [1] * 40)
    spans = LeRobotSource(root).episodes([])[0][0].spans
    assert [(span.instruction, round(span.start_s, 3), round(span.end_s, 3)) for span in spans] == [
        ("lift the cup", 0.0, 1.95),
        ("push the cup", 2.0, 3.95),
    ]


def test_instruction_may_hold_any_sign(tmp_path):
    odd = "pose \u2028 la tasse {0}, 'là' \U0001f375"
    root = play_set(tmp_path / "set", recording(1.0, 20.0, odd))
    assert LeRobotSource(root).episodes([])[0][0].spans[0].instruction == odd


def test_task_that_is_not_listed_is_a_problem_of_its_episode_only(tmp_path):
    root = play_set(tmp_path / "set")
    change_rows(root, 0, task_index=[5] * 80)
    episodes, problems = LeRobotSource(root).episodes([])
    assert [episode.index for episode in episodes] == [1]
    assert problems[0][0] == "episode_000000.parquet"
    assert "row 0 has task_index 5" in problems[0][1]


def test_rows_without_task_index_take_the_only_task_of_the_list(tmp_path):
    root = play_set(tmp_path / "set")
    change_rows(root, 0, task_index=None)
    (span,) = LeRobotSource(root).episodes([])[0][0].spans
    assert (span.instruction, span.start_s, span.end_s) == ("lift the cup", 0.0, pytest.approx(3.95))


def test_video_shorter_than_its_rows_is_rejected_with_both_numbers(tmp_path):
    root = play_set(tmp_path / "set")
    write_video(video(root, 0), recording(3.0, 20.0).frames[CAMERA], 20.0)
    episodes, problems = LeRobotSource(root).episodes([CAMERA])
    assert [episode.index for episode in episodes] == [1]
    assert "the rows are 80" in problems[0][1]
    assert "episode_000000.mp4 has 60" in problems[0][1]


def test_video_of_another_rate_than_its_rows_is_rejected(tmp_path):
    root = play_set(tmp_path / "set")
    write_video(video(root, 0), recording(4.0, 20.0).frames[CAMERA], 30.0)
    _, problems = LeRobotSource(root).episodes([CAMERA])
    assert "lasts 2.67 s, but 80 rows at 20 Hz last 4.00 s" in problems[0][1]


def test_one_frame_less_than_rows_only_shortens_the_episode(tmp_path):
    root = play_set(tmp_path / "set")
    write_video(video(root, 0), recording(3.95, 20.0).frames[CAMERA], 20.0)
    source = LeRobotSource(root)
    episodes, problems = source.episodes([CAMERA])
    assert problems == []
    assert episodes[0].length == 79
    assert len(source.table(episodes[0], ["action"]).time_s) == 79
    assert episodes[0].spans[0].end_s == pytest.approx(3.9)


def test_rows_cut_off_are_rejected_with_both_numbers(tmp_path):
    root = play_set(tmp_path / "set")
    pq.write_table(pq.read_table(parquet(root, 0)).slice(0, 50), parquet(root, 0))
    _, problems = LeRobotSource(root).episodes([CAMERA])
    assert "meta/episodes.jsonl says 80 rows, but episode_000000.parquet has 50" in problems[0][1]


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("without", [(), ("task_index",), ("timestamp",)])
def test_episode_without_rows_is_a_problem_and_the_others_go_on(tmp_path, rows, without):
    root = play_set(tmp_path / "set", recording(4.0, 20.0), recording(4.0, 20.0))
    pq.write_table(pq.read_table(parquet(root, 0)).slice(0, rows).drop_columns(list(without)), parquet(root, 0))
    path = root / "meta/episodes.jsonl"
    path.write_text(path.read_text().replace('"length": 80', f'"length": {rows}', 1))
    episodes, problems = LeRobotSource(root).episodes([])
    assert [episode.index for episode in episodes] == [1]
    assert [file for file, _ in problems] == ["episode_000000.parquet"]
    assert f"has {rows} rows with a picture, at least 2 are needed" in problems[0][1]


def test_stamps_that_leave_the_rate_are_rejected_with_the_row(tmp_path):
    root = play_set(tmp_path / "set")
    change_rows(root, 0, timestamp=[0.05 * row + (1.0 if row >= 40 else 0.0) for row in range(80)])
    _, problems = LeRobotSource(root).episodes([CAMERA])
    assert "row 40 is stamped 3.000 s after the first, but at 20 Hz it belongs at 2.000 s" in problems[0][1]


@pytest.mark.parametrize(
    ("part", "reason"), [(parquet, "this file is missing"), (video, "this video is missing")], ids=["rows", "video"]
)
def test_missing_file_is_a_problem_of_its_episode_only(tmp_path, part, reason):
    root = play_set(tmp_path / "set")
    part(root, 0).unlink()
    episodes, problems = LeRobotSource(root).episodes([CAMERA])
    assert [episode.index for episode in episodes] == [1]
    assert reason in problems[0][1]


@pytest.mark.parametrize("part", [parquet, video], ids=["rows", "video"])
def test_text_in_place_of_a_file_is_a_problem_of_its_episode_only(tmp_path, part):
    root = play_set(tmp_path / "set")
    part(root, 0).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    episodes, problems = LeRobotSource(root).episodes([CAMERA])
    assert [episode.index for episode in episodes] == [1]
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "this file is missing. Put it there"),
        (lambda path: path.write_bytes(b"PAR1 and no more"), "not a readable parquet file"),
        (lambda path: change_rows(path.parents[2], 0, timestamp=[float(row) for row in range(80)]), "row 1 is stamped"),
    ],
    ids=["missing", "broken", "late"],
)
def test_a_reason_does_not_name_its_own_file_a_second_time(tmp_path, spoil, reason):
    root = play_set(tmp_path / "set")
    spoil(parquet(root, 0))
    _, [(file, words)] = LeRobotSource(root).episodes([])
    assert file == "episode_000000.parquet"
    assert words.startswith(reason)


def test_video_that_nobody_asked_for_is_not_looked_at(tmp_path):
    root = play_set(tmp_path / "set")
    shutil.rmtree(root / "videos")
    assert len(LeRobotSource(root).episodes([])[0]) == 2


def test_column_promised_but_not_there_is_told(tmp_path):
    root = play_set(tmp_path / "set")
    change_rows(root, 0, action=None)
    source = LeRobotSource(root)
    with pytest.raises(DataError, match=r"episode_000000\.parquet: has no column 'action'"):
        source.table(source.episodes([])[0][0], ["action"])


def test_rows_of_unequal_length_are_told(tmp_path):
    root = play_set(tmp_path / "set")
    change_rows(root, 0, action=[[0.0] * 3] * 79 + [[0.0] * 2])
    source = LeRobotSource(root)
    with pytest.raises(DataError, match="'action' has rows that are empty or differ in length"):
        source.table(source.episodes([])[0][0], ["action"])


def test_newer_data_set_is_refused_with_a_way_out(tmp_path):
    root = play_set(tmp_path / "set")
    change_info(root, codebase_version="v4.0")
    with pytest.raises(DataError, match=r"codebase_version is 'v4\.0'.*--revision v3\.0"):
        open_source(root)


def test_folder_that_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(DataError, match="not a LeRobot data set"):
        LeRobotSource(tmp_path)
    with pytest.raises(DataError, match="not a LeRobot data set"):
        LeRobotSource(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fps": 0}, "'fps' is 0"),
        ({"features": []}, "'features' is"),
        ({"features": {"action": 3}}, "'features' is"),
    ],
)
def test_damaged_description_is_refused(tmp_path, changes, message):
    root = play_set(tmp_path / "set")
    change_info(root, **changes)
    with pytest.raises(DataError, match=message):
        LeRobotSource(root)


@pytest.mark.parametrize("pattern", [None, "data/{episode}.parquet", "../{episode_index}.parquet", "/{episode_index}"])
def test_pattern_of_paths_that_leads_nowhere_is_refused(tmp_path, pattern):
    root = play_set(tmp_path / "set")
    change_info(root, data_path=pattern)
    with pytest.raises(DataError, match="'data_path'"):
        LeRobotSource(root).files([])


@pytest.mark.parametrize("text", ["", "{", "3\n"])
def test_damaged_list_of_episodes_is_refused(tmp_path, text):
    root = play_set(tmp_path / "set")
    (root / "meta/episodes.jsonl").write_text(text)
    with pytest.raises(DataError, match=r"episodes\.jsonl"):
        LeRobotSource(root).episodes([])


def test_files_are_all_that_is_read(tmp_path):
    root = play_set(tmp_path / "set")
    files = LeRobotSource(root).files([CAMERA])
    meta = [root / "meta" / name for name in ("episodes.jsonl", "info.json", "tasks.jsonl")]
    assert files == sorted([*meta, *(part(root, index) for part in (parquet, video) for index in (0, 1))])


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "rows", "first"),
    [
        ("lerobot_v21_g1_real", [278, 221, 277, 267], "Pick up the yellow bottle on the table."),
        ("lerobot_v20_gr1_sim", [416, 470, 470, 412, 328], "pick the pear from the counter and place it in the plate"),
    ],
)
def test_real_data_sets_are_read_whole(real_data, name, rows, first):
    source = LeRobotSource(real_data / "robot" / name)
    cameras = [camera for camera in source.cameras if camera != "observation.images.egoview"]
    episodes, problems = source.episodes(cameras)
    assert problems == []
    assert [episode.length for episode in episodes] == rows
    assert episodes[0].spans[0].instruction == first
    assert len(episodes[0].spans) == 1
