"""Instructions beside videos: metadata.jsonl, metadata.csv, and a .txt of the video's name."""

import json
from pathlib import Path

import pytest
from fuzz.hostile import altered, damaged, fuzz, refused_or_read
from hypothesis import given
from hypothesis import strategies as st

from adapt.data.video_folder import VideoFolder, read_video_folder
from adapt.runs.documents import is_text

ROWS = [
    {"file_name": "a.mp4", "instruction": "pour water", "session": "morning"},
    {"file_name": "sub/b.mp4", "text": "stir", "session": 7},
    {"file_name": "gone.mp4", "task": "lift"},
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
TABLE = b'file_name,instruction,session\na.mp4,"pour, slowly",one\nsub/b.mp4,stir,\n'


def lines(rows: object) -> bytes:
    items = rows if isinstance(rows, list) else [rows]
    return "".join(json.dumps(item) + "\n" for item in items).encode()


@pytest.fixture
def videos(folder: Path) -> Path:
    (folder / "sub").mkdir()
    for name in ("a.mp4", "sub/b.mp4"):
        (folder / name).write_bytes(b"")
    return folder


def check(found: VideoFolder | None, videos: Path) -> None:
    for video in found.videos if found else ():
        assert video.path.is_relative_to(videos)
        assert video.path.is_file()
        assert is_text(video.instruction)
        assert video.instruction.strip()
        assert is_text(video.session)


@fuzz(60)
@given(data=st.one_of(altered(ROWS).map(lines), damaged(LINES)))
def test_lines_of_metadata(videos: Path, data: bytes) -> None:
    (videos / "metadata.jsonl").write_bytes(data)
    check(refused_or_read(lambda: read_video_folder(videos, None), videos), videos)
    check(refused_or_read(lambda: read_video_folder(videos, "wave"), videos), videos)


@fuzz(40)
@given(data=st.one_of(damaged(TABLE), st.text(alphabet='file_name,\n\r"a.mp4\0\x85', max_size=60).map(str.encode)))
def test_table_of_metadata(videos: Path, data: bytes) -> None:
    (videos / "metadata.csv").write_bytes(data)
    check(refused_or_read(lambda: read_video_folder(videos, None), videos), videos)


@fuzz(30)
@given(data=damaged(b"pour water\ninto the cup\n"))
def test_text_beside_a_video(videos: Path, data: bytes) -> None:
    (videos / "a.txt").write_bytes(data)
    check(refused_or_read(lambda: read_video_folder(videos, None), videos), videos)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("metadata.csv", TABLE + b"x" * 200_000 + b",y,z\n"),  # csv.Error: field larger than field limit
        ("metadata.csv", TABLE + b'"\0,y,z\n'),
        ("metadata.jsonl", LINES + b"[" * 5_000 + b"\n"),  # RecursionError
        ("metadata.jsonl", LINES + b'{"file_name": "a.mp4", "text": "\\ud800"}\n'),  # no file can hold it
        ("metadata.jsonl", LINES + b'{"file_name": "a\\u0000.mp4", "text": "x"}\n'),
        ("metadata.jsonl", LINES + b'{"file_name": "' + b"a" * 5_000 + b'", "text": "x"}\n'),
        ("metadata.jsonl", LINES + b'{"file_name": "../../etc/passwd.mp4", "text": "x"}\n'),
    ],
)
def test_one_bad_row_is_a_problem_of_its_own(videos: Path, name: str, data: bytes) -> None:
    (videos / name).write_bytes(data)
    found = refused_or_read(lambda: read_video_folder(videos, None), videos)
    check(found, videos)
    assert found is not None
    assert {video.name for video in found.videos} == {"a.mp4", "sub/b.mp4"}
    assert any(file.startswith(name) or "mp4" in file for file, _ in found.problems)


def test_a_name_that_is_not_utf_8_is_a_problem_of_its_own(videos: Path) -> None:
    odd = videos / b"caf\xe9.mp4".decode(errors="surrogateescape")
    odd.write_bytes(b"")
    found = refused_or_read(lambda: read_video_folder(videos, "wave"), videos)
    check(found, videos)
    assert found is not None
    assert [reason for name, reason in found.problems if name == odd.name] == [
        "its name is not UTF-8, so nothing can be written down about it; rename it"
    ]
