"""The verb on a robot's data set, as a user gives it: faults planted in the files are named in the record it writes."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from robot_builder import (
    CAMERAS,
    black,
    clean_play,
    clipped,
    constant,
    every_row,
    in_other_unit,
    late_film,
    missing,
    paused,
    reordered,
    swapped,
    twin,
    with_column,
    with_rows,
)
from robot_set import write_set, write_spec

from adapt.data.episodes import Recording
from adapt.data.films import Film
from adapt.data.lerobot_writer import write_lerobot_v21
from adapt.embodiment.spec import load_embodiment
from adapt.errors import DataError
from adapt.quality import thumbnails
from adapt.runs.cache import Cache, hash_file
from adapt.runs.stage import read_manifest, require_current
from adapt.runs.withdrawn import note_withdrawn
from pipelines import cli

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def offline(_folder: Path) -> tuple[Path, ...]:
    """In place of fetching the face networks."""
    raise DataError("the network: cannot be reached; try later")


def doctor(*words: str) -> int:
    """The exit status of one command."""
    try:
        return cli.main(["doctor", *words])
    except SystemExit as end:
        return int(end.code or 0)


def record(path: str = "doctor/play/doctor.json") -> dict[str, Any]:
    value: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return value


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data sets that tests read, made once."""
    root = tmp_path_factory.mktemp("sets")
    clean = clean_play(6)
    write_set(root / "clean", clean, tasks=("lift the cup", "push the cup"))
    play = swapped(clean, 2, *CAMERAS)
    play = black(play, 4, "front", 20)
    play = clipped(play, "action", 1, 0.9)
    play = in_other_unit(play, 3, 1.0)
    play = missing(play, 1, 3)
    write_set(root / "faulty", paused(play, 5, 60))
    play = reordered(constant(clean, "state", 2, 6), [1, 0, 2, 3, 4], range(6))
    for place in range(6):
        play = late_film(play, place, "front", 4)
    write_set(root / "mixed", twin(play, 3, 1, 0.0))
    return root


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user stands beside the spec of the robot."""
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(thumbnails, "ensure_face_models", offline)
    monkeypatch.chdir(tmp_path)
    write_spec(tmp_path / "arm.yaml")
    return tmp_path


@pytest.fixture(scope="module")
def records(made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the command writes of each of these sets, with the spec."""
    out = tmp_path_factory.mktemp("out")
    write_spec(out / "arm.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAM_ADAPT_CACHE", str(out / "cache"))
        patch.setattr(thumbnails, "ensure_face_models", offline)
        for name in ("clean", "faulty", "mixed"):
            body = str(out / "arm.yaml")
            assert doctor(str(made / name), "--embodiment", body, "--out", str(out / name), "--quiet") == 0
    return {name: record(str(out / name / "doctor.json")) for name in ("clean", "faulty", "mixed")}


@pytest.mark.parametrize(
    ("name", "code", "subject", "episodes"),
    [
        ("faulty", "cameras_swapped", "cameras 'front' and 'side'", [2]),
        ("faulty", "black", "camera 'front'", [4]),
        ("faulty", "clipped", "action axis 'elbow' (action[1])", None),
        ("faulty", "units", "state axis 'lift' (observation.state[3])", []),
        ("faulty", "missing_rows", "rows", [1]),
        ("faulty", "idle", "rows", [5]),
        ("mixed", "constant", "state axis 'wrist' (observation.state[2])", []),
        ("mixed", "order", "columns 'action' and 'observation.state'", []),
        ("mixed", "video_shifted", "camera 'front'", []),
        ("mixed", "near_identical", "episodes", [3]),
    ],
)
def test_a_fault_in_the_files_is_named(
    records: dict[str, dict[str, Any]], name: str, code: str, subject: str, episodes: list[int] | None
) -> None:
    found = [each for each in records[name]["findings"] if (each["code"], each["subject"]) == (code, subject)]
    assert found, [(each["code"], each["subject"]) for each in records[name]["findings"]]
    assert episodes is None or found[0]["episodes"] == episodes
    told = [step for step in records[name]["record_next"] if found[0]["remedy"] in step["what"]]
    assert told, "its remedy is among what to do next"


