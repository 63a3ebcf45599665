"""A person's video is found wherever it went; what is local goes, what cannot be untaught stays in, and is named."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from footage_builder import RATE_HZ, Scene, film, scaled
from play_builder import body, play_set, recording
from withdraw_builder import copy_of, everything, finish, make_run, put, stages_of, train

from adapt.data.clip_table import CLIP_TABLE, read_clip_table
from adapt.data.encoded import read_encoded
from adapt.errors import DataError, RunError
from adapt.runs.cache import Cache, hash_file
from adapt.runs.cache_contents import check, scan
from adapt.runs.fingerprint import fingerprint
from adapt.runs.in_use import Claim
from adapt.runs.lock import hold
from adapt.runs.published import Published, note_published
from adapt.runs.results import find_results
from adapt.runs.stage import find_current, read_manifest, require_current
from adapt.runs.withdrawn import read_withdrawn
from adapt.video.writer import write_video
from pipelines import adapt_all, cli, encode, ingest, left_out, status, withdraw, withdraw_back
from pipelines import publish as publish_pipeline
from pipelines.job import Job, load_job, save_job
from pipelines.stages import STAGES
from pipelines.terminal import Terminal


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three videos and its cache, made once."""
    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAM_ADAPT_CACHE", str(folder / "cache"))
        make_run(folder)
    return folder


@pytest.fixture
def job(built, tmp_path, monkeypatch) -> Job:
    """The run again, with videos, base and cache of its own."""
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    for name in ("videos", "base"):
        shutil.copytree(built / name, tmp_path / name)
    copy_of(built, tmp_path)
    return copied(tmp_path)


def copied(folder: Path) -> Job:
    from withdraw_builder import a_job

    job = a_job(folder)
    save_job(job)
    return job


def anna(job: Job) -> Path:
    return job.source_path / "anna_1.mp4"


def run_of(job: Job) -> Path:
    return job.run_folder


def windows_of(job: Job, video: str) -> set[str]:
    table = read_clip_table(require_current(run_of(job), "ingest") / CLIP_TABLE)
    return {window.window_id for window in table if window.videos[0].digest == video}


def test_a_dry_run_tells_everything_and_changes_nothing(job, tmp_path):
    before = everything(tmp_path)
    answer = withdraw.run(str(anna(job)), [run_of(job)])
    assert everything(tmp_path) == before
    (found,) = answer["runs"]
    assert {Path(path).parent.name for path in found["removable"]} == {"ingest", "encode", "evaluate", "bundle"}
    assert [Path(path).parent.name for path in found["trained"]] == ["finetune"]
    assert found["windows"] == len(windows_of(job, hash_file(anna(job)))) > 0
    assert len(answer["cache"]["results"]) == 2  # its digest, and what was measured of it
    assert sum(len(names) for names in answer["cache"]["shards"].values()) == found["windows"]
    for said in ("anna_1.mp4", "dry run", "weights cannot be untaught", "--confirm", "delete it yourself"):
        assert said in str(answer)


def test_with_confirm_nothing_of_it_is_left_but_its_digest_in_the_mark(job, tmp_path):
    digest, ids = hash_file(anna(job)), windows_of(job, hash_file(anna(job)))
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    left = {name: content for name, content in everything(tmp_path).items() if not name.startswith("videos/")}
    traces = [digest, "anna_1.mp4", *ids]
    assert [name for name, content in left.items() if any(trace.encode() in content for trace in traces)] == [
        "cache/withdrawn.json",
        "run/withdrawn.json",
    ]
    assert stages_of(run_of(job)) == {"finetune"}
    states = {stage.stage: stage.state for stage in status.run(run_of(job)).stages}
    assert states == {**dict.fromkeys(STAGES, "not done"), "finetune": "stale"}
    assert not (run_of(job) / "encode" / "current").exists()
    assert [check(entry) for entry in scan(Cache.default().root) if check(entry)] == []
    assert anna(job).is_file()


def test_the_others_measurements_and_latents_stay_as_they_were(job):
    measured = {entry.path.name for entry in scan(Cache.default().root) if entry.kind in ("ingest", "digests")}
    encoded = read_encoded(require_current(run_of(job), "encode"))
    kept = {window.window_id for window in encoded.windows if window.videos[0].digest != hash_file(anna(job))}
    before = {name: encoded.latents.read(name).clone() for name in kept}
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    left = {entry.path.name for entry in scan(Cache.default().root) if entry.kind in ("ingest", "digests")}
    assert (len(measured), len(left), left - measured) == (6, 4, set())
    from adapt.data.latent_store import LatentCache

    (folder,) = (Cache.default().root / "latents").iterdir()
    cache = LatentCache(folder)
    assert all(name in cache and cache.read(name).equal(latents) for name, latents in before.items())


