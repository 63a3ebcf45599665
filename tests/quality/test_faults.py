"""Every reason that ingest can give has a kind of its own here, so that none is told as "other"."""

from pathlib import Path

import pytest

from adapt.data import human_windows
from adapt.data.splits import GAP
from adapt.data.video_folder import read_video_folder
from adapt.footage import reasons
from adapt.hands import quality as hands
from adapt.quality import faults
from adapt.quality.findings import Finding, from_words

REASONS = [value for name, value in vars(reasons).items() if name.isupper()]


@pytest.mark.parametrize("reason", [*REASONS, GAP, f"{hands.NO_HAND}; {hands.FILM_INSTEAD}", hands.TOO_FEW])
def test_every_reason_to_leave_a_window_out_is_known(reason: str) -> None:
    code = faults.window_code(reasons.with_details(reason, "found 3 (of 4)"))
    assert code != faults.OTHER
    assert faults.name_of(code) == reasons.fault(reason)
    assert faults.details_of(reasons.with_details(reason, "found 3 (of 4)")) == "found 3 (of 4)"


def test_reasons_are_told_apart() -> None:
    every = [*REASONS, GAP, hands.NO_HAND, hands.TOO_FEW]
    assert len({faults.window_code(reason) for reason in every}) == len(every) >= 14
    assert faults.window_code("") == faults.KEPT


def test_every_kind_of_trouble_with_a_video_is_known() -> None:
    kinds = (human_windows.UNREADABLE, human_windows.SAME_BYTES, human_windows.IN_PART, human_windows.TOO_SHORT)
    assert set(faults.VIDEO_CODES) == {*kinds, human_windows.BARRED}


def test_every_thing_that_a_folder_says_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"a")
    (tmp_path / "b.mp4").write_bytes(b"b")
    (tmp_path / "b.txt").write_bytes(b"\xff")
    (tmp_path / "c.vrs").write_bytes(b"c")
    rows = '{"file_name": "a.mp4", "text": "pour"}\n{"file_name": "gone.mp4", "text": "stir"}\n{"text": "stir"}\nno\n'
    (tmp_path / "metadata.jsonl").write_text(rows)
    told = {(name, faults.folder_code(words)) for name, words in read_video_folder(tmp_path, None).problems}
    assert told == {
        ("b.mp4", "bad_text"),
        ("b.mp4", "no_instruction"),
        ("c.vrs", "recording"),
        ("gone.mp4", "missing"),
        ("metadata.jsonl", "metadata"),
    }


def test_a_message_is_parted_into_what_was_found_and_what_to_do() -> None:
    finding = from_words("x", "lost", "its end is missing; copy it again; or leave it out.")
    assert (finding.found, finding.remedy) == ("its end is missing", "copy it again; or leave it out")
    assert finding.words == "its end is missing; copy it again; or leave it out"
    assert from_words("x", "lost", "too bad").words == "too bad"
    with pytest.raises(ValueError, match="weighs 'much'"):
        Finding(code="x", weight="much", found="y")
