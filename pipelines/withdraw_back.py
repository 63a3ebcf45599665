"""Withdraw, undone: the person gives their video again. Marks are lifted; what was removed, `adapt` makes again."""

from collections.abc import Sequence
from pathlib import Path

from adapt.errors import RunError
from adapt.runs.cache import Cache
from adapt.runs.disk import is_full, is_unwritable
from adapt.runs.results import JOB
from adapt.runs.walk import walk
from adapt.runs.withdrawn import NAME, note_given_back, read_withdrawn
from pipelines.answer import Report
from pipelines.terminal import shown
from pipelines.withdraw_find import identify, search

_DIGITS, _FEWEST_DIGITS = 12, 8


def run(video: str, roots: Sequence[Path], *, confirm: bool = False, cache: Cache | None = None) -> Report:
    """Find everything that says a video was withdrawn, and note there that it was given again.

    Args:
        video: Its file, its digest or at least eight digits of it.
        roots: Runs, or folders of runs, to look through.
        confirm: Note it; otherwise only tell.
        cache: The cache that the runs use; the user's own by default.

    Returns:
        Where it is marked, and what that keeps from being done.

    Raises:
        RunError: The video is not withdrawn as far as is known there, or it is not known which one is meant; a folder
            to look through is not there; or a mark cannot be written.
    """
    for root in roots:
        if not root.is_dir():
            raise RunError(f"--runs {root}: there is no such folder; name runs, or a folder that holds them")
    cache = cache or Cache.default()
    digest = _marked_in(cache.root, video) or identify(video, search(roots))[0]
    found = (folder for root in roots for folder, _, names in walk(root) if NAME in names)
    below = sorted({folder.resolve(): folder for folder in found}.values())
    marked = [folder for folder in (cache.root, *below) if _is_withdrawn(folder, digest)]
    if not marked:
        where = ", ".join(str(root) for root in (cache.root, *roots))
        raise RunError(
            f"{video}: is not withdrawn (sha256 {digest[:_DIGITS]}), as far as is known in {where}; name the folders "
            "of its runs with --runs"
        )
    if confirm:
        _give_back(marked, digest)
    return Report(_words(digest, marked, confirm=confirm), video=digest, marked=list(map(str, marked)), undone=confirm)


def _marked_in(cache: Path, beginning: str) -> str:
    """The one video that is marked in the cache whose digest begins so; "" where there is none, or more than one."""
    known = {mark.video for mark in read_withdrawn(cache) if mark.video.startswith(beginning.lower())}
    return known.pop() if len(known) == 1 and len(beginning) >= _FEWEST_DIGITS else ""


def _is_withdrawn(folder: Path, digest: str) -> bool:
    try:
        return any(mark.video == digest and not mark.back for mark in read_withdrawn(folder))
    except RunError:
        if (folder / JOB).is_file():
            raise
        return False  # Others may keep files of that name.


def _give_back(marked: Sequence[Path], digest: str) -> None:
    for folder in marked:
        try:
            note_given_back(folder, digest)
        except OSError as error:
            if not is_unwritable(error) and not is_full(error):
                raise
            raise RunError(
                f"{folder / NAME} cannot be changed ({error.strerror}); make room there, or make it writable, and give "
                "the same command again"
            ) from error


def _words(digest: str, marked: Sequence[Path], *, confirm: bool) -> str:
    lines = [f"a video (sha256 {digest[:_DIGITS]})"]
    lines.append("is no longer withdrawn in:" if confirm else "dry run: nothing was changed; it is withdrawn in:")
    lines += [f"  {shown(folder)}" for folder in marked]
    if confirm:
        lines.append("`adapt` takes it again where it finds it, and what was trained with it may be published")
    else:
        lines.append("next: the same command with --confirm")
    return "\n".join(lines)
