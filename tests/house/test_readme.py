"""What the README claims is what was recorded."""

import json
import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
RECORD = json.loads((REPOSITORY / "docs" / "results" / "whole_path.json").read_text())


def test_the_seconds_in_the_readme_are_those_recorded():
    seconds = RECORD["seconds"]
    rows = re.findall(r"^\| .* \| (\d+) \| (\d+) \|$", README, flags=re.MULTILINE)
    told = [(int(first), int(again)) for first, again in rows]
    recorded = [seconds[name] for name in ("demo", "human", "play_g1_inspire")]
    assert told == [(round(row["first"]), round(row["again"])) for row in recorded]


def test_the_files_in_the_readme_are_those_that_were_timed():
    assert f"`adapt human`: {RECORD['files']['human']} files," in README


def test_every_file_that_the_readme_points_to_is_there():
    places = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(places) >= 5
    assert [place for place in places if not (REPOSITORY / place).exists()] == []


def test_the_first_command_stands_near_the_top():
    assert README[: README.index("make demo")].count("\n") < 35
