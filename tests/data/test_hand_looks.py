"""A video is looked through once, whoever looks."""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from footage_builder import Scene, film
from hand_builder import facing_turn, seen_hand
from run_builder import draw_video
from seer_builder import see

from adapt.data import hand_looks, head_motion
from adapt.data.hand_looks import KIND, HandLooks, look_at_video, looks_key
from adapt.footage.picture import Picture
from adapt.hands.landmarks import SeenHand
from adapt.hands.quality import HandConfig
from adapt.hands.view import FROM_TOP
from adapt.runs.cache import Cache
from adapt.video.writer import write_video

NO_HANDS = HandConfig(min_hands_share=0.0)
PATIENCE_S = 30.0


def test_what_another_process_looks_through_meanwhile_is_not_looked_through_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, cache = draw_video(tmp_path / "a.mp4", seconds=1.0, seed=0), Cache(tmp_path / "cache")
    walk, walks, others = hand_looks._walk, [], []

    @contextmanager
    def after_the_other(_folder: Path, _key: str) -> Iterator[None]:
        if not others:
            others.append(None)
            others.append(look_at_video(video, NO_HANDS, cache))
        yield

    def noted(*arguments) -> HandLooks:
        walks.append(arguments[0])
        return walk(*arguments)

    monkeypatch.setattr(hand_looks, "in_turn", after_the_other)
    monkeypatch.setattr(hand_looks, "_walk", noted)
    assert look_at_video(video, NO_HANDS, cache).watched.to_json() == others[1].watched.to_json()
    assert walks == [video]


def test_later_frames_are_decoded_and_watched_while_hands_are_sought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, cache = draw_video(tmp_path / "a.mp4", seconds=2.0, seed=0), Cache(tmp_path / "cache")
    alone = look_at_video(video, NO_HANDS, cache).watched
    fourth = threading.Event()
    watched, by = hand_looks.Watcher.look, set()

    def noted(watcher: hand_looks.Watcher, frame: torch.Tensor) -> Picture:
        picture = watched(watcher, frame)
        by.add(threading.get_ident())
        if len(watcher.watched().looks) == 4:
            fourth.set()
        return picture

    monkeypatch.setattr(hand_looks.Watcher, "look", noted)
    see(monkeypatch, lambda _frame, time_s: int(fourth.wait(PATIENCE_S) and time_s >= 1.0))
    looks = look_at_video(video, HandConfig(), cache)
    assert looks.hands == (0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1)
    assert looks.watched.to_json() == alone.to_json()
    assert threading.get_ident() not in by


def test_where_arms_come_from_is_kept_with_what_else_was_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video, cache = draw_video(tmp_path / "a.mp4", seconds=1.0, seed=0), Cache(tmp_path / "cache")
    opposite = seen_hand((0.0, -0.1, 0.4), facing_turn())
    see(monkeypatch, lambda _frame, time_s: [opposite] * (2 if time_s >= 0.6 else 0))
    looks = look_at_video(video, HandConfig(), cache)
    assert looks.arms is not None
    assert [len(arms) for arms in looks.arms] == list(looks.hands or ())
    assert {down < FROM_TOP for arms in looks.arms for down in arms} == {True}
    monkeypatch.setattr(hand_looks, "_walk", None)
    assert look_at_video(video, HandConfig(), cache).arms == looks.arms


def test_arms_and_what_they_hide_are_measured_in_the_pictures_own_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a picture twice as wide as high, an arm that is half as far across as down, as shares, is 45 degrees down."""
    video = tmp_path / "a.mp4"
    write_video(video, film(Scene(looks=6, size=(160, 320))), 5.0)
    slanted = torch.zeros(21, 3)
    slanted[0, :2] = torch.tensor([0.1, 0.2])
    hand = SeenHand(side="right", score=1.0, landmarks=slanted + 0.3, world_m=torch.zeros(21, 3))
    see(monkeypatch, lambda _frame, _time_s: [hand])
    shapes: list[float] = []
    covered = head_motion.is_covered

    def noted(points: np.ndarray, hands: Sequence[SeenHand], aspect: float, *, margin: float) -> np.ndarray:
        shapes.append(aspect)
        return covered(points, hands, aspect, margin=margin)

    monkeypatch.setattr(head_motion, "is_covered", noted)
    looks = look_at_video(video, HandConfig(), Cache(tmp_path / "cache"))
    assert looks.arms == ((round(math.sqrt(0.5), 2),),) * 6
    assert set(shapes) == {2.0}


def test_where_nobody_looks_for_hands_nobody_knows_of_arms(tmp_path: Path) -> None:
    video = draw_video(tmp_path / "a.mp4", seconds=1.0, seed=0)
    for _ in range(2):
        assert look_at_video(video, NO_HANDS, Cache(tmp_path / "cache")).arms is None


def test_whoever_is_stopped_in_the_middle_leaves_neither_thread_nor_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, cache = draw_video(tmp_path / "a.mp4", seconds=9.0, seed=0), Cache(tmp_path / "cache")

    def stop(_frame: torch.Tensor, time_s: float) -> int:
        if time_s >= 1.0:
            raise KeyboardInterrupt
        return 1

    see(monkeypatch, stop)
    with pytest.raises(KeyboardInterrupt):
        look_at_video(video, HandConfig(), cache)
    for thread in threading.enumerate():
        if thread.name == "made-ahead":
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
    assert list((tmp_path / "cache").rglob("*.json")) == [*(tmp_path / "cache" / "digests").rglob("*.json")]


def test_what_was_measured_before_the_cameras_motion_was_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry of the release before has no motion in it, which must not be taken for a camera at rest."""
    video, cache = tmp_path / "a.mp4", Cache(tmp_path / "cache")
    write_video(video, film(Scene(looks=11)), 5.0)
    digest = cache.file_digest(video)
    fresh = look_at_video(video, NO_HANDS, Cache(tmp_path / "other"))
    with monkeypatch.context() as before:
        before.setattr(hand_looks, "FOOTAGE_VERSION", 1)
        record = {"readable_s": 2.0, "hands": None, "watched": fresh.watched.to_json(), "size": [9, 16], "problem": ""}
        cache.write_json(KIND, looks_key(digest, NO_HANDS), record, about=[digest])
    looks = look_at_video(video, NO_HANDS, cache)
    assert looks.camera == fresh.camera
    assert sum(motion is not None for motion in looks.camera) >= 8
    assert (looks.camera[0], len(looks.camera)) == (None, 11)


def test_the_cameras_motion_is_the_same_whether_it_was_measured_now_or_before(tmp_path: Path) -> None:
    video, cache = tmp_path / "a.mp4", Cache(tmp_path / "cache")
    write_video(video, film(Scene(looks=11)), 5.0)
    assert look_at_video(video, NO_HANDS, cache).camera == look_at_video(video, NO_HANDS, cache).camera


def test_hands_are_left_out_of_the_cameras_motion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = tmp_path / "a.mp4"
    write_video(video, film(Scene(looks=6)), 5.0)
    everywhere = [seen_hand((0.05 * right, 0.0, 0.16)) for right in (-2, -1, 0, 1, 2)]
    see(monkeypatch, lambda _frame, time_s: everywhere if time_s > 0.5 else [])
    looks = look_at_video(video, HandConfig(), Cache(tmp_path / "cache"))
    assert [motion is not None for motion in looks.camera] == [False, True, True, False, False, False]
