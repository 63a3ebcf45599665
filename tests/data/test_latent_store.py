import logging
import multiprocessing
from pathlib import Path

import pytest
import torch

from adapt.data.latent_store import LatentCache, LatentStore, write_store
from adapt.errors import DataError


def latents(value: float, frames: int = 3) -> torch.Tensor:
    return torch.full((frames, 2, 4, 4), value)


def test_store_gives_back_what_was_written_as_bfloat16(tmp_path):
    write_store(tmp_path, [("one", latents(1.0)), ("two", latents(2.0, frames=5))])
    store = LatentStore(tmp_path)
    assert len(store) == 2
    assert "one" in store
    assert "three" not in store
    assert store.read("two").dtype == torch.bfloat16
    assert torch.equal(store.read("two").float(), latents(2.0, frames=5))


def test_store_begins_a_new_shard_when_one_is_full(tmp_path):
    write_store(tmp_path, [(str(n), latents(float(n))) for n in range(5)], per_shard=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"latents-0000{n}.safetensors" for n in range(3)]
    store = LatentStore(tmp_path)
    assert [float(store.read(str(n)).mean()) for n in range(5)] == [0, 1, 2, 3, 4]


def test_store_of_the_same_windows_has_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_store(tmp_path / name, [("two", latents(2.0)), ("one", latents(1.0))])
    shard = "latents-00000.safetensors"
    assert (tmp_path / "a" / shard).read_bytes() == (tmp_path / "b" / shard).read_bytes()


def test_store_keeps_a_window_once_and_a_view_without_its_whole_storage(tmp_path):
    whole = torch.zeros(1000, 2, 4, 4)
    assert write_store(tmp_path, [("one", whole[:3]), ("one", whole[:3])]) == 1
    assert (tmp_path / "latents-00000.safetensors").stat().st_size < 1000


def test_store_names_what_is_missing_or_damaged(tmp_path):
    with pytest.raises(DataError, match="holds no encoded windows"):
        LatentStore(tmp_path)
    write_store(tmp_path, [("one", latents(1.0))])
    with pytest.raises(DataError, match="window 'two'"):
        LatentStore(tmp_path).read("two")
    shard = tmp_path / "latents-00000.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(DataError, match="damaged latent shard"):
        LatentStore(tmp_path)


def test_cache_remembers_across_objects(tmp_path):
    LatentCache(tmp_path).add({"one": latents(1.0), "two": latents(2.0)})
    cache = LatentCache(tmp_path)
    assert "two" in cache
    assert "three" not in cache
    assert torch.equal(cache.read("two").float(), latents(2.0))


def test_cache_sets_a_damaged_shard_aside_and_keeps_the_others(tmp_path, caplog):
    cache = LatentCache(tmp_path)
    cache.add({"one": latents(1.0)})
    (first,) = tmp_path.glob("*.safetensors")
    cache.add({"two": latents(2.0)})
    content = bytearray(first.read_bytes())
    content[-1] ^= 1  # One bit of one number: the header still fits.
    first.write_bytes(bytes(content))
    again = LatentCache(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert "one" not in again
    assert "damaged" in caplog.text
    assert "two" in again
    again.add({"one": latents(1.0)})
    assert "one" in LatentCache(tmp_path)


def test_cache_ignores_a_shard_that_is_cut_short(tmp_path, caplog):
    LatentCache(tmp_path).add({"one": latents(1.0)})
    (shard,) = tmp_path.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-3])
    with caplog.at_level(logging.WARNING):
        assert "one" not in LatentCache(tmp_path)
    assert "damaged" in caplog.text


def add_ten(folder: Path, start: int) -> None:
    cache = LatentCache(folder)
    for number in range(start, start + 10):
        cache.add({str(number): latents(float(number))})


def test_cache_takes_shards_from_two_processes_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=add_ten, args=(tmp_path, start)) for start in (0, 5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    cache = LatentCache(tmp_path)
    assert all(str(number) in cache for number in range(15))
    assert float(cache.read("7").mean()) == 7.0


def test_cache_works_from_memory_when_its_folder_cannot_be_written(tmp_path, monkeypatch, caplog):
    def refuse(path, content):
        raise PermissionError(13, "Permission denied")

    cache = LatentCache(tmp_path)
    monkeypatch.setattr("adapt.data.latent_store.write_atomic", refuse)
    with caplog.at_level(logging.WARNING):
        cache.add({"one": latents(1.0)})
    assert "not remembered" in caplog.text
    assert "one" in cache
    assert torch.equal(cache.read("one").float(), latents(1.0))


def test_cache_takes_in_what_others_added_when_it_looks_again(tmp_path):
    one, other = LatentCache(tmp_path), LatentCache(tmp_path)
    other.add({"late": latents(1.0)})
    assert "late" not in one
    one.look_again()
    assert torch.equal(one.read("late").float(), latents(1.0))
