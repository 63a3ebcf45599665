import os
import stat

import pytest

from adapt.runs.atomic import write_atomic


def test_write_atomic_replaces_the_whole_file(tmp_path):
    path = tmp_path / "current"
    path.write_text("a much longer old content")
    write_atomic(path, "new")
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["current"]


def test_write_atomic_writes_text_as_utf8_and_bytes_as_they_are(tmp_path):
    write_atomic(tmp_path / "text", "\u30b3\u30c3\u30d7")
    write_atomic(tmp_path / "bytes", b"\xff\x00")
    assert (tmp_path / "text").read_bytes() == "\u30b3\u30c3\u30d7".encode()
    assert (tmp_path / "bytes").read_bytes() == b"\xff\x00"


def test_write_atomic_gives_the_file_the_permissions_any_new_file_gets(tmp_path):
    (tmp_path / "plain").write_text("")
    write_atomic(tmp_path / "atomic", "")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "atomic")}
    assert len(modes) == 1


def test_write_atomic_leaves_the_old_file_when_the_disk_fails(tmp_path, monkeypatch):
    path = tmp_path / "current"
    path.write_text("old")

    def fail(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["current"]
