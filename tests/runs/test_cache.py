import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapt.errors import DataError, RunError
from adapt.runs import cache as cache_module
from adapt.runs.cache import Cache


def count_reads(monkeypatch) -> list[Path]:
    """Every file whose bytes are hashed from here on."""
    reads = []
    hash_file = cache_module.hash_file
    monkeypatch.setattr(cache_module, "hash_file", lambda path: reads.append(path) or hash_file(path))
    return reads


def entries(cache: Cache, kind: str) -> list[Path]:
    return sorted((cache.root / kind).rglob("*.json"))


def test_file_digest_is_the_sha256_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"pour")
    assert Cache(tmp_path / "cache").file_digest(tmp_path / "a") == hashlib.sha256(b"pour").hexdigest()


def test_file_digest_reads_a_file_once_and_again_only_when_it_changed(tmp_path, monkeypatch):
    cache, path = Cache(tmp_path / "cache"), tmp_path / "a"
    path.write_bytes(b"pour")
    reads = count_reads(monkeypatch)
    assert cache.file_digest(path) == cache.file_digest(path)
    assert len(reads) == 1
    path.write_bytes(b"stir")  # same size
    assert cache.file_digest(path) == hashlib.sha256(b"stir").hexdigest()
    assert len(reads) == 2


def test_file_digest_notices_a_change_that_hides_behind_the_same_size_and_time(tmp_path):
    cache, path = Cache(tmp_path / "cache"), tmp_path / "a"
    path.write_bytes(b"pour")
    os.utime(path, ns=(10**18, 10**18))
    cache.file_digest(path)
    path.write_bytes(b"stir")
    os.utime(path, ns=(10**18, 10**18))
    assert cache.file_digest(path) == hashlib.sha256(b"stir").hexdigest()


def test_file_digest_still_works_when_the_cache_cannot_be_written(tmp_path, caplog):
    (tmp_path / "a").write_bytes(b"pour")
    (tmp_path / "file").write_text("")
    monkey = Cache(tmp_path / "cache")

    def refuse(*_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        assert monkey.file_digest(tmp_path / "a") == hashlib.sha256(b"pour").hexdigest()
    assert "cannot be written" in caplog.text


def test_file_digest_names_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"gone\.mp4.*No such file"):
        Cache(tmp_path / "cache").file_digest(tmp_path / "gone.mp4")


def test_read_json_returns_what_was_written_and_none_for_the_rest(tmp_path):
    cache = Cache(tmp_path)
    cache.write_json("ingest", "a1", {"share": 0.1, "windows": [1, 2]})
    assert cache.read_json("ingest", "a1") == {"share": 0.1, "windows": [1, 2]}
    assert cache.read_json("ingest", "b2") is None
    assert cache.read_json("encode", "a1") is None


DEEP = "[" * 100_000 + "]" * 100_000
DAMAGES = ["", "{", "[]", '{"value": 3}', '{"value": NaN, "sha256": ""}', DEEP, f'{{"value": {DEEP}, "sha256": ""}}']


@pytest.mark.parametrize("damage", DAMAGES, ids=range(len(DAMAGES)))
def test_read_json_takes_a_damaged_entry_for_an_absent_one(tmp_path, damage):
    cache = Cache(tmp_path)
    cache.write_json("ingest", "a1", 1)
    entries(cache, "ingest")[0].write_text(damage)
    assert cache.read_json("ingest", "a1") is None


def test_read_json_refuses_a_value_that_was_changed_or_moved_behind_its_back(tmp_path):
    cache = Cache(tmp_path)
    cache.write_json("ingest", "a1", 1)
    (entry,) = entries(cache, "ingest")
    text = entry.read_text()
    entry.write_text(text.replace('"value": 1', '"value": 2'))
    assert cache.read_json("ingest", "a1") is None
    (entry.parent / "a2.json").write_text(text)
    assert cache.read_json("ingest", "a2") is None


def test_write_json_says_which_disk_is_full(tmp_path, monkeypatch):
    def fail(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache_module, "write_atomic", fail)
    with pytest.raises(RunError, match=f"{tmp_path} is full.*WAM_ADAPT_CACHE"):
        Cache(tmp_path).write_json("ingest", "a1", 1)


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden"])
def test_names_that_would_leave_the_cache_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="cannot name a cache entry"):
        Cache(tmp_path).read_json("ingest", name)


def test_folder_is_made_and_lies_in_the_root(tmp_path):
    folder = Cache(tmp_path / "new").folder("latents")
    assert folder.is_dir()
    assert folder == tmp_path / "new" / "latents"


def test_default_follows_the_environment_and_expands_the_home(monkeypatch):
    monkeypatch.setenv("WAM_ADAPT_CACHE", "~/somewhere")
    assert Cache.default().root == Path.home() / "somewhere"
    monkeypatch.delenv("WAM_ADAPT_CACHE")
    assert Cache.default().root == Path.home() / ".cache" / "wam-adapt"


def test_many_processes_may_write_one_entry_at_once(tmp_path):
    write = "from pathlib import Path; from adapt.runs.cache import Cache; import sys\n"
    write += "for i in range(50): Cache(Path(sys.argv[1])).write_json('ingest', 'a1', [i] * 1000)"
    repository = Path(__file__).parents[2]
    processes = [subprocess.Popen([sys.executable, "-c", write, tmp_path], cwd=repository) for _ in range(3)]
    cache, seen = Cache(tmp_path), 0
    while any(process.poll() is None for process in processes):
        value = cache.read_json("ingest", "a1")
        assert value is None or len(set(value)) == 1
        seen += value is not None
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert seen
    assert cache.read_json("ingest", "a1") == [49] * 1000
    assert len(list(entries(cache, "ingest")[0].parent.iterdir())) == 1
    assert json.loads(entries(cache, "ingest")[0].read_text())["value"] == [49] * 1000
