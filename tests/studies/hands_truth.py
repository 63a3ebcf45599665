"""How true are hands in metres? A drawn hand whose joints are known, before a moving camera that is known.

    python tests/studies/hands_truth.py docs/results/hands_truth.json

The hand of `adapt.sim.human_hand` reaches, turns its wrist and pinches; the camera looks on from the wearer's head at
several distances, held still or swaying. MediaPipe looks at the pictures, and what `adapt.hands` makes of that is
compared with the truth. Left hands are the same pictures mirrored. A drawn hand is no photograph: the figures tell
what the method does where the detector works, not how often it works on people.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from machine import commit, hardware

from adapt.geometry.cameras import Pinhole, from_field_of_view
from adapt.geometry.rotations import geodesic_rad
from adapt.hands.landmarks import HandLandmarks, SeenHand
from adapt.hands.lift import LiftedHand, lift
from adapt.hands.model_file import ensure_hand_model
from adapt.hands.palm import palm_position, palm_rotation, palm_size, pinch_aperture
from adapt.hands.tracks import FollowedHand, follow_hands
from adapt.runs.cache import Cache
from adapt.sim.camera import Camera
from adapt.sim.human_hand import HumanHand
from adapt.sim.shapes import Capsule, Solid
from adapt.sim.state import SceneState

HZ = 30.0
SIZE_PX = 480
FOV_DEG = 75.0
DISTANCES_M = (0.35, 0.5, 0.7)
REACHES_HZ = {"slow": 0.3, "fast": 0.9}
ASSUMED_FOV_DEG = 70.0  # what the same pictures are taken for where nothing is declared


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where the camera is: world to camera, x right, y down, z forward."""

    eye: NDArray[np.float64]
    axes: NDArray[np.float64]  # rows: right, down, forward

    def see(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return (points - self.eye) @ self.axes.T


class EgoCamera(Camera):
    """The tabletop's camera, looking from elsewhere through a wider lens."""

    view: View

    def _drawn(self) -> NDArray[np.uint8]:
        near, far = 0.05, 6.0
        for camera in self._scene.camera:
            camera.pos[:] = self.view.eye
            camera.forward[:], camera.up[:] = self.view.axes[2], -self.view.axes[1]
            camera.frustum_near, camera.frustum_far = near, far
            top = near * math.tan(math.radians(FOV_DEG) / 2)
            camera.frustum_bottom, camera.frustum_top = -top, top
            camera.frustum_center, camera.frustum_width = 0.0, 0.0
        return super()._drawn()


def take(distance_m: float, reach_hz: float, *, sway: bool, seconds: float) -> tuple[list[NDArray[np.uint8]], Tensor]:
    """Pictures, and the true joints in the camera's frame, shape (t, 21, 3)."""
    hand, frames, truth = HumanHand(), [], []
    with EgoCamera(SIZE_PX) as camera:
        for place in range(int(seconds * HZ)):
            time_s = place / HZ
            solids, joints = posed(hand, time_s, reach_hz)
            camera.view = looking(distance_m, time_s, sway=sway)
            frames.append(camera.picture(scene(time_s, reach_hz), solids))
            truth.append(camera.view.see(joints))
    return frames, torch.from_numpy(np.stack(truth))


def scene(time_s: float, reach_hz: float) -> SceneState:
    phase = 2 * math.pi * reach_hz * time_s
    tool = np.array([0.07 * math.sin(phase), 0.05 * math.sin(0.7 * phase + 1), 0.1 + 0.03 * math.sin(1.3 * phase + 2)])
    away = np.tile(np.array([5.0, 5.0, -1.0, 1.0, 0.0, 0.0, 0.0]), (3, 1))  # No block in sight.
    grip = 0.5 - 0.5 * math.cos(2 * math.pi * 0.5 * time_s)
    return SceneState(blocks=away, tool=tool, grip=grip, highest=np.zeros(3), time_s=time_s)


def posed(hand: HumanHand, time_s: float, reach_hz: float) -> tuple[list[Solid], NDArray[np.float64]]:
    """The hand's solids, its wrist turned as a whole, and its 21 joints."""
    solids = [solid for solid in hand.solids(scene(time_s, reach_hz)) if isinstance(solid, Capsule)]
    wrist = solids[1].b
    phase = 2 * math.pi * reach_hz * time_s
    turn = Rotation.from_euler("yx", (0.45 * math.sin(0.8 * phase), 0.2 * math.sin(0.6 * phase + 1))).as_matrix()

    def moved(point: NDArray[np.float64]) -> NDArray[np.float64]:
        return wrist + turn @ (point - wrist)

    turned = [Capsule(a=moved(s.a), b=moved(s.b), radius=s.radius, colour=s.colour, gloss=s.gloss) for s in solids]
    index, middle, ring, little, thumb = (turned[at : at + 3] for at in range(10, 30, 4))
    joints = [turned[1].b]
    for digit in (thumb, index, middle, ring, little):
        joints += [digit[0].a, *(bone.b for bone in digit)]
    return list(turned), np.stack(joints)


def looking(distance_m: float, time_s: float, *, sway: bool) -> View:
    """From the wearer's head; swaying as somebody who works does, by centimetres and degrees."""
    eye = np.array([0.0, -0.1, 0.1]) + distance_m * np.array([0.0, -0.35, 0.94])
    target = np.array([0.0, -0.06, 0.1])
    if sway:
        turns = 2 * math.pi * time_s * np.array([0.7, 1.1, 0.5])
        eye = eye + 0.03 * np.sin(turns)
        target = target + 0.05 * np.sin(turns * 1.3 + 1)
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    return View(eye=eye, axes=np.stack((right, np.cross(forward, right), forward)))


def looked_at(frames: Sequence[NDArray[np.uint8]], model: Path) -> list[list[SeenHand]]:
    with HandLandmarks(model, most=2) as landmarks:
        return [landmarks.look_at_all(torch.from_numpy(frame.copy()), place / HZ) for place, frame in enumerate(frames)]


def judged(
    looks: Sequence[Sequence[SeenHand]], truth: Tensor, side: str, true_camera: Pinhole, taken_for: Pinhole, *, measured: bool
) -> dict[str, Any]:
    """Errors of one take; `truth` is of the hand of that side."""
    times = [place / HZ for place in range(len(looks))]
    hands = [hand for hand in follow_hands(looks, times, taken_for) if hand.wearer >= 0.5]
    calls = [hand.side == side for look in looks for hand in look]
    found: dict[str, Any] = {
        "detected_share": sum(bool(look) for look in looks) / len(looks),
        "side_right_share_of_looks": sum(calls) / max(len(calls), 1),
        "side_right_share_of_tracks": sum(h.side == side for h in hands) / max(len(hands), 1),
        "tracks": len(hands),
    }
    if hands:
        found |= errors(max(hands, key=lambda h: float(h.known.sum())), truth, taken_for, side, measured=measured)
    return found


def errors(hand: FollowedHand, truth: Tensor, camera: Pinhole, side: str, *, measured: bool) -> dict[str, Any]:
    times = torch.arange(len(truth), dtype=torch.float64) / HZ
    palm_m = float(palm_size(truth).median()) if measured else None
    raw, calm = (lift(hand, times, camera, palm_m=palm_m, smooth=smooth) for smooth in (False, True))
    if raw is None or calm is None:
        return {}
    rows = (calm.confidence > 0) & hand.track.seen
    place, turn, aperture = palm_position(truth)[rows], palm_rotation(truth, side)[rows], pinch_aperture(truth)[rows]
    value: dict[str, Any] = {"rows": int(rows.sum()), "confidence_mean": round(float(calm.confidence[rows].mean()), 3)}
    for name, lifted in (("raw", raw), ("smooth", calm)):
        off = lifted.palm.position_m[rows] - place
        angle = torch.rad2deg(geodesic_rad(lifted.palm.rotation[rows], turn))
        value[name] = {
            "position_error_mm": tenth(1000 * off.norm(dim=1).median()),
            "sideways_error_mm": tenth(1000 * off[:, :2].norm(dim=1).median()),
            "distance_error_mm": tenth(1000 * off[:, 2].abs().median()),
            "distance_bias_share": round(float((off[:, 2] / place[:, 2]).median()), 3),
            "orientation_error_deg": tenth(angle.median()),
            "orientation_error_p90_deg": tenth(angle.quantile(0.9)),
            "aperture_correlation": round(float(torch.corrcoef(torch.stack((lifted.aperture_palms[rows], aperture)))[0, 1]), 3),
            "jitter_mm": round(1000 * jitter(off), 2),
            "jitter_deg": round(math.degrees(jitter_of_turns(lifted, turn, rows)), 2),
        }
    return value


def jitter(off: Tensor) -> float:
    """Root mean square of what an error changes by from frame to frame, over the square root of two: of white noise,
    its deviation."""
    return float((off.diff(dim=0).square().sum(dim=1).mean() / 2).sqrt())


def jitter_of_turns(lifted: LiftedHand, truth: Tensor, rows: Tensor) -> float:
    away = lifted.palm.rotation[rows] @ truth.transpose(-1, -2)
    return float((geodesic_rad(away[1:], away[:-1]).square().mean() / 2).sqrt())


def tenth(value: Tensor) -> float:
    return round(float(value), 1)
