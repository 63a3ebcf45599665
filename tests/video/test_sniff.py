"""What is no video is named for what it is, in one line, and never opened as if it were one."""

import os
import re
import struct
from pathlib import Path

import pytest
from video_builder import Film, even_times, make_video

from adapt.errors import MediaError
from adapt.video.probe import probe
from adapt.video.reader import read_frames, stream_frames
from adapt.video.sniff import _MAGIC, check_bytes

# 16 x 16, 24 bits; ffmpeg takes it for a video of one frame.
BITMAP = b"BM" + struct.pack("<IIIIiiHHIIiiII", 822, 0, 54, 40, 16, 16, 1, 24, 0, 768, 0, 0, 0, 0) + bytes(768)
IMPOSTORS = {
    "empty": (b"", "the file is empty"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "`git lfs pull`"),
    "aria": (b"VisionRe|\x07QZ\xa9\xbb\xc7\x17" + bytes(200), "a VRS recording; export it with `vrs_to_mp4`"),
    "bag": (b"#ROSBAG V2.0\n" + bytes(90), "a recording of ROS"),
    "photo": (b"\xff\xd8\xff\xe0" + bytes(90), "a picture (JPEG), not a video"),
    "screen": (b"\x89PNG\r\n\x1a\n" + bytes(90), "a picture (PNG)"),
    "web": (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(90), "a picture (WebP)"),
    "iphone": (b"\x00\x00\x00\x18ftypheic" + bytes(90), "a picture (HEIC)"),
    "packed": (b"PK\x03\x04" + bytes(90), "a zip archive"),
    "robot": (b"\x89HDF\r\n\x1a\n" + bytes(90), "export it as a LeRobot data set"),
    "page": (b"<!doctype html><title>404</title>", "text, not a video (it begins with '<!doctype html><title>404"),
    "umlauts": ("Die Tasse füllen, bitte. ".encode() * 400, "text, not a video"),
    "list": (b"ffconcat version 1.0\nfile film.mp4\n", "text, not a video"),
    "stream": (b"#EXTM3U\n#EXTINF:2,\nfilm.mp4\n#EXT-X-ENDLIST\n", "text, not a video"),
    "words": (b"1\n00:00:01,000 --> 00:00:02,000\nhello\n", "text, not a video"),
    "zeros": (bytes(20_000), "begins with 4096 zero bytes"),
    "noise": (bytes((193 * n * n + 7 * n) % 251 + 1 for n in range(20_000)), "not a video that can be opened"),
    "bitmap": (BITMAP, "not a video"),
}


@pytest.mark.parametrize("name", IMPOSTORS)
def test_what_is_no_video_is_named_for_what_it_is(tmp_path: Path, name: str) -> None:
    make_video(tmp_path / "film.mp4", Film(times_s=even_times(5, 10)))  # Lists could open it.
    content, why = IMPOSTORS[name]
    path = tmp_path / f"{name}.mp4"
    path.write_bytes(content)
    for attempt in (lambda: probe(path), lambda: read_frames(path, [0.0]), lambda: next(stream_frames(path, 5.0))):
        with pytest.raises(MediaError, match=rf"^{name}\.mp4: .*{re.escape(why)}.*\.$") as caught:
            attempt()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("place", "magic", "what"), _MAGIC)
def test_every_kind_that_is_known_is_said_with_what_to_do(tmp_path: Path, place: int, magic: bytes, what: str) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(bytes(place) + magic + bytes(20))
    with pytest.raises(MediaError, match=re.escape(what)):
        check_bytes(path)
    found, _, remedy = what.partition("; ")
    assert found.startswith(("a ", "an "))
    assert remedy.split()[0] in {"run", "export", "leave", "unpack"}


def test_a_folder_and_a_pipe_of_that_name_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError, match=r"folder\.mp4: a folder, not a video"):
        probe(tmp_path / "folder.mp4")
    with pytest.raises(MediaError, match=r"pipe\.mp4: no ordinary file, not a video"):  # Reading would wait for ever.
        probe(tmp_path / "pipe.mp4")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.mp4: cannot be read"):
        probe(tmp_path / "gone.mp4")
