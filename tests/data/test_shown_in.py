"""A video is found in tables and shards by its digest, and leaves a shard without touching its neighbours' bytes."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from encoded_builder import GEOMETRY
from safetensors.torch import save_file

from adapt.data.clip_table import CLIP_TABLE, write_clip_table
from adapt.data.latent_store import LatentCache
from adapt.data.shown_in import TABLE, find_videos, read_rows, read_shard, rewrite_without
from adapt.errors import DataError
from adapt.types import VideoRef, Window

ANNA, BEN = "a" * 64, "b" * 64


def a_window(name: str, *digests: str, split: str = "train") -> Window:
    return Window(
        window_id=name,
        videos=tuple(
            VideoRef(camera=f"c{n}", path=f"{digest[:2]}.mp4", digest=digest) for n, digest in enumerate(digests)
        ),
        start_s=0.0,
        chunks=1,
        instruction="pour",
        session="s",
        split=split,
        embodiment="human_hand",
        rejection="no hand" if split == "rejected" else "",
    )


def latents(value: float) -> torch.Tensor:
    return torch.full((3, GEOMETRY.latent_channels, 2, 2), value)


def a_cache(folder: Path) -> LatentCache:
    cache = LatentCache(folder)
    for name, videos in (("one", [ANNA]), ("two", [BEN]), ("three", [ANNA, BEN])):
        cache.say_videos(name, videos)
    cache.add({"one": latents(1.0), "two": latents(2.0), "three": latents(3.0)})
    return cache


def test_the_table_s_name_is_the_one_it_is_written_under():
    assert TABLE == CLIP_TABLE


def test_windows_tell_their_videos_and_rejected_ones_were_seen_but_not_used(tmp_path):
    assert read_rows(tmp_path) == []
    windows = [a_window("one", ANNA), a_window("two", ANNA, BEN), a_window("three", "c" * 64, split="rejected")]
    write_clip_table(tmp_path / CLIP_TABLE, windows)
    rows = read_rows(tmp_path)
    assert [(row.window_id, dict(row.videos), row.kept) for row in rows] == [
        ("one", {ANNA: "aa.mp4"}, True),
        ("two", {ANNA: "aa.mp4", BEN: "bb.mp4"}, True),
        ("three", {"c" * 64: "cc.mp4"}, False),
    ]
    assert find_videos(tmp_path) == {ANNA, BEN}


def test_a_damaged_table_is_named(tmp_path):
    (tmp_path / TABLE).write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"clips.parquet: not a clip table"):
        read_rows(tmp_path)


def test_a_shard_tells_which_of_its_windows_show_a_video_though_no_table_is_left(tmp_path):
    a_cache(tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    shard = read_shard(path)
    assert shard.showing(ANNA, ()) == {"one", "three"}
    assert shard.showing("c" * 64, {"two", "elsewhere"}) == {"two"}


def test_a_shard_of_an_earlier_version_is_searched_by_windows(tmp_path):
    save_file({"one": latents(1.0)}, tmp_path / "old.safetensors")
    shard = read_shard(tmp_path / "old.safetensors")
    assert (shard.showing(ANNA, ()), shard.showing(ANNA, {"one"}), dict(shard.origins)) == (set(), {"one"}, {})


def test_windows_leave_a_shard_and_the_others_stay_what_they_were(tmp_path):
    before = a_cache(tmp_path).read("two")
    (path,) = tmp_path.glob("*.safetensors")
    new = rewrite_without(read_shard(path), {"one", "three"})
    assert new is not None
    assert [new] == list(tmp_path.glob("*.safetensors"))
    again = LatentCache(tmp_path)
    assert "two" in again  # It is named by the digest of its bytes, so it counts as sound.
    assert torch.equal(again.read("two"), before)
    assert "one" not in again
    assert "three" not in again
    left = read_shard(new)
    assert (left.showing(ANNA, ()), left.showing(BEN, ())) == (set(), {"two"})
    assert ANNA.encode() not in new.read_bytes()


def test_a_shard_of_which_nothing_is_left_goes(tmp_path):
    a_cache(tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    assert rewrite_without(read_shard(path), {"one", "two", "three"}) is None
    assert list(tmp_path.glob("*.safetensors")) == []


@pytest.mark.parametrize("content", [b"", b"\x09\0\0\0\0\0\0\0{}", b"\x02\0\0\0\0\0\0\0[]", b"\xff" * 40])
def test_a_shard_that_is_none_is_refused(content, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_shard(tmp_path / "x.safetensors")


def test_a_shard_cut_short_within_a_window_is_refused(tmp_path):
    a_cache(tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="cut short within window"):
        read_shard(path)


def test_looking_for_a_video_does_not_wait_for_torch():
    code = "import sys, adapt.data.shown_in, pipelines.withdraw, pipelines.status, pipelines.cache_verbs; "
    code += "import pipelines.cache_du; print('torch' in sys.modules, 'pyarrow' in sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"], done.stderr
