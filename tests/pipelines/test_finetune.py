import json
import logging
from pathlib import Path

import pytest
import torch
from encoded_builder import GEOMETRY, arm, hand, window, write_folder
from run_builder import job
from safetensors.torch import load_file

from adapt.errors import DataError, EmbodimentError, RunError
from adapt.models.adapters import load_adapter
from adapt.models.bases import load_base, load_heads
from adapt.runs.cache import Cache
from adapt.runs.stage import read_manifest, run_stage
from pipelines import finetune
from pipelines.encode import encoders_fingerprint
from pipelines.job import Job


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    return Cache.default()


def encoded(task: Job, bodies=None, *, validation: int = 1) -> Path:
    """What encode leaves behind: windows of the first body given."""
    bodies = bodies or [hand()]
    windows = [window(n, bodies[0]) for n in range(4)]
    windows += [window(9 + n, bodies[0], split="validation") for n in range(validation)]

    def work(folder: Path) -> dict[str, int]:
        write_folder(folder, windows, bodies, text_width=16, encoders=encoders_fingerprint(task.recipe.base))
        return {"windows": len(windows)}

    return run_stage(task.run_folder, "encode", {"bodies": [body.name for body in bodies]}, work).path


def replay(tmp_path: Path, task: Job) -> str:
    windows = [window(n, arm()) for n in range(3)]
    folder = tmp_path / "replay"
    write_folder(folder, windows, [arm()], text_width=16, encoders=encoders_fingerprint(task.recipe.base))
    return str(folder)


def with_replay(tmp_path: Path, **train: object) -> Job:
    return job(tmp_path, replay=replay(tmp_path, job(tmp_path)), **train)


def account(path: Path) -> dict:
    return json.loads((path / "training.json").read_text())


def test_finetune_writes_adapter_heads_and_an_account_without_times(tmp_path):
    task = with_replay(tmp_path)
    encoded(task)
    path = finetune.run(task)
    assert sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()) == [
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
        "heads.safetensors",
        "manifest.json",
        "training.json",
    ]
    told = account(path)
    assert (told["steps"], told["kind"], told["replay"]) == (4, "human", "folder")
    assert (told["windows"], told["replay_windows"]) == (4, 3)
    assert [entry["step"] for entry in told["validation"]] == [0, 2, 4]
    assert told["trained"]["adapters"]["tensors"] == 40
    assert told["trained"]["heads"]["parameters"] > 0
    assert "second" not in (path / "training.json").read_text()
    assert list((task.run_folder / "logs" / "finetune").rglob("metrics.csv"))
    assert "video loss" in read_manifest(path)["facts"]["summary"]


def test_what_finetune_wrote_fits_its_base_again(tmp_path):
    task = with_replay(tmp_path, steps=6)
    encoded(task)
    path = finetune.run(task)
    base = load_base(task.recipe.base, parts=("model",))
    adapter = load_adapter(base.model.dit, path / "adapter")
    assert adapter.base_id == "random-tiny"
    load_heads(base.model, load_file(path / "heads.safetensors"))
    assert base.model.bodies == {"arm": (2, 2)}


