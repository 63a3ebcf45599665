"""Cutting and keeping, with a stand-in for the hand detector that sees hands when the test says."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from footage_builder import Frames, Scene, along_edge, altered, barred, film, scaled
from seer_builder import Seer, see
from turning_builder import place_of, seen_from
from video_builder import Film, even_times, make_video

from adapt.data import hand_looks
from adapt.data.human_windows import HumanRules, Problem, read_human_videos
from adapt.data.splits import assign_splits
from adapt.data.video_folder import read_video_folder
from adapt.data.windows import WindowConfig
from adapt.embodiment.spec import Camera, Embodiment
from adapt.errors import DataError, EmbodimentError
from adapt.footage import reasons
from adapt.footage.settings import FootageConfig
from adapt.hands.quality import NO_HAND, TOO_FEW, HandConfig
from adapt.runs.cache import Cache
from adapt.types import BaseGeometry, Canvas, Slot, Window
from adapt.video.writer import write_video

CANVAS = Canvas(height=64, width=64, slots={"full": Slot(top=0, left=0, height=64, width=64)})
GEOMETRY = BaseGeometry(canvas=CANVAS, latent_channels=16, latent_height=8, latent_width=8, action_steps=16)
HAND = Embodiment(
    name="human_hand",
    prompt="{instruction}",
    cameras=(Camera(name="main", column="main", slot="full"),),
    actions=(),
    state=(),
)
NINE_SECONDS = Film(times_s=even_times(90, 10))  # 9 s: windows of 4 and 1 chunks, 0..6.4 s and 6.4..8 s


@pytest.fixture(autouse=True)
def seer(monkeypatch: pytest.MonkeyPatch) -> Seer:
    return see(monkeypatch, lambda _frame, _time_s: 1)


def read(
    root: Path, footage: FootageConfig | None = None, windows: WindowConfig | None = None, **hands: float
) -> tuple[list[Window], list[Problem]]:
    rules = HumanRules(
        body=HAND,
        geometry=GEOMETRY,
        windows=windows or WindowConfig(),
        hands=HandConfig(**hands),
        footage=footage or FootageConfig(),
    )
    return read_human_videos(read_video_folder(root / "videos", "pour"), rules, Cache(root / "cache"))


def shoot(path: Path, *films: Frames) -> None:
    """Write films, one after the other, as one video; 5 frames a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, torch.cat(films), 5.0)


def test_a_video_is_cut_and_each_window_says_how_often_hands_were_seen(tmp_path: Path, seer: Seer) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    seer.sees = lambda _frame, time_s: 2 if time_s < 3.2 - 1e-6 else 0
    (first, second), problems = read(tmp_path, min_hands_share=0.4)
    assert problems == []
    assert (first.start_s, first.chunks, second.start_s, second.chunks) == (0.0, 4, 6.4, 1)
    assert first.quality["hands_share"] == first.quality["both_hands_share"] == 16 / 33
    assert first.quality["shot_ends"] == first.quality["copied_share"] == first.quality["bars_share"] == 0.0
    assert first.quality["brightness"] == pytest.approx(1.0, abs=0.02)
    assert (first.split, first.rejection, first.instruction, first.session) == ("train", "", "pour", "a.mp4")
    assert second.split == "rejected"
    assert second.rejection.startswith(f"{NO_HAND}; film from")


def test_windows_with_too_few_hands_are_rejected(tmp_path: Path, seer: Seer) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    seer.sees = lambda _frame, time_s: int(time_s > 3.2)
    windows, _ = read(tmp_path, min_hands_share=0.6)
    assert [reasons.fault(window.rejection) for window in windows] == [TOO_FEW, ""]