def test_adapting_again_without_the_video_works_and_costs_nothing_twice(job, monkeypatch):
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    anna(job).unlink()
    from adapt.data import hand_looks
    from adapt.models.codec import VideoCodec

    monkeypatch.setattr(hand_looks, "_walk", lambda *_: pytest.fail("a video was measured again"))
    monkeypatch.setattr(VideoCodec, "encode", lambda *_: pytest.fail("a window was encoded again"))
    ingest.run(job)
    encode.run(job)
    finish(job)
    assert stages_of(run_of(job)) == {"ingest", "encode", "finetune", "evaluate", "bundle"}
    seen = {Path(window.videos[0].path).name for window in read_encoded(require_current(run_of(job), "encode")).windows}
    assert seen == {"anna_2.mp4", "ben_1.mp4"}


def test_publish_refuses_the_run_until_it_is_trained_again_without_it(job):
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    with pytest.raises(RunError, match=r"was withdrawn on .*; train it again, .*: wam-adapt adapt human"):
        publish_pipeline.run(run_of(job), "lab/pour")
    # The video is still in the folder, and is left out.
    for stage in (ingest, encode):
        stage.run(job)
    finish(job)
    assert left_out.why_withheld(run_of(job), Cache.default()) == ""


def listed(job: Job) -> set[str]:
    """Names of the videos in the table that ingest made."""
    return {Path(window.videos[0].path).name for window in ingest.read_windows(job)}


def told_of(job: Job) -> dict[str, str]:
    """What ingest says of the files that it could not use, or not all of."""
    facts = read_manifest(require_current(run_of(job), "ingest"))["facts"]
    return {problem["file"]: problem["reason"] for problem in facts["problems"]}


def test_it_is_left_out_of_every_later_run_under_any_name_and_that_is_told(job, tmp_path, capsys):
    shutil.copy(anna(job), job.source_path / "copy.mp4")
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    anna(job).unlink()
    for run in (run_of(job), tmp_path / "elsewhere" / "new"):
        made = replace(job, run=str(run))
        adapt_all.run(made, stop_after="ingest", terminal=Terminal())
        assert listed(made) == {"anna_2.mp4", "ben_1.mp4"}
        assert told_of(made)["copy.mp4"].startswith("was withdrawn on 20")
        assert "copy.mp4: was withdrawn on 20" in capsys.readouterr().err
        assert [stage.state for stage in status.run(run).stages if stage.stage == "ingest"] == ["done"]


def test_runs_remember_it_for_those_beside_them_though_the_cache_was_deleted(job, tmp_path):
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    shutil.rmtree(tmp_path / "cache")
    beside = replace(job, run=str(tmp_path / "beside"))
    ingest.run(beside)
    assert listed(beside) == {"anna_2.mp4", "ben_1.mp4"}


def test_a_video_that_nobody_has_used_yet_is_left_out_as_well(job, tmp_path):
    (tmp_path / "empty").mkdir()
    answer = withdraw.run("f" * 64, [tmp_path / "empty"])
    assert "--confirm, so that no run takes it from now on" in str(answer)
    ingest.run(job)
    assert "anna_1.mp4" in listed(job)
    withdraw.run(str(anna(job)), [tmp_path / "empty"], confirm=True)
    ingest.run(job)
    assert "anna_1.mp4" not in listed(job)


def test_a_run_of_nothing_but_withdrawn_videos_is_refused(job):
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    alone = replace(job, source=str(anna(job)))
    with pytest.raises(
        DataError, match=r"anna_1.mp4 was withdrawn on 20.*, and no other video can be used; name other"
    ):
        ingest.run(alone)


def test_an_outdated_result_with_a_withdrawn_video_in_it_is_stale(job, tmp_path):
    (tmp_path / "empty").mkdir()
    withdraw.run(str(anna(job)), [tmp_path / "empty"], confirm=True)
    Cache.default().file_digest(anna(job))  # Withdrawing has forgotten it.
    (state,) = [stage for stage in status.run(run_of(job)).stages if stage.stage == "ingest"]
    assert (state.state, state.why) == ("stale", "1 file gone: anna_1.mp4")


