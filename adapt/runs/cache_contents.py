"""What lies in the cache, is it sound, and what of it could go? Whatever goes is made again by who needs it.

ROOT/KIND/KE/KEY.json            a small result, which names its own digest
ROOT/KIND/FOLDER/DIGEST.safetensors    encoded windows, named by the digest of their bytes
ROOT/models/                     what was fetched; never removed here, since it may not be had again without a network
"""

import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from adapt.errors import RunError
from adapt.runs.cache import MODELS, hash_file
from adapt.runs.fingerprint import fingerprint
from adapt.runs.holders import find_holders
from adapt.runs.in_use import removing
from adapt.runs.leftovers import is_left, is_scratch, remove_left
from adapt.runs.withdrawn import NAME as WITHDRAWN

RESULT, SHARD, FETCHED, LEFTOVER, OTHER = "result", "shard", "fetched", "leftover", "other"
# Only what has these forms is ever removed: the folder may be one in which others keep their files too.
OURS = (RESULT, SHARD, LEFTOVER)
_SHARD_NAME = re.compile(r"[0-9a-f]{64}\.safetensors")
_HIDDEN_LOCK = re.compile(r"\..*\.(lock|holder)")
_SMALL_BYTES = 1 << 16
Check = Callable[[Path], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of the cache.

    Attributes:
        path: Where it is.
        kind: The sort of result, which is the folder under the root.
        form: `RESULT`, `SHARD`, `FETCHED`, `LEFTOVER` or `OTHER`.
        size: Bytes.
        used_s: When it was last used or written, in seconds since 1970.
    """

    path: Path
    kind: str
    form: str
    size: int
    used_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What came of a removal.

    Attributes:
        removed: Entries that are gone now.
        in_use: Entries that stay, since a live process counts on their folder.
    """

    removed: Sequence[Entry]
    in_use: Sequence[Entry]


def scan(root: Path) -> list[Entry]:
    """Every file of a cache, in order of place; locks do not count, and a file that vanishes meanwhile is passed over.

    Args:
        root: The cache's folder; one that does not exist is empty.
    """
    return list(_walk(root))


def check(entry: Entry, more: Mapping[str, Check] | None = None) -> str | None:
    """What is wrong with an entry.

    Args:
        entry: One that `scan` found.
        more: For files that were fetched, by kind: says what is wrong with one, "" where it is sound.

    Returns:
        The fault in words, "" where it is sound, None where nothing lets one tell.
    """
    try:
        if entry.form == RESULT:
            return _check_result(entry)
        if entry.form == SHARD:
            return "" if hash_file(entry.path) == entry.path.stem else "its bytes are not those it is named by"
        if entry.form == LEFTOVER:
            return "left by a process that was killed while it wrote"
        if entry.form == FETCHED and more is not None and entry.kind in more:
            return more[entry.kind](entry.path)
    except FileNotFoundError:
        return ""  # Removed meanwhile: nothing is wrong with what is not there.
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return None


def choose_oldest(entries: Sequence[Entry], *, keep_bytes: int | None, unused_since_s: float | None) -> list[Entry]:
    """Which entries to remove so that others fit.

    What killed processes have left goes in any case. Small results go last where room is wanted: they weigh next to
    nothing, and some have taken minutes to make.

    Args:
        entries: All of the cache.
        keep_bytes: How much may stay; what cannot be removed counts too. None for any amount.
        unused_since_s: What was last used before this time goes, in seconds since 1970. None for nothing.

    Returns:
        The chosen ones, those that were used longest ago first.
    """
    ours = sorted((entry for entry in entries if entry.form in OURS), key=lambda entry: entry.used_s)
    chosen = {
        entry.path: entry
        for entry in ours
        if entry.form == LEFTOVER or (unused_since_s is not None and entry.used_s < unused_since_s)
    }
    over = sum(entry.size for entry in entries) - sum(entry.size for entry in chosen.values())
    for entry in sorted(ours, key=lambda entry: entry.size < _SMALL_BYTES):
        if keep_bytes is None or over <= keep_bytes:
            break
        if entry.path not in chosen:
            chosen[entry.path] = entry
            over -= entry.size
    return sorted(chosen.values(), key=lambda entry: entry.used_s)


def remove(entries: Collection[Entry], *, still: Callable[[Entry], bool] = lambda _: True) -> Removal:
    """Remove entries, but for those in folders that a live process counts on or holds a lock in.

    Folders stay: a process that is about to write into one must find it.

    Args:
        entries: What `scan` found and may go.
        still: Asked once more when nobody else can come between; where it says no, the entry stays.

    Returns:
        What is gone, and what is in use.

    Raises:
        RunError: The cache cannot be written.
    """
    removed: list[Entry] = []
    in_use: list[Entry] = []
    ordered = sorted(entries, key=lambda entry: entry.path)
    for folder, group in groupby(ordered, key=lambda entry: entry.path.parent):
        inside = list(group)
        if not folder.is_dir():
            continue
        if find_holders(folder):
            in_use += inside
            continue
        with removing(folder) as granted:
            if not granted:
                in_use += inside
                continue
            removed += [entry for entry in inside if still(entry) and _unlink(entry)]
    return Removal(removed=removed, in_use=in_use)


def _walk(root: Path) -> Iterator[Entry]:
    for folder, folders, names in os.walk(root):
        folders.sort()
        place = Path(folder).relative_to(root).parts
        for name in sorted(names):
            path = Path(folder) / name
            try:
                state = path.lstat()
            except FileNotFoundError:
                continue
            form = _form(place, path)
            if form is not None:
                kind = place[0] if place else ""
                yield Entry(path=path, kind=kind, form=form, size=state.st_size, used_s=state.st_mtime)


def _form(place: tuple[str, ...], path: Path) -> str | None:
    """What sort of file this is by where it lies; None for what is no entry: locks, marks, what is being written."""
    name = path.name
    if _HIDDEN_LOCK.fullmatch(name) or (not place and name == WITHDRAWN):
        return None
    if place and is_scratch(name):
        return LEFTOVER if is_left(path) else None
    if place[:1] == (MODELS,):
        return FETCHED
    if len(place) == 2 and name.endswith(".json") and name[:2] == place[1]:
        return RESULT
    return SHARD if len(place) == 2 and _SHARD_NAME.fullmatch(name) else OTHER


def _check_result(entry: Entry) -> str:
    try:
        record = json.loads(entry.path.read_text(encoding="utf-8"))
        sound = record["sha256"] == fingerprint({"key": entry.path.stem, "value": record["value"]})
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it is cut short, or no result"
    return "" if sound else "it does not fit its digest"


def _unlink(entry: Entry) -> bool:
    """Whether an entry is gone now; what is being written stays."""
    path = entry.path
    if entry.form == LEFTOVER:
        return remove_left(path)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"{path} cannot be removed ({error.strerror}); make the folder {path.parent} writable, or ask its owner "
            "to give this command"
        ) from error
    return True
