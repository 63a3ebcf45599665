"""What is broken in the cache is found, what is old goes first, and what somebody counts on or owns stays."""

import fcntl
import hashlib
import os
import time
from pathlib import Path

import pytest

from adapt.errors import RunError
from adapt.runs.cache import Cache, note_use
from adapt.runs.cache_contents import FETCHED, LEFTOVER, OTHER, RESULT, SHARD, Entry, check, choose_oldest, remove, scan
from adapt.runs.in_use import Claim
from adapt.runs.lock import hold

DAY_S = 86_400.0


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache(tmp_path / "cache")


def put_shard(cache: Cache, content: bytes, codec: str = "c1") -> Path:
    folder = cache.folder("latents") / codec
    folder.mkdir(exist_ok=True)
    path = folder / f"{hashlib.sha256(content).hexdigest()}.safetensors"
    path.write_bytes(content)
    return path


def age(path: Path, days: float) -> Path:
    moment = time.time() - days * DAY_S
    os.utime(path, (moment, moment))
    return path


def the(entries: list[Entry], form: str) -> Entry:
    (entry,) = [entry for entry in entries if entry.form == form]
    return entry


def entry(name: str, *, size: int, days: float, form: str = SHARD) -> Entry:
    return Entry(path=Path(name), kind="latents", form=form, size=size, used_s=time.time() - days * DAY_S)


def test_every_file_is_told_apart_by_where_it_lies_and_locks_do_not_count(cache, tmp_path):
    assert scan(cache.root) == []
    cache.write_json("ingest", "ab12", {"hands": [1]})
    shard = put_shard(cache, b"latents")
    (cache.folder("models") / "hand.task").write_bytes(b"model")
    (cache.root / "notes.txt").write_text("mine")
    (cache.root / "latents" / "c1" / "short.safetensors").write_text("not named by a digest")
    with hold(shard.parent, "k", "work"):
        entries = scan(cache.root)
    kinds = {(entry.form, entry.kind) for entry in entries}
    assert kinds == {(RESULT, "ingest"), (SHARD, "latents"), (FETCHED, "models"), (OTHER, ""), (OTHER, "latents")}
    assert the(entries, SHARD).size == len(b"latents")


def test_what_a_killed_process_left_is_told_from_what_is_being_written_and_goes_whenever_room_is_made(cache):
    cache.write_json("ingest", "ab12", 1)
    scratch = cache.root / "ingest" / "ab" / ".ab12.json.x1y2z3_4.tmp"
    with scratch.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # As its writer does, for as long as it lives.
        assert [entry.form for entry in scan(cache.root)] == [RESULT]
    left = the(scan(cache.root), LEFTOVER)
    assert left.path == scratch
    assert choose_oldest(scan(cache.root), keep_bytes=1 << 40, unused_since_s=None) == [left]
    with scratch.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert remove([left]).removed == []
    assert remove([left]).removed == [left]
    assert [entry.form for entry in scan(cache.root)] == [RESULT]


@pytest.mark.parametrize("harm", [lambda text: text[:-9], lambda text: text.replace("0.25", "0.75"), lambda _: "[]"])
def test_a_result_that_was_cut_short_or_changed_is_found(harm, cache):
    cache.write_json("ingest", "ab12", {"share": 0.25})
    found = the(scan(cache.root), RESULT)
    assert check(found) == ""
    found.path.write_text(harm(found.path.read_text()))
    assert check(found)
    assert cache.read_json("ingest", "ab12") is None


def test_a_result_under_another_s_name_is_found(cache):
    cache.write_json("ingest", "ab12", 1)
    path = the(scan(cache.root), RESULT).path
    path.rename(path.with_name("ab34.json"))
    assert check(the(scan(cache.root), RESULT)) == "it does not fit its digest"


def test_a_shard_that_was_cut_short_or_changed_is_found(cache):
    path = put_shard(cache, b"latents of a window")
    assert check(the(scan(cache.root), SHARD)) == ""
    path.write_bytes(b"latents of a windov")
    assert check(the(scan(cache.root), SHARD)) == "its bytes are not those it is named by"


