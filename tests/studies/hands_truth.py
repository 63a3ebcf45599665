"""How true are hands in metres? A drawn hand whose joints are known, before a moving camera that is known.

    python tests/studies/hands_truth.py docs/results/hands_truth.json

Run by hand: some minutes. The hand of `drawn_hand.py` reaches, turns its wrist and pinches, and the camera looks on
from the wearer's head at several distances, held still or swaying. MediaPipe looks at the pictures, and what
`adapt.hands` makes of that is compared with the truth. Left hands are the same pictures mirrored. A drawn hand is no
photograph: the figures tell what the method does where the detector works, not how often it works on people.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import commit, hardware
from studies.drawn_hand import joints_of, solids_of

from adapt.geometry.cameras import ASSUMED_FOCAL_SIGMA, ASSUMED_FOV_DEG, Pinhole, from_field_of_view
from adapt.geometry.rotations import geodesic_rad
from adapt.geometry.smoothing import smooth_positions
from adapt.hands.landmarks import HandLandmarks, SeenHand
from adapt.hands.lift import lift
from adapt.hands.model_file import ensure_hand_model
from adapt.hands.palm import palm_position, palm_rotation, palm_size, pinch_aperture
from adapt.hands.tracks import FollowedHand, follow_hands
from adapt.runs.cache import Cache
from adapt.sim.camera import Camera
from adapt.sim.state import SceneState

HZ = 30.0
SIZE_PX = 480
FOV_DEG = 75.0
DISTANCES_M = (0.35, 0.5, 0.7)
REACHES_HZ = {"slow": 0.3, "fast": 0.9}


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
    frames, truth = [], []
    far = np.tile(np.array([5.0, 5.0, -1.0, 1.0, 0.0, 0.0, 0.0]), (3, 1))  # No block in sight.
    with EgoCamera(SIZE_PX) as camera:
        for frame in range(int(seconds * HZ)):
            place, turn, pinch = pose(frame / HZ, reach_hz)
            joints = joints_of(place, turn, pinch)
            camera.view = looking(distance_m, frame / HZ, sway=sway)
            state = SceneState(blocks=far, tool=place, highest=np.zeros(3))
            frames.append(camera.picture(state, solids_of(joints, turn)))
            truth.append(camera.view.see(joints))
    return frames, torch.from_numpy(np.stack(truth))


def pose(time_s: float, reach_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Palm and pinch of a hand that reaches, turns and pinches, each in its own time; x right, y away, z up."""
    phase = 2 * math.pi * reach_hz * time_s
    place = np.array([0.07 * math.sin(phase), 0.05 * math.sin(0.7 * phase + 1), 0.1 + 0.03 * math.sin(1.3 * phase + 2)])
    yaw = 0.2 + 0.3 * math.sin(0.9 * phase + 2)
    pitch, roll = 0.15 + 0.3 * math.sin(0.6 * phase + 1), 0.35 * math.sin(0.8 * phase)
    away = Rotation.from_euler("z", math.pi / 2)  # Fingers away from the wearer, back up; then swung, raised, rolled.
    turn = (Rotation.from_euler("ZXY", (yaw, pitch, roll)) * away).as_matrix()
    return place, np.asarray(turn), 0.5 - 0.5 * math.cos(2 * math.pi * 0.5 * time_s)


def looking(distance_m: float, time_s: float, *, sway: bool) -> View:
    """From the wearer's head; swaying as somebody who works does, by centimetres and degrees."""
    eye = np.array([0.0, -0.05, 0.05]) + distance_m * np.array([0.0, -0.54, 0.84])
    target = np.array([0.0, -0.03, 0.05])
    if sway:
        turns = 2 * math.pi * time_s * np.array([0.7, 1.1, 0.5])
        eye = eye + 0.02 * np.sin(turns)
        target = target + 0.03 * np.sin(turns * 1.3 + 1)
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    return View(eye=eye, axes=np.stack((right, np.cross(forward, right), forward)))


