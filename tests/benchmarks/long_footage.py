"""What do ingest and encode cost on a long video, beside their parts alone, and does memory stay flat? Run by hand.

    python tests/benchmarks/long_footage.py docs/results/long_footage.json --clip CLIP.mp4

CLIP, a real one of hands at work, is looped to 12 minutes (and to 1) of 1280x720 at 30 Hz. Every figure comes from a
process of its own: seconds on the clock, seconds of all cores, and the most memory it held. The whole may take
1.15 times as long as its slowest part alone, or as all parts' core seconds shared out evenly, whichever is more.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from machine import commit, hardware

HEIGHT, WIDTH, RATE_HZ = 720, 1280, 30
LONG_MIN, SHORT_MIN = 12, 1
SLACK = 1.15
TASK = "pour from the glass into the mug"


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--part", choices=sorted(PARTS))
    chosen = parser.parse_args()
    if chosen.part:
        report(PARTS[chosen.part], chosen.clip)
        return
    with tempfile.TemporaryDirectory() as folder:
        record = measure(chosen.clip, Path(folder))
    record["command"] = f"python tests/benchmarks/long_footage.py {chosen.target} --clip {chosen.clip.name}"
    chosen.target.write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(chosen.target.read_text())


def measure(clip: Path, folder: Path) -> dict[str, object]:
    """All parts on the long video, the whole on both, and the whole once more when all is done."""
    long, short = folder / "long" / "take.mp4", folder / "short" / "take.mp4"
    for path, minutes in ((long, LONG_MIN), (short, SHORT_MIN)):
        loop(clip, path, minutes)
    parts = {name: alone(name, long, folder / f"cache-{name}") for name in PARTS if name != "whole"}
    whole = alone("whole", long, folder / "cache-whole")
    again = alone("whole", long, folder / "cache-whole")
    brief = alone("whole", short, folder / "cache-brief")
    cores = os.cpu_count() or 1
    even_s = sum(part["cores_s"] for part in parts.values()) / cores
    slowest_s = max(part["clock_s"] for part in parts.values())
    return {
        "what": f"ingest and encode of {LONG_MIN} minutes of {WIDTH}x{HEIGHT} video with tiny, and their parts alone",
        "commit": commit(),
        "hardware": hardware(),
        "parts": parts,
        "whole": whole,
        "whole_again": again,
        f"whole_of_{SHORT_MIN}_minute": brief,
        "slowest_part_s": slowest_s,
        "core_seconds_shared_out_s": round(even_s, 1),
        "may_take_s": round(SLACK * max(slowest_s, even_s), 1),
        "memory_against_the_short_one": round(whole["peak_mib"] / brief["peak_mib"], 3),
    }


def loop(clip: Path, target: Path, minutes: int) -> None:
    """Write a clip again and again until it is long enough."""
    target.parent.mkdir(parents=True)
    with av.open(str(target), "w") as out:
        stream = out.add_stream("libx264", rate=Fraction(RATE_HZ), options={"crf": "23", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        written = 0
        while written < minutes * 60 * RATE_HZ:
            with av.open(str(clip)) as source:
                for frame in islice(source.decode(video=0), minutes * 60 * RATE_HZ - written):
                    picture = frame.reformat(WIDTH, HEIGHT, "yuv420p")
                    picture.pts, picture.time_base = written, Fraction(1, RATE_HZ)
                    out.mux(stream.encode(picture))
                    written += 1
        out.mux(stream.encode())


def alone(part: str, video: Path, cache: Path) -> dict[str, float]:
    """One part in a process of its own."""
    words = [sys.executable, "-W", "ignore", __file__, "-", "--clip", str(video), "--part", part]
    done = subprocess.run(
        words, capture_output=True, text=True, check=True, env={**os.environ, "WAM_ADAPT_CACHE": str(cache)}
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    sys.stderr.write(f"{part}: {figures}\n")
    return figures


def report(work: Callable[[Path], Callable[[], None]], video: Path) -> None:
    """Prepare, work, and say what the work cost."""
    act = work(video)
    clock, cores = time.perf_counter(), time.process_time()
    act()
    figures = {
        "clock_s": round(time.perf_counter() - clock, 1),
        "cores_s": round(time.process_time() - cores, 1),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def decode(video: Path) -> Callable[[], None]:
    """Walk through it as ingest does, and look at nothing."""
    from adapt.video.reader import stream_frames

    def act() -> None:
        for _ in stream_frames(video, 5.0, long_side_px=640):
            pass

    return act


def looks(video: Path) -> Callable[[], None]:
    """Look for junk and shots in frames that lie ready: those of one minute, as often as there are minutes."""
    from adapt.footage.watch import Watcher
    from adapt.video.reader import stream_frames

    ready = [frame for _, frame in islice(stream_frames(video, 5.0, long_side_px=640), 5 * 60)]

    def act() -> None:
        watcher = Watcher(5.0)
        for look in range(5 * 60 * LONG_MIN):
            watcher.look(ready[look % len(ready)])
        watcher.watched()

    return act


def hands(video: Path) -> Callable[[], None]:
    """Look for hands in frames that lie ready: those of one minute, as often as there are minutes."""
    from adapt.hands.landmarks import HandLandmarks
    from adapt.hands.model_file import ensure_hand_model
    from adapt.runs.cache import Cache
    from adapt.video.reader import stream_frames

    ready = [frame for _, frame in islice(stream_frames(video, 5.0, long_side_px=640), 5 * 60)]
    model = ensure_hand_model(Cache.default().folder("models"))

    def act() -> None:
        with HandLandmarks(model, min_score=0.5) as landmarks:
            for look in range(5 * 60 * LONG_MIN):
                landmarks.look(ready[look % len(ready)], look / 5.0)

    return act


def read(video: Path) -> Callable[[], None]:
    """Read the frames of every window, and encode none."""
    from adapt.runs.cache import Cache

    windows, frames_of, _ = ready_to_encode(video)

    def act() -> None:
        for _ in frames_of(windows, Cache.default()):
            pass

    return act


def encode(video: Path) -> Callable[[], None]:
    """Encode windows whose frames lie ready: those of one minute, as often as there are minutes."""
    from adapt.runs.cache import Cache

    windows, frames_of, encoder = ready_to_encode(video)
    minute = [window for window in windows if window.start_s < 60]
    ready = [reading.frames for reading in frames_of(minute, Cache.default())]

    def act() -> None:
        for number in range(len(windows)):
            encoder(ready[number % len(ready)].unsqueeze(0))

    return act


def ready_to_encode(video: Path):
    """The video's windows as ingest lists them, what reads their frames, and what encodes these."""
    from adapt.data.window_frames import read_windows
    from adapt.embodiment.spec import load_embodiment
    from adapt.models.bases import load_base
    from pipelines.ingest import read_windows as listed
    from pipelines.job import load_job
    from pipelines.recipes import recipes_folder

    run = ingested(video)
    base = load_base("tiny", parts=("codec",))
    body = load_embodiment("human_hand", [recipes_folder() / "embodiment"])
    kept = [window for window in listed(load_job(run)) if window.split != "rejected"]
    return kept, lambda some, cache: read_windows(some, body, base.geometry, cache), base.codec.encode


def ingested(video: Path) -> Path:
    """A run in which it is ingested; without looking for hands, which is not what is measured."""
    from pipelines.cli import main as program

    run = video.parent / "run-parts"
    words = ["adapt", "human", str(video), "--task", TASK, "--out", str(run), "--stop-after", "ingest", "--quiet"]
    if program([*words, "--set", "hands.min_hands_share=0"]) != 0:
        raise SystemExit(f"{video} could not be ingested")
    return run


def whole(video: Path) -> Callable[[], None]:
    """Ingest and encode, as `wam-adapt adapt human` does."""
    from pipelines.cli import main as program

    words = ["adapt", "human", str(video), "--task", TASK, "--out", str(video.parent / "run"), "--quiet"]

    def act() -> None:
        if program([*words, "--stop-after", "encode", "--set", "hands.min_hands_share=0.05"]) != 0:
            raise SystemExit(f"{video} could not be ingested and encoded")

    return act


PARTS = {"decode": decode, "looks": looks, "hands": hands, "read": read, "encode": encode, "whole": whole}


if __name__ == "__main__":
    main()
