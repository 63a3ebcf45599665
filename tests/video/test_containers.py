"""Several streams, edit lists, no duration, broken sound, many containers: the frame on show is the painted one."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from coding_builder import Coding, add_video, film, grey, quarters

from adapt.errors import MediaError
from adapt.video.probe import probe
from adapt.video.reader import BACKENDS, read_frames, stream_frames

B_FRAMES = {"crf": "1", "threads": "1", "bf": "2", "g": "5"}


def grey_of(frame: np.ndarray) -> int:
    """The lower right quarter's grey, by which the frame is told."""
    height, width = frame.shape[:2]
    return int(frame[3 * height // 4, 3 * width // 4, 1])


def numbers_shown(path: Path, times_s: list[float], backend: str | None = None) -> list[int]:
    """Which painted frame was shown at each time."""
    greys = {grey(number): number for number in range(30)}
    shown = [grey_of(frame.numpy()) for frame in read_frames(path, times_s, backend=backend).frames]
    return [greys[min(greys, key=lambda one: abs(one - value))] for value in shown]


CONTAINERS = {
    "avi with B-frames": Coding(suffix=".avi", options=B_FRAMES),
    "avi of MPEG-4": Coding(suffix=".avi", codec="mpeg4", options={"qmin": "1", "qmax": "2", "bf": "2"}),
    "program stream": Coding(suffix=".mpg", codec="mpeg2video", options={"qmin": "1", "qmax": "2", "bf": "2"}),
    "open groups, H.264": Coding(options={**B_FRAMES, "x264-params": "open-gop=1"}),
    "open groups, HEVC": Coding(codec="libx265", options={"x265-params": "crf=1:keyint=5:open-gop=1:log-level=none"}),
    "intra refresh": Coding(options={"crf": "1", "threads": "1", "x264-params": "intra-refresh=1:keyint=8"}),
    "fragments": Coding(options=B_FRAMES, container={"movflags": "+frag_keyframe+empty_moov"}),
    "flash": Coding(suffix=".flv", codec="flv", options={"qmin": "1", "qmax": "2"}),
    "windows media": Coding(suffix=".wmv", codec="wmv2", options={"qmin": "1", "qmax": "2"}),
    "no duration": Coding(
        suffix=".webm", codec="libvpx-vp9", options={"crf": "4", "cpu-used": "8"}, container={"live": "1"}
    ),
}


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_painted_frame_is_shown_at_each_time(tmp_path: Path, name: str, backend: str) -> None:
    path = film(tmp_path / "v", CONTAINERS[name], frames=30)
    info = probe(path)
    assert (info.frames, info.duration_s) == (30, pytest.approx(3.0, abs=0.11))
    assert info.problem == ""
    asked = [2.55, 0.05, 0.75, 1.45, 1.45, 2.05]
    assert numbers_shown(path, asked, backend) == [25, 0, 7, 14, 14, 20]
    assert len(list(stream_frames(path, 10.0))) in (30, 31)


def test_an_animated_gif_is_a_video(tmp_path: Path) -> None:
    path = tmp_path / "v.gif"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb8"
        for number in range(8):
            picture = np.rint(255 * quarters(number)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="rgb8")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    info = probe(path)
    assert (info.frames, info.codec, info.duration_s) == (8, "gif", pytest.approx(0.8))
    for time_s, frame in zip([0.75, 0.05, 0.35], read_frames(path, [0.75, 0.05, 0.35]).frames, strict=True):
        assert abs(grey_of(frame.numpy()) - grey(int(10 * time_s))) < 40


def test_of_several_videos_the_richer_one_is_read_and_said(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"  # It says how many bits a second each has; Matroska does not.
    with av.open(str(path), "w") as container:
        add_two(container)
    info = probe(path)
    assert (info.stream, info.width, info.height) == (1, 64, 48)
    assert info.treatment == ("2 videos in one file: stream 1 (64x48) is read",)
    assert read_frames(path, [0.35]).frames.shape == (1, 48, 64, 3)
    assert read_frames(path, [0.35], backend="decord").frames.shape == (1, 48, 64, 3)


def add_two(container: av.container.OutputContainer) -> None:
    """A small video of one colour, and then a larger one that changes."""
    streams = []
    for height, width in ((16, 16), (48, 64)):
        stream = container.add_stream("libx264", rate=10, options={"crf": "1", "threads": "1"})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.disposition = Disposition.default
        streams.append(stream)
    for number in range(10):
        for stream in streams:
            picture = quarters(number, stream.height, stream.width) if stream.height > 16 else np.zeros((16, 16, 3))
            frame = av.VideoFrame.from_ndarray(np.rint(255 * picture).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
    for stream in streams:
        container.mux(stream.encode())


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=16_000)
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        frame = av.VideoFrame(64, 48, "yuvj420p")
        frame.pts, frame.time_base = 0, Fraction(1)
        container.mux(cover.encode(frame))
        container.mux(cover.encode())
        container.mux(sound.encode(silence()))
        container.mux(sound.encode())
    with pytest.raises(MediaError, match=r"^song\.mp4: holds sound, data or a cover picture but no video"):
        probe(path)


def silence() -> av.AudioFrame:
    """A short sound of nothing."""
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
    frame.sample_rate, frame.pts = 16_000, 0
    return frame


def test_broken_sound_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        add_video(container, Coding(), [quarters(number) for number in range(20)])
    loud = tmp_path / "loud.mp4"
    with av.open(str(path)) as old, av.open(str(loud), "w") as new:
        video, sound = new.add_stream_from_template(old.streams.video[0]), new.add_stream("aac", rate=16_000)
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                new.mux(packet)
        new.mux(sound.encode(silence()))
        new.mux(sound.encode())
    content = bytearray(loud.read_bytes())
    with av.open(str(loud)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.pos]
    assert places
    for start, size in places:
        content[start : start + size] = bytes([0xA5]) * size
    loud.write_bytes(content)
    assert numbers_shown(loud, [0.05, 1.25, 1.95]) == [0, 12, 19]
    assert probe(loud).frames == 20


def edited(tmp_path: Path, hidden: int) -> Path:
    """Thirty frames in 3 s, of which an edit list hides the first so many."""
    source = film(tmp_path / "source", Coding(options={**B_FRAMES, "g": "250", "bf": "0"}), frames=30)
    path = tmp_path / "v.mp4"
    options = {"use_editlist": "1", "avoid_negative_ts": "disabled"}
    with av.open(str(source)) as old, av.open(str(path), "w", container_options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is None:
                continue
            step = int(0.1 / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts - hidden * step, packet.dts - hidden * step, stream
            new.mux(packet)
    return path


@pytest.mark.parametrize("hidden", [1, 7])
def test_frames_before_an_edit_lists_beginning_are_not_shown(tmp_path: Path, hidden: int) -> None:
    path = edited(tmp_path, hidden)
    assert numbers_shown(path, [0.05, 1.05, 2.05]) == [hidden, hidden + 10, hidden + 20]
    assert probe(path).duration_s == pytest.approx(3.0 - 0.1 * hidden, abs=0.02)


def test_frames_after_an_edit_lists_end_are_not_shown(tmp_path: Path) -> None:
    path = edited(tmp_path, 7)
    content = bytearray(path.read_bytes())
    entry = content.index(b"elst") + 12  # After the kind: version and flags, how many entries; then ms on show.
    content[entry : entry + 4] = (1000).to_bytes(4)
    path.write_bytes(content)
    info = probe(path)
    assert (info.frames, info.duration_s, info.problem) == (10, pytest.approx(1.0, abs=0.02), "")
    assert numbers_shown(path, [0.05, 0.95]) == [7, 16]
    with pytest.raises(MediaError, match=r"asked for the frame at 1\.50 s, but the video ends at 1\.00 s"):
        read_frames(path, [1.5])


def test_a_bare_stream_without_times_is_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "v", Coding(suffix=".h264"))
    for attempt in (lambda: probe(path), lambda: read_frames(path, [0.0])):
        with pytest.raises(MediaError, match=r"^v\.h264: its frames carry no times; convert it to MP4 first"):
            attempt()