def test_what_nothing_lets_one_tell_is_not_called_sound(cache):
    (cache.folder("models") / "hand.task").write_bytes(b"model")
    found = the(scan(cache.root), FETCHED)
    assert check(found) is None
    assert check(found, {"models": lambda _: "broken"}) == "broken"


def test_the_oldest_go_until_the_rest_fits():
    entries = [entry(str(n), size=100_000, days=n) for n in range(5)]
    chosen = choose_oldest(entries, keep_bytes=250_000, unused_since_s=None)
    assert [each.path.name for each in chosen] == ["4", "3", "2"]
    assert choose_oldest(entries, keep_bytes=500_000, unused_since_s=None) == []
    assert len(choose_oldest(entries, keep_bytes=0, unused_since_s=None)) == 5


def test_small_results_go_last_where_room_is_wanted_but_not_where_age_is_the_limit():
    small, large = entry("small", size=500, days=90, form=RESULT), entry("large", size=100_000, days=1)
    assert choose_oldest([small, large], keep_bytes=90_000, unused_since_s=None) == [large]
    assert choose_oldest([small, large], keep_bytes=0, unused_since_s=None) == [small, large]
    assert choose_oldest([small, large], keep_bytes=None, unused_since_s=time.time() - 30 * DAY_S) == [small]


def test_fetched_models_and_other_people_s_files_are_never_chosen_though_they_take_room():
    entries = [entry("model", size=300_000, days=99, form=FETCHED), entry("mine", size=9, days=99, form=OTHER)]
    entries.append(entry("shard", size=100_000, days=1))
    chosen = choose_oldest(entries, keep_bytes=350_000, unused_since_s=time.time() - 30 * DAY_S)
    assert [each.path.name for each in chosen] == ["shard"]


def test_what_a_live_process_counts_on_or_holds_a_lock_in_stays(cache):
    claimed, locked, free = (put_shard(cache, name.encode(), name) for name in ("claimed", "locked", "free"))
    claim = Claim(claimed.parent)
    with hold(locked.parent, "k", "work"):
        removal = remove(scan(cache.root))
    assert [each.path for each in removal.removed] == [free]
    assert {each.path for each in removal.in_use} == {claimed, locked}
    assert claimed.is_file()
    assert locked.is_file()
    claim.release()
    assert len(remove(scan(cache.root)).removed) == 2


def test_folders_stay_where_entries_go_so_that_whoever_writes_finds_them(cache):
    cache.write_json("ingest", "ab12", 1)
    remove(scan(cache.root))
    assert scan(cache.root) == []
    assert (cache.root / "ingest" / "ab").is_dir()
    cache.write_json("ingest", "ab12", 2)
    assert cache.read_json("ingest", "ab12") == 2


def test_an_entry_that_has_become_sound_meanwhile_stays(cache):
    put_shard(cache, b"latents")
    removal = remove(scan(cache.root), still=lambda _: False)
    assert (removal.removed, removal.in_use) == ([], [])
    assert len(scan(cache.root)) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove everywhere")
def test_a_cache_that_cannot_be_written_is_told(cache):
    folder = put_shard(cache, b"latents").parent
    folder.chmod(0o500)
    with pytest.raises(RunError, match=r"make the folder .* writable"):
        remove(scan(cache.root))
    folder.chmod(0o700)


def test_use_keeps_an_entry_young_and_is_noted_once_an_hour_at_most(cache):
    cache.write_json("ingest", "ab12", 1)
    path = age(the(scan(cache.root), RESULT).path, 40)
    assert cache.read_json("ingest", "ab12") == 1
    noted = path.stat().st_mtime_ns
    assert time.time() - noted / 1e9 < DAY_S
    cache.read_json("ingest", "ab12")
    note_use(path)
    assert path.stat().st_mtime_ns == noted


def test_a_digest_is_remembered_only_for_the_file_as_it_is(cache, tmp_path):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"one")
    assert cache.known_digest(video) is None
    assert cache.file_digest(video) == cache.known_digest(video) == hashlib.sha256(b"one").hexdigest()
    video.write_bytes(b"other")
    assert cache.known_digest(video) is None
    assert cache.known_digest(tmp_path / "gone") is None
