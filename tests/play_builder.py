"""A toy robot of two joints and a gripper, and data sets of it small enough to do the sums in one's head."""

from pathlib import Path

import torch

from adapt.data.episodes import Recording
from adapt.data.lerobot_writer import write_lerobot_v21
from adapt.embodiment.spec import Embodiment
from adapt.types import BaseGeometry, Canvas, Slot

CAMERA = "observation.images.top"
NAMES = ["shoulder", "elbow", "grip"]


def body(**changes: object) -> Embodiment:
    """The toy robot's spec; `changes` replace top-level entries of its file."""
    joints = {"names": ["shoulder", "elbow"], "unit": "rad", "start": 0}
    grip = {"name": "grip", "unit": "share", "index": 2, "gripper": True}
    entry = {
        "name": "toy",
        "prompt": "A robot: {instruction}",
        "cameras": [{"name": "top", "column": CAMERA, "slot": "full"}],
        "actions": [{**joints, "column": "action", "relative": True}, {**grip, "column": "action"}],
        "state": [{**joints, "column": "observation.state"}, {**grip, "column": "observation.state"}],
    }
    return Embodiment.from_json({**entry, **changes}, source="toy.yaml")


def geometry() -> BaseGeometry:
    """Chunks of 1.6 s, 16 actions each: an action every 0.1 s."""
    canvas = Canvas(height=64, width=64, slots={"full": Slot(top=0, left=0, height=64, width=64)})
    return BaseGeometry(canvas=canvas, latent_channels=16, latent_height=8, latent_width=8, action_steps=16)


def recording(seconds: float, rate_hz: float, instruction: str = "lift the cup", shade: int = 0) -> Recording:
    """At time t both joints are at t and are sent to t + 1; the gripper shuts at 1 s. `shade` tells videos apart."""
    clock = torch.arange(round(seconds * rate_hz), dtype=torch.float64) / rate_hz
    shut = (clock >= 1 - 1e-9).double()
    columns = {
        "observation.state": torch.stack([clock, clock, shut], dim=1),
        "action": torch.stack([clock + 1, clock + 1, shut], dim=1),
    }
    ramp = torch.arange(len(clock)).remainder(200).to(torch.uint8)
    frames = (ramp + shade).reshape(-1, 1, 1, 1).expand(-1, 16, 16, 3).contiguous()
    return Recording(instruction=instruction, columns=columns, frames={CAMERA: frames})


def play_set(root: Path, *recordings: Recording, rate_hz: float = 20.0) -> Path:
    """Write a data set of the toy robot; two episodes of 4 s where none are given."""
    made = recordings or (recording(4.0, rate_hz), recording(4.0, rate_hz, "push the cup", shade=7))
    names = {"observation.state": NAMES, "action": NAMES}
    write_lerobot_v21(root, iter(made), rate_hz=rate_hz, robot="toy", names=names)
    return root