def test_what_was_withdrawn_may_be_given_again(job):
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    before = everything(run_of(job))
    answer = withdraw_back.run(str(anna(job)), [run_of(job)])
    assert len(answer["marked"]) == 2
    assert "dry run" in str(answer)
    assert everything(run_of(job)) == before
    answer = withdraw_back.run(str(anna(job)), [run_of(job)], confirm=True)
    assert "is no longer withdrawn in" in str(answer)
    assert left_out.why_withheld(run_of(job), Cache.default()) == ""
    ingest.run(job)
    assert "anna_1.mp4" in listed(job)
    with pytest.raises(RunError, match=r"anna_1.mp4: is not withdrawn \(sha256 .*name the folders of its runs"):
        withdraw_back.run(str(anna(job)), [run_of(job)])
    # Which trainings saw whom stays known.
    found = withdraw.run(hash_file(job.source_path / "ben_1.mp4"), [run_of(job)])
    assert [Path(path).parent.name for path in found["runs"][0]["trained"]] == ["finetune"]
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    assert "trained with" in left_out.why_withheld(run_of(job), Cache.default())


def test_what_is_withdrawn_elsewhere_is_not_published_from_here(job, tmp_path):
    (tmp_path / "other").mkdir()
    withdraw.run(str(anna(job)), [tmp_path / "other"], confirm=True)
    assert read_withdrawn(run_of(job)) == []
    with pytest.raises(RunError, match="must not be published: its adapters were trained with a video"):
        publish_pipeline.run(run_of(job), "lab/pour")
    assert any("It cannot be published" in note for note in status.run(run_of(job)).notes)
    withdraw_back.run(str(anna(job)), [tmp_path / "other"], confirm=True)
    assert left_out.why_withheld(run_of(job), Cache.default()) == ""


def test_undone_by_the_digits_that_were_told_behind_links_and_beside_files_of_others(job, tmp_path):
    digest = hash_file(anna(job))
    looked = tmp_path / "looked"
    looked.mkdir()
    (looked / "run").symlink_to(run_of(job))
    withdraw.run(str(anna(job)), [looked], confirm=True)
    assert [mark.video for mark in read_withdrawn(run_of(job))] == [digest]
    (tmp_path / "elsewhere").mkdir()
    (looked / "mine").mkdir()
    (looked / "mine" / "withdrawn.json").write_text('["a list of mine"]')
    assert withdraw_back.run(digest[:8], [tmp_path / "elsewhere"])["marked"] == [str(Cache.default().root)]
    assert len(withdraw_back.run(digest[:12], [looked], confirm=True)["marked"]) == 2
    assert all(mark.back for mark in read_withdrawn(run_of(job)))
    (looked / "mine" / "job.json").write_text("{}")  # Now it is a run, whose marks count.
    with pytest.raises(RunError, match="damaged"):
        withdraw_back.run(digest, [looked])


def test_what_a_killed_process_left_half_written_in_the_cache_goes_too(job):
    shard = next(entry.path for entry in scan(Cache.default().root) if entry.path.suffix == ".safetensors")
    half = shard.with_name(f".{shard.name}.abcd_123.tmp")
    half.write_bytes(shard.read_bytes()[:100])
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    assert not half.exists()


def test_where_only_a_copy_is_left_the_next_step_is_still_to_keep_the_video_out(job, tmp_path):
    shutil.copytree(require_current(run_of(job), "encode"), tmp_path / "models" / "replay")
    (tmp_path / "models" / "replay" / "manifest.json").unlink()
    shutil.rmtree(run_of(job))
    shutil.rmtree(Cache.default().root)
    answer = withdraw.run(str(anna(job)), [tmp_path / "models"])
    assert len(answer["copies"]) == 1
    assert str(answer).endswith("next: the same command with --confirm")


def test_an_entry_of_the_cache_that_is_no_object_stops_nothing(job):
    entry = Cache.default().root / "ingest" / "ab" / f"ab{'0' * 62}.json"
    entry.parent.mkdir(parents=True, exist_ok=True)
    for text in ('["watched"]', '{"watched": 1, "about": 5}', '{"watched": 1, "about": ["x"]}'):
        entry.write_text(text)
        assert withdraw.run(str(anna(job)), [run_of(job)])["alike"] == {}


