"""Kill `wam-adapt adapt human` at random moments, again and again, and see whether anything is lost.

    python tests/studies/kills.py docs/results/kills.json --kills 100

Run by hand: half an hour of two cores. A run is started in an empty folder with an empty cache, killed (SIGKILL, with
all its processes) at a moment drawn evenly over the time that an undisturbed run takes, given the same command again,
killed again, until it comes to its end; then every file of its results must have the bytes of the undisturbed run's.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from machine import commit, hardware

from adapt.sim.recording import record_human
from adapt.sim.takes import Takes
from adapt.sim.tasks import HELD_OUT_TASKS
from pipelines.stages import STAGES

QUICK = (
    *("windows.max_chunks=1", "train.steps=12", "train.batch_size=4", "train.validate_every=4"),
    *("train.checkpoint_every=2", "evaluate.max_windows=4", "evaluate.replay_windows=2", "evaluate.video_steps=2"),
    "evaluate.pictures=1",
)
NOTED = {"manifest.json"}  # says when, and how long it took
_KILLS_A_RUN = 3


def main() -> None:
    """Kill as often as asked, and write what was found; exits with 1 where a run ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        record = measure(Path(folder), chosen.kills, random.Random(chosen.seed))
    record["command"] = f"python tests/studies/kills.py {chosen.target} --kills {chosen.kills} --seed {chosen.seed}"
    chosen.target.write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(json.dumps(record, indent=2) + "\n")
    sys.exit(1 if record["runs_that_ended_otherwise"] else 0)


def measure(folder: Path, kills: int, rng: random.Random) -> dict[str, object]:
    """Runs, kills and what came of them."""
    videos = folder / "videos"
    record_human(videos, Takes(tasks=HELD_OUT_TASKS[:1], count=4, seed=3), sessions=4)
    begun = time.monotonic()
    finish(start(videos, folder / "whole"))
    whole_s = time.monotonic() - begun
    wanted = content(folder / "whole" / "run")
    struck: Counter[str] = Counter()
    runs, otherwise = 0, []
    while struck.total() < kills:
        runs += 1
        place = folder / "killed"
        for _ in range(_KILLS_A_RUN):
            struck.update(kill_once(videos, place, rng.uniform(0, whole_s)))
        finish(start(videos, place))
        found = content(place / "run")
        otherwise += [
            f"run {runs}: {name}"
            for name in sorted(wanted.keys() | found.keys())
            if wanted.get(name) != found.get(name)
        ]
        shutil.rmtree(place)
        sys.stderr.write(f"{struck.total()} kills, {runs} runs, {len(otherwise)} files otherwise\n")
    return {
        "what": "an adaptation killed at random moments and given again, against one that nobody disturbed",
        "commit": commit(),
        "hardware": hardware(),
        "undisturbed_s": round(whole_s, 1),
        "kills": struck.total(),
        "kills_by_stage": dict(sorted(struck.items())),
        "runs": runs,
        "files_compared_in_each": len(wanted),
        "runs_that_ended_otherwise": otherwise,
    }


def start(videos: Path, place: Path) -> subprocess.Popen[bytes]:
    """The command, in a process group of its own, with a cache of its own."""
    place.mkdir(exist_ok=True)
    words = ["adapt", "human", str(videos), "--out", "run", "--set", *QUICK]
    return subprocess.Popen(
        [sys.executable, "-c", "from pipelines.cli import program; program()", *words],
        cwd=place,
        env={**os.environ, "WAM_ADAPT_CACHE": str(place / "cache"), "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=(place / "said.txt").open("wb"),
        start_new_session=True,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    """Let it come to its end, which must be a good one."""
    if process.wait() != 0:
        raise SystemExit(f"a run that nobody disturbed any more ended with {process.returncode}; see its said.txt")


def kill_once(videos: Path, place: Path, after_s: float) -> list[str]:
    """Start it and kill it; the stage it was at, or nothing where it had ended already."""
    process = start(videos, place)
    try:
        process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return [at_work(place / "run")]
    return []


def at_work(run: Path) -> str:
    """The first stage that has no result yet."""
    return next((stage for stage in STAGES if not (run / stage / "current").is_file()), "after the last")


def content(run: Path) -> dict[str, str]:
    """Digest of every file of every stage's result, by name."""
    found = {}
    for stage in STAGES:
        result = run / stage / (run / stage / "current").read_text().strip()
        for path in sorted(result.rglob("*")):
            if path.is_file() and path.name not in NOTED:
                found[f"{stage}/{path.relative_to(result)}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


if __name__ == "__main__":
    main()
