"""What docs/footage_quality.md claims is what was recorded, and the defaults lie between what was measured."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapt.footage.settings import FootageConfig

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "footage_quality.md").read_text(encoding="utf-8")
RECORD: dict[str, Any] = json.loads((DOCS / "results" / "footage_quality.json").read_text(encoding="utf-8"))
GOOD = ("first person", "other real scenes", "simulated hand")
IN_PART = "tc_nasa_13013_hdr"  # Some of its windows are rejected.
KEYS = {
    "brightness": "min_brightness",
    "contrast": "min_contrast",
    "white_share": "max_white_share",
    "vivid_share": "max_vivid_share",
    "seam_share": "max_seam_share",
    "bars_share": "max_bars_share",
    "blur": "max_blur",
}


@pytest.mark.parametrize("figure", KEYS)
def test_good_footage_lies_where_it_is_said_to_and_passes(figure: str) -> None:
    ranges = [RECORD["groups"][group][figure] for group in GOOD]
    told = " | ".join(f"{low:.2f} to {high:.2f}" for low, high in [*ranges, RECORD["groups"][IN_PART][figure]])
    threshold = getattr(FootageConfig(), KEYS[figure])
    assert f"| `{KEYS[figure]}` | {threshold:g} | {told} |" in TEXT
    for low, high in ranges:
        assert low >= threshold if KEYS[figure].startswith("min_") else high <= threshold


@pytest.mark.parametrize("fault", RECORD["planted"])
def test_planted_faults_are_told_as_they_were_found(fault: str) -> None:
    strengths = {name: row for name, row in RECORD["planted"][fault].items() if name != "figure"}
    assert len(strengths) == 3
    for name, row in strengths.items():
        found = f"{row['least']:.2f} to {row['largest']:.2f} | {row['rejected_share']:.0%}"
        assert f"| {fault} | {name} | {found} |" in TEXT


def test_cuts_are_told_as_they_were_found() -> None:
    cuts = RECORD["cuts"]
    assert f"{cuts['found']} of {cuts['planted']} planted cuts" in TEXT
    assert cuts["found"] >= 0.98 * cuts["planted"]
    assert [RECORD["groups"][group]["cuts_found"] for group in ("first person", "simulated hand")] == [0, 0]
    looks = sum(RECORD["groups"][group]["looks"] for group in GOOD)
    assert f"{RECORD['groups']['other real scenes']['cuts_found']} in {looks:,} looks" in TEXT


def test_copies_are_told_as_they_were_found() -> None:
    copies = RECORD["copies"]
    for change in ("coded badly at 160 px", "5 % cut off every side", "10 % cut off two sides"):
        assert f"| {change} | {copies[change]['found']} of {copies[change]['of']} |" in TEXT
    others = copies["other scenes and takes"]
    assert f"| other scenes, and other takes at one table | {others['found']} of {others['pairs']:,} pairs |" in TEXT
    assert others["found"] == 0


def test_pauses_of_the_simulated_hand_are_shorter_than_what_counts_as_still() -> None:
    longest = RECORD["groups"]["simulated hand"]["longest_rest_s"]
    assert f"rests for up to {longest:g} s" in TEXT
    assert longest < FootageConfig().max_still_s


def test_what_a_look_costs_is_what_was_measured() -> None:
    assert f"{RECORD['look_ms']:.1f} ms a look" in TEXT
    assert f"{RECORD['bytes_a_look']} bytes" in TEXT
