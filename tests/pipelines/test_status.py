"""A run tells how far it has come, what has changed since, who is at it, and what goes on with it."""

import json
import re
import shlex
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from adapt import __version__
from adapt.data.clip_table import CLIP_TABLE
from adapt.data.windows import PREPROCESS_VERSION
from adapt.errors import RunError
from adapt.footage.settings import FOOTAGE_VERSION, TOLD_ONLY
from adapt.runs.cache import Cache
from adapt.runs.lock import hold
from adapt.runs.published import Published, note_published
from adapt.runs.stage import find_current, run_stage
from adapt.runs.withdrawn import note_withdrawn
from pipelines import cli, status, status_changes
from pipelines.arguments import build_parser
from pipelines.job import Job, save_job
from pipelines.schema import compose
from pipelines.stages import STAGES, VERSIONS
from pipelines.status_stages import BEGUN, DAMAGED, DONE, OPEN, STALE, WORKING, Status
from pipelines.strict import to_plain

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def videos(tmp_path) -> Path:
    folder = tmp_path / "my videos"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def job(videos, tmp_path) -> Job:
    made = Job(kind="human", source=str(videos), run=str(tmp_path / "run"), task="pour", recipe=compose("human"))
    save_job(made)
    return made


def do(job: Job, *stages: str) -> None:
    """Finish stages with the inputs that they really record, as far as status reads these."""
    for stage in stages:
        before = {name: path.name for name in STAGES if (path := find_current(job.run_folder, name)) is not None}
        run_stage(job.run_folder, stage, {**_inputs(job)[stage], **_made_from(stage, before)}, _work)


def _work(folder: Path) -> dict:
    (folder / "result").write_text("well done")
    return {"summary": f"{folder.parent.name} is well"}


def _made_from(stage: str, before: dict[str, str]) -> dict[str, str]:
    earlier = {"encode": ["ingest"], "finetune": ["encode"], "evaluate": ["encode", "finetune"]}
    earlier["bundle"] = list(STAGES[:-1])
    return {name: before[name] for name in earlier.get(stage, [])}


def _inputs(job: Job) -> dict[str, dict]:
    recipe, cache = job.recipe, Cache.default()
    footage = {name: value for name, value in asdict(recipe.footage).items() if name not in TOLD_ONLY}
    listed = [[path.name, cache.file_digest(path), "pour", path.name] for path in sorted(job.source_path.glob("*.mp4"))]
    train = {key: value for key, value in asdict(recipe.train).items() if key not in ("devices", "strategy")}
    return {
        "ingest": {
            "source": {
                "videos": listed,
                "hands": asdict(recipe.hands),
                "footage": {"version": FOOTAGE_VERSION, **footage},
            },
            "windows": asdict(recipe.windows),
            "versions": [VERSIONS["ingest"], PREPROCESS_VERSION],
        },
        "encode": {"versions": [VERSIONS["encode"], PREPROCESS_VERSION]},
        "finetune": {
            "version": VERSIONS["finetune"],
            "lora": asdict(recipe.lora),
            "train": train,
            "seed": recipe.seed,
            "replay": ["base", "k"],
        },
        "evaluate": {"version": VERSIONS["evaluate"], "evaluate": asdict(recipe.evaluate)},
        "bundle": {
            "version": VERSIONS["bundle"],
            "recipe": yaml.safe_dump({**to_plain(recipe), "base": ""}),
            "wam_adapt": __version__,
        },
    }


def states(found: Status) -> dict[str, str]:
    return {stage.stage: stage.state for stage in found.stages}


def why(found: Status, name: str) -> str:
    (stage,) = [stage for stage in found.stages if stage.stage == name]
    return stage.why


def test_a_run_that_has_begun_tells_what_is_done_and_what_is_not(job):
    do(job, "ingest", "encode")
    found = status.run(job.run_folder)
    assert states(found) == {"ingest": DONE, "encode": DONE, "finetune": OPEN, "evaluate": OPEN, "bundle": OPEN}
    ingest = found.stages[0]
    assert (ingest.found, ingest.size) == ("ingest is well", len("well done"))
    assert ingest.seconds is not None
    assert ingest.ended.startswith("20")
    assert found.about == {"data": job.source, "task": "pour", "base": "tiny", "body": "human_hand"}
    assert found.notes == []