def test_finetune_twice_touches_nothing_the_second_time(tmp_path):
    task = with_replay(tmp_path)
    encoded(task)
    first = finetune.run(task)
    before = {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    assert finetune.run(task) == first
    assert {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*")) if path.is_file()} == before


def test_finetune_starts_over_when_a_setting_or_the_replay_changes(tmp_path):
    task = with_replay(tmp_path)
    encoded(task)
    first = finetune.run(task)
    second = finetune.run(with_replay(tmp_path, text_dropout=0.2))
    assert second != first
    windows = [window(n, arm()) for n in range(2)]
    encoders = encoders_fingerprint(task.recipe.base)
    other = write_folder(tmp_path / "other", windows, [arm()], text_width=16, encoders=encoders)
    assert finetune.run(job(tmp_path, replay=str(other))) not in (first, second)


def test_finetune_interrupted_goes_on_from_its_checkpoint_to_the_same_bytes(tmp_path, monkeypatch):
    task = with_replay(tmp_path, steps=6)
    encoded(task)
    steps: list[int] = []
    batch = finetune.Mixture.batch

    def counted(self, step):
        steps.append(step)
        if len(steps) == 4:
            raise KeyboardInterrupt
        return batch(self, step)

    monkeypatch.setattr(finetune.Mixture, "batch", counted)
    with pytest.raises(KeyboardInterrupt):
        finetune.run(task)
    broken = finetune.run(task)
    assert steps == [0, 1, 2, 3, 2, 3, 4, 5]  # the checkpoint was made after step 2
    content = {path.name: path.read_bytes() for path in broken.rglob("*") if path.is_file()}
    fresh = Job(kind="human", source=task.source, run=str(tmp_path / "fresh"), replay=task.replay, recipe=task.recipe)
    encoded(fresh)
    whole = finetune.run(fresh)
    assert {path.name: path.read_bytes() for path in whole.rglob("*") if path.is_file()} == content


def test_human_video_without_replay_is_warned_about_and_trains_adapters_only(tmp_path, caplog):
    task = job(tmp_path, replay="none")
    encoded(task)
    with caplog.at_level(logging.WARNING):
        path = finetune.run(task)
    assert "no replay data" in caplog.text
    assert account(path)["replay"] == "none"
    assert account(path)["trained"]["heads"]["tensors"] == 0
    stored = load_file(path / "heads.safetensors")
    base = load_base(task.recipe.base, parts=("model",)).model.heads.state_dict()
    assert all(torch.equal(stored[name], value) for name, value in base.items())


def test_replay_that_is_there_and_not_mixed_in_is_warned_about(tmp_path, caplog):
    task = with_replay(tmp_path, replay_share=0.0, steps=1)
    encoded(task)
    with caplog.at_level(logging.WARNING):
        finetune.run(task)
    assert "train.replay_share is 0" in caplog.text


def test_play_data_gives_the_heads_a_new_body_and_trains_it(tmp_path):
    task = job(tmp_path, kind="play", replay="none")
    encoded(task, [arm("new_arm", axes=3)])
    told = account(finetune.run(task))
    assert told["bodies"] == {"arm": {"actions": 2, "state": 2}, "new_arm": {"actions": 3, "state": 3}}
    assert told["trained"]["heads"]["tensors"] > 0
    assert "action" in told["validation"][0]


def test_a_body_with_other_axes_than_the_bases_of_that_name_is_refused(tmp_path):
    task = job(tmp_path, kind="play", replay="none")
    encoded(task, [arm("arm", axes=3)])
    with pytest.raises(EmbodimentError, match="'arm' has 3 action and 3 state axes"):
        finetune.run(task)


def test_without_validation_windows_the_last_step_is_kept_and_it_says_so(tmp_path):
    task = job(tmp_path)
    encoded(task, validation=0)
    path = finetune.run(task)
    assert account(path)["best_step"] == 4
    assert "no validation windows" in read_manifest(path)["facts"]["summary"]


def test_replay_that_is_missing_or_of_another_base_is_refused_with_a_remedy(tmp_path):
    task = job(tmp_path, replay=str(tmp_path / "nowhere"))
    encoded(task)
    with pytest.raises(DataError, match=r"nowhere.*--replay none"):
        finetune.run(task)
    other = write_folder(tmp_path / "other", [window(0, arm())], [arm()], text_width=16)
    with pytest.raises(DataError, match="encoded for another base"):
        finetune.run(job(tmp_path, replay=str(other)))
    with pytest.raises(DataError, match=r"replay 'base'.*no encoded data"):
        finetune.run(job(tmp_path, replay="base"))


def test_data_encoded_for_another_base_is_refused_with_the_command(tmp_path):
    task = job(tmp_path)
    path = encoded(task)
    geometry = json.loads((path / "geometry.json").read_text())
    (path / "geometry.json").write_text(json.dumps(geometry | {"encoders": "another"}))
    with pytest.raises(RunError, match="wam-adapt encode --run"):
        finetune.run(task)


def test_finetune_before_encode_names_the_command(tmp_path):
    with pytest.raises(RunError, match="wam-adapt encode"):
        finetune.run(job(tmp_path))


def test_builder_and_base_agree_on_their_geometry(tmp_path):
    geometry = load_base(job(tmp_path).recipe.base, parts=()).geometry
    assert (geometry.latent_channels, geometry.action_steps) == (GEOMETRY.latent_channels, GEOMETRY.action_steps)
