from pathlib import Path

import pytest
import torch

from adapt.video.probe import probe
from adapt.video.reader import read_frames
from adapt.video.writer import write_video


def ramp(frames: int, height: int, width: int) -> torch.Tensor:
    """Grey frames, 20 brighter each time."""
    greys = (20 + 20 * torch.arange(frames)).to(torch.uint8)
    return greys[:, None, None, None].expand(frames, height, width, 3).contiguous()


def test_a_written_video_is_read_back_at_its_rate(tmp_path: Path) -> None:
    write_video(tmp_path / "new" / "v.mp4", ramp(9, 32, 48), 5.0)
    clip = read_frames(tmp_path / "new" / "v.mp4", [step / 5 for step in range(9)])
    assert clip.time_s.tolist() == pytest.approx([step / 5 for step in range(9)])
    assert (clip.frames.int() - ramp(9, 32, 48).int()).abs().max() <= 3


def test_odd_sides_are_lengthened_by_one(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", ramp(3, 33, 47), 10.0)
    info = probe(tmp_path / "v.mp4")
    assert (info.height, info.width, info.frames) == (34, 48, 3)


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    frames = torch.randint(0, 256, (12, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, frames, 29.97)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_no_frames_and_no_rate_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 frames"):
        write_video(tmp_path / "v.mp4", ramp(0, 8, 8), 5.0)
    with pytest.raises(ValueError, match=r"0\.0 Hz"):
        write_video(tmp_path / "v.mp4", ramp(2, 8, 8), 0.0)