def test_the_next_command_is_the_one_that_makes_the_same_run_go_on(job):
    (command,) = status.run(job.run_folder).next
    words = shlex.split(command)
    assert words[:2] == ["wam-adapt", "adapt"]
    arguments = build_parser().parse_args(words[1:])
    assert (arguments.kind, arguments.source, arguments.out) == ("human", job.source, job.run)
    assert (arguments.task, arguments.overrides) == ("pour", [])


def test_a_whole_run_names_what_can_be_done_with_it(job):
    do(job, *STAGES)
    found = status.run(job.run_folder)
    assert set(states(found).values()) == {DONE}
    assert [command.split()[1] for command in found.next] == ["predict", "publish"]


@pytest.mark.parametrize(
    ("override", "first", "told"),
    [
        ("windows.max_chunks=3", "ingest", "windows.max_chunks"),
        ("hands.min_hands_share=0.1", "ingest", "hands.min_hands_share"),
        ("footage.max_blur=0.9", "ingest", "footage.max_blur 0.7 -> 0.9"),
        ("train.steps=7", "finetune", "train.steps 200 -> 7"),
        ("lora.rank=3", "finetune", "lora.rank"),
        ("seed=5", "finetune", "seed 0 -> 5"),
        ("evaluate.max_windows=1", "evaluate", "evaluate.max_windows"),
        ("study.seeds=2", "bundle", "study.seeds 3 -> 2"),
    ],
)
def test_a_changed_setting_makes_the_stage_that_reads_it_stale_and_those_after(override, first, told, job):
    do(job, *STAGES)
    save_job(replace(job, recipe=compose("human", [override])))
    found = status.run(job.run_folder)
    place = STAGES.index(first)
    assert states(found) == {stage: DONE if number < place else STALE for number, stage in enumerate(STAGES)}
    assert re.sub(r"\d+ ->", "", told) in re.sub(r"\d+ ->", "", why(found, first))
    assert override in found.next[0]


def test_a_setting_that_changes_only_how_it_is_trained_trains_nothing_again(job):
    do(job, *STAGES)
    save_job(replace(job, recipe=compose("human", ["train.devices=2"])))
    found = states(status.run(job.run_folder))
    assert found == {**dict.fromkeys(STAGES, DONE), "bundle": STALE}  # Which ships the recipe.


def test_videos_that_came_went_or_changed_are_named(job, videos):
    do(job, "ingest", "encode")
    (videos / "c.mp4").write_bytes(b"c")
    (videos / "b.mp4").unlink()
    (videos / "a.mp4").write_bytes(b"another a")
    found = status.run(job.run_folder)
    assert why(found, "ingest") == "1 file added: c.mp4, 1 file gone: b.mp4"  # a.mp4 has not been read since.
    Cache.default().file_digest(videos / "a.mp4")
    assert why(status.run(job.run_folder), "ingest").endswith("1 file changed: a.mp4")
    assert why(found, "encode") == "ingest comes first"


def test_other_words_for_a_video_are_noticed(job, videos):
    do(job, "ingest")
    (videos / "a.txt").write_text("stir")
    assert why(status.run(job.run_folder), "ingest") == "1 file with other words: a.mp4"