def test_clean_data_have_no_fault_and_lags_as_they_were_made(records: dict[str, dict[str, Any]]) -> None:
    found = records["clean"]
    assert [each for each in found["findings"] if each["weight"] != "note"] == []
    assert (found["usable"], found["doubted_minutes"], found["others"]) == (True, 0.0, [])
    lags = [found["latency"]["command_to_state"], found["latency"]["state_to_picture"]["front"]]
    assert [lag["seconds"] for lag in lags] == [pytest.approx(0.1, abs=0.03), pytest.approx(0.0, abs=0.03)]
    assert all(lag["low"] <= true <= lag["high"] for lag, true in zip(lags, (0.1, 0.0), strict=True))


def test_episodes_with_something_wrong_are_kept_but_doubted(records: dict[str, dict[str, Any]]) -> None:
    found = records["faulty"]
    by_episode = {each["episode"]: each for each in found["episodes"]}
    assert "cameras swapped" in by_episode[2]["doubts"]
    assert "cameras swapped" not in by_episode[3]["doubts"]
    assert found["doubted_minutes"] == found["usable_minutes"] > 1  # A wrong unit is in all of them.
    assert by_episode[2]["seconds_by_code"]["doubted"] == by_episode[2]["doubted_seconds"]
    assert found["next"][0].startswith("wam-adapt doctor")  # before it is trained on


