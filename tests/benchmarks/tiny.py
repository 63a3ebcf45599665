"""How was the shipped base made, and what can it do? Carries its recipe out, or goes on with it, and writes that down.

python tests/benchmarks/tiny.py docs/results/tiny.json --out runs/tiny
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from machine import commit, hardware

from pipelines.pretrain import make as pretrain
from pipelines.pretrain.halves import cores
from pipelines.pretrain.settings import PretrainConfig
from pipelines.recipes import compose_as

STAGES = ("draw", "codec", "windows", "world", "action", "trial", "base")


def manifest(out: Path, stage: str) -> Path:
    """Of the stage that the last run stands on."""
    return out / stage / (out / stage / "current").read_text().strip() / "manifest.json"


def minutes(out: Path, begun: float) -> dict[str, float | None]:
    """Of each stage; None of one that was done, or begun, before."""
    told: dict[str, float | None] = {}
    since = begun
    for stage in STAGES:
        done = manifest(out, stage).stat().st_mtime
        told[stage] = round((done - since) / 60, 1) if done > begun else None
        since = max(since, done)
    return told


def main(target: Path, out: Path) -> None:
    """Make the base, and write down settings, minutes, figures and sizes."""
    checkpoints = sorted(path.name for path in out.glob("*/.*.partial/*-checkpoint.pt"))
    begun = time.time()
    base = pretrain.run(compose_as(PretrainConfig, "tiny", (), folder="pretrain").config, out)
    told: dict[str, Any] = {stage: json.loads(manifest(out, stage).read_text()) for stage in STAGES}
    record = {
        "what": "the recipe of the shipped base: what it was set to, what each stage says of itself, how the base does",
        "command": f"python tests/benchmarks/tiny.py {target} --out {out}",
        "commit": commit(),
        "hardware": hardware() | {"processes": cores()},
        "versions": {name: version(name) for name in ("torch", "mujoco")},
        "minutes": minutes(out, begun),
        "gone_on_from": checkpoints,
        "settings": {stage: told[stage]["inputs"]["settings"] for stage in STAGES[:-1]},
        "seed": told["world"]["inputs"]["seed"],
        "figures": {stage: told[stage]["facts"] for stage in STAGES},
        "trial": json.loads((manifest(out, "trial").parent / "trial.json").read_text()),
        "bytes": {path.name: path.stat().st_size for path in sorted(base.iterdir()) if path.is_file()},
    }
    target.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[3]))
