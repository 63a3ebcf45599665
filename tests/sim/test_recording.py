"""Recorders write what the package's own readers take."""

import hashlib
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from needs_gl import needs_gl

from adapt.data.lerobot import LeRobotSource
from adapt.data.video_folder import read_video_folder
from adapt.errors import RunError, SimulatorError
from adapt.sim.arm import Arm
from adapt.sim.body import Body
from adapt.sim.camera import Camera
from adapt.sim.gap import Gap
from adapt.sim.gripper import Gripper
from adapt.sim.human_hand import HumanHand
from adapt.sim.recording import CAMERA, record_human, record_robot, record_videos
from adapt.sim.state import TOOL_LOW_M
from adapt.sim.takes import Takes
from adapt.sim.tasks import HELD_OUT_TASKS
from adapt.video.probe import probe
from adapt.video.reader import read_frames

pytestmark = needs_gl
FEW = HELD_OUT_TASKS[:3]
# The tool presses blocks on the table by asking for less than it can reach, which joints cannot say.
LOWEST = (-np.inf, -np.inf, TOOL_LOW_M, -np.inf, -np.inf)


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_hand_s_videos_are_read_back_with_texts_and_sessions(tmp_path: Path) -> None:
    takes = Takes(tasks=FEW, count=4, seed=1)
    told: list[int] = []
    recorded = record_human(tmp_path / "hand", takes, sessions=2, tell=told.append)
    folder = read_video_folder(tmp_path / "hand", None)
    performed = [take.episode for take in takes.perform()]

    assert folder.problems == ()
    assert [video.instruction for video in folder.videos] == [episode.instruction for episode in performed]
    assert [video.session for video in folder.videos] == ["session_0", "session_0", "session_1", "session_1"]
    found = [probe(video.path) for video in folder.videos]
    assert {(info.width, info.height) for info in found} == {(320, 320)}
    assert [info.frames for info in found] == [len(episode.states) for episode in performed] == told
    assert (recorded.episodes, recorded.frames, recorded.minutes) == (4, sum(told), sum(told) / 600)
    assert sorted(recorded.instructions) == sorted(task.instruction for task in FEW)


@pytest.mark.parametrize("body", [HumanHand(Gap(looks=1.0, offset=0.5)), Gripper()])
def test_a_video_shows_the_body_where_the_episode_has_it(body: Body, tmp_path: Path) -> None:
    takes = Takes(tasks=FEW, count=1, seed=1)
    record_videos(tmp_path / "set", body, takes, size=128)
    (episode,) = [take.episode for take in takes.perform()]
    at = (0, 20)
    frames = read_frames(tmp_path / "set" / "video_0000.mp4", [step / 10 for step in at]).frames
    with Camera(128) as camera:
        for frame, step in zip(frames, at, strict=True):
            state = episode.states[step]
            drawn = camera.picture(state, body.solids(state)).astype(float)
            without = camera.picture(state, []).astype(float)
            there = np.abs(drawn - without).max(axis=-1) > 30  # where the body is
            assert there.sum() > 100
            assert np.abs(frame.numpy() - drawn)[there].mean() < 12
            assert np.abs(frame.numpy() - without)[there].mean() > 40


@pytest.mark.parametrize("body", [Gripper(), Arm()])
@pytest.mark.parametrize("tasks", [FEW, ()])
def test_a_robot_s_set_is_read_back_number_for_number_and_frame_for_frame(
    body: Body, tasks: tuple, tmp_path: Path
) -> None:
    takes = Takes(tasks=tasks, count=2, seed=3)
    record_robot(tmp_path / "set", body, takes)
    source = LeRobotSource(tmp_path / "set")
    read, problems = source.episodes([CAMERA])
    performed = [take.episode for take in takes.perform()]

    assert problems == []
    assert source.rate_hz == 10.0
    assert source.vectors["action"] == body.action_names
    assert source.vectors["observation.state"] == body.state_names
    assert [episode.spans[0].instruction for episode in read] == [episode.instruction for episode in performed]
    with Camera(128) as camera:
        for episode, written in zip(performed, read, strict=True):
            table = source.table(written, ["action", "observation.state"])
            states = np.stack([body.proprioception(state) for state in episode.states])
            assert torch.allclose(table.columns["observation.state"], torch.from_numpy(states), atol=1e-6)
            given = zip(table.columns["action"].numpy(), episode.states, strict=True)
            meant = np.stack([body.command(action, state) for action, state in given])
            within = np.maximum(episode.commands, LOWEST)
            assert np.allclose(np.maximum(meant, LOWEST), within, atol=1e-5)
            frame = read_frames(written.videos[CAMERA].path, [2.0]).frames[0].numpy()
            state = episode.states[20]
            assert np.abs(frame - camera.picture(state, body.solids(state)).astype(float)).mean() < 4


