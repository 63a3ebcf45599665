"""How true is the camera's motion, and what does it cost? A drawn hand before a camera whose turns are known.

    python tests/studies/camera_motion.py docs/results/camera_motion.json [--data FOLDER]

Run by hand: ten minutes. The hand of `drawn_hand.py` reaches and turns, and the camera looks on from the wearer's head:
at rest, and turning at three speeds, about its own place or swaying by centimetres besides; over a bare table and over
one with things on it. Looks come as often as windows are judged, hands are those that MediaPipe finds, and what is
estimated from look to look with hands left out and with hands counted in is compared with the truth. FOLDER holds real
videos (human/ego, human/third_person, human/no_hands): of these there is no truth, but three of their cameras are known
to stand still; there, too, the processor's time is taken. Pictures are drawn sharp, as no camera that turns fast sees.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import commit, hardware
from studies.drawn_hand import joints_of, solids_of
from studies.hands_truth import FOV_DEG, SIZE_PX, EgoCamera, View, pose, share

from adapt.data.head_motion import HeadMotion
from adapt.footage.junk import camera_figures
from adapt.footage.pairs import Pairing
from adapt.footage.watch import Watcher
from adapt.geometry.cameras import ASSUMED_FOV_DEG
from adapt.hands.landmarks import HandLandmarks
from adapt.hands.model_file import ensure_hand_model
from adapt.runs.cache import Cache
from adapt.sim.shapes import Box, Solid, point, yaw_turn
from adapt.sim.state import SceneState
from adapt.video.reader import stream_frames

RATE_HZ = 5.0
WINDOW = 9  # looks: 1.6 s
SWING_DEG = 10.0
# Swings a second; the truth says how fast the camera is then.
SPEEDS_HZ = {"at rest": 0.0, "slow": 0.24, "middle": 0.72, "fast": 1.44}
DISTANCES_M = (0.35, 0.5)
REACH_HZ = 0.9
STANDING = ("dexretarget_hand", "sam2_02_cups", "sam2_03_blocks")  # What the notes beside them say of their cameras.
LONG_SIDE_PX = 640


def looking(distance_m: float, time_s: float, swings_hz: float, *, sway: bool) -> View:
    """From the wearer's head, which turns up and down and to the sides, and may sway by centimetres."""
    phase = 2 * math.pi * time_s
    eye = np.array([0.0, -0.05, 0.05]) + distance_m * np.array([0.0, -0.54, 0.84])
    forward = np.array([0.0, -0.03, 0.05]) - eye
    if sway:
        eye = eye + 0.02 * np.sin(phase * np.array([0.7, 1.1, 0.5]))
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    axes = np.stack((right / np.linalg.norm(right), np.cross(forward, right / np.linalg.norm(right)), forward))
    swing = SWING_DEG * np.array([0.5 * math.sin(0.8 * swings_hz * phase + 1), math.sin(swings_hz * phase), 0.0])
    swing[2] = 0.3 * SWING_DEG * math.sin(0.6 * swings_hz * phase + 2)
    return View(eye=eye, axes=Rotation.from_rotvec(np.radians(swing)).as_matrix() @ axes)


def things() -> list[Solid]:
    """What lies on a table at which somebody works, and stands behind it."""
    draw = np.random.default_rng(0)
    found: list[Solid] = []
    for number in range(150):
        behind = number >= 110
        x, y = draw.uniform(-0.6, 0.6), draw.uniform(0.5, 0.9) if behind else draw.uniform(-0.5, 0.5)
        half = draw.uniform((0.01, 0.01, 0.002), (0.05, 0.05, 0.25 if behind else 0.012))
        colour = (*(float(each) for each in draw.uniform(0.1, 0.9, 3)), 1.0)
        turn = yaw_turn(float(draw.uniform(0, 3.14)))
        found.append(Box(centre=point(x, y, half[2]), half=half, colour=colour, turn=turn))  # type: ignore[arg-type]
    return found


