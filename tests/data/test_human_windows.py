"""Cutting and keeping, with a stand-in for the hand detector that sees hands when the test says."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from video_builder import Film, even_times, make_video

from adapt.data import hand_looks
from adapt.data.human_windows import HumanRules, read_human_videos
from adapt.data.video_folder import read_video_folder
from adapt.data.windows import WindowConfig
from adapt.embodiment.spec import Camera, Embodiment
from adapt.errors import DataError, EmbodimentError
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


class Seer:
    """In place of MediaPipe: so many hands at each time; counts the frames it was shown."""

    hands_at: Callable[[float], int] = staticmethod(lambda _time_s: 1)
    looks = 0

    def __init__(self, model: Path, *, min_score: float) -> None:
        pass

    def look(self, _frame: torch.Tensor, time_s: float) -> list[None]:
        Seer.looks += 1
        return [None] * Seer.hands_at(time_s)

    def __enter__(self) -> "Seer":
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def seer(monkeypatch: pytest.MonkeyPatch) -> type[Seer]:
    monkeypatch.setattr(hand_looks, "HandLandmarks", Seer)
    monkeypatch.setattr(hand_looks, "ensure_hand_model", lambda folder: folder / "none.task")
    Seer.looks, Seer.hands_at = 0, staticmethod(lambda _time_s: 1)
    return Seer


def read(root: Path, **hands: float) -> tuple[list[Window], list[tuple[str, str]]]:
    rules = HumanRules(body=HAND, geometry=GEOMETRY, windows=WindowConfig(), hands=HandConfig(**hands))
    return read_human_videos(read_video_folder(root / "videos", "pour"), rules, Cache(root / "cache"))


def test_a_video_is_cut_and_each_window_says_how_often_hands_were_seen(tmp_path: Path, seer: type[Seer]) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    seer.hands_at = staticmethod(lambda time_s: 2 if time_s < 3.2 - 1e-6 else 0)
    (first, second), problems = read(tmp_path, min_hands_share=0.4)
    assert problems == []
    assert (first.start_s, first.chunks, second.start_s, second.chunks) == (0.0, 4, 6.4, 1)
    assert first.quality == {"hands_share": 16 / 33, "both_hands_share": 16 / 33}
    assert (first.split, first.rejection, first.instruction, first.session) == ("train", "", "pour", "a.mp4")
    assert (second.split, second.rejection) == ("rejected", NO_HAND)


def test_windows_with_too_few_hands_are_rejected(tmp_path: Path, seer: type[Seer]) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    seer.hands_at = staticmethod(lambda time_s: int(time_s > 3.2))
    windows, _ = read(tmp_path, min_hands_share=0.6)
    assert [window.rejection for window in windows] == [TOO_FEW, ""]


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
    assert reasons["notes.mp4"].startswith("not a video that can be opened")
    assert reasons["short.mp4"].endswith("the shortest window needs 1.60 s; film longer takes")
    assert reasons["twin.mp4"] == "the same bytes as good.mp4, which is used"


def test_one_more_video_costs_one_video(tmp_path: Path, seer: type[Seer]) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    first, _ = read(tmp_path)
    assert seer.looks == 45
    make_video(tmp_path / "videos" / "b.mp4", Film(times_s=even_times(40, 20)))
    both, _ = read(tmp_path)
    assert seer.looks == 45 + 10
    assert both[: len(first)] == first


def test_a_threshold_may_change_without_looking_again(tmp_path: Path, seer: type[Seer]) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    read(tmp_path)
    read(tmp_path, min_hands_share=0.9)
    assert seer.looks == 45
    read(tmp_path, min_score=0.9)
    assert seer.looks == 90


def test_nothing_kept_says_why_and_what_to_film(tmp_path: Path, seer: type[Seer]) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    (tmp_path / "videos" / "notes.mp4").write_text("not a video at all")
    seer.hands_at = staticmethod(lambda time_s: int(time_s == 0.2))
    counts = r"no window of 2 videos can be used \(2 were cut\).*1 x .*too few.*1 x no hand"
    message = counts + r".*notes\.mp4: not a.*hands in 3% of its frames.*film from"
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_the_share_that_the_message_offers_keeps_a_window(tmp_path: Path, seer: type[Seer]) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    seer.hands_at = staticmethod(lambda time_s: int(time_s < 2.4 - 1e-6))  # in 12 of the first window's 33 frames
    with pytest.raises(DataError, match=r"--set hands\.min_hands_share=0\.3\."):
        read(tmp_path)
    windows, _ = read(tmp_path, min_hands_share=0.3)
    assert [window.split for window in windows] == ["train", "rejected"]


def test_only_short_takes_say_to_film_longer_ones(tmp_path: Path) -> None:
    make_video(tmp_path / "videos" / "a.mp4", Film(times_s=even_times(10, 10)))
    with pytest.raises(DataError, match=r"\(0 were cut\).*a\.mp4: .*Film takes of 5 s or more"):
        read(tmp_path)


def test_a_share_of_zero_needs_no_hands_and_no_model(tmp_path: Path, seer: type[Seer]) -> None:
    make_video(tmp_path / "videos" / "a.mp4", NINE_SECONDS)
    windows, _ = read(tmp_path, min_hands_share=0.0)
    assert seer.looks == 0
    assert [window.split for window in windows] == ["train", "train"]
    assert windows[0].quality == {}


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
