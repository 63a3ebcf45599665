"""Record what users bring: a folder of videos, or a robot's data set, filmed on the tabletop.

    record_human(Path("hand"), Takes(tasks=HELD_OUT_TASKS, minutes=10, seed=7))
    record_robot(Path("play"), Arm(), Takes(minutes=30, seed=7))

Everything streams: no more than one episode is in memory. A folder appears when all of it is written.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from adapt.data.episodes import Recording
from adapt.data.lerobot_writer import write_lerobot_v21
from adapt.errors import SimulatorError
from adapt.runs.new_folder import new_folder
from adapt.sim.body import Body
from adapt.sim.camera import Camera
from adapt.sim.expert import Episode
from adapt.sim.human_hand import HumanHand
from adapt.sim.state import CONTROL_HZ
from adapt.sim.takes import Take, Takes
from adapt.video.writer import write_video

HUMAN_PX = 320  # large enough for a hand detector
ROBOT_PX = 128
SESSIONS = 6
CAMERA = "observation.images.main"
STATE = "observation.state"
ACTION = "action"

Tell = Callable[[int], None]  # so many more frames are recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A folder that was recorded, and what it holds."""

    folder: Path
    episodes: int
    frames: int
    instructions: tuple[str, ...]  # each once, in order of their first appearance

    @property
    def minutes(self) -> float:
        """How long it all lasts."""
        return self.frames / CONTROL_HZ / 60


def record_human(root: Path, takes: Takes, *, sessions: int = SESSIONS, tell: Tell | None = None) -> Recorded:
    """Film the human hand doing tasks, across the gap that the takes ask for; see `record_videos`."""
    return record_videos(root, HumanHand(takes.gap), takes, sessions=sessions, tell=tell)


def record_videos(
    root: Path, body: Body, takes: Takes, *, sessions: int = SESSIONS, size: int = HUMAN_PX, tell: Tell | None = None
) -> Recorded:
    """Film a body without its actions: mp4 files and a metadata.jsonl with text and session, as VideoFolder has them.

    Args:
        root: Folder to make; it may be there if it is empty.
        body: Who is filmed.
        takes: What is done. The same takes give the same bytes.
        sessions: How many recording sessions the videos are spread over, in order.
        size: Side of the square pictures, in pixels.
        tell: Called after each video with its count of frames.

    Returns:
        What was recorded.

    Raises:
        RunError: The folder holds something, or cannot be written.
        SimulatorError: The simulator or its drawing is not there; or `sessions` is below 1.
    """
    if sessions < 1:
        raise SimulatorError(f"sessions is {sessions}; give 1 or more")
    count = _Count(tell)
    with new_folder(root) as folder, Camera(size) as camera, closing(takes.perform()) as performed:
        rows = []
        for index, take in enumerate(performed):
            name = f"video_{index:04d}.mp4"
            write_video(folder / name, _film(take.episode, body, camera), CONTROL_HZ)
            session = f"session_{int(take.share * sessions)}"
            rows.append({"file_name": name, "text": take.episode.instruction, "session": session})
            count(take)
        (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return count.result(root)


def record_robot(root: Path, body: Body, takes: Takes, *, size: int = ROBOT_PX, tell: Tell | None = None) -> Recorded:
    """Write a robot's episodes, with its actions, as a LeRobot v2.1 data set.

    Row i holds the state and picture before step i, and the action that was given then.

    Args:
        root: Folder to make; it may be there if it is empty.
        body: A robot.
        takes: What is done. The same takes give the same bytes.
        size: Side of the square pictures, in pixels.
        tell: Called after each episode with its count of frames.

    Returns:
        What was recorded.

    Raises:
        RunError: The folder holds something, or cannot be written.
        SimulatorError: The simulator or its drawing is not there; or the body has no actions.
    """
    if body.name is None:
        raise SimulatorError("body: one that is only ever filmed has no actions to write; film it with record_videos")
    count = _Count(tell)

    def recordings() -> Iterator[Recording]:
        """Draw take after take, each once the one before is written and counted."""
        for take in performed:
            yield _recording(take.episode, body, camera)
            count(take)

    names = {STATE: body.state_names, ACTION: body.action_names}
    with new_folder(root) as folder, Camera(size) as camera, closing(takes.perform()) as performed:
        write_lerobot_v21(folder, recordings(), rate_hz=CONTROL_HZ, robot=body.name, names=names)
    return count.result(root)


class _Count:
    """Adds up what is recorded."""

    def __init__(self, tell: Tell | None) -> None:
        self._tell = tell
        self._frames = 0
        self._episodes = 0
        self._instructions: dict[str, None] = {}

    def __call__(self, take: Take) -> None:
        frames = len(take.episode.states)
        self._frames += frames
        self._episodes += 1
        self._instructions.setdefault(take.episode.instruction)
        if self._tell is not None:
            self._tell(frames)

    def result(self, folder: Path) -> Recorded:
        """What was counted so far, as recorded in a folder."""
        return Recorded(
            folder=folder, episodes=self._episodes, frames=self._frames, instructions=tuple(self._instructions)
        )


def _recording(episode: Episode, body: Body, camera: Camera) -> Recording:
    states = np.stack([body.proprioception(state) for state in episode.states])
    given = zip(episode.commands, episode.states, strict=True)
    actions = np.stack([body.action(command, state) for command, state in given])
    return Recording(
        instruction=episode.instruction,
        columns={STATE: torch.from_numpy(states).float(), ACTION: torch.from_numpy(actions).float()},
        frames={CAMERA: _film(episode, body, camera)},
    )


def _film(episode: Episode, body: Body, camera: Camera) -> UInt8[torch.Tensor, "t h w 3"]:
    """Every state of an episode as the camera sees it."""
    pictures = [camera.picture(state, body.solids(state)) for state in episode.states]
    return torch.from_numpy(np.stack(pictures))
