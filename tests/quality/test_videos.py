"""The examination says what ingest says, measures what it measures, and accounts for every second."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from footage_builder import Scene, altered, film
from hand_builder import facing_turn, seen_hand, wearer_turn
from seer_builder import Seer, see
from turning_builder import place_of, seen_from

from adapt.data.human_windows import HumanRules, read_human_videos
from adapt.data.splits import assign_splits
from adapt.data.video_folder import read_video_folder
from adapt.data.windows import WindowConfig
from adapt.embodiment.spec import Camera, Embodiment
from adapt.hands.landmarks import SeenHand
from adapt.hands.quality import HandConfig
from adapt.quality.times import clock
from adapt.quality.videos import VideosReport, examine_videos
from adapt.runs.cache import Cache
from adapt.types import BaseGeometry, Canvas, Slot
from adapt.video.writer import write_video

CANVAS = Canvas(height=64, width=64, slots={"full": Slot(top=0, left=0, height=64, width=64)})
GEOMETRY = BaseGeometry(canvas=CANVAS, latent_channels=16, latent_height=8, latent_width=8, action_steps=16)
BODY = Embodiment(
    name="human_hand",
    prompt="{instruction}",
    cameras=(Camera(name="main", column="main", slot="full"),),
    actions=(),
    state=(),
)
RULES = HumanRules(body=BODY, geometry=GEOMETRY, windows=WindowConfig(max_chunks=2), hands=HandConfig())


@pytest.fixture(autouse=True)
def seer(monkeypatch: pytest.MonkeyPatch) -> Seer:
    """Sees no hand where the last corner is black, one opposite where the first is, otherwise the wearer's."""

    def sees(frame: torch.Tensor, _time_s: float) -> list[SeenHand]:
        if frame[-12:, -12:].float().mean() < 12:
            return []
        return [seen_hand((0.0, 0.1, 0.4), facing_turn() if frame[:12, :12].float().mean() < 12 else wearer_turn())]

    return see(monkeypatch, sees)


