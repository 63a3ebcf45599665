"""What does a server add to the bare call of a model, and does it bear eight robots at once?

    python tests/benchmarks/serve.py docs/results/serve.json

Run by hand, on a machine that does nothing else: wall-clock times on loopback. The policy answers at once, so that what
is left is the server's: three cameras of 224 x 224 px, state and instruction as bytes, a queue, checks, limits, and the
answer as bytes. The overhead is the round trip less the call of the policy. `--requests N` asks less often.
"""

import argparse
import json
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import commit, hardware

sys.path.insert(0, str(Path(__file__).parents[1]))

from serve_builder import LIMITS, ToyPolicy, robot

from adapt.serve.background import Address, serving
from adapt.serve.client import Client
from adapt.types import ActionChunk

CAMERAS = ("left", "right", "wrist")
SIDE_PX = 224
ROBOTS = 8


class Forgetful(ToyPolicy):
    """Keeps nothing of what it was asked, so that what memory grows by is the server's."""

    def act(self, observation: object, instruction: str, *, seed: int = 0) -> ActionChunk:
        """As the toy does."""
        answer = super().act(observation, instruction, seed=seed)
        self.asked.clear()
        return answer


def observation(rng: np.random.Generator) -> dict[str, Any]:
    """Three pictures, a state and an instruction."""
    pictures = {name: rng.integers(0, 256, (SIDE_PX, SIDE_PX, 3), np.uint8) for name in CAMERAS}
    return {"images": pictures, "state": np.array([0.0, 0.1]), "prompt": "put the cup on the shelf"}


def drive(address: Address, requests: int, seed: int, found: list[tuple[float, float]]) -> None:
    """One robot: its round trips and what the model took of each, in milliseconds."""
    asked = observation(np.random.default_rng(seed))
    with Client(address.host, address.port) as client:
        client.infer(asked)
        for _ in range(requests):
            timing = client.infer(asked).timing_ms
            found.append((timing["round_trip_ms"], timing["infer_ms"]))


def figures(rows: list[tuple[float, float]]) -> dict[str, Any]:
    """Quantiles of the round trip, and of what is left of it without the model."""
    trips, model = np.array(rows).T
    return {
        "requests": len(rows),
        **{
            f"{name}_ms": {f"p{share:g}": round(float(np.percentile(values, share)), 3) for share in (50, 90, 99, 99.9)}
            for name, values in (("round_trip", trips), ("overhead", trips - model))
        },
    }


def main(target: Path | None, requests: int) -> None:
    """Time one robot, then eight at once, and write it down."""
    with serving(Forgetful(robot(cameras=CAMERAS, limits=LIMITS))) as address:
        alone: list[tuple[float, float]] = []
        drive(address, requests, 0, alone)
        before_kib, before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, threading.active_count()
        together: list[list[tuple[float, float]]] = [[] for _ in range(ROBOTS)]
        threads = [threading.Thread(target=drive, args=(address, requests, i, rows)) for i, rows in enumerate(together)]
        begun_s, worked_s = time.monotonic(), time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken_s, worked_s = time.monotonic() - begun_s, time.process_time() - worked_s
        left = threading.active_count() - before
    answers = sum(len(rows) for rows in together)
    record = {
        "what": "milliseconds on loopback, client and server in one process; three cameras of 224 x 224 px; a policy "
        "that answers at once, within limits",
        "command": "python tests/benchmarks/serve.py docs/results/serve.json",
        "commit": commit(),
        "hardware": hardware(),
        "one_robot": figures(alone),
        f"{ROBOTS}_robots": figures([row for rows in together for row in rows])
        | {"answers_a_second": round(answers / taken_s, 1), "lost": ROBOTS * requests - answers, "threads_left": left},
        # Of clients, server and policy together; unlike the others it hardly hangs on what else the machine does.
        "processor_ms_an_answer": round(1e3 * worked_s / answers, 3),
        "memory_growth_mib": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024, 1),
    }
    text = json.dumps(record, indent=2) + "\n"
    if target is None:
        sys.stdout.write(text)
    else:
        target.write_text(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("target", nargs="?", type=Path)
    parser.add_argument("--requests", type=int, default=1_000)
    told = parser.parse_args()
    main(told.target, told.requests)
