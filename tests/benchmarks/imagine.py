"""How long does imagining take, with the context kept and with it read again in every pass?

    python tests/benchmarks/imagine.py docs/results/imagine.json

Run by hand. A whole window of 4 chunks is rolled out from its first frame, one window at a time, with the shipped tiny
and with a wider transformer of random weights (what weights say makes no difference to how long they take). Solvers
cost the same by step, so one is timed; guidance costs twice the passes. Processor time is measured, of one thread,
which other work on the machine disturbs less than the clock.
"""

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from machine import commit, hardware

from adapt.models.bases import TINY, TINY_GEOMETRY, load_base
from adapt.models.batch import pad_text
from adapt.models.imagine import Imagination, Sampling
from adapt.models.wan.config import WanConfig
from adapt.models.world_action import WorldActionModel

CASES = {
    "1 step": Sampling(steps=1),
    "4 steps": Sampling(steps=4),
    "16 steps": Sampling(steps=16),
    "4 steps, guided": Sampling(steps=4, guidance=3.0),
}
REPEATS = 2
WAYS = ("kept", "recomputed")
WIDER = WanConfig(num_attention_heads=4, attention_head_dim=64, ffn_dim=1024, num_layers=6)


def models() -> dict[str, WorldActionModel]:
    """The shipped tiny, and a transformer of 6 blocks, 256 wide, over 64 tokens a frame."""
    tiny = load_base(TINY, parts=["model"]).model
    geometry = replace(TINY_GEOMETRY, latent_height=16, latent_width=16)
    wider = WorldActionModel(replace(tiny.config, wan=WIDER), geometry).eval().requires_grad_(requires_grad=False)
    return {"tiny": tiny, "wider": wider}


def roll_out(model: WorldActionModel, sampling: Sampling, *, recompute: bool) -> tuple[float, torch.Tensor, int]:
    """Seconds of processor time for a whole window, the future, and the bytes kept at its end."""
    geometry, generator = model.geometry, torch.Generator().manual_seed(0)
    shape = (1, 1, geometry.latent_channels, geometry.latent_height, geometry.latent_width)
    present = torch.randn(shape, generator=generator)
    text = pad_text([torch.randn(12, model.config.wan.text_dim, generator=generator)])
    started = time.process_time()
    imagination = Imagination(model, present, text, sampling, recompute=recompute)
    for _ in range(geometry.max_chunks):
        imagination.see(imagination.next_chunk(generator)[0])
    taken = time.process_time() - started
    return taken, imagination.context[:, 1:], imagination.nbytes


def measure(model: WorldActionModel, sampling: Sampling) -> dict[str, Any]:
    """Least milliseconds of both ways, how far apart their futures are, and what keeping costs."""
    runs = {way: [roll_out(model, sampling, recompute=way == "recomputed") for _ in range(REPEATS)] for way in WAYS}
    least = {way: min(taken for taken, _, _ in found) for way, found in runs.items()}
    apart = (runs["kept"][0][1] - runs["recomputed"][0][1]).abs().max().item()
    return {
        "kept_ms": round(1e3 * least["kept"], 1),
        "recomputed_ms": round(1e3 * least["recomputed"], 1),
        "times_faster": round(least["recomputed"] / least["kept"], 2),
        "largest_difference": float(f"{apart:.1e}"),
        "kept_kib": round(runs["kept"][0][2] / 1024),
    }


def main(target: Path) -> None:
    """Time everything and write it down."""
    torch.set_num_threads(1)
    record = {
        "what": "milliseconds of processor time, least of 2, one thread: a window of 4 chunks imagined from its first "
        "frame in float32, with the context's keys and values kept, and with them computed again in every pass",
        "command": f"python tests/benchmarks/imagine.py {target}",
        "commit": commit(),
        "hardware": hardware(),
        "versions": {"torch": torch.__version__},
        "rollouts": {
            name: {case: measure(model, sampling) for case, sampling in CASES.items()}
            for name, model in models().items()
        },
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(target.read_text())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
