"""Replay data that cannot be trained with is refused before anything is done, in the same words whoever asks."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from encoded_builder import arm, window, write_folder
from run_builder import base_folder, job

from adapt.data.clip_table import CLIP_TABLE
from adapt.errors import DataError
from adapt.runs.cache import Cache
from pipelines import adapt_all, cli, encode, finetune, ingest
from pipelines.encode import encoders_fingerprint
from pipelines.replay import find_replay, require_replay


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return base_folder(tmp_path_factory.mktemp("base") / "base")


@pytest.fixture
def sound(base, tmp_path) -> Path:
    """Data that fits the base."""
    windows = [window(n, arm()) for n in range(2)]
    return write_folder(tmp_path / "sound", windows, [arm()], text_width=16, encoders=encoders_fingerprint(base))


@pytest.fixture
def videos(tmp_path) -> Path:
    """Something that adapt would read for minutes."""
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mp4").write_bytes(b"no video")
    return tmp_path / "videos"


def damaged(sound: Path, kind: str) -> tuple[Path, str]:
    """Replay data with something wrong, and what is said of it."""
    folder = sound.parent / "more"
    if kind == "missing":
        return folder, "no encoded data in"
    shutil.copytree(sound, folder)
    if kind == "a run":
        (folder / "geometry.json").unlink()
        return folder, "no encoded data in"
    if kind == "another base's":
        shutil.rmtree(folder)
        write_folder(folder, [window(0, arm())], [arm()], text_width=16)
        return folder, "was encoded for another base than"
    name = {"table": CLIP_TABLE, "latents": "latents-00000.safetensors", "prompts": "text.safetensors"}[kind]
    (folder / name).write_bytes(b"damaged")
    return folder, name


@pytest.mark.parametrize("kind", ["missing", "a run", "another base's", "table", "latents", "prompts"])
@pytest.mark.parametrize("verb", ["adapt human", "adapt human --stop-after ingest", "adapt play", "study human"])
def test_it_is_refused_before_anything_is_done(verb, kind, base, sound, videos, tmp_path, monkeypatch, capsys):
    folder, said = damaged(sound, kind)
    for stage in (ingest, encode, finetune):
        monkeypatch.setattr(stage, "run", lambda *_, **__: pytest.fail("a stage was begun"))
    first, kind_of_data, *more = verb.split()
    words = [first, kind_of_data, str(videos), "--out", str(tmp_path / "run"), "--base", base, *more]
    words += ["--embodiment", "g1_inspire"] if kind_of_data == "play" else ["--task", "pour"]
    assert cli.main([*words, "--replay", str(folder)]) == 1
    told = capsys.readouterr().err
    assert said in told
    assert str(folder) in told
    assert not (tmp_path / "run").exists()
    with pytest.raises(DataError) as refused:
        find_replay(replace(job(tmp_path, replay=str(folder)), recipe=recipe_with(base, tmp_path)), Cache.default())
    assert f"error: {refused.value}" in told


def recipe_with(base: str, tmp_path: Path):
    return replace(job(tmp_path).recipe, base=base)


def test_what_fits_is_let_through_and_read_no_further(base, sound, tmp_path):
    made = replace(job(tmp_path), recipe=recipe_with(base, tmp_path))
    assert require_replay(replace(made, replay=str(sound))) == sound
    assert require_replay(replace(made, replay="none")) is None


def test_a_base_without_replay_data_is_told_before_a_run_that_will_need_it_and_only_then(base, videos, tmp_path):
    made = replace(job(tmp_path), recipe=recipe_with(base, tmp_path), replay="base")
    with pytest.raises(DataError, match=r"replay 'base': no encoded data in .*--replay none"):
        adapt_all.run(made)
    assert not made.run_folder.exists()
    with pytest.raises(DataError, match=r"a\.mp4"):  # Of ingest, which needs none.
        adapt_all.run(replace(made, task="pour"), stop_after="ingest")