def take(
    distance_m: float, swings_hz: float, *, sway: bool, clutter: bool, seconds: float
) -> tuple[list[NDArray[np.uint8]], NDArray[np.float64]]:
    """Pictures, and by how many degrees the camera turned from each to the next."""
    frames, axes = [], []
    far = np.tile(np.array([5.0, 5.0, -1.0, 1.0, 0.0, 0.0, 0.0]), (3, 1))  # No block in sight.
    around = things() if clutter else []
    with EgoCamera(SIZE_PX) as camera:
        for look in range(int(seconds * RATE_HZ) + 1):
            place, turn, pinch = pose(look / RATE_HZ, REACH_HZ)
            camera.view = looking(distance_m, look / RATE_HZ, swings_hz, sway=sway)
            state = SceneState(blocks=far, tool=place, highest=np.zeros(3))
            frames.append(camera.picture(state, solids_of(joints_of(place, turn, pinch), turn) + around))
            axes.append(camera.view.axes)
    turns = [np.degrees(Rotation.from_matrix(now @ before.T).magnitude()) for before, now in pairwise(axes)]
    return frames, np.array(turns)


def judged(frames: Sequence[NDArray[np.uint8]], turns_deg: NDArray[np.float64], model: Path) -> dict[str, Any]:
    """Errors of one take, with hands left out and counted in; with the lens declared, and with the assumed one."""
    pairing, watcher, masked, plain, found = Pairing(), Watcher(RATE_HZ), HeadMotion(), HeadMotion(), 0
    with HandLandmarks(model) as landmarks:
        for place, frame in enumerate(torch.from_numpy(np.stack(frames))):
            hands = landmarks.look(frame, place / RATE_HZ)
            found += bool(hands)
            pairs = pairing.look(watcher.look(frame))
            masked.look(pairs, hands, aspect=1.0)
            plain.look(pairs, [], aspect=1.0)
    value: dict[str, Any] = {
        "looks": len(frames),
        "hand_found_share": round(found / len(frames), 3),
        "true_deg_s": tenth(RATE_HZ * turns_deg.mean()),
    }
    for name, head in (("hands left out", masked), ("hands counted in", plain)):
        value[name] = errors(head, turns_deg, FOV_DEG)
    value["hands left out"]["deg_s_with_assumed_lens"] = errors(masked, turns_deg, ASSUMED_FOV_DEG).get("deg_s")
    return value


def errors(head: HeadMotion, turns_deg: NDArray[np.float64], fov_deg: float) -> dict[str, Any]:
    """Of single looks, and of windows of 1.6 s."""
    motions = head.motions[1:]
    pairs = [
        (RATE_HZ * motion.angle_deg(fov_deg), RATE_HZ * true)
        for motion, true in zip(motions, turns_deg, strict=True)
        if motion is not None
    ]
    value: dict[str, Any] = {"known_share": round(len(pairs) / len(motions), 3)}
    if not pairs:
        return value
    seen, true = np.array(pairs).T
    off = np.abs(seen - true)
    windows = []
    for first in range(0, len(motions) - WINDOW + 2, WINDOW - 1):
        part = slice(first, first + WINDOW - 1)
        figure = camera_figures(motions[part], RATE_HZ, fov_deg).get("camera_deg_s")
        if figure is not None:
            windows.append(abs(figure - RATE_HZ * turns_deg[part].mean()))
    return value | {
        "deg_s": tenth(seen.mean()),
        "error_deg_s": tenth(np.median(off)),
        "error_p90_deg_s": tenth(np.quantile(off, 0.9)),
        "window_error_deg_s": tenth(np.median(windows)) if windows else None,
        "window_error_largest_deg_s": tenth(max(windows)) if windows else None,
    }