def looked_at(frames: Sequence[NDArray[np.uint8]], model: Path) -> list[list[SeenHand]]:
    with HandLandmarks(model, most=2) as landmarks:
        return [landmarks.look_at_all(torch.from_numpy(frame.copy()), place / HZ) for place, frame in enumerate(frames)]


def judged(looks: Sequence[Sequence[SeenHand]], truth: Tensor, side: str) -> dict[str, Any]:
    """Errors of one take whose hand is of that side, with camera and palm declared, and with neither."""
    declared = from_field_of_view(float(SIZE_PX), float(SIZE_PX), FOV_DEG)
    times = torch.arange(len(looks), dtype=torch.float64) / HZ
    hands = [hand for hand in follow_hands(looks, times.tolist(), declared) if hand.wearer >= 0.5]
    calls = [hand.side == side for look in looks for hand in look]
    tracked = [hand.side == side for hand in hands for _ in range(int(hand.track.seen.sum()))]
    found: dict[str, Any] = {
        "looks": len(looks),
        "found_share": round(sum(bool(look) for look in looks) / len(looks), 3),
        "side_right_share_of_looks": share(calls),
        "tracks": len(hands),
        "side_right_share_of_tracked_looks": share(tracked),
    }
    if not hands:
        return found
    hand, palm_m = max(hands, key=lambda each: float(each.track.seen.sum())), float(palm_size(truth).median())
    found |= errors(hand, truth, declared, side, palm_m)
    guess = from_field_of_view(float(SIZE_PX), float(SIZE_PX), ASSUMED_FOV_DEG, focal_sigma=ASSUMED_FOCAL_SIGMA)
    guess = replace(guess, origin="assumed")
    lifted = lift(hand, times, guess)
    if lifted is not None:
        rows = (lifted.confidence > 0) & hand.track.seen
        off = (lifted.palm.position_m - palm_position(truth))[rows]
        found["nothing declared"] = distances(off, palm_position(truth)[rows]) | {
            "within_two_sigma_share": share((off.abs() <= 2 * lifted.sigma_m[rows]).all(dim=1).tolist())
        }
    return found


def errors(hand: FollowedHand, truth: Tensor, camera: Pinhole, side: str, palm_m: float) -> dict[str, Any]:
    """With everything declared: before and after smoothing, at the looks of the longest track."""
    times = torch.arange(len(truth), dtype=torch.float64) / HZ
    raw, calm = (lift(hand, times, camera, palm_m=palm_m, smooth=smooth) for smooth in (False, True))
    if raw is None or calm is None:
        return {}
    rows = (calm.confidence > 0) & hand.track.seen
    place, turn, aperture = palm_position(truth), palm_rotation(truth, side), pinch_aperture(truth)
    value: dict[str, Any] = {"rows": int(rows.sum())}
    for name, lifted in (("raw", raw), ("smooth", calm)):
        off = lifted.palm.position_m - place
        angle = torch.rad2deg(geodesic_rad(lifted.palm.rotation, turn))[rows]
        both = torch.stack((lifted.aperture_palms[rows], aperture[rows]))
        value[name] = distances(off[rows], place[rows]) | {
            "orientation_error_deg": tenth(angle.median()),
            "orientation_error_p90_deg": tenth(angle.quantile(0.9)),
            "aperture_correlation": round(float(torch.corrcoef(both)[0, 1]), 3),
            "jitter_mm": tenth(1000 * jitter(off, rows)),
        }
    value["jitter_left_share"] = round(value["smooth"]["jitter_mm"] / value["raw"]["jitter_mm"], 3)
    value["lag_frames"] = lag(calm.palm.position_m[:, 0], place[:, 0], rows)
    clean = smooth_positions(place, times)
    value["peak_speed_kept_share"] = round(float(speed(clean).max() / speed(place).max()), 3)
    return value


def distances(off: Tensor, place: Tensor) -> dict[str, Any]:
    """Of places, metres, camera's axes."""
    return {
        "position_error_mm": tenth(1000 * off.norm(dim=1).median()),
        "sideways_error_mm": tenth(1000 * off[:, :2].norm(dim=1).median()),
        "distance_error_mm": tenth(1000 * off[:, 2].abs().median()),
        "distance_bias_share": round(float((off[:, 2] / place[:, 2]).median()), 3),
    }


