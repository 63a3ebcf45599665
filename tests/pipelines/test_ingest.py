"""The stage as a whole, on videos the test makes; whether hands are seen is tested in the rooms below."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from footage_builder import Scene, altered, scaled
from footage_builder import film as scene
from play_builder import body, play_set
from video_builder import Film, even_times, make_video

from adapt.data import hand_looks
from adapt.data.clip_table import read_clip_table
from adapt.errors import DataError
from adapt.footage import reasons
from adapt.hands.quality import HandConfig
from adapt.runs.stage import read_manifest
from adapt.types import BaseGeometry, Canvas, Slot
from adapt.video.writer import write_video
from pipelines import ingest
from pipelines.job import Job
from pipelines.schema import AdaptConfig

CANVAS = Canvas(height=64, width=64, slots={"full": Slot(top=0, left=0, height=64, width=64)})
GEOMETRY = BaseGeometry(canvas=CANVAS, latent_channels=16, latent_height=8, latent_width=8, action_steps=16)


@pytest.fixture(autouse=True)
def tiny_geometry_and_own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ingest, "base_geometry", lambda _base: GEOMETRY)
    monkeypatch.setenv("WAM_ADAPT_CACHE", str(tmp_path / "cache"))


def job(tmp_path: Path, **changes: str) -> Job:
    """A job whose recipe keeps windows without looking for hands."""
    recipe = AdaptConfig(hands=HandConfig(min_hands_share=0.0))
    fields = {"kind": "human", "source": str(tmp_path / "videos"), "run": str(tmp_path / "run"), "task": "pour"}
    return Job(recipe=recipe, **(fields | changes))


def film(path: Path, seconds: float) -> Path:
    return make_video(path, Film(times_s=even_times(int(10 * seconds), 10)))


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """When each file was changed, and its bytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_a_folder_becomes_a_table_and_facts(tmp_path: Path) -> None:
    film(tmp_path / "videos" / "a.mp4", 15)
    film(tmp_path / "videos" / "deep" / "b.mp4", 3)
    (tmp_path / "videos" / "notes.mp4").write_text("not a video")
    stage = ingest.run(job(tmp_path))
    facts = read_manifest(stage)["facts"]
    # 15 s are 4 + 4 + 1 chunks, 3 s are 1: 10 chunks of 1.6 s.
    assert (facts["videos"], facts["sessions"], facts["same_session"]) == (2, 2, False)
    assert (facts["train_windows"], facts["validation_windows"], facts["kept_windows"]) == (3, 1, 4)
    assert facts["kept_minutes"] == pytest.approx(16 / 60, abs=1e-3)
    assert (facts["rejected_windows"], facts["rejections"]) == (0, {})
    assert [problem["file"] for problem in facts["problems"]] == ["notes.mp4"]
    assert facts["summary"] == "2 videos: 4 windows (0.3 min) kept, 0 rejected; 1 file with problems: notes.mp4"
    assert [ref.path for window in ingest.read_windows(job(tmp_path)) for ref in window.videos] == [
        *[str(tmp_path / "videos" / "a.mp4")] * 3,
        str(tmp_path / "videos" / "deep" / "b.mp4"),
    ]


def test_windows_left_out_are_counted_by_reason_and_the_summary_says_what_was_wrong(tmp_path: Path) -> None:
    good = [scene(Scene(place=place, looks=48, size=(96, 160))) for place in range(2)]
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "a.mp4", good[0], 5.0)
    write_video(tmp_path / "videos" / "b.mp4", scaled(good[0], 64, 106), 5.0)
    write_video(tmp_path / "videos" / "c.mp4", altered(good[1], lambda frame: 0.05 * frame), 5.0)
    facts = read_manifest(ingest.run(job(tmp_path)))["facts"]
    assert facts["rejections"] == {reasons.COPY: 2, reasons.DARK: 2}
    assert "2 windows (0.1 min) kept, 4 rejected (2 x a copy of other footage, 2 x too dark)" in facts["summary"]
    table = ingest.read_windows(job(tmp_path))
    assert "(a.mp4 shows the same from 0.0 s)" in table[2].rejection
    assert table[2].quality["copied_share"] > 0.9


def test_a_threshold_of_footage_is_part_of_the_key_and_measures_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film(tmp_path / "videos" / "a.mp4", 9)
    first = ingest.run(job(tmp_path))
    monkeypatch.setattr(hand_looks, "stream_frames", None)
    changed = job(tmp_path)
    changed.recipe.footage.max_blur = 0.9
    assert ingest.run(changed) != first


def test_one_long_video_is_split_in_time_and_says_so(tmp_path: Path) -> None:
    video = film(tmp_path / "videos" / "long.mp4", 40)
    stage = ingest.run(job(tmp_path, source=str(video)))
    facts = read_manifest(stage)["facts"]
    assert facts["same_session"]
    # 24 chunks and a little: 6 windows of 4; the last is held out, the one before it is the gap.
    assert (facts["train_windows"], facts["validation_windows"]) == (4, 1)
    assert facts["rejections"] == {"gap between training and validation": 1}
    assert [window.split[0] for window in ingest.read_windows(job(tmp_path, source=str(video)))] == list("ttttrv")


