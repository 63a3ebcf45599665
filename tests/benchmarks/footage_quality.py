"""What do the figures of footage say of good footage, and of planted faults? Run by hand; the defaults rest on it.

    WAM_ADAPT_TEST_DATA=DATA python tests/benchmarks/footage_quality.py docs/results/footage_quality.json

Looks at real clips (DATA/human/*), at takes of the simulated hand, and at faults planted in the real first-person ones,
at three strengths each. Needs the extra "sim", and EGL or OSMesa. Takes: three minutes of one core.
"""

import io
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import commit, hardware
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from footage_builder import Frames, altered, barred, blurred, scaled, side_by_side, watch

from adapt.errors import MediaError
from adapt.footage.copies import Library
from adapt.footage.junk import judge, shot_seam_share, still_stretches
from adapt.footage.settings import FootageConfig
from adapt.footage.shots import first_looks
from adapt.footage.watch import Watched
from adapt.video.reader import stream_frames

COMMAND = "WAM_ADAPT_TEST_DATA=DATA python tests/benchmarks/footage_quality.py docs/results/footage_quality.json"
RATE_HZ = 5.0
WINDOW = 9  # looks: 1.6 s
CONFIG = FootageConfig()
EGO = ("egoloc_pour_RGB", "egoloc_video1", "egoloc_video2", "egoloc_video3")
TEST_CARDS = ("corrupted", "tc_av1", "tc_bt2020", "tc_bt709", "tc_discard", "tc_h264", "tc_h265", "tc_testsrc2")
NO_SCENES = (
    "no_duration",
    "unordered",
    "tc_animated",
    "tc_nasa_13013_hdr",
)  # black, white, a drawing, made dark by HDR
SEPARATE = ("hot3d_aria_3cam",)  # three panels
SIM_TAKES = 12
FIGURES = ("brightness", "contrast", "white_share", "vivid_share", "seam_share", "bars_share", "blur")

FAULTS: dict[str, tuple[str, Sequence[tuple[str, Callable[[Frames], Frames]]]]] = {
    "dark": (
        "brightness",
        [(f"light x {k:g}", lambda x, k=k: altered(x, lambda f: k * f)) for k in (0.2, 0.1, 0.05)],
    ),
    "over-exposed": (
        "white_share",
        [(f"light x {k:g}", lambda x, k=k: altered(x, lambda f: k * f)) for k in (3.0, 5.0, 8.0)],
    ),
    "one colour": (
        "contrast",
        [(f"contrast x {k:g}", lambda x, k=k: altered(x, lambda f: 120 + k * (f - 120))) for k in (0.05, 0.03, 0.0)],
    ),
    "blurred": (
        "blur",
        [(f"{k:g} px of 640", lambda x, k=k: blurred(x, k * max(x.shape[1:3]) / 640)) for k in (4.0, 6.0, 10.0)],
    ),
    "letterboxed": ("bars_share", [(f"{k:.0%}", lambda x, k=k: barred(x, rows=k)) for k in (0.24, 0.33, 0.5)]),
    "pillarboxed": ("bars_share", [(f"{k:.0%}", lambda x, k=k: barred(x, columns=k)) for k in (0.25, 0.44, 0.68)]),
}


def frames_of(path: Path, rate_hz: float = RATE_HZ) -> Frames | None:
    """The looks of a video; None where it cannot be read."""
    looks: list[torch.Tensor] = []
    with suppress(MediaError):  # What comes before a break is looked at.
        for _, frame in stream_frames(path, rate_hz, long_side_px=640):
            looks.append(frame)
    return torch.stack(looks) if looks else None


def windows(watched: Watched) -> Iterator[dict[str, float]]:
    """The figures of each window of a video."""
    looks = watched.looks
    firsts = first_looks([look.change for look in looks], CONFIG.shot_change)
    shots = [
        (start, end, shot_seam_share(looks[start:end])) for start, end in itertools.pairwise([*firsts, len(looks)])
    ]
    for first in range(0, max(1, len(looks) - WINDOW + 1), WINDOW - 1):
        after = min(first + WINDOW, len(looks))
        seam = next((share for start, end, share in shots if start <= first and after <= end), 1.0)
        yield judge(looks[first:after], 0.0, CONFIG, size=(1, 1), shot_seam_share=seam)[0]