def jitter(off: Tensor, rows: Tensor) -> Tensor:
    """The deviation of white noise whose error would change as much from one look to the next, metres."""
    side_by_side = rows[1:] & rows[:-1]
    return (off.diff(dim=0)[side_by_side].square().sum(dim=1).mean() / 2).sqrt()


def speed(place: Tensor) -> Tensor:
    return place.diff(dim=0).norm(dim=1) * HZ


def lag(found: Tensor, truth: Tensor, rows: Tensor) -> int:
    """By how many looks the motion to the side comes late: where it agrees best with the truth."""

    def agreement(by: int) -> float:
        late = torch.roll(truth, by)
        good = rows.clone()
        good[:5], good[-5:] = False, False
        return float(torch.corrcoef(torch.stack((found[good], late[good])))[0, 1])

    return max(range(-4, 5), key=agreement)


def mirrored(frames: Sequence[NDArray[np.uint8]], truth: Tensor) -> tuple[list[NDArray[np.uint8]], Tensor]:
    return [np.ascontiguousarray(frame[:, ::-1]) for frame in frames], truth * truth.new_tensor((-1.0, 1.0, 1.0))


def share(found: Sequence[bool]) -> float | None:
    return round(sum(found) / len(found), 3) if found else None


def tenth(value: Tensor) -> float:
    return round(float(value), 1)


def summary(takes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians over takes."""

    def middle(*keys: str) -> float | None:
        values = []
        for one in takes:
            value: Any = one
            for key in keys:
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None:
                values.append(float(value))
        return round(float(np.median(values)), 3) if values else None

    plain = ("found_share", "side_right_share_of_looks", "side_right_share_of_tracked_looks")
    plain += ("jitter_left_share", "lag_frames", "peak_speed_kept_share")
    measures = ("position_error_mm", "sideways_error_mm", "distance_error_mm", "orientation_error_deg")
    measures += ("aperture_correlation", "jitter_mm")
    undeclared = (*measures[:3], "within_two_sigma_share")
    return (
        {"takes": len(takes)}
        | {key: middle(key) for key in plain}
        | {name: {key: middle(name, key) for key in measures} for name in ("raw", "smooth")}
        | {"nothing declared": {key: middle("nothing declared", key) for key in undeclared}}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each take")
    args = parser.parse_args()
    model, takes = ensure_hand_model(Cache.default().folder("models")), []
    for distance_m, (pace, reach_hz), sway in product(DISTANCES_M, REACHES_HZ.items(), (False, True)):
        seen = take(distance_m, reach_hz, sway=sway, seconds=args.seconds)
        for side, (frames, truth) in (("right", seen), ("left", mirrored(*seen))):
            about = {"distance_m": distance_m, "pace": pace, "head_moves": sway, "side": side}
            about["palm_speed_peak_m_s"] = round(float(speed(palm_position(truth)).max()), 2)
            takes.append(about | judged(looked_at(frames, model), truth, side))
            sys.stdout.write(json.dumps(takes[-1]) + "\n")
    groups = {f"{metres} m": [one for one in takes if one["distance_m"] == metres] for metres in DISTANCES_M}
    groups |= {pace: [one for one in takes if one["pace"] == pace] for pace in REACHES_HZ}
    for sway in (False, True):
        groups[f"head {'moves' if sway else 'still'}"] = [one for one in takes if one["head_moves"] == sway]
    record = {
        "command": f"python tests/studies/hands_truth.py {args.out} --seconds {args.seconds:g}",
        "commit": commit(),
        "hardware": hardware(),
        "mediapipe": version("mediapipe"),
        "settings": {"hz": HZ, "picture_px": SIZE_PX, "fov_deg": FOV_DEG, "assumed_fov_deg": ASSUMED_FOV_DEG},
        "all": summary(takes),
        "groups": {name: summary(members) for name, members in groups.items()},
        "takes": takes,
    }
    args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
