from pathlib import Path

import pytest
from video_builder import Film, even_times, make_video

from adapt.errors import MediaError
from adapt.video.probe import probe

LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


def test_a_plain_video_is_told_by_its_frames(tmp_path: Path) -> None:
    info = probe(make_video(tmp_path / "v.mp4", Film(times_s=even_times(60, 30))))
    assert (info.width, info.height, info.frames, info.codec) == (64, 48, 60, "h264")
    assert info.duration_s == pytest.approx(2.0)
    assert info.average_hz == pytest.approx(30.0)
    assert not info.variable_rate
    assert info.rotation_deg == 0


def test_a_turned_video_has_its_upright_size(tmp_path: Path) -> None:
    info = probe(make_video(tmp_path / "v.mp4", Film(times_s=even_times(5, 10), rotation_deg=90)))
    assert (info.width, info.height, info.rotation_deg) == (48, 64, 90)


def test_a_video_that_starts_late_is_not_longer_for_it(tmp_path: Path) -> None:
    info = probe(make_video(tmp_path / "v.mp4", Film(times_s=even_times(30, 30, first_s=8.0))))
    assert info.duration_s == pytest.approx(1.0)


def test_uneven_times_are_a_variable_rate(tmp_path: Path) -> None:
    info = probe(make_video(tmp_path / "v.mp4", Film(times_s=[0, 0.1, 0.2, 0.7, 0.8])))
    assert info.variable_rate
    assert info.average_hz == pytest.approx(4 / 0.8)


def test_a_container_without_a_duration_is_measured(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.ts", Film(times_s=even_times(60, 30)))
    assert probe(path).duration_s == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.mp4", b"", "the file is empty"),
        ("notes.mp4", b"these are my notes\n" * 20, "not a video that can be opened"),
        ("pointer.mp4", LFS_POINTER.encode(), "a Git LFS pointer, not the video itself; fetch it with `git lfs pull`"),
    ],
)
def test_what_is_no_video_is_refused_by_name_and_reason(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError, match=f"^{name}: .*{why}"):
        probe(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.mp4: cannot be read"):
        probe(tmp_path / "gone.mp4")


def test_a_video_cut_off_while_copying_is_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", Film(times_s=even_times(60, 30)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])  # An .mp4 keeps its index at the end.
    with pytest.raises(MediaError, match=r"v\.mp4: not a video that can be opened"):
        probe(path)


@pytest.mark.data
def test_every_real_file_is_probed_or_refused_with_a_reason(real_data: Path) -> None:
    files = sorted((real_data / "human" / "codec").iterdir())
    reasons = {path.name: reason for path in files if (reason := refusal(path))}
    assert set(reasons) == {"aria_sequence.vrs", "lfs_pointer.mp4"}
    assert all(reason.startswith(name) for name, reason in reasons.items())


def refusal(path: Path) -> str:
    """Why a file is refused; "" where it is a video with a length."""
    try:
        return "" if probe(path).duration_s > 0 else "no length"
    except MediaError as error:
        return str(error)