def test_people_read_what_is_usable_per_task_and_what_to_do(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(str(made / "clean"), "--embodiment", "arm.yaml") == 0
    told = capsys.readouterr().out
    assert "91 s of 96 s in 6 episodes can be used" in told
    assert 'Record 14.2 min more in at least 6 episodes of "push the cup"' in told
    assert "command to state: 0.09 s (0.05 to 0.12)" in told
    assert "doctor/clean/doctor.html\ndoctor/clean/doctor.json" in told
    found = record("doctor/clean/doctor.json")
    assert [(task["instruction"], task["sessions"]) for task in found["tasks"]] == [
        ("lift the cup", 3),
        ("push the cup", 3),
    ]
    page = Path("doctor/clean/doctor.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 6  # two cameras, three times
    assert "coarsened throughout, since the face detectors could not be fetched" in page


def test_adapt_takes_what_the_doctor_said(made: Path) -> None:
    assert doctor(str(made / "clean"), "--embodiment", "arm.yaml") == 0
    found = record("doctor/clean/doctor.json")
    words = found["next"][0].split()[1:]
    assert words[:2] == ["adapt", "play"]
    assert cli.main([*words, "--stop-after", "ingest"]) == 0
    facts = read_manifest(require_current(Path("runs/clean"), "ingest"))["facts"]
    assert facts["kept_minutes"] == found["usable_minutes"]
    assert facts["validation_windows"] == found["held_out_windows"]
    assert facts["same_session"] == found["same_session"]


def test_no_video_is_decoded_twice(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor(str(made / "clean"), "--embodiment", "arm.yaml") == 0
    before = record("doctor/clean/doctor.json")

    def never(*_: object) -> None:
        raise AssertionError("a video was looked at again")

    monkeypatch.setattr("adapt.quality.robot.views._watched", never)
    assert doctor(str(made / "clean"), "--embodiment", "arm.yaml") == 0
    assert record("doctor/clean/doctor.json") == before


def test_programs_read_the_record(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(str(made / "clean"), "--embodiment", "arm.yaml", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == record("doctor/clean/doctor.json")
    assert (told["format"], told["kind"], told["usable"]) == (1, "robot_data", True)


def test_without_a_spec_one_is_guessed_and_drafted_for_somebody_to_mend(made: Path) -> None:
    assert doctor(str(made / "faulty"), "--out", "seen") == 0
    found = record("seen/doctor.json")
    codes = {each["code"] for each in found["findings"] if each["weight"] != "note"}
    assert {"cameras_swapped", "black", "missing_rows", "clipped"} <= codes
    assert "units" not in codes
    assert all(each["weight"] == "suspect" for each in found["findings"] if each["code"] == "clipped")
    assert (found["embodiment"], found["record_next"][0]["kind"]) == (None, "describe")
    assert found["next"] == [f"wam-adapt doctor {made / 'faulty'} --embodiment seen/body.yaml --out seen"]
    body = load_embodiment("seen/body.yaml", [])
    assert body.action_names == ("shoulder", "elbow", "wrist", "lift", "grip")
    assert [axis.gripper for axis in body.actions] == [False, False, False, False, True]
    Path("seen/body.yaml").write_text("mine")
    assert doctor(str(made / "faulty"), "--out", "seen") == 0
    assert Path("seen/body.yaml").read_text() == "mine"


def test_the_draft_is_a_spec_that_fits(made: Path) -> None:
    assert doctor(str(made / "clean"), "--out", "seen") == 0
    assert cli.main([*record("seen/doctor.json")["next"][0].split()[1:]]) == 0
    assert record("seen/doctor.json")["next"][0].startswith("wam-adapt adapt play")


def spoilt(made: Path, root: Path, spoil: Callable[[list[Path], list[Path]], object]) -> Path:
    """A copy of the clean set in which something was done to its (rows, videos of the front camera)."""
    shutil.copytree(made / "clean", root)
    spoil(sorted(root.rglob("*.parquet")), sorted((root / "videos").rglob("*front/*.mp4")))
    return root


def test_bad_episodes_are_named_once_and_the_rest_is_examined(made: Path, tmp_path: Path) -> None:
    def spoil(rows: list[Path], videos: list[Path]) -> None:
        rows[0].unlink()
        rows[1].write_text(LFS)
        videos[2].write_text(LFS)
        videos[3].unlink()

    spoilt(made, tmp_path / "play", spoil)
    assert doctor("play", "--embodiment", "arm.yaml") == 0
    found = record()
    assert [(each["file"], each["code"]) for each in found["others"]] == [
        ("episode_000000.parquet", "missing"),
        ("episode_000001.parquet", "lfs_pointer"),
        ("episode_000002.parquet", "lfs_pointer"),
        ("episode_000003.parquet", "missing"),
    ]
    assert "git lfs pull" in found["others"][1]["remedy"]
    assert not any(each["file"] in each["found"] for each in found["others"])
    assert [each["episode"] for each in found["episodes"]] == [4, 5]
    assert found["usable_minutes"] > 0.4


def test_where_nothing_can_be_read_the_status_is_1_and_the_reason_is_told(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoilt(made, tmp_path / "play", lambda rows, _: [path.unlink() for path in rows])
    assert doctor("play", "--embodiment", "arm.yaml") == 1
    told = capsys.readouterr().out
    assert "nothing of 0 s in 0 episodes can be used yet" in told
    assert "A file is missing: episode_000000.parquet" in told
    assert record()["usable"] is False
    assert doctor("play", "--out", "seen") == 1


def test_a_video_that_breaks_off_is_told_though_ingest_takes_it(made: Path, tmp_path: Path) -> None:
    from adapt.errors import MediaError
    from adapt.quality.robot import views

    def broken(film: Film, times_s: list[float]) -> object:
        if film.path.name == "episode_000001.mp4":
            raise MediaError(f"{film.path.name}: breaks off after 2.0 s; copy it again")
        return whole(film, times_s)

    whole = views.film_frames
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "film_frames", broken)
        assert doctor(str(made / "clean"), "--embodiment", "arm.yaml") == 0
    (finding, other) = [f for f in record("doctor/clean/doctor.json")["findings"] if f["code"] == "broken_video"]
    assert (finding["episodes"], other["subject"]) == ([1], "camera 'side'")
    assert "breaks off after 2.0 s" in finding["found"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("info.json", "{", "not valid JSON"),
        ("info.json", LFS, "a Git LFS pointer"),
        ("info.json", None, "it has no meta/info.json"),
        ("info.json", '{"codebase_version": "v4.0"}', "v2.0, v2.1, v3.0 are read"),
        ("episodes.jsonl", "", "at least one is needed"),
        ("tasks.jsonl", LFS, "a Git LFS pointer"),
    ],
)
def test_a_broken_description_is_refused_with_a_way_out(
    made: Path, tmp_path: Path, name: str, text: str | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(_rows: list[Path], _videos: list[Path]) -> None:
        path = tmp_path / "play/meta" / name
        if text is None:
            path.unlink()
        else:
            path.write_text(text)

    spoilt(made, tmp_path / "play", spoil)
    for more in ((), ("--embodiment", "arm.yaml")):
        assert doctor("play", *more) == 1
        assert says in capsys.readouterr().err
    assert not (tmp_path / "doctor").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--task", "pour"), "tells its tasks"),
        (("--embodiment", "human_hand"), "wants the video column 'main'"),
        (("--embodiment", "armm.yaml"), "cannot be read"),
        (("--out", "arm.yaml"), "is a file"),
    ],
)
def test_wrong_commands_end_with_status_1_and_a_way_out(
    made: Path, words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(str(made / "clean"), *words) == 1
    assert says in capsys.readouterr().err


def test_commands_that_are_the_state_make_nothing_usable(tmp_path: Path) -> None:
    play = every_row(clean_play(3, seconds=8.0), lambda rows: replace(rows, actions=rows.state.copy()))
    write_set(tmp_path / "play", play)
    assert doctor("play", "--embodiment", "arm.yaml") == 1
    found = record()
    (finding,) = [each for each in found["findings"] if each["code"] == "copied_state"]
    assert "equals its state" in finding["found"]
    assert (found["usable"], found["usable_minutes"], found["train_minutes"]) == (False, 0.0, 0.0)
    assert {key for each in found["episodes"] for key in each["seconds_by_code"]} == {"other", "rest"}


def test_rows_that_are_not_finite_are_told(tmp_path: Path) -> None:
    play = clean_play(3, seconds=8.0)
    values = np.array(play.rows[1].state[:, 0])
    values[5] = np.nan
    write_set(tmp_path / "play", with_rows(play, 1, with_column(play.rows[1], "state", 0, values)))
    assert doctor("play", "--embodiment", "arm.yaml") == 0
    (finding,) = [each for each in record()["findings"] if each["code"] == "not_finite"]
    assert finding["episodes"] == [1]


def test_a_withdrawn_video_is_neither_looked_at_nor_shown(made: Path) -> None:
    (video,) = (made / "clean/videos").rglob("*front/episode_000000.mp4")
    note_withdrawn(Cache.default().root, hash_file(video), {})
    assert doctor(str(made / "clean"), "--embodiment", "arm.yaml") == 0
    found = record("doctor/clean/doctor.json")
    assert [(each["file"], each["code"]) for each in found["others"]] == [("episode 0", "withdrawn")]
    assert next(each for each in found["episodes"] if each["episode"] == 0)["usable_seconds"] == 0
    page = Path("doctor/clean/doctor.html").read_text(encoding="utf-8")
    assert "episode 0, at" not in page
    assert "episode 1, at" in page


def test_a_shipped_spec_that_fits_is_proposed(tmp_path: Path) -> None:
    play, places = clean_play(2, seconds=8.0), [0, 1, 3, 4]
    names = ["x", "y", "z", "grip"]
    recordings = (
        Recording(
            instruction="play",
            columns={
                "observation.state": torch.from_numpy(rows.state[:, places]),
                "action": torch.from_numpy(rows.actions[:, places]),
            },
            frames={"observation.images.main": torch.from_numpy(film)},
        )
        for rows, film in zip(play.rows, play.frames["front"], strict=True)
    )
    columns = {"observation.state": names, "action": names}
    write_lerobot_v21(tmp_path / "play", recordings, rate_hz=10.0, robot="any", names=columns)
    assert doctor("play") == 0
    assert record()["next"] == ["wam-adapt doctor play --embodiment tabletop_gripper --out doctor/play"]
    assert "--embodiment tabletop_gripper" in record()["record_next"][0]["what"]


@pytest.mark.data
def test_a_real_humanoid_s_data_are_told_with_and_without_its_spec(real_data: Path) -> None:
    folder = str(real_data / "robot/lerobot_v21_g1_real")
    assert doctor(folder, "--embodiment", "g1_inspire", "--out", "seen") == 0
    found = record("seen/doctor.json")
    alarms = [(each["code"], each["subject"]) for each in found["findings"] if each["weight"] != "note"]
    assert alarms == [("slower_camera", "camera 'head'")]
    assert found["latency"]["command_to_picture"]["head"]["seconds"] == pytest.approx(0.23, abs=0.05)
    assert any("kLeftElbow" in step["what"] for step in found["record_next"])
    assert doctor(folder, "--out", "seen") == 0
    assert "--embodiment g1_inspire" in record("seen/doctor.json")["next"][0]