def extremes(videos: Sequence[Watched]) -> dict[str, Any]:
    """The least and the largest of every figure over all windows; cuts found; the longest rest."""
    figures = [window for watched in videos for window in windows(watched)]
    told: dict[str, Any] = {
        name: [round(min(row[name] for row in figures), 3), round(max(row[name] for row in figures), 3)]
        for name in FIGURES
    }
    changes = [[look.change for look in watched.looks] for watched in videos]
    rests = [still_stretches([look.moved for look in watched.looks], RATE_HZ) for watched in videos]
    told["cuts_found"] = sum(len(first_looks(row, CONFIG.shot_change)) - 1 for row in changes)
    told["longest_rest_s"] = max((last - first) / RATE_HZ for found in [*rests, [(0, 0)]] for first, last in found)
    return {"videos": len(videos), "looks": sum(len(watched.looks) for watched in videos), **told}


def planted(ego: Sequence[Frames]) -> dict[str, Any]:
    """For each fault and strength, the figure's range and the share of windows that are rejected for it."""
    told: dict[str, Any] = {}
    for fault, (figure, strengths) in FAULTS.items():
        told[fault] = {
            name: summed([watch(change(frames)) for frames in ego], figure) for name, change in strengths
        } | {"figure": figure}
    pairs = [(ego[0], ego[3]), (ego[3], ego[0]), (ego[0], ego[1]), (ego[2], ego[3])]
    halves = [side_by_side(*cut_alike(pair)) for pair in pairs]
    lines = [side_by_side(*cut_alike(pair), divider_px=8) for pair in pairs]
    below = [frames.transpose(1, 2).contiguous() for frames in halves]
    panels = {"two, side by side": halves, "two, with a line": lines, "two, one above the other": below}
    told["panels"] = {"figure": "seam_share"} | {
        name: summed([watch(frames) for frames in films], "seam_share") for name, films in panels.items()
    }
    return told


def summed(videos: Sequence[Watched], figure: str) -> dict[str, Any]:
    """A figure's range over the windows, and the share of them that its threshold rejects."""
    values = [window[figure] for watched in videos for window in windows(watched)]
    low = figure in ("brightness", "contrast")
    limit = getattr(CONFIG, ("min_" if low else "max_") + figure)
    rejected = [value < limit if low else value > limit for value in values]
    share = round(sum(rejected) / len(rejected), 3)
    return {"least": round(min(values), 3), "largest": round(max(values), 3), "rejected_share": share}


def cut_alike(films: Sequence[Frames]) -> list[Frames]:
    """Films of one length and one size."""
    length = min(len(frames) for frames in films)
    _, height, width, _ = films[0].shape
    return [scaled(frames[:length], height, width) for frames in films]


def cuts(scenes: dict[str, Frames]) -> dict[str, Any]:
    """Cuts between every two scenes, in either order, six looks of each."""
    found, scores = 0, []
    for one, other in itertools.permutations(scenes.values(), 2):
        _, height, width, _ = one.shape
        watched = watch(torch.cat([one[:6], scaled(other[-6:], height, width)]))
        changes = [look.change for look in watched.looks]
        found += first_looks(changes, CONFIG.shot_change) == [0, len(one[:6])]
        scores.append(changes[len(one[:6])])
    least = round(float(np.percentile(scores, 5)), 3)
    return {"planted": len(scores), "found": found, "change_exceeded_by_95_percent": least}


