"""What docs/footage.md tells of files is what was recorded, and of HDR what the code does."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from adapt.video.tone import WHITE_NITS, pq_encode, roll_off, to_sdr

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "footage.md").read_text(encoding="utf-8")
RECORD = json.loads((DOCS / "results" / "footage.json").read_text(encoding="utf-8"))


def test_every_recorded_file_is_told_as_it_was_found() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if re.match(r"^\| `(human|robot)/", line)]
    told = {row[0].strip("`"): row for row in rows}
    assert list(told) == [found["file"] for found in RECORD["files"]]
    for found in RECORD["files"]:
        row = [cell.strip() for cell in told[found["file"]]]
        assert row[1:4] == [found["what"], found["fate"], found["words"]]
        if found["fate"] != "refused":
            assert row[4:] == [str(found["checked"]), f"{found['apart']:.1f}"]


def test_what_was_read_was_read_right() -> None:
    fates = [found["fate"] for found in RECORD["files"]]
    assert RECORD["summary"] == {fate: fates.count(fate) for fate in ("read", "in part", "refused")}
    for found in RECORD["files"]:
        if found["fate"] == "refused":
            assert found["words"].endswith(".")
        else:
            assert found["checked"] >= 12
            assert found["apart"] <= 3.0


def test_the_shades_of_hdr_are_those_told() -> None:
    rows = re.findall(r"^\| [^|]+ \| (\d+)(?: and more)? \| (\d+) \|$", PAGE, flags=re.MULTILINE)
    assert len(rows) == 4
    for nits, value in rows:
        signal = np.full((1, 1, 3), round(65535 * float(pq_encode(np.array(float(nits))))), np.uint16)
        assert to_sdr(signal, transfer="PQ", gamut="BT.2020").max() == pytest.approx(int(value), abs=1)
    below, above = np.array([87.0]) / WHITE_NITS, np.array([95.0]) / WHITE_NITS
    assert roll_off(below) == pytest.approx(below, rel=1e-6)
    assert roll_off(above) < 0.999 * above
