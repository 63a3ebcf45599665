"""How long the whole path takes: the demo, human videos, play data, and each of them a second time.

    python tests/benchmarks/whole_path.py docs/results/whole_path.json [--data FOLDER]

Run by hand on a quiet machine, in the environment that `make setup` makes. FOLDER holds real videos and robot data
(human/ego, human/third_person, human/codec, robot/lerobot_v21_g1_real, robot/lerobot_v20_gr1_sim); without it only
the demo is timed. Every run starts with an empty cache.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import commit, hardware

WAM_ADAPT = [sys.executable, "-c", "from pipelines.cli import main; raise SystemExit(main())"]
HUMAN = ("ego", "third_person", "codec")
ROBOTS = {"lerobot_v21_g1_real": "g1_inspire", "lerobot_v20_gr1_sim": "gr1_sim"}


def main(target: Path, data: Path | None) -> None:
    """Time everything and write it down."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        jobs = {"demo": ["demo", "--out", str(place / "demo")]}
        if data is not None:
            jobs |= real_jobs(data, place)
        seconds = {name: timed(words, place / f"cache_{name}") for name, words in jobs.items()}
    record = {
        "what": "seconds on the clock of one command with an empty cache, of the same command again, and of an "
        "interpreter that only prints the help (beside a bare one)",
        "command": f"python tests/benchmarks/whole_path.py {target}" + (" --data FOLDER" if data else ""),
        "commit": commit(),
        "hardware": hardware(),
        "files": {} if data is None else {"human": human_files(data)},
        "seconds": {**seconds, "help": help_seconds()},
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(target.read_text())


def real_jobs(data: Path, place: Path) -> dict[str, list[str]]:
    """Commands over the real data; the human folders are linked together as one."""
    (place / "footage").mkdir()
    for name in HUMAN:
        (place / "footage" / name).symlink_to(data / "human" / name)
    jobs = {
        "human": ["adapt", "human", str(place / "footage"), "--task", "pour water into the cup"],
        **{
            f"play_{body}": ["adapt", "play", str(data / "robot" / name), "--embodiment", body]
            for name, body in ROBOTS.items()
        },
    }
    return {name: [*words, "--out", str(place / name)] for name, words in jobs.items()}


def human_files(data: Path) -> int:
    """How many files `real_jobs` links together."""
    return sum(path.is_file() for name in HUMAN for path in (data / "human" / name).rglob("*"))


def timed(words: list[str], cache: Path) -> dict[str, Any]:
    """Seconds of a command, and of the same command again."""
    environment = {**os.environ, "WAM_ADAPT_CACHE": str(cache)}
    taken = []
    for _ in range(2):
        started = time.monotonic()
        subprocess.run([*WAM_ADAPT, *words], env=environment, check=True, capture_output=True)
        taken.append(round(time.monotonic() - started, 2))
    return {"first": taken[0], "again": taken[1]}


def help_seconds() -> dict[str, float]:
    """Least of five: a bare interpreter, and one that prints `wam-adapt --help`."""
    commands = {"bare": [sys.executable, "-c", "pass"], "help": [*WAM_ADAPT, "--help"]}
    return {name: round(min(once(words) for _ in range(5)), 3) for name, words in commands.items()}


def once(words: list[str]) -> float:
    """Seconds of one command."""
    started = time.monotonic()
    subprocess.run(words, check=True, capture_output=True)
    return time.monotonic() - started


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[3]) if len(sys.argv) == 4 else None)
