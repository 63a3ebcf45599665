"""A body with DROID's axes, and what RoboArena sends for it."""

from typing import Any

import numpy as np

from adapt.embodiment.spec import Axis, Camera, Embodiment


def droid(**more: Any) -> dict[str, Any]:
    """RoboArena's observation: all the state it has, whether it is needed or not."""
    return {
        "observation/exterior_image_0_left": np.zeros((8, 8, 3), np.uint8),
        "observation/wrist_image_left": np.zeros((8, 8, 3), np.uint8),
        "observation/joint_position": np.arange(7, dtype=np.float32),
        "observation/cartesian_position": np.zeros(6, np.float32),
        "observation/gripper_position": np.ones(1, np.float32),
        "prompt": "wave",
        "session_id": "38DSA3hd3",
        **more,
    }


def arm_of_droid() -> Embodiment:
    """Seven joints and a gripper, seen from the left and from its hand."""
    names = (*(f"j{number}" for number in range(7)), "gripper")
    return Embodiment(
        name="droid",
        prompt="{instruction}",
        cameras=tuple(
            Camera(name=name, column=name, slot=slot) for name, slot in (("left", "top_left"), ("hand", "top_right"))
        ),
        actions=tuple(Axis(name=name, unit="rad", column="action", index=i) for i, name in enumerate(names)),
        state=tuple(Axis(name=name, unit="rad", column="state", index=i) for i, name in enumerate(names)),
    )


KEYS = {
    "images": {"observation/exterior_image_0_left": "left", "observation/wrist_image_left": "hand"},
    "state": {
        "observation/joint_position": [f"j{number}" for number in range(7)],
        "observation/gripper_position": ["gripper"],
    },
    "roboarena": {"action_space": "joint_position", "image_resolution": [180, 320]},
}
