import hashlib
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from play_builder import CAMERA, body, geometry, play_set, recording

from adapt.data.lerobot import LeRobotSource
from adapt.data.play_windows import play_files, read_play_dataset
from adapt.data.windows import WindowConfig
from adapt.embodiment.spec import load_embodiment
from adapt.errors import DataError, EmbodimentError
from adapt.types import Window

RECIPES = Path(__file__).parents[2] / "recipes" / "embodiment"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(root: Path, spec=None, **settings: int) -> tuple[list[Window], list[tuple[str, str]]]:
    return read_play_dataset(root, spec or body(), geometry(), WindowConfig(**settings), digest=digest)


def change_rows(root: Path, index: int, column: str, values: list[object]) -> None:
    path = root / f"data/chunk-000/episode_{index:06d}.parquet"
    table = pq.read_table(path).drop_columns([column]).append_column(column, pa.array(values))
    pq.write_table(table, path)


def test_window_of_two_chunks_has_an_action_a_step_and_a_state_a_chunk(tmp_path):
    # At time t the joints are at t and are sent to t + 1, so action step j of the window is 1 + j / 10.
    root = play_set(tmp_path / "set", recording(4.0, 20.0))
    (window,), problems = read(root)
    assert problems == []
    assert window.chunks == 2
    assert window.actions is not None
    assert window.actions.dtype == torch.float32
    steps = torch.arange(32) / 10
    torch.testing.assert_close(window.actions[:, 0], 1 + steps, rtol=0, atol=1e-5)
    assert window.state is not None
    torch.testing.assert_close(window.state[:, 0], torch.tensor([0.0, 1.6]), rtol=0, atol=1e-5)


def test_second_window_begins_where_the_first_ends(tmp_path):
    root = play_set(tmp_path / "set", recording(4.0, 20.0))
    first, second = read(root, max_chunks=1)[0]
    assert (first.start_s, second.start_s) == (0.0, 1.6)
    assert second.actions is not None
    torch.testing.assert_close(second.actions[0], torch.tensor([2.6, 2.6, 1.0]), rtol=0, atol=1e-5)


def test_gripper_is_never_half_open_between_rows(tmp_path):
    root = play_set(tmp_path / "set", recording(4.0, 12.5), rate_hz=12.5)
    (window,), _ = read(root)
    assert window.actions is not None
    assert set(window.actions[:, 2].tolist()) == {0.0, 1.0}


def test_window_knows_its_video_instruction_session_and_provenance(tmp_path):
    root = play_set(tmp_path / "set")
    first, second = read(root)[0]
    path = root / f"videos/chunk-000/{CAMERA}/episode_000000.mp4"
    assert [(video.camera, video.path, video.digest) for video in first.videos] == [("top", str(path), digest(path))]
    assert (first.instruction, second.instruction) == ("lift the cup", "push the cup")
    assert (first.session, second.session) == ("episode 0", "episode 1")
    assert (first.embodiment, first.provenance, first.split) == ("toy", "robot", "train")
    assert first.window_id != second.window_id


def test_same_data_in_another_folder_gives_the_same_windows(tmp_path):
    ids = [[window.window_id for window in read(play_set(tmp_path / name))[0]] for name in ("one", "two")]
    assert ids[0] == ids[1]


def test_no_window_reaches_into_the_next_instruction(tmp_path):
    root = play_set(tmp_path / "set", recording(4.0, 20.0), recording(4.0, 20.0, "push the cup", shade=7))
    change_rows(root, 0, "task_index", [0] * 36 + [1] * 44)
    windows, _ = read(root)
    ours = [window for window in windows if window.session == "episode 0"]
    assert [(window.instruction, round(window.start_s, 3), window.chunks) for window in ours] == [
        ("lift the cup", 0.0, 1),
        ("push the cup", 1.8, 1),
    ]


def test_windows_are_never_longer_than_the_base_allows(tmp_path):
    root = play_set(tmp_path / "set", recording(10.0, 20.0))
    assert [window.chunks for window in read(root, max_chunks=9)[0]] == [4, 2]


def test_window_whose_numbers_are_none_is_kept_as_rejected(tmp_path):
    root = play_set(tmp_path / "set", recording(4.0, 20.0))
    rows = [[0.0, float("nan") if row == 5 else 0.0, 0.0] for row in range(80)]
    change_rows(root, 0, "action", rows)
    first, second = read(root, max_chunks=1)[0]
    assert (first.split, first.rejection) == ("rejected", "action axis 'elbow' holds NaN or infinity")
    assert (second.split, second.rejection) == ("train", "")


