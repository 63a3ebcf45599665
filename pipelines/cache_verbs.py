"""The cache: is it sound, and how is room made? Nothing in it is the only copy of anything."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from adapt.hands.model_file import is_hand_model
from adapt.runs.cache import MODELS, Cache
from adapt.runs.cache_contents import OTHER, Entry, check, choose_oldest, remove, scan
from pipelines.answer import Report
from pipelines.bar import bar
from pipelines.sizes import ago, counted, in_bytes
from pipelines.terminal import shown

_LISTED = 20  # broken files that are named; the rest is counted
_AGAIN = "A run that misses something makes it again; that costs time, and nothing else."


def _check_model(path: Path) -> str:
    """What is wrong with a fetched model."""
    return "" if is_hand_model(path) else "it is not what was fetched"


_MODELS: Mapping[str, Callable[[Path], str]] = {MODELS: _check_model}


def verify(*, remove_broken: bool = False, cache: Cache | None = None) -> Report:
    """Read every entry and find those that are not what was written.

    Args:
        remove_broken: Remove them, but for those in folders that a live process counts on.
        cache: The user's own by default.

    Returns:
        What is broken; "good" in it is False where something broken is still there.

    Raises:
        RunError: Something broken cannot be removed.
    """
    root = (cache or Cache.default()).root
    entries = [entry for entry in scan(root) if entry.form != OTHER]
    faults: list[tuple[Entry, str]] = []
    unknown = 0
    with bar("verify", len(entries)) as done:
        for entry in entries:
            fault = check(entry, _MODELS)
            unknown += fault is None
            if fault:
                faults.append((entry, fault))
            done(1)
    gone, in_use = [], []
    if remove_broken:
        # A process may have put a sound one in its place while we looked at the others.
        ours = [entry for entry, _ in faults]
        removal = remove(ours, still=lambda entry: bool(check(entry, _MODELS)))
        gone, in_use = list(removal.removed), list(removal.in_use)
    left = [(entry, fault) for entry, fault in faults if entry not in gone and entry.path.exists()]
    facts = {
        "cache": str(root),
        "files": len(entries),
        "untold": unknown,
        "broken": [{"file": str(entry.path), "fault": fault, "removed": entry in gone} for entry, fault in faults],
        "in_use": [str(entry.path) for entry in in_use],
        "good": not left,
    }
    words = _verified(root, len(entries), faults, gone, len(in_use))
    if unknown:
        words += f"\n{counted(unknown, 'fetched file')} cannot be judged: nothing says what belongs in there"
    return Report(words, **facts)


def prune(
    *, keep_bytes: int | None, older_than_s: float | None, confirm: bool = False, cache: Cache | None = None
) -> Report:
    """Remove what was used longest ago, or tell what would go; never what a live process counts on.

    Args:
        keep_bytes: How much of the cache may stay; None for any amount.
        older_than_s: Entries that were not used for so long go; None for no such limit.
        confirm: Do it.
        cache: The user's own by default.

    Returns:
        What has gone, or would go.

    Raises:
        RunError: The cache cannot be written.
    """
    root = (cache or Cache.default()).root
    entries = scan(root)
    before_s = None if older_than_s is None else time.time() - older_than_s
    chosen = choose_oldest(entries, keep_bytes=keep_bytes, unused_since_s=before_s)
    removal = remove(chosen) if confirm else None
    gone = chosen if removal is None else list(removal.removed)
    facts = {
        "cache": str(root),
        "removed": confirm,
        "files": len(gone),
        "bytes": sum(entry.size for entry in gone),
        "bytes_left": sum(entry.size for entry in entries) - sum(entry.size for entry in gone),
        "in_use": [] if removal is None else [str(entry.path) for entry in removal.in_use],
    }
    return Report(_pruned(gone, facts, confirm=confirm), **facts)


def _verified(root: Path, count: int, faults: Sequence[tuple[Entry, str]], gone: Sequence[Entry], used: int) -> str:
    head = f"{root}: {count:,} entries read, "
    if not faults:
        return head + "all sound"
    named = [f"  {'removed  ' if entry in gone else ''}{shown(entry.path)}: {why}" for entry, why in faults[:_LISTED]]
    if len(faults) > _LISTED:
        named.append(f"  ... and {len(faults) - _LISTED} more; --json names all")
    lines = [f"{head}{len(faults)} broken", *named]
    if used:
        lines.append(
            f"{used} of them stay for now: a live process counts on their folder; give the command again later"
        )
    elif not gone:
        lines.append("A broken entry counts as absent. next: wam-adapt cache verify --remove")
    if gone:
        lines.append(f"{len(gone)} removed. {_AGAIN}")
    return "\n".join(lines)


def _pruned(entries: Sequence[Entry], facts: Mapping[str, Any], *, confirm: bool) -> str:
    if not entries and not facts["in_use"]:
        return f"nothing has to go: {in_bytes(facts['bytes_left'])} in {facts['cache']}"
    lines = [] if confirm else ["dry run: nothing was removed"]
    kinds = dict.fromkeys(entry.kind for entry in entries)
    for kind in kinds:
        group = [entry for entry in entries if entry.kind == kind]
        size, newest = sum(entry.size for entry in group), max(entry.used_s for entry in group)
        told = f"last used {ago(newest)}" if len(group) == 1 else f"last used {ago(newest)} at the latest"
        lines.append(f"  {in_bytes(size):>8}  {kind}: {counted(len(group), 'file')}, {told}")
    verb = "removed" if confirm else "would go"
    left = in_bytes(facts["bytes_left"])
    lines.append(
        f"{in_bytes(facts['bytes'])} {verb}, {left} {'left' if confirm else 'would be left'} in {facts['cache']}"
    )
    if facts["in_use"]:
        lines.append(f"{len(facts['in_use'])} files were left alone: a live process counts on their folder")
    if entries:
        lines.append(f"{_AGAIN}" if confirm else f"{_AGAIN}\nnext: the same command with --confirm")
    return "\n".join(lines)