def test_a_video_whose_file_is_gone_is_found_by_its_name_its_digest_or_the_beginning_of_it(job):
    digest = hash_file(anna(job))
    anna(job).unlink()
    for text in ("anna_1.mp4", str(anna(job)), digest, digest[:8], digest.upper()):
        assert withdraw.run(text, [run_of(job)])["video"] == digest
    for text in ("anna_3.mp4", "abcdef01", "anna_1"):
        with pytest.raises(RunError, match="is no file, and no run below"):
            withdraw.run(text, [run_of(job)])


def test_a_name_that_two_videos_have_is_not_guessed(job, tmp_path):
    other = tmp_path / "other"
    put(other, "ingest", {"source": {"videos": [["sub/anna_1.mp4", "e" * 64, "pour", "s"]]}}, "result")
    digest = hash_file(anna(job))
    anna(job).unlink()
    with pytest.raises(RunError, match=f"2 videos are called so: .*{digest}"):
        withdraw.run("anna_1.mp4", [run_of(job), other])
    assert withdraw.run(digest, [run_of(job), other])["video"] == digest
    assert withdraw.run("sub/anna_1.mp4", [run_of(job), other])["video"] == "e" * 64


def test_earlier_results_of_the_run_and_runs_that_replay_its_data_are_found_too(job, tmp_path):
    other = tmp_path / "other"
    (encoded,) = [result for result in find_results(run_of(job)) if result.stage == "encode"]
    replaying = train(other, "finetune", {"encode": "x", "replay": ["folder", encoded.content]})
    study = train(run_of(job) / "study" / "trainings", "new-0", {"new": encoded.key})
    apart = train(run_of(job) / "study" / "trainings", "replay-0", {"new": "bodies"})
    anna(job).unlink()
    ingest.run(job)
    encode.run(job)
    answer = withdraw.run("anna_1.mp4", [tmp_path])
    trained = {path for run in answer["runs"] for path in run["trained"]}
    assert {str(replaying.path), str(study.path)} <= trained
    assert str(apart.path) not in trained
    kept = {str(require_current(run_of(job), stage)) for stage in ("ingest", "encode")}
    removable = {path for run in answer["runs"] for path in run["removable"]}
    assert not kept & removable
    assert str(encoded.path) in removable


def test_what_names_encoded_data_to_its_replayer_is_what_finetune_itself_records(job):
    from pipelines.replay import find_replay

    folder = require_current(run_of(job), "encode")
    (encoded,) = [result for result in find_results(run_of(job)) if result.stage == "encode"]
    assert find_replay(replace(job, replay=str(folder)), Cache.default()).key == encoded.content


def test_a_video_that_gave_no_window_leaves_the_weights_alone(job, tmp_path):
    other = tmp_path / "other"
    listed = put(other, "ingest", {"source": {"videos": [["dark.mp4", "d" * 64, "pour", "s"]]}}, "result")
    train(other, "finetune", {"encode": "made from windows of other videos", "ingest": listed.key})
    answer = withdraw.run("d" * 64, [other], confirm=True)
    assert answer["runs"][0]["trained"] == []
    assert stages_of(other) == {"finetune"}


def test_what_was_published_with_it_is_named_with_its_commit(job):
    texts = {
        "repo": "lab/pour",
        "url": "https://hub/lab/pour",
        "visibility": "public",
        "on": "2026-01-02T03:04:05+00:00",
    }
    bundle, digest = require_current(run_of(job), "bundle").name, hash_file(anna(job))
    note_published(run_of(job), Published(commit="c0ffee", bundle=bundle, made_from={}, videos=(), **texts))
    note_published(run_of(job), Published(commit="older", bundle="b0", made_from={}, videos=(digest,), **texts))
    note_published(run_of(job), Published(commit="clean", bundle="b1", made_from={}, videos=("f" * 64,), **texts))
    answer = withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    assert [one["commit"] for one in answer["runs"][0]["published"]] == ["c0ffee", "older"]
    assert "https://hub/lab/pour  commit c0ffee, public, 2026-01-02" in str(answer)
    assert "clean" not in str(answer)


def test_copies_that_are_no_stage_of_a_run_are_named_and_left_alone(job, tmp_path):
    shutil.copytree(require_current(run_of(job), "bundle"), tmp_path / "models" / "pour")
    shutil.copytree(require_current(run_of(job), "encode"), tmp_path / "models" / "replay")
    (tmp_path / "models" / "replay" / "manifest.json").unlink()
    answer = withdraw.run(str(anna(job)), [tmp_path], confirm=True)
    assert answer["copies"] == [str(tmp_path / "models" / name) for name in ("pour", "replay")]
    assert (tmp_path / "models" / "replay" / CLIP_TABLE).is_file()


