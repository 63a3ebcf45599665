"""Where does work shared between runs lie? A content-addressed cache of digests and small JSON results."""

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adapt.errors import DataError, RunError
from adapt.runs.atomic import write_atomic
from adapt.runs.disk import is_full, is_unwritable
from adapt.runs.documents import parse_object
from adapt.runs.fingerprint import Json, fingerprint

log = logging.getLogger(__name__)

ENVIRONMENT = "WAM_ADAPT_CACHE"
DIGESTS, MODELS, LATENTS = "digests", "models", "latents"  # kinds; others are named where they are made
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BLOCK = 1 << 20
_USE_NOTED_EVERY_S = 3600.0  # Often enough to tell old from new, seldom enough to cost nothing.
# Two changes within one tick of the kernel's clock carry the same time, so a file this young is waited for.
_TICK_NS = 20_000_000


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of results named by what they were made from; safe for many processes, and safe to delete.

    Attributes:
        root: The cache's folder; made when first written to.
    """

    root: Path

    @classmethod
    def default(cls) -> "Cache":
        """The user's cache: the folder in WAM_ADAPT_CACHE, else ~/.cache/wam-adapt."""
        chosen = os.environ.get(ENVIRONMENT)
        return cls(Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "wam-adapt")

    def file_digest(self, path: Path) -> str:
        """SHA-256 of a file's bytes, in hex, computed once for as long as the file stays as it is.

        The memory is keyed by resolved path, size, modification and change time, and inode. Where the cache cannot
        be written the file is read again each time.

        Args:
            path: The file.

        Returns:
            64 hexadecimal digits.

        Raises:
            DataError: The file does not exist, cannot be read, or keeps changing while it is read.
        """
        try:
            resolved = path.resolve(strict=True)
            state = _state(resolved)
            key = fingerprint(str(resolved))
            known = self.read_json(DIGESTS, key)
            if isinstance(known, dict) and known.get("state") == state:
                return str(known["sha256"])
            digest, state = _digest_at_rest(resolved)
        except OSError as error:
            raise DataError(f"{path}: its bytes were wanted, but {error.strerror or error}; check the path") from error
        self.write_json(DIGESTS, key, {"state": state, "sha256": digest})
        return digest

    def known_digest(self, path: Path) -> str | None:
        """SHA-256 of a file as it is now, if that is remembered; None where the file would have to be read.

        Args:
            path: The file.
        """
        try:
            resolved = path.resolve(strict=True)
            known = self.read_json(DIGESTS, fingerprint(str(resolved)))
            return str(known["sha256"]) if isinstance(known, dict) and known["state"] == _state(resolved) else None
        except (OSError, KeyError):
            return None

    def read_json(self, kind: str, key: str) -> Json | None:
        """A value stored before, or None; a damaged entry counts as absent.

        Args:
            kind: Which sort of result, for example "ingest".
            key: What it was made from, usually a fingerprint.

        Returns:
            The value, or None.
        """
        path = self._entry(kind, key)
        try:
            entry = parse_object(path.read_text(encoding="utf-8"))
            value = entry["value"]
            if entry["sha256"] != fingerprint({"key": key, "value": value}):
                return None
            note_use(path)
            return value
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_json(self, kind: str, key: str, value: Json, *, about: Sequence[str] = ()) -> None:
        """Store a value for `read_json`; in a cache that cannot be written this does nothing but say so.

        Args:
            kind: Which sort of result.
            key: What it was made from.
            value: Plain JSON.
            about: Digests of the files it tells something of; kept beside it, so that it can be found when one of
                these files is taken back.

        Raises:
            RunError: The disk that holds the cache is full.
        """
        entry = self._entry(kind, key)
        record = {"sha256": fingerprint({"key": key, "value": value}), "value": value}
        record |= {"about": list(about)} if about else {}
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(entry, json.dumps(record))
        except OSError as error:
            if is_full(error):
                raise RunError(
                    f"the disk that holds the cache {self.root} is full; free some space there, or name another "
                    f"folder in {ENVIRONMENT}, and give the same command again: it goes on from here"
                ) from error
            if not is_unwritable(error):
                raise
            log.warning("%s cannot be written (%s): results are not remembered", self.root, error.strerror)

    def folder(self, kind: str) -> Path:
        """The folder for a sort of result that keeps its own files; made if it is not there.

        Args:
            kind: Which sort, for example "latents".

        Returns:
            An existing folder.

        Raises:
            RunError: The folder cannot be made.
        """
        folder = self.root / _safe(kind)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"the cache folder {folder} cannot be made ({error.strerror}); name a folder you can write to in "
                f"{ENVIRONMENT}"
            ) from error
        return folder

    def _entry(self, kind: str, key: str) -> Path:
        return self.root / _safe(kind) / _safe(key)[:2] / f"{key}.json"


def note_use(entry: Path) -> None:
    """Remember that an entry was used: its time of change is that of its last use, give or take an hour.

    The time of last access would do, but many disks do not keep it.
    """
    with suppress(OSError):
        if time.time() - entry.stat().st_mtime > _USE_NOTED_EVERY_S:
            os.utime(entry)


def _safe(name: str) -> str:
    if not _SAFE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a cache entry; use letters, digits, '.', '_' and '-'")
    return name


def _state(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _digest_at_rest(path: Path) -> tuple[str, list[int]]:
    for _ in range(3):
        state = _state(path)
        if time.time_ns() - state[2] < _TICK_NS:
            time.sleep(_TICK_NS / 1e9)
        digest = hash_file(path)
        if _state(path) == state:
            return digest, state
    raise DataError(f"{path} changes while it is read; wait until it is written, then give the same command again")


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex, read now.

    Args:
        path: The file.

    Returns:
        64 hexadecimal digits.

    Raises:
        OSError: The file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
