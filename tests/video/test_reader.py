"""The reader against a plain decode of every frame with its time."""

from pathlib import Path

import av
import pytest
import torch
from video_builder import Film, even_times, make_video

from adapt.errors import MediaError
from adapt.video import decord_reader
from adapt.video.pyav_reader import Timeline
from adapt.video.reader import BACKENDS, read_frames, stream_frames

FILMS = {
    "constant rate": Film(times_s=even_times(60, 30)),
    "variable rate": Film(times_s=[0, 0.1, 0.15, 0.5, 0.6, 1.9, 2.0, 2.01, 5.0]),
    "first frame at 3.5 s": Film(times_s=even_times(40, 12.5, first_s=3.5)),
    "many key frames": Film(times_s=even_times(90, 30), key_every=12),
    "odd size": Film(times_s=even_times(20, 10), height=33, width=47, codec="ffv1", pixels="yuv444p"),
    "transport stream": Film(times_s=even_times(150, 30), key_every=30),
}
SUFFIXES = {"odd size": ".mkv", "transport stream": ".ts"}


@pytest.fixture(scope="module", params=list(FILMS))
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = request.param
    path = tmp_path_factory.mktemp("videos") / (name.replace(" ", "_") + SUFFIXES.get(name, ".mp4"))
    return make_video(path, FILMS[name])


def every_frame(path: Path) -> list[tuple[float, torch.Tensor]]:
    """(time from the first frame, RGB as stored) of all frames, by decoding from start to end."""
    with av.open(str(path)) as container:
        frames = [
            (frame.time, torch.from_numpy(frame.to_ndarray(format="rgb24"))) for frame in container.decode(video=0)
        ]
    return [(time_s - frames[0][0], picture) for time_s, picture in frames]


def on_show(frames: list[tuple[float, torch.Tensor]], time_s: float) -> torch.Tensor:
    """The last frame that began at or before a time."""
    return [picture for start_s, picture in frames if start_s <= time_s + 1e-4][-1]


@pytest.mark.parametrize("backend", BACKENDS)
def test_reading_gives_the_frame_on_show_at_each_time(video: Path, backend: str) -> None:
    frames = every_frame(video)
    end_s = frames[-1][0]
    asked = [0.0, end_s / 3, end_s / 2 + 0.01, 0.61 * end_s, end_s]
    clip = read_frames(video, asked, backend=backend)
    for time_s, picture in zip(asked, clip.frames, strict=True):
        assert torch.equal(picture, on_show(frames, time_s))