def test_bad_files_are_listed_and_do_not_stop_the_folder(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    make_video(videos / "good.mp4", NINE_SECONDS)
    make_video(videos / "short.mp4", Film(times_s=even_times(10, 10)))
    (videos / "notes.mp4").write_text("not a video at all")
    (videos / "empty.mp4").write_bytes(b"")
    (videos / "twin.mp4").write_bytes((videos / "good.mp4").read_bytes())
    windows, problems = read(tmp_path)
    assert {window.session for window in windows} == {"good.mp4"}
    assert [name for name, _ in problems] == ["empty.mp4", "notes.mp4", "short.mp4", "twin.mp4"]
    reasons = dict(problems)
    assert reasons["empty.mp4"].startswith("the file is empty")
    assert reasons["notes.mp4"].startswith("text, not a video")
    assert reasons["short.mp4"].endswith("the shortest window needs 1.60 s; film longer takes")
    assert reasons["twin.mp4"] == "the same bytes as good.mp4, which is used"


def test_a_file_of_which_no_picture_is_on_show_is_listed_and_does_not_stop_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a single frame that does not say how long it lasts."""
    for name in ("good.mp4", "odd.mp4"):
        make_video(tmp_path / "videos" / name, Film(times_s=even_times(89 + (name == "good.mp4"), 10)))
    stream = hand_looks.stream_frames
    monkeypatch.setattr(
        hand_looks,
        "stream_frames",
        lambda path, *args, **more: iter(()) if path.name == "odd.mp4" else stream(path, *args, **more),
    )
    windows, problems = read(tmp_path)
    assert {window.session for window in windows} == {"good.mp4"}
    ((name, reason),) = problems
    assert name == "odd.mp4"
    assert reason.startswith("no picture is on show for any time (8.")


def test_one_more_video_costs_one_video(tmp_path: Path, seer: Seer) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    first, _ = read(tmp_path)
    assert seer.looks == 45
    make_video(tmp_path / "videos" / "b.mp4", Film(times_s=even_times(40, 20)))
    both, _ = read(tmp_path)
    assert seer.looks == 45 + 10
    assert both[: len(first)] == first


def test_a_threshold_may_change_without_looking_again(tmp_path: Path, seer: Seer) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    read(tmp_path)
    read(tmp_path, min_hands_share=0.9)
    assert seer.looks == 45
    read(tmp_path, min_score=0.9)
    assert seer.looks == 90


def test_nothing_kept_says_why_and_what_to_film(tmp_path: Path, seer: Seer) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    (tmp_path / "videos" / "notes.mp4").write_text("not a video at all")
    seer.sees = lambda _frame, time_s: int(time_s == 0.2)
    counts = r"no window of 2 videos can be used \(2 were cut\).*1 x .*too few.*1 x no hand"
    message = counts + r" is seen; film from.*notes\.mp4: text, not a.*hands in 3% of its frames"
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_the_share_that_the_message_offers_keeps_a_window(tmp_path: Path, seer: Seer) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    seer.sees = lambda _frame, time_s: int(time_s < 2.4 - 1e-6)  # in 12 of the first window's 33 frames
    with pytest.raises(DataError, match=r"--set hands\.min_hands_share=0\.3\."):
        read(tmp_path)
    windows, _ = read(tmp_path, min_hands_share=0.3)
    assert [window.split for window in windows] == ["train", "rejected"]


def test_only_short_takes_say_to_film_longer_ones(tmp_path: Path) -> None:
    make_video(tmp_path / "videos" / "a.mp4", Film(times_s=even_times(10, 10)))
    with pytest.raises(DataError, match=r"\(0 were cut\).*a\.mp4: .*Film takes of 5 s or more"):
        read(tmp_path)


def test_a_share_of_zero_needs_no_hands_and_no_model(tmp_path: Path, seer: Seer) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    windows, _ = read(tmp_path, min_hands_share=0.0)
    assert seer.looks == 0
    assert [window.split for window in windows] == ["train", "train"]
    assert "hands_share" not in windows[0].quality
    assert windows[0].quality["contrast"] > 0.1


def test_what_comes_before_a_break_is_used(tmp_path: Path) -> None:
    picture = torch.randint(0, 256, (100, 96, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    whole = tmp_path / "whole.mp4"
    write_video(whole, picture, 10.0)
    cut_off = tmp_path / "videos" / "a.mp4"  # Its index stands at the beginning, so half of it can be opened.
    cut_off.parent.mkdir()
    cut_off.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    windows, problems = read(tmp_path)
    assert windows
    assert windows[-1].start_s + GEOMETRY.window_s(windows[-1].chunks) < 6.0
    assert len(problems) == 1


def test_progress_rises_to_the_end_and_names_the_video(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        make_video(tmp_path / "videos" / name, Film(times_s=even_times(30 + 2 * (name == "b.mp4"), 10)))
    rules = HumanRules(body=HAND, geometry=GEOMETRY, windows=WindowConfig(), hands=HandConfig())
    told: list[tuple[float, str]] = []
    folder = read_video_folder(tmp_path / "videos", "pour")
    read_human_videos(folder, rules, Cache(tmp_path / "cache"), progress=lambda share, name: told.append((share, name)))
    assert told == sorted(told)
    assert told[0] == (0.0, "a.mp4")
    assert told[-1][0] > 0.9
    assert told[-1][1] == "b.mp4"


def test_a_body_with_two_cameras_is_refused(tmp_path: Path) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    cameras = tuple(Camera(name=name, column=name, slot="full") for name in ("left", "right"))
    robot = Embodiment(name="robot", prompt="{instruction}", cameras=cameras, actions=(), state=())
    rules = HumanRules(body=robot, geometry=GEOMETRY, windows=WindowConfig(), hands=HandConfig())
    with pytest.raises(EmbodimentError, match="'robot': has 2 cameras, but a human video has one"):
        read_human_videos(read_video_folder(tmp_path / "videos", "pour"), rules, Cache(tmp_path / "cache"))


PLACES = [film(Scene(place=place, looks=48, size=(96, 160))) for place in range(4)]  # 9.6 s each


def spans(windows: list[Window]) -> list[tuple[float, float]]:
    return [(window.start_s, window.start_s + GEOMETRY.window_s(window.chunks)) for window in windows]


@pytest.mark.parametrize("cut_at", [15, 22, 31])
def test_windows_are_cut_within_shots(tmp_path: Path, cut_at: int) -> None:
    shoot(tmp_path / "videos" / "a.mp4", PLACES[0][:cut_at], PLACES[1][: 48 - cut_at])
    windows, problems = read(tmp_path)
    assert problems == []
    assert {window.split for window in windows} == {"train"}
    before, after = (cut_at - 1) / 5 + 1e-6, cut_at / 5 - 1e-6
    assert all(end_s <= before or start_s >= after for start_s, end_s in spans(windows))
    assert any(start_s == pytest.approx(cut_at / 5) for start_s, _ in spans(windows))
    whole, _ = read(tmp_path, FootageConfig(shot_change=2.0))
    assert spans(whole)[0] == (0.0, 6.4)


def test_shots_too_short_for_a_window_are_listed_and_rejected(tmp_path: Path) -> None:
    shoot(tmp_path / "videos" / "a.mp4", PLACES[0][:20], PLACES[1][:6], PLACES[2][:6], PLACES[3][:20])
    windows, _ = read(tmp_path)
    assert [(round(start_s, 3), round(end_s, 3)) for start_s, end_s in spans(windows)] == [
        (0.0, 3.2),
        (3.2, 6.4),
        (6.4, 9.6),
    ]
    assert [window.rejection for window in windows] == ["", f"{reasons.SHOT} (one ends at 4.0 s)", ""]
    assert [window.quality["shot_ends"] for window in windows] == [0.0, 3.0, 0.0]


def test_junk_is_rejected_by_what_explains_the_rest(tmp_path: Path, seer: Seer) -> None:
    videos = tmp_path / "videos"
    shoot(videos / "good.mp4", PLACES[0])
    shoot(videos / "dark.mp4", altered(PLACES[1], lambda frame: 0.05 * frame))
    shoot(videos / "still.mp4", PLACES[2][:1].repeat(48, 1, 1, 1))
    windows, _ = read(tmp_path)
    by_video = {Path(window.videos[0].path).stem: window for window in windows if window.chunks == 4}
    faults = {name: reasons.fault(window.rejection) for name, window in by_video.items()}
    assert faults == {"good": "", "dark": "too dark", "still": "nothing moves"}
    seer.sees = lambda _frame, _time_s: 0
    with pytest.raises(DataError, match="too dark; put more light on the hands; "):
        read(tmp_path, min_score=0.9)


def test_what_reaches_up_to_an_edge_for_a_window_is_no_seam_since_the_rest_of_the_shot_has_none(tmp_path: Path) -> None:
    scene = film(Scene(looks=41, head_px=0.5))
    shoot(tmp_path / "videos" / "a.mp4", along_edge(scene, range(16, 25)))
    windows, _ = read(tmp_path, windows=WindowConfig(max_chunks=1))
    assert [window.rejection for window in windows] == [""] * 5
    shoot(tmp_path / "videos" / "a.mp4", along_edge(scene, range(41)))
    with pytest.raises(DataError, match="5 x several panels"):
        read(tmp_path, windows=WindowConfig(max_chunks=1))


def test_each_window_tells_how_the_camera_moved_in_it_and_not_before(tmp_path: Path) -> None:
    """Nothing is left out for it unless the recipe says so; what it says may change without looking again."""
    place, calm = place_of(0), [(0.0, 0.3 * look, 0.0) for look in range(9)]
    swift = [(0.0, 2.4 + 8.0 * look, 0.0) for look in range(1, 9)]
    frames = torch.stack([seen_from(place, turn, size=(96, 160)) for turn in (*calm, *swift)])
    shoot(tmp_path / "videos" / "a.mp4", frames)
    one, config = WindowConfig(max_chunks=1), FootageConfig(max_still_s=86_400.0)
    windows, _ = read(tmp_path, config, windows=one)
    speeds = [window.quality["camera_deg_s"] for window in windows]
    assert speeds == [pytest.approx(1.5, abs=0.3), pytest.approx(40, abs=2)]
    assert windows[0].quality["camera_peak_deg_s"] < 3
    assert [window.quality["camera_known_share"] for window in windows] == [1.0, 1.0]
    assert [window.rejection for window in windows] == ["", ""]
    strict, _ = read(tmp_path, replace(config, max_camera_deg_s=25.0), windows=one)
    assert [window.rejection for window in strict] == [
        "",
        f"{reasons.CAMERA} (it turns by {speeds[1]:.0f} degrees a second)",
    ]
    wider, _ = read(tmp_path, replace(config, fov_deg=90.0), windows=one)
    assert wider[1].quality["camera_deg_s"] > 1.2 * speeds[1]


def test_where_the_cameras_motion_is_not_known_no_figure_says_that_it_rests(tmp_path: Path) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)  # Plain shades: there is nothing to be followed.
    windows, _ = read(tmp_path, FootageConfig(max_camera_deg_s=1.0))
    assert [window.quality["camera_known_share"] for window in windows] == [0.0, 0.0]
    assert all("camera_deg_s" not in window.quality for window in windows)
    assert [window.rejection for window in windows] == ["", ""]


@pytest.mark.parametrize("pause_looks", [5, 10, 14])
def test_a_pause_in_the_work_is_kept(tmp_path: Path, pause_looks: int) -> None:
    pause = PLACES[0][19:20].repeat(pause_looks, 1, 1, 1)
    shoot(tmp_path / "videos" / "a.mp4", PLACES[0][:20], pause, PLACES[0][20:40])
    windows, _ = read(tmp_path)
    assert {window.rejection for window in windows} == {""}


def test_narrow_bars_are_told_and_kept_and_wide_ones_rejected(tmp_path: Path) -> None:
    shoot(tmp_path / "videos" / "narrow.mp4", barred(PLACES[0], rows=0.15))
    shoot(tmp_path / "videos" / "wide.mp4", barred(PLACES[1], columns=0.4))
    windows, problems = read(tmp_path)
    assert [reasons.fault(window.rejection) for window in windows] == ["", "", *["black bars round the picture"] * 2]
    ((name, told),) = problems
    assert name == "narrow.mp4"
    assert told.startswith("black bars take 1")
    assert "which is used as it is; ffmpeg -i IN.mp4 -vf crop=160:" in told


def test_a_threshold_of_footage_may_change_without_looking_again(tmp_path: Path, seer: Seer) -> None:
    shoot(tmp_path / "videos" / "a.mp4", PLACES[0])
    first, _ = read(tmp_path)
    looks = seer.looks
    with pytest.raises(DataError, match="blurred"):
        read(tmp_path, FootageConfig(max_blur=0.01))
    again, _ = read(tmp_path)
    assert seer.looks == looks
    assert again == first


def test_looks_further_apart_than_a_window_is_long_still_judge_it(tmp_path: Path) -> None:
    shoot(tmp_path / "videos" / "a.mp4", PLACES[0])
    windows, _ = read(tmp_path, detect_hz=0.5)
    assert {window.quality["hands_share"] for window in windows} == {1.0}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Two videos, and one of them once more: smaller, begun later, coded anew."""
    shoot(tmp_path / "videos" / "a.mp4", PLACES[0])
    shoot(tmp_path / "videos" / "b.mp4", PLACES[1])
    shoot(tmp_path / "videos" / "c.mp4", scaled(PLACES[0][8:], 64, 106))
    return tmp_path


def test_a_copy_is_rejected_and_names_what_it_copies(copied: Path) -> None:
    windows, _ = read(copied)
    by_video = {name: [w for w in windows if w.videos[0].path.endswith(name)] for name in ("a.mp4", "b.mp4", "c.mp4")}
    assert {window.rejection for name in ("a.mp4", "b.mp4") for window in by_video[name]} == {""}
    assert by_video["c.mp4"][0].rejection == f"{reasons.COPY} (a.mp4 shows the same from 1.6 s)"
    assert by_video["c.mp4"][0].quality["copied_share"] > 0.9
    kept, _ = read(copied, FootageConfig(max_likeness=1.0))
    assert {window.rejection for window in kept} == {""}


def test_a_copy_of_a_copy_is_rejected_too(copied: Path) -> None:
    shoot(copied / "videos" / "d.mp4", scaled(PLACES[0][8:], 48, 80))
    windows, _ = read(copied)
    last = next(window for window in windows if window.videos[0].path.endswith("d.mp4"))
    assert last.rejection == f"{reasons.COPY} (a.mp4 shows the same from 1.6 s)"


def test_copies_never_lie_on_both_sides_of_the_split(tmp_path: Path) -> None:
    """Only a part is shared, so some windows of either are kept; without joining, each would be a session."""
    shoot(tmp_path / "videos" / "a.mp4", PLACES[0], PLACES[1])
    shoot(tmp_path / "videos" / "b.mp4", PLACES[1], PLACES[2])
    shoot(tmp_path / "videos" / "c.mp4", PLACES[3])
    windows, _ = read(tmp_path)
    kept = [window for window in windows if not window.rejection]
    assert {window.session for window in kept if window.videos[0].path.endswith("b.mp4")} == {"a.mp4"}
    assert {window.session for window in kept} == {"a.mp4", "c.mp4"}
    split, _ = assign_splits(windows, 0.5)
    sides = {window.split for window in split if window.session == "a.mp4"} - {"rejected"}
    assert len(sides) == 1


def test_a_copy_of_what_was_rejected_is_kept(tmp_path: Path, seer: Seer) -> None:
    shoot(tmp_path / "videos" / "a.mp4", PLACES[0])
    shoot(tmp_path / "videos" / "b.mp4", scaled(PLACES[0], 64, 106))
    seer.sees = lambda _frame, _time_s: int(seer.looks > 48)  # None in the first video, one in the second.
    windows, _ = read(tmp_path)
    assert [Path(window.videos[0].path).name for window in windows if not window.rejection] == ["b.mp4"] * 2
    assert {window.session for window in windows} == {"a.mp4"}


def test_of_two_copies_of_what_was_rejected_one_is_kept(tmp_path: Path, seer: Seer) -> None:
    shoot(tmp_path / "videos" / "a.mp4", PLACES[0])
    shoot(tmp_path / "videos" / "b.mp4", scaled(PLACES[0], 80, 134))
    shoot(tmp_path / "videos" / "c.mp4", scaled(PLACES[0], 64, 106))
    seer.sees = lambda _frame, _time_s: int(seer.looks > 48)  # None in the first video, one in the others.
    windows, _ = read(tmp_path)
    assert [Path(window.videos[0].path).name for window in windows if not window.rejection] == ["b.mp4"] * 2
    last = [window.rejection for window in windows if window.videos[0].path.endswith("c.mp4")]
    assert last[0] == f"{reasons.COPY} (b.mp4 shows the same from 0.0 s)"
    assert {reasons.common(rejection) for rejection in last} == {reasons.COPY}
    assert {window.session for window in windows} == {"a.mp4"}
