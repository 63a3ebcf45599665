"""How fast do PyAV and decord give frames by time? Run by hand; the reader's default follows what this says.

    python tests/benchmarks/video_readers.py docs/results/video_readers.json

Films two clips at 1280x720 and 30 Hz (a textured scene that pans, one key frame in 250): 10 s and 30 s.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from machine import commit, hardware

from adapt.video.reader import BACKENDS, read_frames
from adapt.video.writer import write_video

HEIGHT, WIDTH, RATE_HZ = 720, 1280, 30
REPEATS = 7


def film(path: Path, seconds: int) -> None:
    """Write a clip that pans over a picture of smooth noise, so that every frame differs from the last."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 40, 120, generator=generator)
    scene = torch.nn.functional.interpolate(coarse, size=(HEIGHT, 3 * WIDTH), mode="bicubic").clamp(0, 1)
    scene = (scene + 0.05 * torch.rand(scene.shape, generator=generator)).clamp(0, 1)
    wide = (scene[0].permute(1, 2, 0) * 255).byte()
    write_video(path, _pan(wide, seconds * RATE_HZ), RATE_HZ)


def _pan(wide: torch.Tensor, frames: int) -> torch.Tensor:
    """Views of a wide picture, without copying it: each begins a little further right, and back again."""
    room = wide.shape[1] - WIDTH
    offsets = [(3 * frame) % room for frame in range(frames)]
    return torch.stack([wide[:, offset : offset + WIDTH] for offset in offsets])


def milliseconds(path: Path, times_s: Sequence[float], backend: str) -> dict[str, float]:
    """Least time to open the file and read these frames: on the clock, and of all processor cores together."""
    read_frames(path, times_s, backend=backend)
    wall, cores = [], []
    for _ in range(REPEATS):
        started = time.perf_counter(), time.process_time()
        read_frames(path, times_s, backend=backend)
        wall.append(1e3 * (time.perf_counter() - started[0]))
        cores.append(1e3 * (time.process_time() - started[1]))
    return {"clock": round(min(wall), 1), "cores": round(min(cores), 1)}


def main(out: Path) -> None:
    """Measure and write the figures."""
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder) / "10s.mp4", Path(folder) / "30s.mp4"
        film(short, 10)
        film(long, 30)
        cases = {
            "dense: 5 Hz over all of a 10 s clip, 50 frames": (short, [step / 5 for step in range(50)]),
            "window: 33 frames at 5 Hz from the middle of a 30 s clip": (long, [12 + step / 5 for step in range(33)]),
            "sparse: 8 random times of a 30 s clip": (long, [draw.uniform(0, 29) for _ in range(8)]),
            "one: a single random time of a 30 s clip": (long, [draw.uniform(0, 29)]),
        }
        figures = {
            name: {backend: milliseconds(path, times_s, backend) for backend in BACKENDS}
            for name, (path, times_s) in cases.items()
        }
    record = {
        "what": "milliseconds to open a 1280x720 30 Hz H.264 file and read frames by time, least of 7: on the clock, "
        "and of all cores together (which other work on the machine disturbs less)",
        "command": "python tests/benchmarks/video_readers.py docs/results/video_readers.json",
        "commit": commit(),
        "hardware": hardware(),
        "versions": {name: version(name) for name in ("av", "decord2")},
        "milliseconds": figures,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(out.read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
