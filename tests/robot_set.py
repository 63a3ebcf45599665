"""A robot's episodes in memory, as files: the LeRobot data set that a user would have, and the spec of its robot."""

import json
from pathlib import Path

import torch
from robot_builder import AXES, CAMERAS, RATE_HZ, UNITS, Play

from adapt.data.episodes import Recording
from adapt.data.lerobot_writer import write_lerobot_v21

SLOTS = ("top_left", "top_right")
_SIDE = 96  # px; the least that a codec does not blur beyond knowing


def write_set(root: Path, play: Play, *, tasks: tuple[str, ...] = ("play",)) -> Path:
    """Write a data set; episodes have these tasks in turn."""
    write_lerobot_v21(
        root,
        (
            Recording(
                instruction=tasks[place % len(tasks)],
                columns={"observation.state": torch.from_numpy(rows.state), "action": torch.from_numpy(rows.actions)},
                frames={f"observation.images.{camera}": _large(play.frames[camera][place]) for camera in CAMERAS},
            )
            for place, rows in enumerate(play.rows)
        ),
        rate_hz=RATE_HZ,
        robot="arm",
        names={"observation.state": AXES, "action": AXES},
    )
    return root


def write_spec(path: Path) -> Path:
    """The spec of this robot, as YAML."""
    cameras = [
        {"name": name, "column": f"observation.images.{name}", "slot": slot}
        for name, slot in zip(CAMERAS, SLOTS, strict=True)
    ]
    axes = {
        key: [
            {"name": name, "unit": unit, "column": column, "index": index, "gripper": name == "grip"}
            for index, (name, unit) in enumerate(zip(AXES, UNITS, strict=True))
        ]
        for key, column in (("actions", "action"), ("state", "observation.state"))
    }
    path.write_text(json.dumps({"name": "arm", "prompt": "A robot: {instruction}", "cameras": cameras, **axes}))
    return path


def _large(film: object) -> torch.Tensor:
    frames = torch.as_tensor(film)
    times = _SIDE // frames.shape[1]
    return frames.repeat_interleave(times, dim=1).repeat_interleave(times, dim=2)
