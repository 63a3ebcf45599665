"""Work goes on from its last state, or the one before where that is damaged; never from bytes that were changed."""

import logging
from pathlib import Path

import pytest

from adapt.errors import RunError
from adapt.runs import last_state
from adapt.runs.last_state import forget_state, read_state, state_files, write_state


def parse(content: bytes) -> str:
    text = content.decode()  # A UnicodeDecodeError is a ValueError.
    if not text.startswith("step "):
        raise ValueError("it is no state")
    return text


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.fixture
def path(tmp_path) -> Path:
    """Three states, written one after the other."""
    place = tmp_path / "last.ckpt"
    for step in (1, 2, 3):
        write_state(place, f"step {step}".encode())
    return place


def test_the_last_state_comes_back_and_the_one_before_is_kept_and_no_more(path):
    assert read_state(path, parse) == "step 3"
    assert sorted(path.parent.iterdir()) == sorted(state_files(path))
    path.unlink()
    assert read_state(path, parse) == "step 2"
    forget_state(path)
    assert list(path.parent.iterdir()) == []
    assert read_state(path, parse) is None
    forget_state(path)


@pytest.mark.parametrize("place", [0, 20, 80, 81, -1])  # in the head, its digest, its end, the state, its last byte
def test_a_flipped_bit_anywhere_is_noticed_and_the_state_before_is_gone_on_from(place, path, caplog):
    flip(path, place)
    with caplog.at_level(logging.WARNING):
        assert read_state(path, parse) == "step 2"
    assert "last.ckpt is damaged (" in caplog.text
    assert "going on from the state before it, last.ckpt.before" in caplog.text


@pytest.mark.parametrize("kept", [0, 10, 50, 82])
def test_a_state_cut_short_is_noticed(kept, path):
    path.write_bytes(path.read_bytes()[:kept])
    assert read_state(path, parse) == "step 2"


def test_a_damaged_state_does_not_push_out_the_sound_one_that_stood_in_for_it(path):
    flip(path, -1)
    assert read_state(path, parse) == "step 2"
    assert not path.exists()
    write_state(path, b"step 3")
    flip(path, -1)
    assert read_state(path, parse) == "step 2"


def test_where_no_state_is_sound_the_message_offers_to_begin_anew(path):
    for each in state_files(path):
        flip(each, -1)
    with pytest.raises(RunError, match=r"last.ckpt is damaged \(its bytes are not .*\) and .*before is"):
        read_state(path, parse)
    state_files(path)[1].unlink()
    with pytest.raises(RunError, match=r"so there is nothing to go on from; delete it, and the work starts over"):
        read_state(path, parse)
    path.unlink()
    assert read_state(path, parse) is None


def test_what_cannot_be_read_at_all_counts_as_damaged(path):
    path.unlink()
    path.mkdir()
    assert read_state(path, parse) == "step 2"


def test_a_state_of_an_earlier_version_without_a_digest_is_left_to_its_parser(path):
    path.write_bytes(b"step 9")
    assert read_state(path, parse) == "step 9"


def test_a_disk_that_fails_while_a_state_is_written_loses_none(path, monkeypatch):
    def fail(*_args: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(last_state, "write_atomic", fail)
    with pytest.raises(OSError, match="No space"):
        write_state(path, b"step 4")
    assert read_state(path, parse) == "step 3"
