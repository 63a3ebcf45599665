"""Withdraw: a person takes back their video. Tells where it is; with `confirm`, removes what is local.

From then on no run takes it: it is noted in the runs that had it, and in the cache for all others. Weights cannot be
untaught. They stay where they are, their run is marked in RUN/withdrawn.json, and `publish` refuses it until it is
trained again without the video. What was published is named; taking that down is for its owner to do.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from adapt.data.shown_in import rewrite_without
from adapt.errors import AdaptError, RunError
from adapt.runs.cache import Cache
from adapt.runs.cache_contents import remove
from adapt.runs.disk import is_full, is_unwritable
from adapt.runs.holders import find_holders
from adapt.runs.in_use import removing
from adapt.runs.leftovers import clear_left
from adapt.runs.lock import hold
from adapt.runs.results import Result
from adapt.runs.stage import CURRENT
from adapt.runs.withdrawn import note_withdrawn
from pipelines.again import adapt_command
from pipelines.answer import Report
from pipelines.job import load_job
from pipelines.withdraw_find import Found, InRun, Searched, find, identify, search
from pipelines.withdraw_places import homes, key_of, unfinished
from pipelines.withdraw_words import describe, to_json


def run(video: str, roots: Sequence[Path], *, confirm: bool = False, cache: Cache | None = None) -> Report:
    """Find everything that holds a video or was made from it, and remove what is local.

    Nothing is removed while a live process is at work on one of the runs. A command that was stopped goes on from
    where it was when it is given again.

    Args:
        video: Its file, its digest or at least eight digits of it, or the name it had.
        roots: Runs, or folders of runs, to look through.
        confirm: Remove; otherwise only tell.
        cache: The cache that the runs use; the user's own by default.

    Returns:
        What was found, and what has become of it.

    Raises:
        RunError: No video of that name is known, or more than one; a folder to look through is not there; a live
            process is at work; or something cannot be removed.
    """
    for root in roots:
        if not root.is_dir():
            raise RunError(f"--runs {root}: there is no such folder; name runs, or a folder that holds them")
    cache = cache or Cache.default()
    searched = search(roots)
    digest, file = identify(video, searched)
    found = find(digest, file, searched, cache)
    if confirm:
        _refuse_at_work(found)
        try:
            _remove(found, searched, cache)
        except OSError as error:
            if not is_unwritable(error) and not is_full(error):
                raise
            raise RunError(
                f"{error.filename or cache.root} cannot be changed ({error.strerror}); make room there, or make it "
                "writable, and give the same command again: it goes on from here"
            ) from error
    return Report(describe(found, _again(found), confirm=confirm), **to_json(found, confirm=confirm))


def _refuse_at_work(found: Found) -> None:
    """Whoever works on a run now may hold the video in memory, and would write of it after we have looked."""
    for affected in found.runs:
        for home in homes(affected.run):
            if holders := find_holders(home):
                raise RunError(
                    f"{affected.run}: {holders[0]} is at work on its {home.name}; stop that process, or wait until it "
                    "has ended, then give the same command again; nothing was removed"
                )
    for folder in {shard.path.parent for shard, _ in found.cache.shards}:
        with removing(folder) as granted:
            if not granted:
                raise RunError(
                    f"{folder}: a live process uses these latents; wait until it has ended, then give the same command "
                    "again; nothing was removed"
                )


def _remove(found: Found, searched: Searched, cache: Cache) -> None:
    # Marks first: whatever happens then, nobody takes the video again, and what was trained with it does not go out.
    cache.root.mkdir(parents=True, exist_ok=True)
    note_withdrawn(cache.root, found.video, {})
    for affected in found.runs:
        if affected.removable or affected.trained or affected.replays:
            seen = {result.key: searched.seen_by(result) for result in affected.trained}
            note_withdrawn(affected.run, found.video, seen)
    for folder in sorted({shard.path.parent for shard, _ in found.cache.shards}):
        with removing(folder) as granted:
            if not granted:  # Somebody came in the meantime.
                raise RunError(
                    f"{folder}: a live process uses these latents; wait until it has ended, then give the same "
                    "command again: it goes on from here"
                )
            for shard, windows in found.cache.shards:
                if shard.path.parent == folder and shard.path.exists():
                    rewrite_without(shard, windows)
    remove([entry for entry in found.cache.results if entry.path.is_relative_to(cache.root)])
    clear_left(cache.root, deep=True)  # What killed processes have left half written may be of it.
    # First who takes data of others: whom they are is known only as long as that is there.
    for affected in sorted(found.runs, key=lambda one: not one.replays):
        _remove_from(affected)


def _remove_from(affected: InRun) -> None:
    """Take a run's results away, those made last first, and whatever processes that have ended left unfinished."""
    for result in affected.removable:
        home = result.path.parent
        with hold(home, result.key, f"withdrawing {result.stage} of {affected.run}"):
            _forget_current(home, result)
            place = result.path.resolve()  # Where a link leads to it, both go.
            scratch = place.parent / f".{result.key}.partial"
            shutil.rmtree(scratch, ignore_errors=True)
            place.rename(scratch)  # At once: nobody takes half a result for a damaged one.
            if result.path.is_symlink():
                result.path.unlink()
            shutil.rmtree(scratch)
    for scratch in unfinished(affected.run):
        with hold(scratch.parent, key_of(scratch), f"withdrawing what was begun of {affected.run}"):
            shutil.rmtree(scratch)


def _forget_current(home: Path, result: Result) -> None:
    current = home / CURRENT
    if current.is_file() and current.read_text(encoding="utf-8").strip() == result.key:
        current.unlink()


def _again(found: Found) -> list[str]:
    """What brings the runs up to date without the video."""
    commands = []
    for affected in found.runs:
        try:
            commands.append(adapt_command(load_job(affected.run)))
        except AdaptError:
            continue  # No run of `adapt`: whoever made it knows how.
    return commands