def test_the_time_of_a_frame_is_when_it_came_on_show(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", FILMS["variable rate"])
    clip = read_frames(path, [0.4, 0.55, 1.95])
    assert clip.time_s.tolist() == pytest.approx([0.15, 0.5, 1.9])


def test_times_may_be_asked_in_any_order_and_twice(video: Path) -> None:
    end_s = every_frame(video)[-1][0]
    asked = [end_s, 0.0, end_s / 2, 0.0]
    together = read_frames(video, asked)
    for row, time_s in enumerate(asked):
        assert torch.equal(together.frames[row], read_frames(video, [time_s]).frames[0])


def test_streaming_gives_the_same_frames_as_reading(video: Path) -> None:
    frames = every_frame(video)
    walked = list(stream_frames(video, 5.0))
    assert [time_s for time_s, _ in walked] == [step / 5 for step in range(len(walked))]
    assert frames[-1][0] - 0.2 < walked[-1][0] <= frames[-1][0] + 0.2
    for time_s, picture in walked:
        assert torch.equal(picture, on_show(frames, time_s))


def test_a_frame_far_ahead_is_sought_not_decoded_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(tmp_path / "v.mp4", Film(times_s=even_times(900, 30), key_every=30))
    decoded = []
    honest = Timeline._next
    monkeypatch.setattr(Timeline, "_next", lambda self: decoded.append(1) or honest(self))
    clip = read_frames(path, [1.0, 29.0])
    assert clip.time_s.tolist() == pytest.approx([1.0, 29.0])
    assert len(decoded) < 120


def test_no_seeking_happens_where_no_key_frame_lies_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(tmp_path / "v.mp4", Film(times_s=even_times(200, 30), key_every=1000))
    monkeypatch.setattr(Timeline, "_seek", lambda *_: pytest.fail("sought back to where it was"))
    assert read_frames(path, [0.0, 5.0]).time_s.tolist() == pytest.approx([0.0, 5.0])


def test_frames_are_scaled_to_the_asked_size(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", Film(times_s=even_times(5, 10)))
    assert read_frames(path, [0.0], size=(24, 32)).frames.shape == (1, 24, 32, 3)
    assert next(stream_frames(path, 5.0, long_side_px=32))[1].shape == (24, 32, 3)
    assert next(stream_frames(path, 5.0, long_side_px=999))[1].shape == (48, 64, 3)


@pytest.mark.parametrize(("turn", "white"), [(90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))])
@pytest.mark.parametrize("backend", BACKENDS)
def test_frames_are_turned_upright(tmp_path: Path, turn: int, white: tuple[int, int], backend: str) -> None:
    # Stored white at the upper left; turned anticlockwise by 90 degrees, that is the lower left.
    path = make_video(tmp_path / "v.mp4", Film(times_s=even_times(5, 10), rotation_deg=turn))
    frame = read_frames(path, [0.0], backend=backend).frames[0]
    corners = {(row, column): int(frame[row, column, 0]) for row in (0, -1) for column in (0, -1)}
    assert frame.shape == ((48, 64, 3) if turn == 180 else (64, 48, 3))
    assert max(corners, key=lambda corner: corners[corner]) == white
    assert next(stream_frames(path, 5.0))[1].equal(frame)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_time_outside_the_video_is_refused_with_where_it_ends(tmp_path: Path, backend: str) -> None:
    path = make_video(tmp_path / "pour.mp4", Film(times_s=even_times(60, 30)))
    with pytest.raises(MediaError, match=r"pour\.mp4: asked for the frame at 2\.50 s, .* 2\.00 s"):
        read_frames(path, [0.0, 2.5], backend=backend)
    with pytest.raises(MediaError, match=r"at -0\.50 s"):
        read_frames(path, [-0.5], backend=backend)


def test_a_file_that_decord_is_not_trusted_with_is_read_by_pyav(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.ts", FILMS["transport stream"])
    with pytest.raises(decord_reader.DecordRefusalError, match=r"not trusted with \.ts"):
        decord_reader.read(path, [0.5], None)
    assert torch.equal(*(read_frames(path, [0.5], backend=backend).frames for backend in BACKENDS))


def test_no_times_and_unknown_backends_are_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", Film(times_s=even_times(2, 10)))
    with pytest.raises(ValueError, match="at least one time"):
        read_frames(path, [])
    with pytest.raises(ValueError, match="'opencv' is not one of"):
        read_frames(path, [0.0], backend="opencv")


@pytest.mark.data
def test_both_backends_agree_on_real_phone_videos(real_data: Path) -> None:
    for name in ("phone_rot0.mov", "phone_rot90.mov", "phone_rot180.mov", "phone_rot270.mov", "phone_rot180_vfr.mp4"):
        path = real_data / "human" / "codec" / name
        pyav, decord = (read_frames(path, [0.0, 0.05], backend=backend) for backend in BACKENDS)
        assert torch.equal(pyav.frames, decord.frames), name


@pytest.mark.data
def test_a_real_video_that_breaks_half_way_gives_what_comes_before(real_data: Path) -> None:
    walk = stream_frames(real_data / "human" / "codec" / "corrupted.mp4", 5.0)
    assert [next(walk)[0] for _ in range(14)][-1] == 2.6
    with pytest.raises(MediaError, match=r"corrupted\.mp4: decoding breaks after 2\.70 s"):
        next(walk)
