"""What docs/plan.md says of memory and of bases is what was recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapt.train.plan.cards import COUNTED_ON, UTILISATION

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
RECORD: dict[str, Any] = json.loads((ROOT / "docs/results/plan.json").read_text(encoding="utf-8"))


def rows(first: str) -> list[str]:
    return [line for line in TEXT.splitlines() if line.startswith(f"| {first}")]


@pytest.mark.parametrize("case", RECORD["memory"], ids=lambda case: str(case["measured"]))
def test_memory_is_told_as_it_was_measured(case: dict[str, Any]) -> None:
    assert abs(case["share"] - 1) <= 0.1
    figures = f"{case['foretold'] / 1e6:.1f} | {case['measured'] / 1e6:.1f} | {case['share']:.3f} |"
    told = f"| {case['variant']} | {case['batch']} | {case['rank']} | "
    (found,) = [line for line in rows(case["variant"]) if line.endswith(figures)]
    assert found.startswith(told)
    assert ("yes" in found.split("|")[4]) == case["checkpointing"]
    assert ("yes" in found.split("|")[5]) == case["heads"]


@pytest.mark.parametrize("base", RECORD["bases"])
def test_the_ladder_is_told_as_it_was_climbed(base: str) -> None:
    (found,) = rows(base)
    told = RECORD["bases"][base]
    assert f"| {told['tokens']:,} |" in found
    for gpu, cell in zip(told["machines"].values(), found.strip("| ").split(" | ")[2:], strict=True):
        if gpu["take"] is None:
            assert cell == "none"
        else:
            hours = f"{gpu['hours']} h" if gpu["hours"] >= 0.1 else "minutes"
            assert cell == f"{gpu['take']}{' (planned)' if gpu['planned'] else ''}: {gpu['gb']} GB, {hours}"


def test_shares_are_those_of_the_code() -> None:
    assert f"{COUNTED_ON:.0%}".replace("%", " %") in TEXT
    assert f"at {UTILISATION:.0%}".replace("%", " %") in TEXT


def test_what_was_merged_answers_as_it_should() -> None:
    assert all(value <= 1e-5 for name, value in RECORD["merged"].items() if "float32" in name)
