"""How was the shipped base made, and what can it do? Carries its recipe out, or goes on with it, and writes that down.

python tests/benchmarks/tiny.py docs/results/tiny.json --out runs/tiny --recipe continued
"""

import json
import sys
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


def minutes(out: Path) -> dict[str, float]:
    """Of each stage; where it was stopped and gone on with, of its last stretch of work."""
    noted = json.loads((out / "run.json").read_text())["stages"]
    return {stage: round(noted[stage]["seconds"] / 60, 1) for stage in STAGES}


def main(target: Path, out: Path, recipe: str) -> None:
    """Make the base, and write down settings, minutes, figures and sizes."""
    checkpoints = sorted(path.name for path in out.glob("*/.*.partial/*-checkpoint.pt"))
    base = pretrain.run(compose_as(PretrainConfig, recipe, (), folder="pretrain").config, out)
    told: dict[str, Any] = {stage: json.loads(manifest(out, stage).read_text()) for stage in STAGES}
    record = {
        "what": "the recipe of the shipped base: what it was set to, what each stage says of itself, how the base does",
        "command": f"python tests/benchmarks/tiny.py {target} --out {out} --recipe {recipe}",
        "commit": commit(),
        "hardware": hardware() | {"processes": cores()},
        "versions": {name: version(name) for name in ("torch", "mujoco")},
        "minutes_of_the_last_stretch": minutes(out),
        "gone_on_from": checkpoints,
        "begun_from": {"codec": told["codec"]["inputs"].get("kept"), "world": told["world"]["inputs"].get("begun")},
        "settings": {stage: told[stage]["inputs"]["settings"] for stage in STAGES[:-1]},
        "seed": told["world"]["inputs"]["seed"],
        "figures": {stage: told[stage]["facts"] for stage in STAGES},
        "trial": json.loads((manifest(out, "trial").parent / "trial.json").read_text()),
        "bytes": {path.name: path.stat().st_size for path in sorted(base.iterdir()) if path.is_file()},
    }
    target.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[3]), sys.argv[5])
