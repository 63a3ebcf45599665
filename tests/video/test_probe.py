from pathlib import Path

import pytest
from video_builder import Film, even_times, make_video

from adapt.errors import MediaError
from adapt.video.probe import probe


def test_a_plain_video_is_told_by_its_frames(tmp_path: Path) -> None:
    info = probe(make_video(tmp_path / "v.mp4", Film(times_s=even_times(60, 30))))
    assert (info.width, info.height, info.frames, info.codec) == (64, 48, 60, "h264")
    assert info.duration_s == pytest.approx(2.0)
    assert info.average_hz == pytest.approx(30.0)
    assert not info.variable_rate
    assert (info.rotation_deg, info.mirrored, info.stream, info.treatment, info.problem) == (0, False, 0, (), "")


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
