"""Recorders write what the package's own readers take."""

import json
from pathlib import Path

import numpy as np
import torch

from adapt.data.episodes import EpisodeSource
from adapt.data.lerobot import LeRobotSource
from adapt.data.video_folder import read_video_folder
from adapt.sim.experts import HELD_OUT
from adapt.sim.record import held_out_tasks, play_episodes, record_human, record_robot, task_episodes
from adapt.sim.scene import ALL_TASKS
from adapt.video.probe import probe
from adapt.video.reader import read_frames


def test_the_human_folder_is_read_back_with_texts_and_sessions(tmp_path: Path) -> None:
    record_human(tmp_path, ALL_TASKS[:2], videos=2, seed=1, rate_hz=5.0)
    folder = read_video_folder(tmp_path, None)

    assert [video.instruction for video in folder.videos] == [task.instruction for task in ALL_TASKS[:2]]
    assert len({video.session for video in folder.videos}) == 2


def test_a_hand_video_is_large_enough_for_a_detector_and_lasts_as_long_as_the_episode(tmp_path: Path) -> None:
    [path] = record_human(tmp_path, ALL_TASKS[:1], videos=1, seed=1, sessions=1, rate_hz=5.0)
    info = probe(path)

    assert (info.width, info.height) == (320, 320)
    assert abs(info.duration_s - 6.6) < 0.25
    assert json.loads((tmp_path / "metadata.jsonl").read_text())["session"] == "session_0"


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    files = [
        record_human(tmp_path / name, ALL_TASKS[3:4], videos=1, seed=2, rate_hz=2.0)[0].read_bytes() for name in "ab"
    ]

    assert files[0] == files[1]


def test_the_robot_set_is_read_back_number_for_number_and_frame_for_frame(tmp_path: Path) -> None:
    [episode] = play_episodes(1, seed=3, steps=33)
    source: EpisodeSource = LeRobotSource(record_robot(tmp_path / "set", [episode]))
    [read], problems = source.episodes(["observation.images.main"])
    table = source.table(read, ["action", "observation.state"])
    frames = read_frames(read.videos["observation.images.main"], [0.0, 3.2]).frames

    assert problems == []
    assert read.length == 33
    assert torch.allclose(table.columns["action"].double(), torch.from_numpy(episode.actions), atol=1e-6)
    assert torch.allclose(
        table.columns["observation.state"].double(), torch.from_numpy(episode.proprioception), atol=1e-6
    )
    assert frames.shape == (2, 128, 128, 3)
    assert not torch.equal(frames[0], frames[1])


def test_task_episodes_take_the_tasks_in_turn() -> None:
    episodes = list(task_episodes(ALL_TASKS[:2], 3, seed=0, steps=17))

    assert [episode.instruction for episode in episodes] == [ALL_TASKS[i].instruction for i in (0, 1, 0)]
    assert not np.array_equal(episodes[0].actions, episodes[2].actions)


def test_held_out_tasks_are_those_the_base_never_saw() -> None:
    assert {(task.colour, task.row, task.column) for task in held_out_tasks()} == HELD_OUT
