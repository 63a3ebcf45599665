"""How near are plans to what is measured, what do they say of the bases users have, and how near is what is merged?

python tests/benchmarks/plan.py docs/results/plan.json
"""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from machine import commit, hardware

sys.path.insert(0, str(Path(__file__).parents[1]))

from merge_builder import own_base, own_bundle, published_base, published_bundle
from plan_builder import CASES, foretold, measured

from adapt.models.lora import LoraConfig
from adapt.policy.merging import merge_bundle
from adapt.train.plan import ladder
from adapt.train.plan.cards import UTILISATION, read_machine
from adapt.train.plan.plan import Asked, make_plan
from adapt.train.plan.subjects import find_subject

BASES = ("wan2.1-t2v-1.3b", "wan2.2-ti2v-5b", "dreamzero-agibot")
MACHINES = ("24", "48", "80", "8x80")
RANK, MINUTES = 16, 12.0


def compare() -> list[dict[str, Any]]:
    """Bytes foretold and measured, of each case."""
    rows = []
    for case in CASES:
        told, found = foretold(case), measured(case)
        bytes_told = told.total - told.optimiser
        rows.append({**asdict(case), "foretold": bytes_told, "measured": found, "share": round(bytes_told / found, 4)})
    return rows


def climb(base: str) -> dict[str, Any]:
    """What is told of a base, for each machine: the same step, a window at a time, on cards of other memory."""
    machine = read_machine(MACHINES[0])
    asked = Asked(subject=find_subject(base), minutes=MINUTES, data="play", machine=machine, lora=LoraConfig(rank=RANK))
    plan = make_plan(asked, measure=False)
    told = {}
    for gpu in MACHINES:
        machine = read_machine(gpu)
        rungs = ladder.climb(plan.plain, plan.again, machine)
        chosen = ladder.choose(rungs, machine)
        rung = chosen or rungs[-1]
        work = rung.flops * asked.train.batch_size * asked.train.steps
        told[gpu] = {
            "take": None if chosen is None else chosen.name,
            "planned": chosen is not None and chosen.planned,
            "gb": round(rung.total / 1e9, 1),
            "hours": round(work / machine.flops_per_s / 3600, 1),
        }
    return {
        "tokens": plan.again.tokens,
        "tflop_a_window": round(plan.again.flops / 1e12, 1),
        "adapters": plan.again.adapter_parameters,
        "heads": plan.again.head_parameters,
        "gb": {
            name: {part: round(getattr(found, part) / 1e9, 2) for part in ("frozen", "activations", "total")}
            for name, found in (("as it is", plan.plain), ("checkpointing", plan.again))
        },
        "machines": told,
    }


def merge() -> dict[str, float]:
    """How far what was merged answers from base and adapter, as a share of the largest answer."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        base = own_base(place / "base")
        bundle = own_bundle(place / "bundle", base)
        for kind, dtype in (("base", torch.float32), ("diffusers", torch.float32), ("base", torch.bfloat16)):
            made = merge_bundle(bundle, place / f"{kind}{dtype}", base=base, kind=kind, dtype=dtype)
            found[f"{kind}, {made.weights.dtype}"] = float(f"{made.weights.difference:.1e}")
        theirs = published_base(place / "pipeline")
        published_bundle(place / "theirs", theirs)
        made = merge_bundle(place / "theirs", place / "out", base=theirs)
        found["a published pipeline, float32"] = float(f"{made.weights.difference:.1e}")
    return found


def main(target: Path) -> None:
    """Count, compare, and write it down."""
    torch.set_num_threads(1)
    record = {
        "what": "bytes of a training step, foretold on the meta device and measured as torch's profiler counts the "
        f"allocator's, small models; plans for {MINUTES:g} min of play data, rank {RANK}, batch 8, at a utilisation of "
        f"{UTILISATION:g}; the largest difference between merged weights and base with adapter, small models",
        "command": f"python tests/benchmarks/plan.py {target}",
        "commit": commit(),
        "hardware": hardware(),
        "versions": {"torch": torch.__version__},
        "memory": compare(),
        "bases": {base: climb(base) for base in BASES},
        "merged": merge(),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(target.read_text())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