def summary(takes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians over takes, but for the largest error of a window."""

    def each(name: str, key: str) -> list[float]:
        return [float(one[name][key]) for one in takes if one[name].get(key) is not None]

    value: dict[str, Any] = {"takes": len(takes), "true_deg_s": tenth(np.median([one["true_deg_s"] for one in takes]))}
    for name in ("hands left out", "hands counted in"):
        keys = ("known_share", "deg_s", "error_deg_s", "error_p90_deg_s", "window_error_deg_s")
        value[name] = {key: round(float(np.median(found)), 2) if (found := each(name, key)) else None for key in keys}
        largest = each(name, "window_error_largest_deg_s")
        value[name]["window_error_largest_deg_s"] = max(largest) if largest else None
    return value


def real(data: Path, model: Path) -> dict[str, Any]:
    """What is found in real clips, and the processor's time a look of each part."""
    clips, costs = {}, []
    for path in clip_paths(data):
        figures, cost = one_clip(path, model)
        clips[path.stem] = figures
        costs.append(cost)
    looks = sum(figures["looks"] for figures in clips.values())
    spent = {name: round(1000 * sum(cost[name] for cost in costs) / looks, 2) for name in costs[0]}
    standing = [speed for name in STANDING for speed in clips[name]["windows_deg_s"]]
    moving = [speed for name, found in clips.items() if found["kind"] == "ego" for speed in found["windows_deg_s"]]
    return {
        "clips": clips,
        "standing_cameras_deg_s": [min(standing), max(standing)],
        "first_person_deg_s": [min(moving), max(moving)],
        "known_share_least": min(figures["known_share"] for figures in clips.values()),
        "milliseconds_a_look": spent,
    }


def clip_paths(data: Path) -> Iterator[Path]:
    """Videos with hands, but for that of three panels, and one without."""
    for kind in ("ego", "third_person", "no_hands"):
        yield from (path for path in sorted((data / "human" / kind).glob("*.mp4")) if "3cam" not in path.stem)


def one_clip(path: Path, model: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """Figures of its windows, and seconds of processor time by part."""
    watcher, pairing, head, looks = Watcher(RATE_HZ), Pairing(), HeadMotion(), 0
    spent = dict.fromkeys(("hands", "picture", "pairs", "motion"), 0.0)
    with HandLandmarks(model) as landmarks:
        for time_s, frame in stream_frames(path, RATE_HZ, long_side_px=LONG_SIDE_PX):
            looks += 1
            marks = [time.process_time()]
            hands = landmarks.look(frame, time_s)
            marks.append(time.process_time())
            picture = watcher.look(frame)
            marks.append(time.process_time())
            pairs = pairing.look(picture)
            marks.append(time.process_time())
            head.look(pairs, hands, aspect=frame.shape[1] / frame.shape[0])
            marks.append(time.process_time())
            for name, (start, end) in zip(spent, pairwise(marks), strict=True):
                spent[name] += end - start
    motions = head.motions
    windows = [
        camera_figures(motions[first + 1 : first + WINDOW], RATE_HZ, ASSUMED_FOV_DEG).get("camera_deg_s")
        for first in range(0, max(1, len(motions) - WINDOW + 1), WINDOW - 1)
    ]
    known = [motion is not None for motion in motions[1:]]
    figures = {
        "kind": path.parent.name,
        "looks": looks,
        "known_share": share(known),
        "windows_deg_s": [tenth(speed) for speed in windows if speed is not None],
    }
    return figures, spent


def tenth(value: Any) -> float:
    return round(float(value), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each take")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, takes = ensure_hand_model(Cache.default().folder("models")), []
    conditions = product(("bare", "with things"), DISTANCES_M, SPEEDS_HZ.items(), (False, True))
    for table, distance_m, (pace, swings_hz), sway in conditions:
        frames, turns_deg = take(distance_m, swings_hz, sway=sway, clutter=table == "with things", seconds=args.seconds)
        about = {"table": table, "distance_m": distance_m, "pace": pace, "sways": sway}
        takes.append(about | judged(frames, turns_deg, model))
        sys.stdout.write(json.dumps(takes[-1]) + "\n")
    turning = [one for one in takes if not one["sways"]]
    record = {
        "command": f"python tests/studies/camera_motion.py {args.out} --seconds {args.seconds:g}"
        + (" --data FOLDER" if args.data else ""),
        "commit": commit(),
        "hardware": hardware(),
        "mediapipe": version("mediapipe"),
        "settings": {
            "looks_hz": RATE_HZ,
            "picture_px": SIZE_PX,
            "fov_deg": FOV_DEG,
            "assumed_fov_deg": ASSUMED_FOV_DEG,
            "sway_m": 0.02,
        },
        "about its own place": {
            f"{table}, {pace}": summary([one for one in turning if (one["table"], one["pace"]) == (table, pace)])
            for table, pace in product(("bare", "with things"), SPEEDS_HZ)
        },
        "swaying besides": {
            pace: summary([one for one in takes if one["sways"] and one["pace"] == pace]) for pace in SPEEDS_HZ
        },
        "real": real(args.data, model) if args.data else None,
        "takes": takes,
    }
    args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
