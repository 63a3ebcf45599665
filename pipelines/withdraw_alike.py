"""Which other files show what a person's video shows? Cut, scaled or coded again, it has another digest."""

import logging
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapt.errors import AdaptError
from adapt.runs.cache import Cache
from adapt.runs.cache_contents import RESULT, scan
from adapt.runs.documents import parse_object

if TYPE_CHECKING:
    from adapt.footage.watch import Watched

log = logging.getLogger(__name__)
_MEASURED = '"watched"'  # In every entry that tells what a video looks like, and in no other.


def find_alike(video: str, file: Path | None, cache: Cache) -> Collection[str]:
    """Digests of the other videos that some stretch of this one is in, as far as the cache knows what they look like.

    They are compared as `ingest` compares the videos of a folder, to leave out copies.

    Args:
        video: Its digest.
        file: Where it is, in case the cache does not know it: then it is looked at, and nothing of that is kept.
        cache: Keeps what videos look like that were looked at.
    """
    measured = list(_measured(cache))
    others = [path for path, about in measured if video not in about]
    if not others:
        return ()
    # From here on libraries are needed that take seconds to load.
    from adapt.footage.copies import Copy, Library
    from adapt.footage.settings import FootageConfig

    own = next((known for path, about in measured if video in about for _, known in _read(path)), None)
    own = own or (_look(file) if file else None)
    if own is None:
        return ()
    library, digests = Library(), []
    for digest, known in (found for path in others for found in _read(path)):
        library.add(known)
        digests.append(digest)
    alike: set[str] = set()

    def note(copy: Copy) -> bool:
        """Keep of whom it is a copy, and go on."""
        alike.add(digests[copy.of])
        return False  # There may be more of them.

    library.copies(own, FootageConfig().max_likeness, note)
    return alike


def _look(file: Path) -> "Watched | None":
    from adapt.data.hand_looks import watch_video
    from adapt.hands.quality import HandConfig

    try:
        return watch_video(file, HandConfig().detect_hz)
    except AdaptError as error:
        log.warning("%s: copies of it are not looked for: %s", file, error)
        return None


def _measured(cache: Cache) -> Iterator[tuple[Path, Collection[str]]]:
    """Entries that tell what a video looks like, and whose they are."""
    for entry in scan(cache.root):
        if entry.form != RESULT:
            continue
        try:
            text = entry.path.read_text(encoding="utf-8")
            if _MEASURED in text:
                yield entry.path, list(parse_object(text).get("about") or ())
        except (OSError, ValueError, TypeError):
            continue  # Damaged: `cache verify` tells what to do.


def _read(path: Path) -> "Iterator[tuple[str, Watched]]":
    """Whose an entry is and what that looks like; nothing of one that is damaged, or of another version."""
    from adapt.footage.watch import Watched

    with suppress(OSError, ValueError, LookupError, TypeError):
        entry: Any = parse_object(path.read_text(encoding="utf-8"))
        yield str(entry["about"][0]), Watched.from_json(entry["value"]["watched"])