def copies(scenes: dict[str, Path]) -> dict[str, Any]:
    """Copies of every scene, looked at a tenth of a second later; and what is found among the scenes themselves."""
    tenth = {name: frames_of(path, 10.0) for name, path in scenes.items()}
    whole = {name: frames for name, frames in tenth.items() if frames is not None and len(frames) >= 20}
    changes: dict[str, Callable[[Frames], Frames]] = {
        "coded badly at 160 px": lambda x: coded(x),
        "5 % cut off every side": lambda x: coded(inside(x, 0.05, 0.05)),
        "10 % cut off two sides": lambda x: coded(inside(x, 0.0, 0.1)),
    }
    told: dict[str, Any] = {"videos": len(whole)}
    for name, change in changes.items():
        hits = []
        for frames in whole.values():
            library = Library()
            library.add(watch(frames[::2]))
            hits.append(bool(library.copies(watch(change(frames[1::2])), CONFIG.max_likeness)))
        told[name] = {"found": sum(hits), "of": len(hits)}
    library, false, pairs = Library(), 0, 0
    started = time.process_time()
    for number, frames in enumerate(whole.values()):
        watched = watch(frames[::2])
        false += bool(library.copies(watched, CONFIG.max_likeness))
        library.add(watched)
        pairs += number
    told["other scenes and takes"] = {"found": false, "pairs": pairs}
    told["search_cpu_s"] = round(time.process_time() - started, 1)
    return told


def inside(frames: Frames, top_left: float, bottom_right: float) -> Frames:
    """The frames without these shares of their height and width."""
    _, height, width, _ = frames.shape
    rows = slice(round(top_left * height), round((1 - bottom_right) * height))
    return frames[:, rows, round(top_left * width) : round((1 - bottom_right) * width)].contiguous()


def coded(frames: Frames) -> Frames:
    """The frames at 160 px, through a JPEG of quality 15."""
    out = []
    for frame in frames:
        image = Image.fromarray(frame.numpy())
        image.thumbnail((160, 160))
        buffer = io.BytesIO()
        image.save(buffer, "jpeg", quality=15)
        out.append(np.array(Image.open(buffer)))
    return torch.from_numpy(np.stack(out))


def film_hands(folder: Path) -> list[Path]:
    """Takes of the simulated hand, of one task at one table."""
    from adapt.sim.choices import choose_tasks
    from adapt.sim.recording import record_human
    from adapt.sim.takes import Takes

    takes = Takes(tasks=choose_tasks(("put the red block far left",)), count=SIM_TAKES, seed=20)
    record_human(folder, takes)
    return sorted(folder.glob("*.mp4"))


def group_of(path: Path) -> str:
    """Which kind of footage a real clip is."""
    if path.stem.startswith(TEST_CARDS):
        return "test cards"
    if path.stem.startswith(NO_SCENES) or path.stem.startswith(SEPARATE):
        return path.stem
    return "first person" if path.parent.name == "ego" else "other real scenes"


def main(out: Path) -> None:
    """Measure and write the figures."""
    torch.set_num_threads(1)
    human = Path(os.environ["WAM_ADAPT_TEST_DATA"]) / "human"
    with tempfile.TemporaryDirectory() as scratch:
        paths = [*sorted(human.rglob("*.*")), *film_hands(Path(scratch) / "hand")]
        films = {path: frames for path in paths if path.is_file() and (frames := frames_of(path)) is not None}
        started = time.process_time()
        seen = {path: watch(frames) for path, frames in films.items()}
        look_ms = 1e3 * (time.process_time() - started) / sum(len(frames) for frames in films.values())
        groups: dict[str, list[Watched]] = {}
        for path, watched in seen.items():
            group = "simulated hand" if path.is_relative_to(scratch) else group_of(path)
            groups.setdefault(group, []).append(watched)
        scenes = {
            path.stem: path
            for path in films
            if path.is_relative_to(scratch) or group_of(path) in ("first person", "other real scenes", *SEPARATE)
        }
        real = {name: films[path] for name, path in scenes.items() if not path.is_relative_to(scratch)}
        record = {
            "what": "figures of footage, least and largest over windows of 1.6 s; and planted faults that are found",
            "command": COMMAND,
            "commit": commit(),
            "hardware": hardware(),
            "look_ms": round(look_ms, 2),
            "bytes_a_look": round(
                sum(len(json.dumps(watched.to_json())) for watched in seen.values())
                / sum(len(watched.looks) for watched in seen.values())
            ),
            "groups": {name: extremes(videos) for name, videos in sorted(groups.items())},
            "planted": planted([films[path] for path in films if path.stem in EGO]),
            "cuts": cuts({name: frames for name, frames in real.items() if len(frames) >= 6}),
            "copies": copies(scenes),
        }
    out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
