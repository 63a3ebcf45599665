"""The cache tells what it holds, finds what is broken, and makes room without ever costing a run more than time."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from withdraw_builder import a_job, everything, make_run

from adapt.data.latent_store import LatentCache
from adapt.data.shown_in import read_shard
from adapt.runs.cache import Cache
from adapt.runs.in_use import Claim
from adapt.runs.stage import require_current
from pipelines import cache_du, cache_verbs, cli, encode, ingest
from pipelines.sizes import in_bytes, read_age_s, read_bytes

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Cache:
    """The user's cache, with two results and two shards, of which the first ones are old."""
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    made = Cache.default()
    folder = made.folder("latents") / "c1"
    folder.mkdir()
    for number, days in enumerate((90, 1)):
        made.write_json("ingest", f"ab{number}", {"hands": [number]})
        content = bytes([number]) * 100_000
        shard = folder / f"{hashlib.sha256(content).hexdigest()}.safetensors"
        shard.write_bytes(content)
        moment = time.time() - days * 86_400
        os.utime(shard, (moment, moment))
        os.utime(made.root / "ingest" / "ab" / f"ab{number}.json", (moment, moment))
    return made


def shards(cache: Cache) -> list[Path]:
    return sorted(cache.root.rglob("*.safetensors"), key=lambda path: path.stat().st_mtime)


