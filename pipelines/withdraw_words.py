"""How is it told where a video is, what has gone of it, and what is left to do?"""

from collections.abc import Iterator, Sequence
from typing import Any

from pipelines.sizes import counted, in_bytes
from pipelines.terminal import shown
from pipelines.withdraw_find import Found, InRun

_DIGITS = 12
_KEPT_OUT = "from now on `adapt` leaves it out, whatever it is called; the same command with --undo lifts that"


def describe(found: Found, again: Sequence[str], *, confirm: bool) -> str:
    """For people.

    Args:
        found: What was found.
        again: Commands that bring the runs up to date.
        confirm: Whether it has been removed.
    """
    called = ", ".join(found.names) or "a video"
    lines = [f"{called} (sha256 {found.video[:_DIGITS]})"]
    if not found.runs and not _in_cache(found) and not found.copies:
        lines.append("is in none of these runs, and nothing in the cache is known to be of it")
        last = _KEPT_OUT if confirm else "next: the same command with --confirm, so that no run takes it from now on"
        return "\n".join([*lines, *_rest(found), last])
    lines += [] if confirm else ["dry run: nothing was removed"]
    if removable := list(_removable(found)):
        lines += ["removed:" if confirm else "would be removed:", *removable]
    lines += _weights(found.runs)
    lines += _replaying(found.runs)
    lines += _published(found.runs)
    lines += _rest(found)
    lines += [_KEPT_OUT] if confirm else []
    nothing_to_do = found.runs and not (removable or any(run.replays for run in found.runs))
    lines += _next(again, confirm=confirm or bool(nothing_to_do))
    return "\n".join(lines)


def to_json(found: Found, *, confirm: bool) -> dict[str, Any]:
    """For machines."""
    return {
        "video": found.video,
        "names": list(found.names),
        "still_there": [str(path) for path in found.still_there],
        "removed": confirm,
        "runs": [
            {
                "run": str(run.run),
                "windows": run.windows,
                "removable": [str(result.path) for result in run.removable],
                "trained": [str(result.path) for result in run.trained],
                "unfinished": [str(scratch) for scratch in run.unfinished],
                "replays": run.replays,
                "imagined": [str(folder) for folder in run.imagined],
                "published": [{"repo": one.repo, "commit": one.commit, "url": one.url} for one in run.published],
            }
            for run in found.runs
        ],
        "cache": {
            "results": [str(entry.path) for entry in found.cache.results],
            "shards": {str(shard.path): sorted(windows) for shard, windows in found.cache.shards},
            "untold": [str(entry.path) for entry in found.cache.untold],
        },
        "copies": [str(folder) for folder in found.copies],
        "unread": list(found.unread),
        "alike": {digest: list(names) for digest, names in found.alike.items()},
    }


def _removable(found: Found) -> Iterator[str]:
    for run in found.runs:
        if run.removable:
            stages = ", ".join(dict.fromkeys(result.stage for result in run.removable))
            yield f"  {shown(run.run)}: {counted(run.windows, 'window')} of it; {stages}"
        for scratch in run.unfinished:
            yield f"  {shown(scratch)}: begun and not finished; it may have seen it"
    if _in_cache(found):
        yield f"  cache: {_in_cache(found)}"


def _in_cache(found: Found) -> str:
    """What the cache has of it, in words; "" for nothing."""
    parts = []
    if found.cache.results:
        parts.append(counted(len(found.cache.results), "measurement"))
    if found.cache.shards:
        parts.append(f"latents of {counted(sum(len(windows) for _, windows in found.cache.shards), 'window')}")
    return " and ".join(parts)


def _weights(runs: Sequence[InRun]) -> Iterator[str]:
    trained = [(run, result) for run in runs for result in run.trained]
    if trained:
        yield "trained with it; weights cannot be untaught, so `publish` refuses their run until it is trained again:"
        yield from (f"  {shown(result.path)}  {in_bytes(result.size)}" for _, result in trained)


def _replaying(runs: Sequence[InRun]) -> Iterator[str]:
    taking = [run for run in runs if run.replays]
    if taking:
        yield "take data with it as their replay data; give other data with --replay before they are trained again:"
        yield from (f"  {shown(run.run)}" for run in taking)


def _published(runs: Sequence[InRun]) -> Iterator[str]:
    sent = [one for run in runs for one in run.published]
    if sent:
        yield "published with it; take these down, or publish the new bundle there and delete the old commits:"
        yield from (f"  {one.url}  commit {one.commit}, {one.visibility}, {one.on[:10]}" for one in sent)


def _rest(found: Found) -> Iterator[str]:
    """What is for the user to see to."""
    if found.still_there:
        yield "the video itself is left alone; delete it yourself:"
        yield from (f"  {shown(path)}" for path in found.still_there)
    if imagined := [folder for run in found.runs for folder in run.imagined]:
        yield "imagined by a model of these runs, perhaps from a frame of it; look, and delete what shows it:"
        yield from (f"  {shown(folder)}" for folder in imagined)
    if found.copies:
        yield "copies, which are left alone; delete them yourself:"
        yield from (f"  {shown(folder)}" for folder in found.copies)
    if found.cache.untold:
        amount = in_bytes(sum(entry.size for entry in found.cache.untold))
        yield (
            f"{counted(len(found.cache.untold), 'file')} of the cache ({amount}), damaged or of an earlier version, "
            "may be of any video; to be rid of them too, empty it: wam-adapt cache prune --keep 0"
        )
    if found.alike:
        yield "other files show the same, wholly or in part; nothing is done about them. To withdraw one of them too:"
        for digest, names in found.alike.items():
            called = f"{digest[:_DIGITS]}  # {', '.join(names)}" if names else f"{digest}  # known to the cache alone"
            yield f"  wam-adapt withdraw {called}"
    if found.unread:
        yield "could not be read, so nobody knows whether it is in there:"
        yield from (f"  {problem}" for problem in found.unread)


def _next(again: Sequence[str], *, confirm: bool) -> Iterator[str]:
    if not confirm:
        yield "next: the same command with --confirm"
        return
    if again:
        yield "next:"
    yield from (f"  {command}" for command in again)