def shoot(path: Path, place: int, *, looks: int = 41, change: Callable[..., torch.Tensor] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = film(Scene(place=place, looks=looks))
    write_video(path, frames if change is None else change(frames), 5.0)


def without_hands(frames: torch.Tensor) -> torch.Tensor:
    """From the second window on the film has a black corner, where the stand-in sees no hand."""
    frames = frames.clone()
    frames[16:, -16:, -16:] = 0
    return frames


def from_opposite(looks: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """The first looks have a first corner that is black, where the stand-in sees somebody opposite."""

    def change(frames: torch.Tensor) -> torch.Tensor:
        frames = frames.clone()
        frames[:looks, :16, :16] = 0
        return frames

    return change


def many(folder: Path) -> Path:
    """Good footage, and some of each fault."""
    for place in range(3):
        shoot(folder / f"good{place}.mp4", place)
    shoot(folder / "dark.mp4", 4, change=lambda frames: altered(frames, lambda pixels: 0.05 * pixels))
    shoot(folder / "handless.mp4", 5, change=without_hands)
    shoot(folder / "short.mp4", 6, looks=4)
    (folder / "twice.mp4").write_bytes((folder / "good0.mp4").read_bytes())
    whole = (folder / "good1.mp4").read_bytes()
    (folder / "broken.mp4").write_bytes(whole[: len(whole) // 3])
    (folder / "text.mp4").write_text("not a video")
    return folder


def examine(folder: Path, cache: Path, task: str | None = "pour", rules: HumanRules = RULES) -> VideosReport:
    everything = read_video_folder(folder, task or "?")
    told = read_video_folder(folder, task) if task else None
    return examine_videos(told, everything, rules, Cache(cache))


def test_it_says_what_ingest_says_and_leaves_nothing_for_it_to_measure(tmp_path: Path, seer: Seer) -> None:
    folder = many(tmp_path / "videos")
    report = examine(folder, tmp_path / "cache")
    looked = seer.looks
    assert looked > 0
    windows, problems = read_human_videos(read_video_folder(folder, "pour"), RULES, Cache(tmp_path / "cache"))
    assert seer.looks == looked
    windows, _ = assign_splits(windows, RULES.windows.validation_share)
    for file in report.files:
        mine = [window for window in windows if window.videos[0].path == str(folder / file.name)]
        for split, seconds in (("train", file.train_s), ("validation", file.validation_s)):
            kept_s = sum(GEOMETRY.window_s(window.chunks) for window in mine if window.split == split)
            assert seconds == pytest.approx(kept_s), file.name
        reasons = [stretch.reason for stretch in file.stretches if stretch.code not in ("rest", "unread")]
        if mine:
            assert reasons == [window.rejection for window in mine]
    assert report.held_out.windows == sum(window.split == "validation" for window in windows)
    told = {file.name for file in report.files for finding in file.findings if finding.weight != "hint"}
    assert {name for name, _ in problems} <= told


def test_views_of_somebody_opposite_are_told_and_asked_to_be_filmed_otherwise_but_kept(tmp_path: Path) -> None:
    for place, (name, looks) in enumerate((("mine", 4), ("visited", 16), ("theirs", 41))):
        shoot(tmp_path / "videos" / f"{name}.mp4", place, change=from_opposite(looks))
    report = examine(tmp_path / "videos", tmp_path / "cache")
    found = {file.name: [(each.code, each.weight) for each in file.findings] for file in report.files}
    assert found == {
        "mine.mp4": [],
        "visited.mp4": [("others_hands", "hint")],
        "theirs.mp4": [("third_person", "hint")],
    }
    words = {file.name: file.findings[0].found for file in report.files if file.findings}
    assert words["visited.mp4"].endswith("from 0:00.0 to 0:03.2")
    blind = replace(RULES, hands=replace(RULES.hands, max_opposite_share=0.9))
    again = examine(tmp_path / "videos", tmp_path / "cache", rules=blind)
    assert [file.name for file in again.files if file.findings] == ["theirs.mp4"]
    assert [file.usable_s for file in report.files] == [pytest.approx(8.0)] * 3
    again = {step.files: step.what for step in report.steps if step.kind == "film_again"}
    assert again[("theirs.mp4",)].startswith("If these are upside down, turn them")
    assert again[("visited.mp4",)].startswith("See that nobody else reaches into the picture")


def test_each_file_says_what_is_wrong_with_it_and_what_to_do(tmp_path: Path) -> None:
    report = examine(many(tmp_path / "videos"), tmp_path / "cache")
    found = {file.name: [finding.code for finding in file.findings] for file in report.files}
    assert found == {
        "good0.mp4": [],
        "good1.mp4": [],
        "good2.mp4": [],
        "dark.mp4": ["dark"],
        "handless.mp4": ["no_hand"],
        "short.mp4": ["too_short"],
        "twice.mp4": ["same_bytes"],
        "broken.mp4": ["unreadable"],
        "text.mp4": ["unreadable"],
    }
    by_name = {file.name: file for file in report.files}
    (dark,) = by_name["dark.mp4"].findings
    assert (dark.weight, dark.remedy, dark.seconds) == ("lost", "put more light on the hands", pytest.approx(8.0))
    assert dark.found.startswith("too dark: 8.0 s, from 0:00.0 to 0:08.0 (its brightest parts reach")
    (handless,) = by_name["handless.mp4"].findings
    assert handless.weight == "part"
    assert handless.remedy.startswith("film from the head or chest")
    assert by_name["handless.mp4"].usable_s == pytest.approx(3.2)


def test_a_camera_that_moves_strongly_is_told_and_costs_nothing_unless_the_recipe_says_so(tmp_path: Path) -> None:
    place = place_of(0)
    turns = [(0.0, 9.0 * min(look, 16), 0.0) for look in range(33)]  # 45 degrees a second for as long as a window.
    path = tmp_path / "videos" / "a.mp4"
    path.parent.mkdir()
    write_video(path, torch.stack([seen_from(place, turn, size=(96, 160)) for turn in turns]), 5.0)
    rules = replace(RULES, footage=replace(RULES.footage, max_still_s=86_400.0))
    (file,) = examine(tmp_path / "videos", tmp_path / "cache", rules=rules).files
    (finding,) = file.findings
    assert (finding.code, finding.weight, finding.seconds) == ("camera_motion", "hint", 0.0)
    assert re.fullmatch(
        r"camera motion too strong: 3\.2 s, from 0:00\.0 to 0:03\.2 "
        r"\(turning by up to 4[3-7] degrees a second through a lens of 70 degrees\)",
        finding.found,
    )
    assert finding.remedy.startswith("turn the head more slowly")
    assert file.usable_s == pytest.approx(6.4)
    untold = examine(tmp_path / "videos", tmp_path / "cache", task=None, rules=rules).files[0]
    assert [finding.code for finding in untold.findings] == ["no_instruction", "camera_motion"]
    calm = replace(rules, footage=replace(rules.footage, strong_camera_deg_s=60.0))
    assert examine(tmp_path / "videos", tmp_path / "cache", rules=calm).files[0].findings == ()
    strict = replace(rules, footage=replace(rules.footage, max_camera_deg_s=30.0))
    (file,) = examine(tmp_path / "videos", tmp_path / "cache", rules=strict).files
    assert [(found.code, found.weight) for found in file.findings] == [("camera_motion", "part")]
    assert file.usable_s == pytest.approx(3.2)


def test_every_second_of_a_video_is_accounted_for_once(tmp_path: Path) -> None:
    report = examine(many(tmp_path / "videos"), tmp_path / "cache")
    for file in report.files:
        if file.info is None:
            continue
        at_s = 0.0
        for stretch in file.stretches:
            assert stretch.start_s == pytest.approx(at_s, abs=0.06)
            at_s = stretch.end_s
        assert at_s == pytest.approx(file.info.duration_s, abs=0.06)
        assert file.seconds_by_code().get("kept", 0.0) == pytest.approx(file.usable_s)


def test_what_nobody_tells_of_is_worth_nothing_yet_and_is_told_what_it_could_be(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    shoot(folder / "a.mp4", 1)
    shoot(folder / "b.mp4", 2)
    report = examine(folder, tmp_path / "cache", task=None)
    assert not report.is_usable
    assert [finding.code for file in report.files for finding in file.findings] == ["no_instruction"] * 2
    assert sum(file.seconds_by_code()["no_instruction"] for file in report.files) == pytest.approx(16.0)
    (folder / "b.txt").write_text("stir")
    told = examine_videos(
        read_video_folder(folder, None), read_video_folder(folder, "?"), RULES, Cache(tmp_path / "cache")
    )
    assert [(task.instruction, round(task.usable_s, 1)) for task in told.tasks] == [("stir", 4.8), ("", 0.0)]
    assert told.held_out.same_session


def test_a_recording_of_another_kind_is_told_though_it_was_not_looked_at(tmp_path: Path) -> None:
    shoot(tmp_path / "videos/a.mp4", 1)
    (tmp_path / "videos/b.vrs").write_bytes(b"b")
    report = examine(tmp_path / "videos", tmp_path / "cache")
    ((name, finding),) = report.others
    assert (name, finding.code) == ("b.vrs", "recording")


def test_it_is_the_same_the_second_time_though_nobody_looks(tmp_path: Path, seer: Seer) -> None:
    folder = many(tmp_path / "videos")
    first = examine(folder, tmp_path / "cache").to_json()
    looked = seer.looks
    assert examine(folder, tmp_path / "cache").to_json() == first
    assert seer.looks == looked


def test_thresholds_are_those_it_is_given(tmp_path: Path) -> None:
    folder = many(tmp_path / "videos")
    lenient = replace(RULES, footage=replace(RULES.footage, min_brightness=0.0, min_contrast=0.0))
    dark = {file.name: file for file in examine(folder, tmp_path / "cache", rules=lenient).files}["dark.mp4"]
    assert [finding.code for finding in dark.findings] != ["dark"]


def test_times_are_told_as_players_show_them() -> None:
    assert [clock(0.0), clock(9.96), clock(59.96), clock(61.0)] == ["0:00.0", "0:10.0", "1:00.0", "1:01.0"]
