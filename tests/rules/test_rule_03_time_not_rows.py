"""Rule 3: windows, frames and actions are cut by seconds; the rate of a camera or a robot decides nothing."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from play_builder import CAMERA, body, geometry, play_set, recording
from torch import Tensor

from adapt.data import play_windows, window_frames
from adapt.data.episodes import EpisodeTable, Recording
from adapt.data.play_windows import read_play_dataset
from adapt.data.window_frames import read_windows
from adapt.data.windows import WindowConfig
from adapt.runs.cache import Cache
from adapt.types import Window
from adapt.video.probe import probe

RATES_HZ = (12.5, 20.0, 30.0, 50.0)
LEVELS_A_SECOND = 50


def filmed(rate_hz: float) -> Recording:
    """The same motion whatever the rate: joints are at t and sent to t + 1, the picture gets brighter by the second."""
    made = recording(4.0, rate_hz)
    clock = torch.arange(len(made.columns["action"])) / rate_hz
    grey = (20 + LEVELS_A_SECOND * clock).round().to(torch.uint8)
    return replace(made, frames={CAMERA: grey.reshape(-1, 1, 1, 1).expand(-1, 16, 16, 3).contiguous()})


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Path]:
    root = tmp_path_factory.mktemp("play")
    return {rate: play_set(root / str(rate), filmed(rate), rate_hz=rate) for rate in RATES_HZ}


def windows_of(root: Path) -> list[Window]:
    def digest(path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    return read_play_dataset(root, body(), geometry(), WindowConfig(max_chunks=1), digest=digest)[0]


def times_seen(windows: list[Window], cache: Cache) -> Tensor:
    """When each frame was filmed, read off its brightness."""
    seen = list(read_windows(windows, body(), geometry(), cache))
    assert all(reading.frames is not None for reading in seen)
    bright = torch.stack([reading.frames.float().mean(dim=(1, 2, 3)) for reading in seen if reading.frames is not None])
    return (bright - 20) / LEVELS_A_SECOND


def check_rate_decides_nothing(recordings: dict[float, Path], cache: Cache) -> None:
    step_s, frame_s = torch.arange(16) / 10, torch.arange(9) / 5
    for rate, root in recordings.items():
        windows = windows_of(root)
        assert [window.start_s for window in windows] == pytest.approx([0.0, 1.6]), f"{rate} Hz: windows"
        for window in windows:
            assert window.actions is not None
            assert window.state is not None
            moved = (window.actions[:, 0] - (window.start_s + 1 + step_s)).abs().max()
            assert moved < 1e-5, f"{rate} Hz: actions are not those of their time"
            assert window.state[0, 0].item() == pytest.approx(window.start_s, abs=1e-5), f"{rate} Hz: state"
        wanted = torch.stack([window.start_s + frame_s for window in windows])
        # A frame stays on show until the next, and the codec of the file blurs brightness a little.
        late = (times_seen(windows, cache) - wanted).abs().max()
        assert late <= 1 / rate + 0.04, f"{rate} Hz: frames are not those of their time"


def test_the_same_motion_gives_the_same_windows_at_any_rate(recordings: dict[float, Path], tmp_path: Path) -> None:
    check_rate_decides_nothing(recordings, Cache(tmp_path))


def test_planted_actions_by_row_are_noticed(
    recordings: dict[float, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many rows from the first one on, as if every robot ran at the rate of the one that it was written for."""

    def by_row(table: EpisodeTable, axes: tuple, at_s: Tensor, step_s: float) -> Tensor:
        first = int(torch.searchsorted(table.time_s, at_s[0] - 1e-6))
        rows = table.columns[axes[0].column][first : first + len(at_s)]
        return torch.stack([rows[:, axis.index] for axis in axes], dim=1).float()

    monkeypatch.setattr(play_windows, "_read", by_row)
    with pytest.raises(AssertionError, match=r"Hz: actions are not those of their time"):
        check_rate_decides_nothing(recordings, Cache(tmp_path))


def test_planted_frames_by_stride_are_noticed(
    recordings: dict[float, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third frame, as for DreamZero's 15 Hz recordings: 5 Hz there, and 10 Hz of a camera at 30."""

    def by_stride(window: Window, _geometry: object) -> list[float]:
        rate_hz = probe(Path(window.videos[0].path)).average_hz
        return [window.start_s + 3 * number / rate_hz for number in range(9)]

    monkeypatch.setattr(window_frames, "times_of", by_stride)
    with pytest.raises(AssertionError, match=r"Hz: frames are not those of their time"):
        check_rate_decides_nothing(recordings, Cache(tmp_path))