def test_short_episode_is_a_problem_and_the_others_go_on(tmp_path):
    root = play_set(tmp_path / "set", recording(1.0, 20.0), recording(4.0, 20.0))
    windows, problems = read(root)
    assert [window.session for window in windows] == ["episode 1"]
    assert problems[0][0] == "episode 0"
    assert "has 0.95 s under one instruction; the shortest window needs 1.60 s" in problems[0][1]


def test_episode_in_which_nothing_is_asked_for_gives_no_window_and_says_so(tmp_path, monkeypatch):
    """Another source of episodes may have one."""
    root = play_set(tmp_path / "set", recording(4.0, 20.0), recording(4.0, 20.0))
    listed = LeRobotSource.episodes

    def without_spans(source, cameras):
        (first, second), problems = listed(source, cameras)
        return [replace(first, spans=()), second], problems

    monkeypatch.setattr(LeRobotSource, "episodes", without_spans)
    windows, problems = read(root)
    assert [window.session for window in windows] == ["episode 1"]
    assert "has 0.00 s under one instruction" in problems[0][1]


def test_damaged_episode_is_a_problem_and_the_others_go_on(tmp_path):
    root = play_set(tmp_path / "set")
    (root / f"videos/chunk-000/{CAMERA}/episode_000000.mp4").write_text("not a video")
    windows, problems = read(root)
    assert [window.session for window in windows] == ["episode 1"]
    assert problems[0][0] == "episode_000000.parquet"


def test_data_set_without_a_single_window_is_refused_with_the_reasons(tmp_path):
    root = play_set(tmp_path / "set", recording(1.0, 20.0))
    with pytest.raises(DataError, match=r"no episode gives a window.*has 0\.95 s"):
        read(root)


def test_spec_is_checked_against_the_data_before_any_episode(tmp_path):
    root = play_set(tmp_path / "set")
    with pytest.raises(EmbodimentError, match="wants index 7 of 'action'"):
        read(root, body(actions=[{"name": "a", "unit": "rad", "column": "action", "index": 7}]))
    with pytest.raises(EmbodimentError, match="wants the slot 'left'"):
        read(root, body(cameras=[{"name": "top", "column": CAMERA, "slot": "left"}]))


def test_body_without_axes_gives_video_only_windows(tmp_path):
    windows, _ = read(play_set(tmp_path / "set"), body(actions=[], state=[]))
    assert all(window.actions is None and window.state is None and window.provenance == "" for window in windows)


def test_progress_is_told_after_each_episode(tmp_path):
    told: list[tuple[int, int]] = []
    root = play_set(tmp_path / "set")
    settings = WindowConfig()
    read_play_dataset(root, body(), geometry(), settings, digest=digest, progress=lambda *step: told.append(step))
    assert told == [(1, 2), (2, 2)]


def test_files_to_fingerprint_are_meta_rows_and_this_bodys_videos(tmp_path):
    root = play_set(tmp_path / "set")
    files = play_files(root, body())
    assert len(files) == 7
    assert all(path.is_file() for path in files)


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "name", "chunks"),
    [
        ("lerobot_v21_g1_real", "g1_inspire", [4, 1, 4, 4, 1, 4, 1]),
        ("lerobot_v20_gr1_sim", "gr1_sim", [4, 4, 4, 4, 4, 4, 2, 4, 4, 4, 2, 4, 4, 4, 4, 4, 2]),
    ],
)
def test_real_robots_give_windows_with_finite_actions(real_data, folder, name, chunks):
    spec = load_embodiment(name, [RECIPES])
    windows, problems = read(real_data / "robot" / folder, spec)
    assert problems == []
    assert [window.chunks for window in windows] == chunks
    for window in windows:
        assert window.actions is not None
        assert window.state is not None
        assert window.actions.shape == (16 * window.chunks, 26)
        assert window.state.shape == (window.chunks, 26)
        assert window.split == "train"


@pytest.mark.data
def test_body_of_another_robot_does_not_fit(real_data):
    spec = load_embodiment("g1_inspire", [RECIPES])
    with pytest.raises(EmbodimentError, match=r"camera 'head' wants the video column 'observation\.images\.cam_high'"):
        read(real_data / "robot" / "lerobot_v20_gr1_sim", spec)