def test_another_session_of_a_video_is_noticed(job, videos):
    do(job, "ingest")
    lines = [{"file_name": path.name, "text": "pour", "session": "one"} for path in sorted(videos.glob("*.mp4"))]
    (videos / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "of another session: a.mp4" in why(status.run(job.run_folder), "ingest")


@pytest.mark.parametrize("stage", STAGES)
def test_what_another_version_does_otherwise_is_to_be_done_again(job, monkeypatch, stage):
    do(job, *STAGES)
    assert why(status.run(job.run_folder), stage) == ""
    monkeypatch.setitem(VERSIONS, stage, VERSIONS[stage] + 1)
    assert "another version of wam-adapt" in why(status.run(job.run_folder), stage)


def test_footage_that_would_be_measured_otherwise_is_to_be_looked_at_again(job, monkeypatch):
    do(job, *STAGES)
    monkeypatch.setattr(status_changes, "FOOTAGE_VERSION", FOOTAGE_VERSION + 1)
    assert "another version of wam-adapt" in why(status.run(job.run_folder), "ingest")


def test_what_only_the_doctor_says_makes_nothing_stale(job):
    do(job, *STAGES)
    save_job(replace(job, recipe=compose("human", ["footage.strong_camera_deg_s=20"])))
    assert states(status.run(job.run_folder))["ingest"] == DONE


def test_a_stage_made_from_another_one_than_there_is_now_is_stale(job):
    do(job, *STAGES)
    run_stage(job.run_folder, "encode", {"another": True}, _work)
    found = status.run(job.run_folder)
    assert why(found, "finetune") == "made from another encode than there is now"
    assert found.stages[1].earlier == 1


def test_a_stage_under_way_names_its_process_and_proposes_nothing_else(job):
    do(job, "ingest")
    with hold(job.run_folder / "ingest", "other", "work"):
        found = status.run(job.run_folder)
        assert states(found)["ingest"] == WORKING
        assert found.working is not None
        assert found.next == []
    assert states(status.run(job.run_folder))["ingest"] == DONE


def test_what_a_killed_process_left_is_told_from_what_runs(job):
    code = "import os, sys; from pathlib import Path; from adapt.runs.stage import run_stage\n"
    code += "run_stage(Path(sys.argv[1]), 'ingest', {}, lambda folder: os.kill(os.getpid(), 9))"
    subprocess.run([sys.executable, "-c", code, job.run], cwd=REPOSITORY, check=False)
    found = status.run(job.run_folder)
    assert states(found)["ingest"] == BEGUN
    assert why(found, "ingest") == "left unfinished by a process that has ended"
    assert found.working is None


def test_a_result_whose_files_are_missing_is_damaged_not_done(job):
    do(job, "ingest", "encode")
    result = find_current(job.run_folder, "encode")
    assert result is not None
    (result / "result").write_text("")
    assert states(status.run(job.run_folder))["encode"] == DAMAGED


def test_a_run_that_was_moved_and_lost_its_data_is_told_so(job, videos, tmp_path):
    do(job, *STAGES)
    job.run_folder.rename(tmp_path / "moved")
    videos.rename(tmp_path / "gone")
    found = status.run(tmp_path / "moved")
    assert set(states(found).values()) == {DONE}
    assert found.notes == [
        f"Its data is not at {job.source} any more; what is done stays, but no stage can read it again."
    ]


def test_what_was_published_and_what_was_withdrawn_is_told(job):
    do(job, *STAGES)
    texts = {
        "repo": "lab/pour",
        "url": "https://hub/lab/pour",
        "visibility": "public",
        "on": "2026-01-02T03:04:05+00:00",
    }
    note_published(job.run_folder, Published(commit="c1", bundle="k", made_from={}, videos=(), **texts))
    finetune = find_current(job.run_folder, "finetune")
    assert finetune is not None
    note_withdrawn(job.run_folder, "a" * 64, {finetune.name: []})
    found = status.run(job.run_folder)
    assert [one.repo for one in found.published] == ["lab/pour"]
    assert found.notes[0].startswith(
        "It cannot be published: its adapters were trained with a video that was withdrawn"
    )


def test_where_it_cannot_be_told_what_a_run_was_made_with_that_is_said(job):
    do(job, *STAGES)
    note_withdrawn(Cache.default().root, "a" * 64, {})
    encode = find_current(job.run_folder, "encode")
    assert encode is not None
    (encode / CLIP_TABLE).write_text("no table")
    (note,) = status.run(job.run_folder).notes
    assert note.startswith(f"Whether it may be published cannot be told: {encode / CLIP_TABLE}: not a clip table")


def test_a_study_tells_how_many_of_its_trainings_are_done(job):
    do(job, *STAGES)
    home = job.run_folder / "study"
    for name in ("new-0", "replay-0"):
        run_stage(home / "trainings", name, {"new": find_current(job.run_folder, "encode").name}, _work)
    run_stage(home / "judgements", "new-0", {}, _work)
    found = status.run(job.run_folder)
    assert (states(found)["study"], found.stages[-1].found) == (BEGUN, "2 trained, 1 judged")
    assert found.next[0] == f"wam-adapt study --run {job.run}"
    (home / "trainings" / "new-1").mkdir()
    with hold(home / "trainings" / "new-1", "k", "work"):
        assert states(status.run(job.run_folder))["study"] == WORKING
    run_stage(job.run_folder, "study", {"judgements": {}}, _work)
    assert states(status.run(job.run_folder))["study"] == DONE
    run_stage(job.run_folder, "encode", {"another": True}, _work)
    assert states(status.run(job.run_folder))["study"] == STALE


def test_the_demo_and_its_acting_are_a_run_with_two_stages_more(job):
    run_stage(job.run_folder, "footage", {}, _work)
    found = status.run(job.run_folder)
    assert list(states(found)) == ["footage", *STAGES, "act"]
    assert found.what == "demo"
    assert found.next == [f"wam-adapt demo --out {job.run}"]


def test_a_pretraining_is_known_by_its_stages(tmp_path):
    run_stage(tmp_path, "draw", {}, _work)
    found = status.run(tmp_path)
    assert (found.what, states(found)["draw"], states(found)["base"]) == ("pretraining", DONE, OPEN)
    assert found.next == [f"wam-adapt pretrain --out {tmp_path}"]


def test_a_study_on_the_tabletop_tells_its_plans_and_what_is_done(tmp_path):
    (tmp_path / "plans" / "video").mkdir(parents=True)
    (tmp_path / "plans" / "video" / "plan.json").write_text("{}")
    run_stage(tmp_path / "trials", "new-0.head.seen.gripper", {}, _work)
    found = status.run(tmp_path)
    assert (found.what, found.about) == ("study on the tabletop", {"plan video": "not judged yet"})
    assert [stage.found for stage in found.stages][-1] == "1 of 1 begun are done"
    assert found.next == [f"wam-adapt sim study video --out {tmp_path}"]


def test_a_folder_that_is_no_run_says_what_it_is(job, tmp_path):
    do(job, "ingest")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "bundle.json").write_text("{}")
    (tmp_path / "lost" / "ingest").mkdir(parents=True)
    for place, told in (
        (tmp_path / "nowhere", "there is no such folder"),
        (job.run_folder / "job.json", "is a file"),
        (job.run_folder / "ingest", f"give: wam-adapt status {job.run}"),
        (tmp_path, "it holds 1 of them"),
        (tmp_path / "model", "it is a bundle"),
        (tmp_path / "lost", "though it has stages of one"),
        (job.source_path, "start one"),
    ):
        with pytest.raises(RunError, match=re.escape(told)):
            status.run(place)


