"""The real detector, on frames without hands and, where they are at hand, on real ones."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from adapt.hands.landmarks import HandLandmarks, SeenHand, _one_per_side
from adapt.types import Clip
from adapt.video.reader import read_frames


def clip_of(frames: torch.Tensor) -> Clip:
    return Clip(frames=frames, time_s=torch.arange(len(frames), dtype=torch.float64) / 5)


def hand(side: str, score: float) -> SeenHand:
    return SeenHand(side=side, score=score, landmarks=torch.zeros(21, 3), world_m=torch.zeros(21, 3))


def test_noise_holds_no_hands_and_the_tracks_are_as_long_as_the_clip(
    hand_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = torch.randint(0, 256, (3, 120, 160, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with HandLandmarks(hand_model) as landmarks:
        left, right = landmarks.detect(clip_of(noise))
    assert left.seen.tolist() == right.seen.tolist() == [False] * 3
    assert left.landmarks.shape == (3, 21, 3)
    assert capfd.readouterr().err == ""  # Its C++ code is talkative.


def test_two_hands_called_by_the_same_side_are_told_apart() -> None:
    both = _one_per_side([hand("left", 0.6), hand("left", 0.9)])
    assert [(h.side, h.score) for h in both] == [("left", 0.9), ("right", 0.6)]


@pytest.mark.data
def test_both_pouring_hands_are_found_each_on_its_side(hand_model: Path, real_data: Path) -> None:
    clip = read_frames(real_data / "human" / "ego" / "egoloc_pour_RGB.mp4", [step / 5 for step in range(10)])
    with HandLandmarks(hand_model) as landmarks:
        left, right = landmarks.detect(clip)
    assert left.seen.all()
    assert right.seen.all()
    assert (left.landmarks[:, 0, 0] < right.landmarks[:, 0, 0]).all()  # wrists, seen by the one who pours
    spread_m = left.world_m.amax(dim=1) - left.world_m.amin(dim=1)
    assert 0.05 < spread_m.amax() < 0.25  # a hand's size


@pytest.mark.data
def test_a_second_look_at_a_video_says_the_same(hand_model: Path, real_data: Path) -> None:
    clip = read_frames(real_data / "human" / "ego" / "egoloc_video3.mp4", [step / 5 for step in range(8)])
    looks = []
    for _ in range(2):
        with HandLandmarks(hand_model) as landmarks:
            looks.append(landmarks.detect(clip))
    for first, second in zip(*looks, strict=True):
        assert torch.equal(first.seen, second.seen)
        assert torch.equal(first.landmarks, second.landmarks)


def test_putting_python_s_signal_handlers_back_does_not_kill_the_next_search_for_hands(hand_model: Path) -> None:
    """As Lightning does after training; MediaPipe's own sampling then meets the handler that was put back."""
    code = f"""
import signal, torch
import subprocess
import sys
from pathlib import Path
before = signal.getsignal(signal.SIGPROF)
from adapt.hands.landmarks import HandLandmarks
frames = torch.zeros(40, 240, 320, 3, dtype=torch.uint8)
for round in range(2):
    with HandLandmarks(Path({str(hand_model)!r})) as landmarks:
        for place, frame in enumerate(frames):
            landmarks.look(frame, place / 5)
    signal.signal(signal.SIGPROF, signal.getsignal(signal.SIGPROF))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