def test_nothing_is_removed_while_a_process_is_at_work_on_a_run(job, tmp_path):
    before = everything(run_of(job))
    with hold(run_of(job) / "finetune", "k", "training"), pytest.raises(RunError, match="is at work on its finetune"):
        withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    (folder,) = (tmp_path / "cache" / "latents").iterdir()
    claim = Claim(folder)
    with pytest.raises(RunError, match="a live process uses these latents"):
        withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    claim.release()
    assert everything(run_of(job)) == before


def begun(run: Path) -> Path:
    """What a killed training has left."""
    scratch = run / "finetune" / ".0123456789abcdef.partial"
    scratch.mkdir(parents=True)
    (scratch / "checkpoint.ckpt").write_text("weights under way")
    return scratch


def test_what_killed_processes_left_unfinished_is_told_and_goes_as_well(job):
    scratch = begun(run_of(job))
    answer = withdraw.run(str(anna(job)), [run_of(job)])
    assert answer["runs"][0]["unfinished"] == [str(scratch)]
    assert f"{scratch.name}: begun and not finished" in str(answer)
    assert scratch.exists()
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    assert not scratch.exists()


def test_what_somebody_takes_up_in_the_meantime_is_not_taken_from_under_them(job, tmp_path, monkeypatch):
    scratch = begun(run_of(job))
    monkeypatch.setattr(withdraw, "_refuse_at_work", lambda _: None)
    with hold(scratch.parent, "0123456789abcdef", "training"), pytest.raises(RunError, match="already running it"):
        withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    assert scratch.exists()


def test_latents_that_somebody_uses_in_the_meantime_are_not_said_to_be_removed(job, tmp_path, monkeypatch):
    monkeypatch.setattr(withdraw, "_refuse_at_work", lambda _: None)
    (folder,) = (tmp_path / "cache" / "latents").iterdir()
    claim = Claim(folder)
    with pytest.raises(RunError, match=r"a live process uses these latents; .*: it goes on from here"):
        withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    claim.release()
    answer = withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    assert sum(len(names) for names in answer["cache"]["shards"].values()) > 0


@pytest.fixture
def replaying(job, tmp_path) -> Path:
    """Another run, whose training takes the first one's encoded data as replay data and has not ended."""
    other = replace(job, run=str(tmp_path / "other"), replay=str(require_current(run_of(job), "encode")))
    save_job(other)
    begun(other.run_folder)
    return other.run_folder


def test_a_run_that_is_trained_now_with_its_data_as_replay_data_stops_the_withdrawal(job, replaying, tmp_path):
    with hold(replaying / "finetune", "0123456789abcdef", "training"), pytest.raises(RunError, match=f"{replaying}: "):
        withdraw.run(str(anna(job)), [tmp_path], confirm=True)
    assert "encode" in stages_of(run_of(job))


def test_a_run_that_was_to_be_trained_with_its_data_as_replay_data_is_told_marked_and_begins_anew(
    job, replaying, tmp_path
):
    digest = hash_file(anna(job))
    answer = withdraw.run(str(anna(job)), [tmp_path], confirm=True)
    assert {run["run"]: run["replays"] for run in answer["runs"]} == {job.run: False, str(replaying): True}
    assert f"give other data with --replay before they are trained again:\n  {replaying}" in str(answer)
    assert [mark.video for mark in read_withdrawn(replaying)] == [digest]
    assert list((replaying / "finetune").glob(".*.partial")) == []


def test_a_run_that_replays_other_data_is_left_alone(job, tmp_path):
    other = replace(job, run=str(tmp_path / "other"), replay=str(tmp_path / "else"))
    save_job(other)
    scratch = begun(other.run_folder)
    answer = withdraw.run(str(anna(job)), [tmp_path], confirm=True)
    assert [run["run"] for run in answer["runs"]] == [job.run]
    assert scratch.exists()


