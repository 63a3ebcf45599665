"""Whatever the shots and however seldom one looks: no window that is kept holds a cut that was found."""

import random
from pathlib import Path

import numpy as np
import pytest

from adapt.data import human_windows
from adapt.data.hand_looks import HandLooks
from adapt.data.human_windows import HumanRules, read_human_videos
from adapt.data.video_folder import read_video_folder
from adapt.data.windows import WindowConfig
from adapt.embodiment.spec import Camera, Embodiment
from adapt.footage import reasons
from adapt.footage.settings import FootageConfig
from adapt.footage.shots import first_looks
from adapt.footage.watch import LookFigures, Watched
from adapt.hands.quality import HandConfig
from adapt.runs.cache import Cache
from adapt.types import BaseGeometry, Canvas, Slot, Window

CANVAS = Canvas(height=64, width=64, slots={"full": Slot(top=0, left=0, height=64, width=64)})
GEOMETRY = BaseGeometry(  # Chunks of 0.8 s.
    canvas=CANVAS, latent_channels=16, latent_height=8, latent_width=8, action_steps=8, frames_per_chunk=4
)
CAMERA = Camera(name="main", column="main", slot="full")
HAND = Embodiment(name="human_hand", prompt="{instruction}", cameras=(CAMERA,), actions=(), state=())
SLACK_S = 1e-6
VIDEOS = 150


def looks_of(firsts: list[int], count: int, rate_hz: float) -> HandLooks:
    """Good footage of so many looks, in which shots begin with these."""
    looks = [
        LookFigures(
            brightness=0.7,
            contrast=0.5,
            white=0.0,
            vivid=0.0,
            blur=0.3,
            change=float(look in firsts[1:]),
            moved=50.0,
            bars=(0.0, 0.0, 0.0, 0.0),
            upright_seams=(),
            level_seams=(),
        )
        for look in range(count)
    ]
    watched = Watched(looks=tuple(looks), thumbs=np.zeros((0, 32, 32), np.uint8), thumb_hz=2.5)
    end_s = count / rate_hz - 1e-3
    return HandLooks(
        readable_s=end_s,
        hands=None,
        arms=None,
        watched=watched,
        camera=(None,) * count,
        size=(9, 16),
        rate_hz=rate_hz,
        problem="",
    )


def windows_of(
    videos: dict[str, HandLooks], folder: Path, monkeypatch: pytest.MonkeyPatch, config: WindowConfig
) -> dict[str, list[Window]]:
    folder.mkdir()
    for name in videos:
        (folder / name).write_text(name)
    monkeypatch.setattr(human_windows, "look_at_video", lambda path, *_, **__: videos[path.name])
    rules = HumanRules(body=HAND, geometry=GEOMETRY, windows=config, hands=HandConfig())
    windows, _ = read_human_videos(read_video_folder(folder, "pour"), rules, Cache(folder.parent / "cache"))
    return {name: [window for window in windows if window.session == name] for name in videos}


def span(window: Window) -> tuple[float, float]:
    return window.start_s, window.start_s + GEOMETRY.window_s(window.chunks)


@pytest.mark.parametrize("rate_hz", [2.0, 5.0, 7.3])
@pytest.mark.parametrize("min_chunks", [1, 2])
def test_what_is_kept_lies_within_a_shot_and_the_rest_names_an_end_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate_hz: float, min_chunks: int
) -> None:
    draw = random.Random(f"{rate_hz} {min_chunks}")
    videos, shots = {}, {}
    for number in range(VIDEOS):
        count = draw.randint(3, int(12 * rate_hz))
        firsts = [0, *sorted(draw.sample(range(1, count), draw.randint(0, min(6, count - 1))))]
        looks = looks_of(firsts, count, rate_hz)
        found = first_looks([look.change for look in looks.watched.looks], FootageConfig().shot_change)
        lasts_s = [*((first - 1) / rate_hz for first in found[1:]), looks.readable_s]
        name = f"{number}.mp4"
        videos[name], shots[name] = looks, list(zip((first / rate_hz for first in found), lasts_s, strict=True))
    rejected = 0
    config = WindowConfig(min_chunks=min_chunks)
    for name, windows in windows_of(videos, tmp_path / "videos", monkeypatch, config).items():
        for window in windows:
            start_s, end_s = span(window)
            within = any(first_s - SLACK_S <= start_s and end_s <= last_s + SLACK_S for first_s, last_s in shots[name])
            assert within == (window.rejection == ""), (name, start_s, shots[name])
            assert bool(window.quality["shot_ends"]) == bool(window.rejection)
            if window.rejection:
                told = [reasons.with_details(reasons.SHOT, f"one ends at {at_s:.1f} s") for at_s, _ in shots[name][1:]]
                assert window.rejection in told
                rejected += 1
    assert rejected > VIDEOS / 10


@pytest.mark.parametrize(
    ("rate_hz", "firsts", "count", "expected"),
    [
        # 2.8 + 0.8 is a little less than 3.6 in floating point.
        (5.0, [0, 10, 18], 30, (2.8, 3.6, "3.6")),
        # 1.6 to 2.4 s holds no look at all but that at 2.0 s; the cut lies between it and that at 2.5 s.
        (2.0, [0, 5], 12, (1.6, 2.4, "2.5")),
    ],
)
def test_a_window_between_shots_is_rejected_though_the_look_after_the_cut_lies_outside(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rate_hz: float,
    firsts: list[int],
    count: int,
    expected: tuple[float, float, str],
) -> None:
    videos = {"a.mp4": looks_of(firsts, count, rate_hz)}
    (windows,) = windows_of(videos, tmp_path / "videos", monkeypatch, WindowConfig()).values()
    start_s, end_s, told = expected
    (window,) = [window for window in windows if span(window) == (pytest.approx(start_s), pytest.approx(end_s))]
    assert window.rejection == f"{reasons.SHOT} (one ends at {told} s)"
