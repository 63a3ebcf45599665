"""Files cut off or damaged: what comes before is given, the reason told, and nothing but a MediaError gets out."""

import random
import re
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
import torch
from coding_builder import Coding, film
from video_builder import Film, even_times, make_video, shade

from adapt.errors import MediaError
from adapt.video.opening import plain
from adapt.video.probe import probe
from adapt.video.pyav_reader import Timeline
from adapt.video.reader import read_frames, stream_frames

FILM = Film(times_s=even_times(100, 20), key_every=10)  # 5 s


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("whole") / "whole.mp4", FILM)


def remuxed(source: Path, path: Path, **options: str) -> Path:
    """The same stream in another container."""
    with av.open(str(source)) as old, av.open(str(path), "w", container_options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return path


def walked(path: Path, rate_hz: float) -> tuple[list[float], str]:
    """The times of the frames that are given, and what broke the walk off; "" where it came to its end."""
    given: list[float] = []
    try:
        for time_s, _ in stream_frames(path, rate_hz):
            given.append(time_s)  # extend() would lose what came before the break.
    except MediaError as error:
        return given, str(error)
    return given, ""


def cut(source: Path, share: float) -> Path:
    """The file's first part, as a broken copy leaves it."""
    path = source.with_stem(f"cut_{source.stem}")
    path.write_bytes(source.read_bytes()[: int(share * source.stat().st_size)])
    return path


def test_a_recording_that_lost_its_index_is_refused_with_what_to_do(tmp_path: Path, whole: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])  # An .mp4 keeps its index at the end.
    with pytest.raises(MediaError, match=r"^v\.mp4: its index \(`moov`\) is missing.*untrunc"):
        probe(path)
    with pytest.raises(MediaError, match=r"its index \(`moov`\) is missing"):
        read_frames(path, [0.0])


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".mp4", {"movflags": "+faststart"}),
        (".mp4", {"movflags": "+frag_keyframe+empty_moov"}),
        (".mkv", {}),
    ],
    ids=["mp4 with its index first", "fragmented mp4", "mkv"],
)
def test_half_a_file_is_told_and_used_as_far_as_it_goes(
    tmp_path: Path, whole: Path, suffix: str, options: dict[str, str]
) -> None:
    path = cut(remuxed(whole, tmp_path / f"v{suffix}", **options), 0.5)
    info = probe(path)
    assert 0.5 < info.duration_s < 4.5
    assert re.search(r"so it was cut off; what is there is used; copy the file again", info.problem)
    given, problem = walked(path, 20.0)
    assert len(given) >= 20 * info.duration_s - 2
    assert problem == "" or "decoding breaks after" in problem
    asked = [0.0, 0.2, info.duration_s - 0.3]
    for time_s, frame in zip(asked, read_frames(path, asked).frames, strict=True):
        assert abs(int(frame[-4, -4, 0]) - shade(int(time_s * 20 + 1e-6))) <= 4


def test_half_an_avi_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    path = cut(film(tmp_path / "v", Coding(suffix=".avi", codec="mpeg4", options={"qmax": "2"}), frames=29), 0.8)
    info = probe(path)
    assert 0.5 < info.duration_s < 2.4
    assert "so it was cut off" in info.problem
    assert len(walked(path, 10.0)[0]) >= 10 * info.duration_s - 2


def test_a_whole_file_has_no_problem(tmp_path: Path, whole: Path) -> None:
    for suffix in (".mp4", ".mkv", ".ts"):
        assert probe(remuxed(whole, tmp_path / f"v{suffix}")).problem == ""


def test_a_damaged_picture_ends_what_is_given(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest, numbers = Timeline._decoded, count()
    damaged = SimpleNamespace(is_corrupt=True)
    monkeypatch.setattr(Timeline, "_decoded", lambda self: damaged if next(numbers) == 40 else honest(self))
    given, problem = walked(whole, 20.0)
    assert given == pytest.approx([step / 20 for step in range(39)])  # The last one's end is not known.
    assert re.match(r"^whole\.mp4: the picture after 1\.95 s is damaged; copy the file again", problem)


def test_pictures_that_lack_what_they_were_coded_from_are_passed_over(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, numbers = Timeline._decoded, count()

    def first_two_damaged(timeline: Timeline) -> object:
        frame = honest(timeline)
        return SimpleNamespace(is_corrupt=True) if next(numbers) < 2 else frame

    monkeypatch.setattr(Timeline, "_decoded", first_two_damaged)
    frame = read_frames(whole, [0.0]).frames[0]
    assert abs(int(frame[-4, -4, 0]) - shade(2)) <= 4


def test_a_stream_that_was_not_announced_is_told_in_words() -> None:
    assert plain(IndexError("list index out of range")) == "it names a stream that is not there"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi", ".flv"])
def test_whatever_is_damaged_only_a_media_error_gets_out(tmp_path: Path, whole: Path, suffix: str) -> None:
    if suffix == ".avi":  # H.264 of an MP4 would have to be rewritten for it.
        sound = film(tmp_path / "v", Coding(suffix=".avi", codec="mpeg4", options={}), frames=29).read_bytes()
    else:
        sound = remuxed(whole, tmp_path / f"v{suffix}").read_bytes()
    letters = []
    for seed in range(12):
        draw = random.Random(seed)
        content = bytearray(sound)
        for _ in range(draw.choice([1, 30, 400])):
            content[draw.randrange(len(content))] = draw.randrange(256)
        if draw.random() < 0.3:
            start = draw.randrange(len(content))
            content[start : start + 2000] = bytes(len(content[start : start + 2000]))
        path = tmp_path / f"damaged{seed}{suffix}"
        path.write_bytes(content)
        if letter := _tried(path):
            letters.append(letter)
            assert re.match(rf"^{re.escape(path.name)}: [^\n]+\.$", letter)
    assert letters


def _tried(path: Path) -> str:
    """How far a file could be used; any error but a letter to the user fails the test."""
    try:
        info = probe(path)
        for _, frame in stream_frames(path, 10.0):
            assert frame.shape == torch.Size([info.height, info.width, 3])
        read_frames(path, [min(3.0, 0.9 * info.duration_s), 0.0])
    except MediaError as error:
        return str(error)
    return ""
