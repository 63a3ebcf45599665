"""Which videos does a folder hold, and what is done in each?

Hugging Face's VideoFolder convention, thinned: a `metadata.jsonl` or `metadata.csv` beside the videos names each by
`file_name` and says its `instruction` (or `text`, or `task`), and may say its `session`. Else a `.txt` of the same
name says the instruction. Else one task holds for all.
"""

import csv
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapt.errors import DataError
from adapt.runs.documents import is_text, parse_json

_COMMON = [".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"]
VIDEO_SUFFIXES = frozenset([*_COMMON, ".3gp", ".flv", ".gif", ".m2ts", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".wmv"])
# Recordings that hold video, but not as a file that ffmpeg opens.
_RECORDINGS = frozenset([".vrs", ".bag", ".mcap", ".svo", ".insv"])
_METADATA = ("metadata.jsonl", "metadata.csv")
_INSTRUCTION_KEYS = ("instruction", "text", "task")
_HOW_TO_SAY = (
    'give one for all with --task "...", or put a .txt with the instruction beside the video, '
    "or a metadata.jsonl with file_name and instruction"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoItem:
    """One video to read: where it is, what is done in it, and what it was recorded together with."""

    path: Path
    name: str  # relative to the folder, with forward slashes
    instruction: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFolder:
    """What a folder gave: videos in order of name, and (name, reason) of what cannot be used."""

    root: Path
    videos: tuple[VideoItem, ...]
    problems: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a row of metadata says of a video."""

    instruction: str
    session: str
    where: str


def read_video_folder(root: Path, task: str | None) -> VideoFolder:
    """List a folder's videos, sub-folders' too, with their instructions; a single file is a folder of one.

    What is said closest to a video holds: its row of metadata, else the `.txt` beside it, else `task`. A video's
    session is its row's, else the video itself. Hidden files are passed over. No video is opened.

    Args:
        root: The folder, or one video file.
        task: Instruction of every video that has none of its own.

    Returns:
        Videos with an instruction, in order of name; and the reason for everything that was left out.

    Raises:
        DataError: The folder is missing, cannot be entered, is empty or without videos; no video has an instruction.
    """
    if root.is_file():
        return _choose(root.parent, [root], {}, [], task)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder or file; check the path.")
    problems: list[tuple[str, str]] = []
    files = sorted(_files(root, problems), key=lambda path: _name(path, root))
    if not files:
        closed = f" as far as it is open ({problems[0][0]} {problems[0][1]})" if problems else ""
        raise DataError(f"{root}: the folder is empty{closed}; put videos into it, such as .mp4 or .mov files.")
    said: dict[Path, _Said] = {}
    for path in files:
        if path.name in _METADATA:
            said |= _read_metadata(path, root, problems)
    videos = [path for path in files if path.suffix.lower() in VIDEO_SUFFIXES]
    problems += [
        (_name(path, root), f"{path.suffix} recordings are not read; export their video as .mp4 first{_by_tool(path)}")
        for path in files
        if path.suffix.lower() in _RECORDINGS
    ]
    if not videos:
        kinds = Counter(path.suffix.lower() or "no suffix" for path in files)
        found = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common(5))
        raise DataError(f"{root}: no videos among {len(files)} files ({found}); put .mp4 or .mov files there.")
    lost = sorted(set(said) - set(files))
    problems += [(_name(path, root), f"named in {said[path].where}, but there is no such file") for path in lost]
    return _choose(root, videos, said, problems, task)


def _choose(
    root: Path, paths: list[Path], said: Mapping[Path, _Said], problems: list[tuple[str, str]], task: str | None
) -> VideoFolder:
    videos = []
    for path in paths:
        name = _name(path, root)
        if not is_text(name):
            problems.append((name, "its name is not UTF-8, so nothing can be written down about it; rename it"))
            continue
        row = said.get(path)
        instruction = (row and row.instruction) or _beside(path, name, problems) or (task or "").strip()
        if instruction:
            session = (row and row.session) or name
            videos.append(VideoItem(path=path, name=name, instruction=instruction, session=session))
        else:
            problems.append((name, f"no instruction; {_HOW_TO_SAY}"))
    if not videos:
        lost = "".join(f"; {file}: {reason}" for file, reason in problems if not reason.startswith("no instruction"))
        raise DataError(f"{root}: no instruction for {_name(paths[0], root)} or any other video{lost}; {_HOW_TO_SAY}.")
    return VideoFolder(root=root, videos=tuple(videos), problems=tuple(sorted(problems)))


def _by_tool(recording: Path) -> str:
    """Which tool exports such a recording, where it is not the camera's own."""
    return " (`vrs_to_mp4` of projectaria-tools does it)" if recording.suffix.lower() == ".vrs" else ""


def _files(root: Path, problems: list[tuple[str, str]]) -> Iterator[Path]:
    """Every file below a folder but hidden ones; links are followed, each folder is entered once."""
    entered: set[str] = set()

    def pass_over(error: OSError) -> None:
        """Note a folder that cannot be entered, and go on beside it."""
        problems.append((_name(Path(error.filename), root), f"cannot be entered ({error.strerror}); change its mode"))

    for folder, folders, names in os.walk(root, onerror=pass_over, followlinks=True):
        real = os.path.realpath(folder)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder) / name for name in names if not name.startswith("."))


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _beside(video: Path, name: str, problems: list[tuple[str, str]]) -> str:
    """What the .txt beside a video says, its lines joined; "" where there is none."""
    text = video.with_suffix(".txt")
    if not text.is_file():
        return ""
    try:
        said = " ".join(text.read_text(encoding="utf-8-sig").split())
        if not is_text(said):
            raise ValueError("it holds NUL")
        return said
    except (OSError, ValueError) as error:
        problems.append((name, f"{text.name} beside it cannot be read ({error}); save it as UTF-8 text"))
        return ""


def _read_metadata(path: Path, root: Path, problems: list[tuple[str, str]]) -> dict[Path, _Said]:
    """Rows of a metadata file, by video; lines that cannot be read go to the problems."""
    said = {}
    name = _name(path, root)
    for number, row in _rows(path):
        file_name = row.get("file_name")
        if not isinstance(file_name, str) or not file_name.strip():
            problems.append((name, f"line {number}: {row.get('problem') or 'has no file_name'}"))
            continue
        if not all(is_text(value) for value in row.values() if isinstance(value, str)):
            problems.append((name, f"line {number}: holds NUL, or half of a character; save it as UTF-8 text"))
            continue
        texts = [value.strip() for key in _INSTRUCTION_KEYS if isinstance(value := row.get(key), str) and value.strip()]
        said[path.parent / file_name.strip()] = _Said(
            instruction=texts[0] if texts else "",
            session=str(row.get("session") or "").strip(),
            where=f"{name}, line {number}",
        )
    return said


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the metadata cannot be read ({error}); save it as UTF-8 text.") from error
    if path.suffix == ".csv":
        rows = csv.DictReader(text.splitlines())
        try:
            yield from enumerate(rows, start=2)
        except csv.Error as error:
            yield rows.line_num, {"problem": f"is not CSV, and ends the reading ({error})"}
        return
    # Not splitlines(): a string of JSON may hold other characters that count as line ends there.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            row = {"problem": f"is not JSON ({error})"}
        yield number, row if isinstance(row, dict) else {"problem": "is not a JSON object"}