def test_what_only_the_doctor_says_asks_for_nothing_anew_and_what_it_judges_by_does(tmp_path: Path) -> None:
    film(tmp_path / "videos" / "a.mp4", 9)
    asked = job(tmp_path)
    first = ingest.run(asked)
    asked.recipe.footage.strong_camera_deg_s = 20.0
    assert ingest.run(asked) == first
    asked.recipe.footage.max_camera_deg_s = 20.0
    assert ingest.run(asked) != first


def test_the_same_again_touches_no_file_and_loads_nothing_heavy(tmp_path: Path) -> None:
    film(tmp_path / "videos" / "a.mp4", 9)
    first = ingest.run(job(tmp_path))
    before = everything(tmp_path)
    assert ingest.run(job(tmp_path)) == first
    assert everything(tmp_path) == before
    code = (
        "import sys\nfrom pipelines import ingest\nfrom pipelines.job import Job\n"
        "from pipelines.schema import AdaptConfig\n"
        "from adapt.hands.quality import HandConfig\nfrom adapt.types import BaseGeometry, Canvas, Slot\n"
        "canvas = Canvas(height=64, width=64, slots={'full': Slot(top=0, left=0, height=64, width=64)})\n"
        "ingest.base_geometry = lambda base: BaseGeometry(canvas=canvas, latent_channels=16, latent_height=8,\n"
        "    latent_width=8, action_steps=16)\n"
        f"job = Job(kind='human', source={str(tmp_path / 'videos')!r}, run={str(tmp_path / 'run')!r}, task='pour',\n"
        "    recipe=AdaptConfig(hands=HandConfig(min_hands_share=0.0)))\n"
        "assert str(ingest.run(job)) == sys.argv[1]\n"
        "print([name for name in ('av', 'decord', 'mediapipe', 'datasets', 'pyarrow') if name in sys.modules])\n"
    )
    answer = subprocess.run([sys.executable, "-c", code, str(first)], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_one_more_video_decodes_only_that_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film(tmp_path / "videos" / "a.mp4", 9)
    first = ingest.run(job(tmp_path))
    film(tmp_path / "videos" / "b.mp4", 5)
    walked = []
    honest = hand_looks.stream_frames
    monkeypatch.setattr(
        hand_looks, "stream_frames", lambda path, *a, **k: walked.append(path.name) or honest(path, *a, **k)
    )
    assert ingest.run(job(tmp_path)) != first
    assert walked == ["b.mp4"]


def test_the_table_is_the_same_wherever_the_folder_lies(tmp_path: Path) -> None:
    film(tmp_path / "videos" / "a.mp4", 9)
    first = ingest.run(job(tmp_path))
    shutil.copytree(tmp_path / "videos", tmp_path / "moved")
    second = ingest.run(job(tmp_path, source=str(tmp_path / "moved"), run=str(tmp_path / "other")))
    assert (first.name, (first / "clips.parquet").read_bytes()) == (
        second.name,
        (second / "clips.parquet").read_bytes(),
    )
    moved = ingest.read_windows(job(tmp_path, source=str(tmp_path / "moved"), run=str(tmp_path / "other")))
    assert moved[0].videos[0].path == str(tmp_path / "moved" / "a.mp4")


def test_play_data_becomes_windows_with_actions(tmp_path: Path) -> None:
    play_set(tmp_path / "play")
    (tmp_path / "toy.yaml").write_text(json.dumps(body().to_json()))
    play = job(tmp_path, kind="play", source=str(tmp_path / "play"), embodiment=str(tmp_path / "toy.yaml"))
    facts = read_manifest(ingest.run(play))["facts"]
    # Two episodes of 4 s: a window of two chunks each, one to train and one to judge.
    assert (facts["videos"], facts["sessions"], facts["same_session"]) == (2, 2, False)
    assert (facts["train_windows"], facts["validation_windows"], facts["problems"]) == (1, 1, [])
    windows = ingest.read_windows(play)
    assert [(window.provenance, window.actions.shape) for window in windows] == [("robot", (32, 3))] * 2
    assert all(Path(window.videos[0].path).is_file() for window in windows)


def test_another_instruction_is_another_result(tmp_path: Path) -> None:
    film(tmp_path / "videos" / "a.mp4", 9)
    first = ingest.run(job(tmp_path))
    second = ingest.run(job(tmp_path, task="don't spill, (slowly)"))
    assert first != second
    assert {window.instruction for window in read_clip_table(second / "clips.parquet")} == {"don't spill, (slowly)"}


def test_a_folder_without_a_usable_window_leaves_no_result(tmp_path: Path) -> None:
    film(tmp_path / "videos" / "a.mp4", 1)
    with pytest.raises(DataError, match="no window of 1 video can be used"):
        ingest.run(job(tmp_path))
    assert not list((tmp_path / "run" / "ingest").glob("*/manifest.json"))


def test_the_manifest_names_no_path_of_this_machine(tmp_path: Path) -> None:
    film(tmp_path / "videos" / "a.mp4", 9)
    (tmp_path / "videos" / "notes.mp4").write_text("not a video")
    stage = ingest.run(job(tmp_path))
    assert str(tmp_path) not in json.dumps(read_manifest(stage))