def test_runs_copies_and_results_behind_links_are_found_once_and_go(job, tmp_path):
    (tmp_path / "big").mkdir()
    home = run_of(job) / "encode"
    home.rename(tmp_path / "big" / "encode")
    home.symlink_to(tmp_path / "big" / "encode")
    ingested = require_current(run_of(job), "ingest")
    ingested.rename(tmp_path / "big" / ingested.name)
    ingested.symlink_to(tmp_path / "big" / ingested.name)
    shutil.copytree(require_current(run_of(job), "bundle"), tmp_path / "models" / "pour")
    (tmp_path / "looked").mkdir()
    for number in range(2):
        (tmp_path / "looked" / f"run-{number}").symlink_to(run_of(job))
        (tmp_path / "looked" / f"models-{number}").symlink_to(tmp_path / "models")
    answer = withdraw.run(str(anna(job)), [tmp_path / "looked", run_of(job)], confirm=True)
    (found,) = answer["runs"]
    assert {Path(path).parent.name for path in found["removable"]} == {"ingest", "encode", "evaluate", "bundle"}
    assert len(answer["copies"]) == 1
    assert stages_of(run_of(job)) == {"finetune"}
    assert [path.name for path in (tmp_path / "big").iterdir()] == ["encode"]
    assert not ingested.is_symlink()


