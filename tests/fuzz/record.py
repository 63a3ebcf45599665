"""How many inputs that mean harm has each parser been given, and did any get through? Run by hand, for hours.

    python tests/fuzz/record.py docs/results/fuzz.json --examples 100000

Each file of targets is a process of its own, without the types that the test suite checks as it runs: what is tried is
what a user has. A target's inputs are more than was asked for where each is read in several ways; fewer where some
cannot be written down at all, such as half a character in YAML, and where what is made of an input that another target
has read already takes long: a stage, a model. Files that are done are kept: the same command goes on after a stop.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "benchmarks"))

from machine import commit, hardware  # noqa: E402

NO_CRASH = "no crash"
# As users run it: checked types would refuse what has to be refused by the parsers themselves.
BARE = ("-o", "addopts=--import-mode=importlib", "-p", "no:cacheprovider", "-q")


def run(file: Path, examples: int) -> dict[str, Any]:
    """The targets of one file, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        counts, results = Path(folder) / "counts.json", Path(folder) / "results.xml"
        environment = {**os.environ, "WAM_ADAPT_FUZZ": str(examples), "WAM_ADAPT_FUZZ_COUNTS": str(counts)}
        command = [sys.executable, "-m", "pytest", *BARE, f"--junitxml={results}", f"--basetemp={folder}/pytest"]
        subprocess.run([*command, str(file)], stdout=subprocess.DEVNULL, check=False, env=environment)
        told = json.loads(counts.read_text(encoding="utf-8"))
        cases = {str(case.get("name")): case for case in ElementTree.parse(results).iter("testcase")}
    outcomes = {name: _outcome(case) for name, case in cases.items()}
    # Named examples are read once or twice each: no targets, but they must hold as well.
    found = {
        name: {**count, "outcome": outcomes[name]}
        for test, count in sorted(told.items())
        if (name := test.partition("::")[2]) in outcomes and count["inputs"] >= max(3, examples // 100)
    }
    crashed = {name: {"outcome": said} for name, said in outcomes.items() if said != NO_CRASH}
    return {**found, **{name: {**found.get(name, {}), **said} for name, said in crashed.items()}}


def _outcome(case: ElementTree.Element) -> str:
    problem = next((inner for inner in case if inner.tag in ("failure", "error")), None)
    return NO_CRASH if problem is None else str(problem.get("message"))[:2_000]


def main(out: Path, examples: int) -> int:
    """Try the targets of every file that has not been tried with so many examples at this commit."""
    record: dict[str, Any] = {
        "what": "inputs given to each parser, and how many of them it refused in words of its own; the others it read",
        "command": f"python tests/fuzz/record.py {out} --examples {examples}",
        "commit": commit(),
        "hardware": hardware(),
        "python": platform.python_version(),
        "hypothesis": version("hypothesis"),
        "examples": examples,
        "seconds": {},
        "targets": {},
    }
    before = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
    if (before.get("commit"), before.get("examples")) == (record["commit"], examples):
        record |= {key: before[key] for key in ("seconds", "targets")}
    for file in sorted(HERE.glob("test_*.py")):
        known = record["targets"].get(file.stem, {})
        if known and all(target["outcome"] == NO_CRASH for target in known.values()):
            continue
        started = time.monotonic()
        record["targets"][file.stem] = run(file, examples)
        record["seconds"][file.stem] = round(time.monotonic() - started)
        sys.stdout.write(f"{file.stem}: {record['seconds'][file.stem]} s\n")
        sys.stdout.flush()
        out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    crashed = [
        name for targets in record["targets"].values() for name in targets if targets[name]["outcome"] != NO_CRASH
    ]
    sys.stdout.write(f"crashed: {', '.join(crashed) or 'none'}\n")
    return 1 if crashed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("--examples", type=int, default=100_000)
    asked = parser.parse_args()
    sys.exit(main(asked.target, asked.examples))