@pytest.mark.parametrize(
    "record",
    [
        lambda root, seed: record_human(root, Takes(tasks=FEW, count=2, seed=seed)),
        lambda root, seed: record_robot(root, Arm(), Takes(tasks=FEW, count=2, seed=seed)),
    ],
)
def test_the_same_seed_writes_the_same_bytes_and_another_one_others(
    record: Callable[[Path, int], object], tmp_path: Path
) -> None:
    for name, seed in (("a", 2), ("b", 2), ("c", 3)):
        record(tmp_path / name, seed)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    same = digests(tmp_path / "a").items() & digests(tmp_path / "c").items()
    assert not [name for name, _ in same if name.endswith((".mp4", ".parquet"))]


def test_a_folder_that_holds_something_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    for record in (lambda takes: record_human(tmp_path, takes), lambda takes: record_robot(tmp_path, Arm(), takes)):
        with pytest.raises(RunError, match="is not empty; name a new folder"):
            record(Takes(tasks=FEW, minutes=1e9))


def test_what_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    def stop(_frames: int) -> None:
        raise KeyboardInterrupt

    for record in (
        lambda: record_human(tmp_path / "set", Takes(tasks=FEW, minutes=5.0), tell=stop),
        lambda: record_robot(tmp_path / "set", Arm(), Takes(minutes=5.0), tell=stop),
    ):
        with pytest.raises(KeyboardInterrupt):
            record()
        assert list(tmp_path.iterdir()) == []


def test_a_hand_has_no_actions_to_write_and_no_video_is_in_no_session(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="record_videos"):
        record_robot(tmp_path / "set", HumanHand(), Takes(minutes=1.0))
    with pytest.raises(SimulatorError, match="sessions is 0"):
        record_human(tmp_path / "set", Takes(tasks=FEW, minutes=1.0), sessions=0)


MEMORY = """
import resource, sys
from pathlib import Path
from adapt.sim.arm import Arm
from adapt.sim.recording import record_robot
from adapt.sim.takes import Takes
from adapt.sim.tasks import HELD_OUT_TASKS
peaks = []
record_robot(Path(sys.argv[1]), Arm(), Takes(tasks=HELD_OUT_TASKS, count=12),
             tell=lambda _: peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
print(*peaks)
"""


def test_memory_does_not_grow_with_the_number_of_episodes(tmp_path: Path) -> None:
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # In KiB here, as the numbers below are.
    result = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "set")], capture_output=True, text=True, check=True
    )
    peaks = [int(peak) for peak in result.stdout.split()]
    frames_kib = 33 * 128 * 128 * 3 / 1024  # at least, of one episode
    assert len(peaks) == 12
    assert peaks[-1] - peaks[3] < 4 * frames_kib  # of 8 more episodes


def test_metadata_are_what_hugging_face_s_videofolder_wants(tmp_path: Path) -> None:
    record_human(tmp_path / "hand", Takes(tasks=FEW[:1], count=1), sessions=1)
    (row,) = [json.loads(line) for line in (tmp_path / "hand" / "metadata.jsonl").read_text().splitlines()]
    assert row == {"file_name": "video_0000.mp4", "text": FEW[0].instruction, "session": "session_0"}
