"""Record what users bring: a folder of hand videos, or a robot's data set, filmed on the drawn tabletop.

    record_human(Path("demo/videos"), held_out_tasks()[:1], videos=4, seed=7)
    record_robot(Path("demo/play"), play_episodes(6, seed=7))

The hand is filmed at 320 px, large enough for a hand detector; the gripper at 128 px.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from adapt.data.episodes import Recording
from adapt.data.lerobot_writer import write_lerobot_v21
from adapt.sim.experts import HELD_OUT, Episode, perform, play
from adapt.sim.hand import hand
from adapt.sim.scene import ALL_TASKS, CONTROL_HZ, Body, Task, gripper, render
from adapt.video.writer import write_video

HUMAN_PX = 320
ROBOT_PX = 128
_AXES = ("x", "y", "grip")
_METADATA = "metadata.jsonl"


def held_out_tasks() -> tuple[Task, ...]:
    """Tasks the shipped base has never seen, neither by the gripper nor by the hand."""
    return tuple(task for task in ALL_TASKS if (task.colour, task.row, task.column) in HELD_OUT)


def record_human(
    root: Path, tasks: Sequence[Task], *, videos: int, seed: int, sessions: int = 2, rate_hz: float = CONTROL_HZ
) -> list[Path]:
    """Film the hand doing tasks: mp4 files and a metadata.jsonl with text and session, as VideoFolder has them.

    Args:
        root: Folder to write into; made where it is missing.
        tasks: What is done, in turn.
        videos: How many videos, one task each, 6.5 s long.
        seed: Same seed, same bytes.
        sessions: Recording sessions the videos are spread over, in order.
        rate_hz: Frames a second; a divisor of 10.

    Returns:
        The videos, in the order of the metadata.
    """
    root.mkdir(parents=True, exist_ok=True)
    rows, paths = [], []
    stride = round(CONTROL_HZ / rate_hz)
    for index in range(videos):
        episode = perform(tasks[index % len(tasks)], _seed(seed, index), steps=65)
        path = root / f"hand_{index:03d}.mp4"
        write_video(path, _film(episode, hand, HUMAN_PX, stride), rate_hz)
        session = f"session_{index * sessions // videos}"
        rows.append({"file_name": path.name, "text": episode.instruction, "session": session})
        paths.append(path)
    (root / _METADATA).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return paths


def record_robot(root: Path, episodes: Iterable[Episode]) -> Path:
    """Write the gripper's episodes as a LeRobot v2.1 data set for the body `drawn_gripper`.

    Args:
        root: Folder to make; must not hold anything yet.
        episodes: What the gripper did, for example `play_episodes(6, seed=7)`.

    Returns:
        `root`.
    """
    names = {"observation.state": _AXES, "action": _AXES}
    write_lerobot_v21(root, _recordings(episodes), rate_hz=CONTROL_HZ, robot="drawn_gripper", names=names)
    return root


def play_episodes(count: int, *, seed: int, steps: int = 161) -> Iterator[Episode]:
    """Play without a task: `count` episodes of `steps` control steps."""
    for index in range(count):
        yield play(_seed(seed, index), steps=steps)


def task_episodes(tasks: Sequence[Task], count: int, *, seed: int, steps: int = 65) -> Iterator[Episode]:
    """Expert episodes of tasks, in turn."""
    for index in range(count):
        yield perform(tasks[index % len(tasks)], _seed(seed, index), steps=steps)


def _recordings(episodes: Iterable[Episode]) -> Iterator[Recording]:
    for episode in episodes:
        yield Recording(
            instruction=episode.instruction,
            columns={
                "observation.state": torch.from_numpy(episode.proprioception).float(),
                "action": torch.from_numpy(episode.actions).float(),
            },
            frames={"observation.images.main": _film(episode, gripper, ROBOT_PX, 1)},
        )


def _film(episode: Episode, body: Body, size: int, stride: int) -> torch.Tensor:
    """Frames of an episode. Shape (t, size, size, 3)."""
    return torch.from_numpy(np.stack([render(state, body, size) for state in episode.states[::stride]]))


def _seed(seed: int, index: int) -> int:
    # Far from the seeds the base was pretrained on (pipelines/pretrain_draw.py), which start at a million.
    return (seed * 1_000 + index) % 1_000_000
