"""The verb as a user gives it: what it writes and says, how it ends; and that `adapt` agrees with it afterwards."""

import json
from pathlib import Path
from typing import Any

import pytest
from footage_builder import Scene, altered, film

from adapt.errors import DataError
from adapt.quality import thumbnails
from adapt.runs.stage import read_manifest, require_current
from adapt.runs.withdrawn import note_withdrawn
from adapt.video.writer import write_video
from pipelines import cli

NO_HANDS = ("--set", "hands.min_hands_share=0")


def offline(_folder: Path) -> tuple[Path, ...]:
    """In place of fetching the face networks."""
    raise DataError("the network: cannot be reached; try later")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three videos, one of them dark; the user stands beside them."""
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(thumbnails, "ensure_face_models", offline)
    monkeypatch.chdir(tmp_path)
    videos = tmp_path / "videos"
    videos.mkdir()
    for place in range(3):
        frames = film(Scene(place=place, looks=31))
        write_video(
            videos / f"{place}.mp4", altered(frames, lambda pixels: 0.05 * pixels) if place == 2 else frames, 5.0
        )
    return videos


def doctor(*words: str) -> int:
    """The exit status of one command."""
    try:
        return cli.main(["doctor", *words])
    except SystemExit as end:
        return int(end.code or 0)


def record(path: str = "doctor/videos/doctor.json") -> dict[str, Any]:
    value: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return value


def test_people_read_what_is_usable_what_is_wrong_and_what_to_type_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("videos", "--task", "pour", *NO_HANDS) == 0
    told = capsys.readouterr().out
    assert "11 s of 19 s in 3 videos can be used" in told
    assert "too dark: 5.6 s, from 0:00.0 to 0:05.6" in told
    assert 'Film "pour" in 16 more sessions' in told
    assert "Put more light on the hands." in told
    assert "doctor/videos/doctor.html\ndoctor/videos/doctor.json" in told
    page = Path("doctor/videos/doctor.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 3
    assert "coarsened throughout, since the face detectors could not be fetched" in page
    assert "wam-adapt adapt human videos --task pour --out runs/videos --set hands.min_hands_share=0" in told


def test_adapt_finds_what_the_doctor_said_and_looks_at_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor("videos", "--task", "pour", *NO_HANDS) == 0
    found = record()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a video was looked at again")

    monkeypatch.setattr("adapt.data.hand_looks._walk", never)
    words = found["next"][0].split()[1:]
    assert cli.main([*words, "--stop-after", "ingest"]) == 0
    facts = read_manifest(require_current(Path("runs/videos"), "ingest"))["facts"]
    assert facts["kept_minutes"] == found["usable_minutes"]
    assert facts["validation_windows"] == found["held_out_windows"]
    assert facts["same_session"] == found["same_session"]


def test_programs_read_the_record_and_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("videos", "--task", "pour", "--json", *NO_HANDS) == 0
    assert json.loads(capsys.readouterr().out) == record()
    found = record()
    assert (found["format"], found["kind"], found["usable"]) == (1, "human_videos", True)
    codes = [[finding["code"] for finding in file["findings"]] for file in found["files"]]
    assert codes == [["low_rate"], ["low_rate"], ["dark", "low_rate"]]  # 5 frames a second, of which tiny sees 10


def test_nothing_usable_ends_with_status_1_and_the_same_command_for_later(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("videos", "--out", "seen", *NO_HANDS) == 1
    told = capsys.readouterr().out
    assert "nothing of 19 s in 3 videos can be used yet" in told
    assert "That alone makes 11 s usable." in told
    found = record("seen/doctor.json")
    assert found["usable"] is False
    assert found["next"] == [
        'wam-adapt doctor videos --task "SAY WHAT IS DONE" --out seen --set hands.min_hands_share=0'
    ]


def test_a_withdrawn_video_is_neither_looked_at_nor_counted(folder: Path, tmp_path: Path) -> None:
    from adapt.runs.cache import Cache, hash_file

    note_withdrawn(Cache.default().root, hash_file(folder / "0.mp4"), {})
    assert doctor("videos", "--task", "pour", *NO_HANDS) == 0
    found = record()
    assert [file["file"] for file in found["files"]] == ["1.mp4", "2.mp4"]
    assert [(other["file"], other["code"]) for other in found["others"]] == [("0.mp4", "withdrawn")]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("gone",), "there is no such file or folder"),
        (("videos", "--task", " "), "--task is empty"),
        (("videos", "--out", "note.txt"), "is a file"),
        (("robot",), "codebase_version is None"),
        (("videos", "--recipe", "humann"), "did you mean 'human'"),
    ],
)
def test_wrong_commands_end_with_status_1_and_a_way_out(
    words: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "note.txt").write_text("hello")
    (tmp_path / "robot/meta").mkdir(parents=True)
    (tmp_path / "robot/meta/info.json").write_text("{}")
    assert doctor(*words) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "doctor").exists()


def test_whoever_stands_among_the_videos_finds_the_results_beside_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert doctor(".", "--task", "pour", *NO_HANDS) == 0
    assert (tmp_path / "doctor/videos/doctor.json").is_file()
    assert sorted(path.name for path in folder.iterdir()) == ["0.mp4", "1.mp4", "2.mp4"]


def test_the_run_that_is_proposed_is_one_that_can_be_begun_or_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "runs/videos").mkdir(parents=True)
    (tmp_path / "runs/videos/other.txt").write_text("taken")
    assert doctor("videos", "--task", "pour", *NO_HANDS) == 0
    begin = record()["next"][0]
    assert "--out runs/videos-2" in begin
    assert cli.main([*begin.split()[1:], "--stop-after", "ingest"]) == 0
    assert doctor("videos", "--task", "pour", *NO_HANDS) == 0
    assert record()["next"][0] == begin
