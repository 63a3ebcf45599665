"""Which videos must a run not take, nor show? Those that somebody has withdrawn, under whatever name they come back."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from adapt.data.shown_in import TABLE, find_videos
from adapt.data.video_folder import VideoFolder
from adapt.errors import DataError
from adapt.runs.cache import Cache
from adapt.runs.stage import find_current, read_manifest
from adapt.runs.withdrawn import Withdrawal, find_reason, find_withdrawn

Digest = Callable[[Path], str | None]
# Not the run's own place: the words are part of what ingest's result is named by, and runs are moved.
_UNDO = "If the person gives it again, give: wam-adapt withdraw VIDEO --undo --confirm --runs RUNS"


def leave_out(folder: VideoFolder, run: Path, cache: Cache, *, digest: Digest | None = None) -> VideoFolder:
    """A folder without the videos that were withdrawn; they are listed with what could not be used, and why.

    Args:
        folder: Videos to learn from.
        run: The run that would take them.
        cache: The cache that it uses; remembers digests, and what was withdrawn.
        digest: Tells a video's digest, or None where it would have to be read; reads it by default.

    Raises:
        DataError: No other video is left.
        RunError: What is noted of withdrawals is damaged.
    """
    withdrawn = find_withdrawn(run, cache.root)
    if not withdrawn:
        return folder
    digests = {item.name: _digest(item.path, digest or cache.file_digest) for item in folder.videos}
    marks = {name: withdrawn[known] for name, known in digests.items() if known in withdrawn}
    left = tuple(item for item in folder.videos if item.name not in marks)
    if not left:
        raise DataError(f"{folder.root}: {_named(marks)}, and no other video can be used; name other videos. {_UNDO}")
    reasons = [(name, _reason(mark)) for name, mark in marks.items()]
    return replace(folder, videos=left, problems=tuple(sorted([*folder.problems, *reasons])))


def refuse_withdrawn(run: Path, cache: Cache) -> Callable[[Path], str]:
    """What tells the digest of a file, unless it is a video that was withdrawn.

    Args:
        run: The run that would take it.
        cache: The cache that it uses.

    Returns:
        As `Cache.file_digest`; raises DataError for a video that was withdrawn, too.

    Raises:
        RunError: What is noted of withdrawals is damaged.
    """
    withdrawn = find_withdrawn(run, cache.root)

    def digest(path: Path) -> str:
        """SHA-256 of a video's bytes, hex; DataError where it was withdrawn."""
        found = cache.file_digest(path)
        if found in withdrawn:
            raise DataError(f"{path.name}: {_reason(withdrawn[found])}")
        return found

    return digest


def why_withheld(run: Path, cache: Cache) -> str:
    """Why nothing of a run may be published now: what it holds was made with a video that was taken back.

    That may be known to the run, to those beside it, or to the cache alone, where the withdrawal did not look here.

    Args:
        run: The run's folder.
        cache: The cache that it uses.

    Returns:
        The reason in words that follow the run's name; "" where there is none.

    Raises:
        RunError: What is noted of withdrawals is damaged.
        DataError: What its adapters were trained with cannot be read.
    """
    if reason := find_reason(run):
        return reason
    bundle, marks = find_current(run, "bundle"), find_withdrawn(run, cache.root)
    if bundle is None or not marks:
        return ""
    encode = run / "encode" / str(read_manifest(bundle)["inputs"].get("encode", ""))
    taken = sorted(find_videos(encode) & marks.keys()) if (encode / TABLE).is_file() else []
    return f"its adapters were trained with {marks[taken[0]].words}" if taken else ""


def _digest(path: Path, digest: Digest) -> str:
    try:
        return digest(path) or ""
    except DataError:
        return ""  # Whoever wants to read the video will say why that cannot be done.


def _reason(mark: Withdrawal) -> str:
    return f"was withdrawn on {mark.on}, so it is left out. {_UNDO}"


def _named(marks: Mapping[str, Withdrawal]) -> str:
    name, mark = min(marks.items())
    return f"{name} was withdrawn on {mark.on}" + (f", {len(marks) - 1} others too" if len(marks) > 1 else "")
