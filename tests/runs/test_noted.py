"""What lies beside a run is read as strictly as if a stranger had written it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from adapt.errors import RunError
from adapt.runs.noted import Notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    who: str
    seen: Mapping[str, Sequence[str]]
    back: str = ""


NOTES = Notes(name="seen.json", rows="rows", kind=Row, remedy="move it away")
ROWS = [Row(who="anna", seen={"f1": ["a", "b"]}), Row(who="ben", seen={}, back="2026-01-01")]


def wrong(change: Callable[[dict[str, Any]], object]) -> str:
    document = {"format": 1, "rows": [{"who": "anna", "seen": {"f1": ["a", "b"]}, "back": ""}]}
    change(document)
    return json.dumps(document)


def test_rows_come_back_as_they_were_and_nothing_noted_is_none(tmp_path):
    assert NOTES.read(tmp_path) == []
    assert NOTES.read(tmp_path / "nowhere") == []
    NOTES.write(tmp_path, ROWS)
    assert NOTES.read(tmp_path) == ROWS
    assert json.loads((tmp_path / "seen.json").read_text())["format"] == 1


def test_what_has_a_default_may_be_missing(tmp_path):
    (tmp_path / "seen.json").write_text(json.dumps({"format": 1, "rows": [{"who": "anna", "seen": {}}]}))
    assert NOTES.read(tmp_path) == [Row(who="anna", seen={})]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "Expecting value"),
        ("[]", "where an object belongs"),
        ("{}", "its format is None"),
        (wrong(lambda whole: whole.update(format=True)), "its format is True"),
        (wrong(lambda whole: whole.update(format="1")), "its format is '1'"),
        (wrong(lambda whole: whole.update(rows={})), "'rows' is {}, where a list belongs"),
        (wrong(lambda whole: whole.update(rows="ab")), "'rows' is 'ab', where a list belongs"),
        (wrong(lambda whole: whole["rows"].append("anna")), r"rows\[1\] is 'anna', where an object of who, seen, back"),
        (wrong(lambda whole: whole["rows"][0].pop("who")), "where an object of who, seen, back belongs"),
        (wrong(lambda whole: whole["rows"][0].update(more=1)), "where an object of who, seen, back belongs"),
        (wrong(lambda whole: whole["rows"][0].update(who=7)), r"rows\[0\]\.who is 7, where str belongs"),
        # Letter by letter it would be a list of texts.
        (
            wrong(lambda whole: whole["rows"][0]["seen"].update(f1="ab")),
            r"seen\['f1'\] is 'ab', where Sequence belongs",
        ),
        (wrong(lambda whole: whole["rows"][0]["seen"].update(f1=["a", None])), r"seen\['f1'\]\[1\] is None, where str"),
        (wrong(lambda whole: whole["rows"][0].update(seen=[])), r"seen is \[\], where Mapping belongs"),
    ],
)
def test_a_damaged_file_is_told_with_its_place_what_was_found_and_what_to_do(text, found, tmp_path):
    (tmp_path / "seen.json").write_text(text)
    with pytest.raises(RunError, match=rf"seen\.json is damaged \(.*{found}.*\); move it away"):
        NOTES.read(tmp_path)


def test_another_version_s_file_is_told_from_a_damaged_one(tmp_path):
    (tmp_path / "seen.json").write_text(wrong(lambda whole: whole.update(format=2, rows="as that version likes")))
    with pytest.raises(RunError, match=r"seen\.json has format 2, this version reads 1; use the version that wrote it"):
        NOTES.read(tmp_path)


def test_what_cannot_be_read_counts_as_noted(tmp_path):
    (tmp_path / "seen.json").mkdir()
    with pytest.raises(RunError, match=r"seen\.json cannot be read \(.*\); move it away"):
        NOTES.read(tmp_path)
    (tmp_path / "seen.json").rmdir()
    (tmp_path / "seen.json").write_bytes(b"\xff")
    with pytest.raises(RunError, match="cannot be read"):
        NOTES.read(tmp_path)