def test_du_tells_where_it_is_and_how_much_of_what(cache, capsys):
    (cache.folder("models") / "hand.task").write_bytes(b"model")
    (cache.root / "mine.txt").write_text("mine")
    contents = cache_du.run()
    assert [(kind.name, kind.files) for kind in contents.kinds] == [
        ("latents", 2),
        ("ingest", 2),
        ("models", 1),
        ("", 1),
    ]
    assert contents.kinds[0].size == 200_000
    assert contents.size == sum(kind.size for kind in contents.kinds)
    assert cli.main(["cache", "du"]) == 0
    told = capsys.readouterr().out
    for said in (
        str(cache.root),
        "latents",
        "200 KB",
        "1 day ago",
        "never pruned",
        "never touched",
        "free on its disk",
    ):
        assert said in told
    assert cli.main(["cache", "du", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["cache"], value["kinds"][0]["bytes"]) == (str(cache.root), 200_000)


def test_an_empty_cache_is_told_and_not_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    for words in (["du"], ["verify"], ["prune", "--keep", "1GB", "--confirm"]):
        assert cli.main(["cache", *words]) == 0
    assert "is empty" in capsys.readouterr().out
    assert not (tmp_path / "cache").exists()


def test_verify_finds_what_is_broken_and_removes_it_only_when_told(cache, capsys):
    assert cli.main(["cache", "verify"]) == 0
    assert "4 entries read, all sound" in capsys.readouterr().out
    old = shards(cache)[0]
    old.write_bytes(old.read_bytes()[:-1])
    result = cache.root / "ingest" / "ab" / "ab0.json"
    result.write_text("{")
    with pytest.raises(SystemExit, match="1"):
        cli.main(["cache", "verify"])
    told = capsys.readouterr().out
    assert "2 broken" in told
    assert f"{result}: it is cut short" in told
    assert "wam-adapt cache verify --remove" in told
    assert result.exists()
    with pytest.raises(SystemExit, match="1"):
        cli.main(["cache", "verify", "--json"])
    value = json.loads(capsys.readouterr().out)
    assert (value["good"], {Path(each["file"]) for each in value["broken"]}) == (False, {old, result})
    assert cli.main(["cache", "verify", "--remove"]) == 0
    assert "2 removed" in capsys.readouterr().out
    assert not result.exists()
    assert len(shards(cache)) == 1
    assert cli.main(["cache", "verify"]) == 0


def test_verify_leaves_what_is_in_use_and_does_not_call_it_good(cache):
    shards(cache)[0].write_bytes(b"broken")
    using = Claim(cache.root / "latents" / "c1")
    answer = cache_verbs.verify(remove_broken=True)
    assert (answer["good"], len(answer["in_use"])) == (False, 1)
    assert "give the command again later" in str(answer)
    using.release()
    assert cache_verbs.verify(remove_broken=True)["good"]


def test_verify_does_not_remove_what_another_process_has_mended_meanwhile(cache, monkeypatch):
    path = shards(cache)[0]
    sound = path.read_bytes()
    path.write_bytes(b"broken")
    remove = cache_verbs.remove

    def mend_and_remove(entries, **more):
        path.write_bytes(sound)
        return remove(entries, **more)

    monkeypatch.setattr(cache_verbs, "remove", mend_and_remove)
    cache_verbs.verify(remove_broken=True)
    assert path.read_bytes() == sound


def test_a_broken_hand_model_is_found(cache):
    (cache.folder("models") / "hand_landmarker.task").write_bytes(b"cut short")
    (broken,) = cache_verbs.verify()["broken"]
    assert broken["fault"] == "it is not what was fetched"


def test_prune_tells_before_it_acts(cache, capsys):
    before = everything(cache.root)
    assert cli.main(["cache", "prune", "--keep", "150KB"]) == 0
    told = capsys.readouterr().out
    assert "dry run: nothing was removed" in told
    assert "100 KB would go" in told
    assert told.splitlines()[-1] == "next: the same command with --confirm"
    assert everything(cache.root) == before
    oldest, newest = shards(cache)
    assert cli.main(["cache", "prune", "--keep", "150KB", "--confirm"]) == 0
    assert "100 KB removed" in capsys.readouterr().out
    assert shards(cache) == [newest]
    assert not oldest.exists()


def test_prune_removes_what_was_not_used_for_so_long(cache):
    answer = cache_verbs.prune(keep_bytes=None, older_than_s=30 * 86_400.0, confirm=True)
    assert answer["files"] == 2
    assert len(shards(cache)) == 1
    assert cache.read_json("ingest", "ab0") is None
    assert cache.read_json("ingest", "ab1") == {"hands": [1]}


def test_prune_with_nothing_to_do_says_so(cache):
    told = str(cache_verbs.prune(keep_bytes=10**9, older_than_s=None, confirm=True))
    assert told.startswith("nothing has to go: 200 KB")


@pytest.mark.parametrize("words", [[], ["--keep", "much"], ["--older-than", "30"], ["--keep", "-1GB"]])
def test_prune_wants_to_know_how_much(words, cache, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["cache", "prune", *words])
    assert "usage: wam-adapt cache prune" in capsys.readouterr().err


def test_sizes_and_ages_are_read_as_people_write_them():
    sizes = {"0": 0, "20GB": 20 * 10**9, "1.5 tb": 1_500_000_000_000, "512MiB": 2**29, "7": 7, "3k": 3000, "9B": 9}
    assert {text: read_bytes(text) for text in sizes} == sizes
    assert [read_age_s(text) for text in ("12h", "30d", "2w", "0d")] == [43_200.0, 2_592_000.0, 1_209_600.0, 0.0]
    assert [in_bytes(count) for count in (0, 999, 1500, 99_960, 20 * 10**9)] == [
        "0 B",
        "999 B",
        "1.5 KB",
        "100 KB",
        "20.0 GB",
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAM_ADAPT_CACHE", str(folder / "cache"))
        make_run(folder)
    return folder


def test_a_run_that_misses_what_was_pruned_makes_the_same_again(built, tmp_path, monkeypatch):
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(built / "cache"))
    job = a_job(built)
    before = everything(require_current(job.run_folder, "encode"))
    answer = cache_verbs.prune(keep_bytes=0, older_than_s=None, confirm=True)
    assert answer["bytes_left"] == 0
    (again := tmp_path / "again").mkdir()
    job = type(job)(**{**{name: getattr(job, name) for name in job.__slots__}, "run": str(again)})
    ingest.run(job)
    encode.run(job)
    after = everything(require_current(again, "encode"))
    assert before.keys() == after.keys()
    assert all(after[name] == before[name] for name in before if name != "manifest.json")


def test_a_run_under_way_keeps_what_it_has_found_in_the_cache(built, monkeypatch):
    """Between finding its windows in the cache and reading them, another process makes room."""
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(built / "cache"))
    job = a_job(built)
    encode.run(job)
    before = everything(require_current(job.run_folder, "encode"))
    write, told = encode.write_encoded, []

    def prune_and_write(*parts):
        words = ["cache", "prune", "--keep", "0", "--confirm"]
        done = subprocess.run([sys.executable, "-m", "pipelines.cli", *words], cwd=REPOSITORY, capture_output=True)
        told.append(done.stdout)
        write(*parts)

    monkeypatch.setattr(encode, "write_encoded", prune_and_write)
    (require_current(job.run_folder, "encode") / "manifest.json").unlink()
    assert everything(encode.run(job)) == before
    (words,) = told
    assert b"left alone: a live process counts on their folder" in words


def test_latents_that_were_asked_for_count_as_used(built):
    (shard, *others) = shards(Cache(built / "cache"))
    for path in (shard, *others):
        os.utime(path, (0, 0))
    latents = LatentCache(shard.parent)
    assert shard.stat().st_mtime == 0  # Looking at what there is uses nothing.
    assert next(iter(read_shard(shard).tensors)) in latents
    assert time.time() - shard.stat().st_mtime < 3600
    assert all(path.stat().st_mtime == 0 for path in others)


def test_a_process_that_was_killed_stops_nobody(cache):
    code = "import sys, time; from pathlib import Path; from adapt.runs.in_use import Claim; "
    code += "claim = Claim(Path(sys.argv[1])); print('held', flush=True); time.sleep(600)"
    words = [sys.executable, "-c", code, str(cache.root / "latents" / "c1")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert len(cache_verbs.prune(keep_bytes=0, older_than_s=None, confirm=True)["in_use"]) == 2
        other.kill()
    assert cache_verbs.prune(keep_bytes=0, older_than_s=None, confirm=True)["files"] == 2