def test_looking_writes_nothing(job):
    do(job, *STAGES)
    places = [job.run_folder, *job.run_folder.rglob("*")]
    before = {place: place.stat().st_mtime_ns for place in places}
    assert cli.main(["status", job.run]) == 0
    assert {place: place.stat().st_mtime_ns for place in [job.run_folder, *job.run_folder.rglob("*")]} == before


def test_the_verb_tells_people_and_machines(job, capsys):
    do(job, "ingest")
    assert cli.main(["status", job.run]) == 0
    told = capsys.readouterr().out
    assert re.search(r"ingest +done +\d+ s, 20\d\d-.* ingest is well  \([0-9a-f]{8}, 9 B\)", told)
    assert re.search(r"encode +not done", told)
    command = told.splitlines()[-1]
    assert command.startswith("  wam-adapt adapt human '")
    assert cli.main(["status", job.run, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert [stage["state"] for stage in value["stages"]] == ["done", *["not done"] * 4]
    assert value["next"] == [command.strip()]
    assert cli.main(["status", str(job.source_path)]) == 1
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    "overrides", [[], ["lora=attention"], ["lora.targets=to_q,to_k", "train.steps=9"], ["base=/some where/base"]]
)
def test_the_command_says_all_that_the_job_says(overrides, job):
    from pipelines.again import adapt_command
    from pipelines.asked import make_job

    wanted = replace(job, recipe=compose("demo", overrides), replay="none", task="-x 'y'", embodiment="g1_inspire")
    arguments = build_parser().parse_args(shlex.split(adapt_command(wanted))[1:])
    assert make_job(arguments) == wanted
