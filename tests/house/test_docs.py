"""What docs/judging.md claims is what was recorded."""

import json
from pathlib import Path
from typing import Any

from adapt.models.bases import read_identity

DOCS = Path(__file__).parents[2] / "docs"
JUDGING = (DOCS / "judging.md").read_text(encoding="utf-8")


def recorded(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((DOCS / "results" / name).read_text(encoding="utf-8"))
    return value


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def test_false_gains_are_told_as_they_were_counted():
    record = recorded("judged.json")
    latents = record["errors"]["latent_error"]
    assert f"trained `tiny` {record['trainings']:,} times" in JUDGING
    for row in latents["no_difference"]:
        told = (
            f"| {row['seeds_an_arm']} seeds an arm | {row['called_better']} of {row['comparisons']} "
            f"| {percent(row['false_gain_share_at_most'])} | {percent(row['median_detectable_share'])} |"
        )
        assert told in JUDGING
    single = latents["one_training_against_another"]["called_better_or_worse_share"]
    assert f"{percent(single, 0)} of the comparisons" in JUDGING


def test_planted_gains_are_told_as_they_were_found():
    rows = recorded("judged.json")["errors"]["latent_error"]["planted"]
    by_gain: dict[float, list[str]] = {}
    for row in sorted(rows, key=lambda row: row["seeds_an_arm"]):
        told = f"{percent(row['found_share'], 0)} of {row['comparisons']}"
        by_gain.setdefault(row["planted_gain_share"], []).append(told)
    for gain, told in by_gain.items():
        assert f"| {percent(gain)} | {' | '.join(told)} |" in JUDGING


def test_coverage_is_told_as_it_was_simulated():
    record = recorded("coverage.json")
    found = record["summary"]
    assert f"{found['settings']} settings" in JUDGING
    assert f"{record['repetitions a setting']:,} repetitions" in JUDGING
    for what, share in (
        (f"median of the {found['settings in which a verdict is given']} settings", found["covered, median"]),
        ("covered, least", found["covered, least"]),
    ):
        (line,) = [line for line in JUDGING.splitlines() if what in line]
        assert percent(share) in line
    for what, key in (
        ("detectable is found, median", "found an effect of the detectable size, median"),
        ("the same, least", "found an effect of the detectable size, least"),
        ("resampled alone, least", "covered if windows were resampled alone, least"),
    ):
        (line,) = [line for line in JUDGING.splitlines() if what in line]
        assert percent(found[key], 0) in line
    assert f"| settings below 93 % | {found['settings that covered less than 93 %']} |" in JUDGING


def test_the_shipped_base_does_what_is_told_of_it():
    tiny = (DOCS / "tiny.md").read_text(encoding="utf-8")
    record = recorded("tiny.json")
    trial = record["trial"]
    for tasks in ("seen", "held-out"):
        for head, name in (("inverse_dynamics", "inverse dynamics"), ("joint", "joint head")):
            row = trial[f"{tasks}_{head}"]
            low, high = (f"{100 * limit:.0f}" for limit in row["interval"])
            (line,) = [line for line in tiny.splitlines() if line.startswith(f"| {tasks} tasks, {name}")]
            assert f"| {row['successes']} of {row['episodes']} | {low} to {high} % |" in line
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    for tasks in ("seen", "held-out"):
        row = trial[f"{tasks}_inverse_dynamics"]
        assert f"{row['successes']} of {row['episodes']}" in " ".join(readme.split())


def test_the_record_is_of_the_base_that_ships():
    shipped = read_identity("tiny")[0].fingerprint
    assert recorded("tiny.json")["figures"]["base"]["fingerprint"] == shipped