def test_a_withdrawal_that_was_stopped_is_finished_by_the_same_command(job, monkeypatch):
    digest = hash_file(anna(job))
    with monkeypatch.context() as patch:
        patch.setattr(withdraw, "_remove_from", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    assert read_withdrawn(run_of(job))[0].video == digest
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    assert stages_of(run_of(job)) == {"finetune"}


def test_twice_changes_nothing_more_and_still_names_the_weights(job):
    digest = hash_file(anna(job))
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    before = everything(run_of(job))
    answer = withdraw.run(digest[:12], [run_of(job)], confirm=True)
    assert everything(run_of(job)) == before
    assert [Path(path).parent.name for path in answer["runs"][0]["trained"]] == ["finetune"]


def test_weights_whose_data_is_gone_are_found_again_when_another_of_their_videos_is_withdrawn(job):
    withdraw.run(str(anna(job)), [run_of(job)], confirm=True)
    answer = withdraw.run(hash_file(job.source_path / "ben_1.mp4"), [run_of(job)])
    assert [Path(path).parent.name for path in answer["runs"][0]["trained"]] == ["finetune"]


def test_latents_are_found_though_every_run_that_knew_them_is_deleted(job, tmp_path):
    shutil.rmtree(run_of(job))
    (tmp_path / "empty").mkdir()
    answer = withdraw.run(str(anna(job)), [tmp_path / "empty"], confirm=True)
    assert answer["runs"] == []
    assert sum(len(names) for names in answer["cache"]["shards"].values()) > 0
    assert [
        entry for entry in scan(Cache.default().root) if hash_file(anna(job)).encode() in entry.path.read_bytes()
    ] == []


def test_entries_that_do_not_say_whose_they_are_are_counted(job):
    (path,) = [entry.path for entry in scan(Cache.default().root) if entry.kind == "ingest"][:1]
    record = json.loads(path.read_text())
    del record["about"]
    path.write_text(json.dumps(record))
    answer = withdraw.run("f" * 64, [run_of(job)])
    assert answer["cache"]["untold"] == [str(path)]
    assert "1 file of the cache" in str(answer)


def test_a_table_that_cannot_be_read_is_named(job):
    table = require_current(run_of(job), "encode") / CLIP_TABLE
    table.write_bytes(b"damaged")
    answer = withdraw.run(str(anna(job)), [run_of(job)])
    assert len(answer["unread"]) == 1
    assert f"{table}: not a clip table" in str(answer)


def test_a_video_that_nobody_has_used_is_told_so(job, tmp_path):
    stranger = tmp_path / "stranger.mp4"
    stranger.write_bytes(b"never used")
    answer = withdraw.run(str(stranger), [run_of(job)], confirm=True)
    assert "is in none of these runs" in str(answer)
    assert find_current(run_of(job), "bundle") is not None
    assert fingerprint(str(stranger)) not in {entry.path.stem for entry in scan(Cache.default().root)}


@pytest.fixture
def filmed(tmp_path, monkeypatch) -> Path:
    """The videos of a run that was ingested, of scenes that can be told apart: two takes at one place, and another."""
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    videos = tmp_path / "videos"
    videos.mkdir()
    for name, scene in {
        "anna": Scene(looks=60),
        "ben": Scene(looks=60, take=1),
        "carl": Scene(looks=60, place=1),
    }.items():
        write_video(videos / f"{name}.mp4", film(scene), RATE_HZ)
    copied(tmp_path)
    ingest.run(load_job(tmp_path / "run"))
    return videos


def test_another_file_of_the_same_footage_is_named_and_what_is_not_the_same_is_not(filmed, tmp_path):
    sent = tmp_path / "sent.mp4"
    write_video(sent, scaled(film(Scene(looks=60))[12:52], 90, 160), RATE_HZ)
    before = everything(tmp_path / "cache")
    answer = withdraw.run(str(sent), [tmp_path / "run"])
    anna = hash_file(filmed / "anna.mp4")
    assert answer["alike"] == {anna: ["anna.mp4"]}
    assert "is in none of these runs" in str(answer)
    assert f"wam-adapt withdraw {anna[:12]}  # anna.mp4" in str(answer)
    assert everything(tmp_path / "cache") == before


def test_every_file_of_the_same_footage_is_named(filmed, tmp_path):
    write_video(filmed / "twin.mp4", scaled(film(Scene(looks=60)), 120, 214), RATE_HZ)
    ingest.run(load_job(tmp_path / "run"))
    sent = tmp_path / "sent.mp4"
    write_video(sent, scaled(film(Scene(looks=60)), 90, 160), RATE_HZ)
    alike = withdraw.run(str(sent), [tmp_path / "run"])["alike"]
    assert sorted(name for names in alike.values() for name in names) == ["anna.mp4", "twin.mp4"]


def test_a_video_that_is_known_is_compared_without_its_file(filmed, tmp_path):
    twin = filmed / "twin.mp4"
    write_video(twin, scaled(film(Scene(looks=60))[12:52], 90, 160), RATE_HZ)
    ingest.run(load_job(tmp_path / "run"))
    digest = hash_file(twin)
    twin.unlink()
    assert withdraw.run(digest, [tmp_path / "run"])["alike"] == {hash_file(filmed / "anna.mp4"): ["anna.mp4"]}


def test_the_verb_looks_where_it_is_told_and_says_where_it_cannot(job, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["withdraw", "anna_1.mp4"]) == 1
    assert "--runs" in capsys.readouterr().err
    assert cli.main(["withdraw", "anna_1.mp4", "--runs", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] is False
    assert cli.main(["withdraw", "videos/anna_1.mp4", "--runs", "run", "--confirm"]) == 0
    told = capsys.readouterr().out
    assert "removed:" in told
    assert "from now on `adapt` leaves it out" in told
    assert told.splitlines()[-1].strip().startswith("wam-adapt adapt human")
    assert cli.main(["withdraw", "videos/anna_1.mp4", "--runs", "run", "--undo", "--confirm", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["undone"] is True


def test_what_nobody_has_looked_at_does_not_wait_for_torch(job, monkeypatch, tmp_path):
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "none"))
    code = "import sys; from pipelines.cli import main; main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    words = ["withdraw", str(anna(job)), "--runs", job.run, "--confirm"]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=Path(__file__).parents[2], capture_output=True)
    assert done.returncode == 0, done.stderr


def test_a_robot_s_video_is_withdrawn_like_a_person_s_and_the_other_episodes_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    play_set(tmp_path / "play", *(recording(8.0, 20.0, shade=shade) for shade in (0, 7, 14)))
    (tmp_path / "toy.yaml").write_text(json.dumps(body().to_json()))
    job = Job(
        kind="play", source=str(tmp_path / "play"), run=str(tmp_path / "run"), embodiment=str(tmp_path / "toy.yaml")
    )
    save_job(job)
    ingest.run(job)
    video = sorted((tmp_path / "play").rglob("*.mp4"))[1]
    answer = withdraw.run(str(video), [tmp_path / "run"], confirm=True)
    assert answer["names"] == [video.relative_to(tmp_path / "play").as_posix()]
    assert answer["runs"][0]["windows"] > 0
    assert stages_of(tmp_path / "run") == set()
    ingest.run(job)
    assert len(listed(job)) == 2
    assert video.name not in listed(job)
    (reason,) = told_of(job).values()
    assert reason.startswith(f"{video.name}: was withdrawn on 20")
    assert [stage.state for stage in status.run(run_of(job)).stages if stage.stage == "ingest"] == ["done"]
    withdraw_back.run(str(video), [tmp_path / "run"], confirm=True)
    assert [stage.state for stage in status.run(run_of(job)).stages if stage.stage == "ingest"] == ["stale"]
    ingest.run(job)
    assert len(listed(job)) == 3
