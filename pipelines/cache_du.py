"""What does the cache hold? Where it is, and how much of what."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapt.runs.cache import DIGESTS, ENVIRONMENT, LATENTS, MODELS, Cache
from adapt.runs.cache_contents import LEFTOVER, OTHER, Entry, scan
from pipelines.sizes import ago, counted, in_bytes

if TYPE_CHECKING:
    from rich.console import RenderableType

_KINDS = {
    LATENTS: "encoded windows",
    "ingest": "what was measured of videos",
    "robot_views": "what was measured of robots' videos",
    DIGESTS: "digests of files, so that they are read once",
    MODELS: "fetched models; never pruned",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Entries of one sort together.

    Attributes:
        name: The folder in the cache; "" for what lies beside these folders.
        what: The same in words.
        files: How many there are.
        size: Their bytes.
        used_s: When one of them was last used, in seconds since 1970.
    """

    name: str
    what: str
    files: int
    size: int
    used_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a cache holds."""

    root: Path
    kinds: Sequence[Kind]
    free: int | None  # bytes that are free on its disk

    @property
    def size(self) -> int:
        """Bytes of everything."""
        return sum(kind.size for kind in self.kinds)


def run(cache: Cache | None = None) -> Contents:
    """What the cache holds, by kind, the largest first.

    Args:
        cache: The user's own by default.
    """
    root = (cache or Cache.default()).root
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in scan(root):
        groups.setdefault((entry.kind, _what(entry)), []).append(entry)
    kinds = [
        Kind(
            name=name,
            what=what,
            files=len(group),
            size=sum(entry.size for entry in group),
            used_s=max(entry.used_s for entry in group),
        )
        for (name, what), group in groups.items()
    ]
    free = shutil.disk_usage(root).free if root.is_dir() else None
    return Contents(root=root, kinds=sorted(kinds, key=lambda kind: -kind.size), free=free)


def show(contents: Contents) -> "RenderableType":
    """The contents for people."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    if not contents.kinds:
        return Text(f"{contents.root}: the cache is empty ({ENVIRONMENT} names another place)")
    table = Table.grid(padding=(0, 2))
    for _ in range(2):
        table.add_column(justify="left")
    for _ in range(2):
        table.add_column(justify="right")
    for kind in contents.kinds:
        table.add_row(
            kind.name or ".",
            Text(kind.what),
            counted(kind.files, "file"),
            in_bytes(kind.size),
            f"used {ago(kind.used_s)}",
        )
    free = "" if contents.free is None else f", {in_bytes(contents.free)} free on its disk"
    head = f"{contents.root}: {in_bytes(contents.size)}{free}"
    foot = "next:\n  wam-adapt cache verify\n  wam-adapt cache prune --keep 20GB        tells what would go"
    return Group(Text(head), Text(), table, Text(), Text(foot))


def to_json(contents: Contents) -> dict[str, Any]:
    """The contents for machines."""
    kinds = [
        {"kind": kind.name, "what": kind.what, "files": kind.files, "bytes": kind.size, "last_used_s": kind.used_s}
        for kind in contents.kinds
    ]
    return {"cache": str(contents.root), "bytes": contents.size, "free_bytes": contents.free, "kinds": kinds}


def _what(entry: Entry) -> str:
    """What an entry is, in words."""
    if entry.form == LEFTOVER:
        return "leftovers of killed processes"
    return "not the cache's own; never touched" if entry.form == OTHER else _KINDS.get(entry.kind, "results")
