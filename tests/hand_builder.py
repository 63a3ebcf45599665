"""Hands whose truth is known: a skeleton of 21 joints, posed before a pinhole camera, as a detector would tell it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from adapt.geometry.cameras import Pinhole, from_field_of_view
from adapt.geometry.rotations import orthonormal
from adapt.hands.landmarks import SeenHand
from adapt.hands.place import turn_of_sight

CAMERA = from_field_of_view(640.0, 480.0, 75.0)
HZ = 30.0
# A right hand in the palm's axes (x to the fingers, y to the thumb, z out of the back), metres from the wrist.
_FINGERS = ((0.09, 0.025), (0.092, 0.003), (0.087, -0.018), (0.078, -0.038))


def skeleton(side: str = "right", aperture_m: float = 0.06) -> Tensor:
    """Joints of an open hand, shape (21, 3), whose palm's origin is 0; thumb and index tips so far apart."""
    joints = [(0.0, 0.0, 0.0), (0.025, 0.025, -0.005), (0.05, 0.04, -0.012), (0.075, 0.045, -0.02), (0, 0, 0)]
    for x, y in _FINGERS:
        joints += [
            (x, y, 0.0),
            (x + 0.042, y * 1.1, -0.004),
            (x + 0.066, y * 1.15, -0.01),
            (x + 0.088, y * 1.2, -0.018),
        ]
    points = torch.tensor(joints, dtype=torch.float64)
    middle = torch.tensor([0.13, 0.04, -0.035], dtype=torch.float64)
    half = torch.tensor([aperture_m / 2, 0, 0], dtype=torch.float64)
    points[4], points[8] = middle - half, middle + half
    points = points - points[[0, 5, 9, 13, 17]].mean(dim=0)
    return points * torch.tensor([1.0, 1.0 if side == "right" else -1.0, 1.0], dtype=torch.float64)


def wearer_turn(yaw: float = 0.0) -> Tensor:
    """A hand that reaches away from the camera, its back up and towards it."""
    forward = torch.tensor([yaw, -0.45, 0.85], dtype=torch.float64)
    return orthonormal(forward, torch.tensor([0.0, -0.9, -0.5], dtype=torch.float64))


def facing_turn() -> Tensor:
    """The hand of somebody opposite: its arm comes from above in the picture."""
    forward = torch.tensor([0.0, 0.8, -0.4], dtype=torch.float64)
    return orthonormal(forward, torch.tensor([0.0, -0.4, -0.9], dtype=torch.float64))


def seen_hand(
    place_m: Sequence[float],
    turn: Tensor | None = None,
    *,
    side: str = "right",
    called: str = "",
    score: float = 0.97,
    aperture_m: float = 0.06,
    camera: Pinhole = CAMERA,
    noise_px: float = 0.0,
    generator: torch.Generator | None = None,
) -> SeenHand:
    """A hand whose palm is at a place in the camera's frame, metres, as a perfect or a jittery detector sees it."""
    shape = skeleton(side, aperture_m) @ (wearer_turn() if turn is None else turn).T
    pixels = camera.project(shape + torch.tensor(place_m, dtype=torch.float64))
    pixels = pixels + noise_px * torch.randn(21, 2, dtype=torch.float64, generator=generator)
    shares = pixels / torch.tensor([camera.width_px, camera.height_px], dtype=torch.float64)
    landmarks = torch.cat((shares, shape[:, 2:] - shape[:1, 2:]), dim=1)
    # As a model tells it that looks at a cutting around the hand: along the line of sight.
    sight = torch.tensor(place_m, dtype=torch.float64).expand(1, 21, 3) / place_m[2]
    world_m = (shape - shape.mean(dim=0)) @ turn_of_sight(sight)[0]
    return SeenHand(side=called or side, score=score, landmarks=landmarks.float(), world_m=world_m.float())
