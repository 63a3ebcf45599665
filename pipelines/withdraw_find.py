"""Where is a person's video? In windows, in what was made from them, in the cache, in copies, and on the Hub."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from adapt.data.shown_in import TABLE, Row, Shard, read_rows, read_shard
from adapt.errors import DataError, RunError
from adapt.runs.cache import DIGESTS, Cache, hash_file
from adapt.runs.cache_contents import RESULT, SHARD, Entry, scan
from adapt.runs.published import Published, read_published
from adapt.runs.results import Result, find_results, find_runs, made_from
from adapt.runs.withdrawn import read_withdrawn
from adapt.train.files import ACCOUNT
from pipelines.withdraw_alike import find_alike
from pipelines.withdraw_places import GEOMETRY, copies, replaying, source_files, unfinished

IMAGINED = "seen"  # Where the end of `adapt` proposes that `predict` should write.
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PREFIX = re.compile(r"[0-9a-f]{8,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InRun:
    """What a run has of a video.

    Attributes:
        run: Its folder.
        windows: How many windows show the video.
        removable: Results that hold it or were made from it, those made last first; weights are not among them.
        trained: Results that are weights which were trained with it.
        unfinished: What its stages have begun and not finished; it may have seen the video.
        replays: Whether its job takes data with the video as replay data, trained or not yet.
        published: What was sent to the Hub with it.
        imagined: What the run's bundle was made to imagine, perhaps from a frame of it.
    """

    run: Path
    windows: int
    removable: Sequence[Result]
    trained: Sequence[Result]
    unfinished: Sequence[Path]
    replays: bool
    published: Sequence[Published]
    imagined: Sequence[Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class InCache:
    """What the cache has of a video.

    Attributes:
        results: Small results that name it: digests, measurements.
        shards: Files of latents with windows of it, and which.
        untold: Entries of earlier versions that do not say whose they are.
    """

    results: Sequence[Entry]
    shards: Sequence[tuple[Shard, Collection[str]]]
    untold: Sequence[Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Everything that was found of a video.

    Attributes:
        video: Its digest.
        names: What it was called.
        still_there: The video itself: where it was given, and in the folders that its runs read.
        runs: Runs that have something of it.
        cache: What the cache has.
        copies: Folders that hold it and are no stage of a run: copied encoded data, copied bundles.
        unread: Tables that cannot be read, so that nobody knows whether it is in them.
        alike: Other files that show what it shows, wholly or in part: digest, and what they are called.
    """

    video: str
    names: Collection[str]
    still_there: Sequence[Path]
    runs: Sequence[InRun]
    cache: InCache
    copies: Sequence[Path]
    unread: Sequence[str]
    alike: Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Searched:
    """Folders that were looked through: their finished stages, and the windows that these list."""

    roots: Sequence[Path]
    results: Sequence[Result]
    rows: Mapping[Path, Sequence[Row]]  # by the folder of a result
    unread: list[str] = field(default_factory=list)

    @cached_property
    def runs(self) -> list[Path]:
        """Folders of runs; links may lead to one of them in several ways."""
        found = (run for root in self.roots for run in find_runs(root))
        return list({run.resolve(): run for run in found}.values())

    def names_of(self, video: str) -> set[str]:
        """What a video is called in the tables and in the lists of what was read."""
        return {name for digest, name in self.known() if digest == video and name}

    def known(self) -> Iterator[tuple[str, str]]:
        """Digest and name of every video that any result knows; no name of one that was withdrawn."""
        for rows in self.rows.values():
            for row in rows:
                yield from row.videos.items()
        for result in self.results:
            source = result.manifest["inputs"].get("source")
            listed = [*source.get("videos", ()), *source.get("files", ())] if isinstance(source, dict) else ()
            yield from ((str(item[1]), str(item[0])) for item in listed if _DIGEST.fullmatch(str(item[1])))
        for run in self.runs:
            for mark in read_withdrawn(run):
                yield from ((video, "") for video in {mark.video}.union(*mark.trained.values()))

    def seen_by(self, training: Result) -> set[str]:
        """Digests of the videos whose windows a training was given, as far as their tables are still there."""
        data = [result for result in self.results if {result.key, result.content} & training.names]
        rows = (row for result in data for row in self.rows.get(result.path, ()))
        return {video for row in rows if row.kept for video in row.videos}


def search(roots: Sequence[Path]) -> Searched:
    """Look through folders for finished stages and their tables of windows.

    Args:
        roots: Runs, or folders of runs.
    """
    results = list({result.path.resolve(): result for root in roots for result in find_results(root)}.values())
    rows, unread = {}, []
    for result in results:
        if TABLE not in result.files:
            continue
        try:
            rows[result.path] = read_rows(result.path)
        except DataError as error:
            unread.append(str(error))
    return Searched(roots, results, rows, unread)


def identify(text: str, searched: Searched) -> tuple[str, Path | None]:
    """Which video is meant, and where its file is.

    Args:
        text: Its file, or its digest or at least eight digits of it, or the name it had.
        searched: Where names and digests are looked up.

    Returns:
        Its digest; and its file, or None where that is not there.

    Raises:
        RunError: No video, or more than one, is meant.
    """
    path = Path(text).expanduser().absolute()
    if path.is_file():
        try:
            return hash_file(path), path
        except OSError as error:
            raise RunError(f"{text}: cannot be read ({error.strerror}); give its digest instead") from error
    if _DIGEST.fullmatch(text.lower()):
        return text.lower(), None
    known = set(searched.known())
    beginning = text.lower() if _PREFIX.fullmatch(text.lower()) else None
    meant = (
        {digest for digest, name in known if "/" in name and name == text}
        or {digest for digest, name in known if Path(name).name == path.name}
        or {digest for digest, _ in known if beginning is not None and digest.startswith(beginning)}
    )
    if len(meant) == 1:
        return meant.pop(), None
    if meant:
        listed = "; ".join(sorted(f"{name} is {digest}" for digest, name in known if digest in meant))
        raise RunError(f"{text}: {len(meant)} videos are called so: {listed}; give the digest of the one that is meant")
    where = ", ".join(str(root) for root in searched.roots)
    raise RunError(
        f"{text}: is no file, and no run below {where} knows a video of that name; give its file, its sha256, or the "
        "folder of its runs with --runs"
    )


def find(video: str, file: Path | None, searched: Searched, cache: Cache) -> Found:
    """Everything that there is of a video.

    Args:
        video: Its digest.
        file: Where it is, if it is there.
        searched: The folders that were looked through.
        cache: The cache that their runs use.
    """
    windows = {row.window_id for rows in searched.rows.values() for row in rows if video in row.videos}
    affected = _affected(video, searched)
    names = searched.names_of(video)
    copied = sorted(copies(video, affected, searched.results, searched.roots))
    replayers = replaying(searched.runs, [*(result.path for result in affected), *copied])
    runs = _runs_of(video, affected, replayers, searched)
    return Found(
        video=video,
        names=sorted(names | ({file.name} if file and not names else set())),
        still_there=sorted({*source_files(video, names, runs), *([file] if file else [])}),
        runs=[_in_run(run, video, affected, searched, replays=run in replayers) for run in runs],
        cache=_in_cache(video, windows, cache),
        copies=copied,
        unread=searched.unread,
        alike={other: sorted(searched.names_of(other)) for other in sorted(find_alike(video, file, cache))},
    )


def _affected(video: str, searched: Searched) -> list[Result]:
    """Results that list the video, and those that were made from its windows."""
    showing = {path for path, rows in searched.rows.items() if any(video in row.videos for row in rows)}
    kept = {path for path, rows in searched.rows.items() if any(video in row.videos and row.kept for row in rows)}
    listing = {result.path for result in searched.results if video in result.names} | showing
    # What names a list of windows need not have seen all of them; what names encoded windows has.
    encoded = [result for result in searched.results if result.path in kept and GEOMETRY in result.files]
    made = made_from(searched.results, {name for result in encoded for name in (result.key, result.content)})
    chosen = listing | {result.path for result in made}
    return [result for result in searched.results if result.path in chosen]


def _runs_of(video: str, affected: Sequence[Result], replayers: Sequence[Path], searched: Searched) -> list[Path]:
    remembered = [run for run in searched.runs if _published(run, {video}) or _marked(run, video)]
    of_results = [result.run for result in affected]
    # By where they are: a link may lead to a run's folder under another name.
    return sorted({run.resolve(): run for run in (*of_results, *remembered, *replayers)}.values())


def _in_run(run: Path, video: str, affected: Sequence[Result], searched: Searched, *, replays: bool) -> InRun:
    own = [result for result in affected if result.run.samefile(run)]
    trained = [result for result in own if ACCOUNT in result.files]
    # What was withdrawn before has left its trainings behind.
    marked = _marked(run, video)
    trained += [result for result in searched.results if result.key in marked and result.run.samefile(run)]
    trained = list({result.path: result for result in trained}.values())
    tables = [searched.rows[result.path] for result in own if result.path in searched.rows]
    shown = {row.window_id for rows in tables for row in rows if video in row.videos}
    removable = [result for result in own if result not in trained]
    return InRun(
        run=run,
        windows=len(shown),
        # Tables last: as long as they are there, a command that was stopped finds again what it has to remove.
        removable=sorted(removable, key=lambda result: (TABLE in result.files, GEOMETRY not in result.files)),
        trained=trained,
        unfinished=unfinished(run),
        replays=replays,
        published=_published(run, {video, *(result.key for result in (*own, *trained))}),
        imagined=[run / IMAGINED] if (run / IMAGINED).is_dir() else [],
    )


def _marked(run: Path, video: str) -> set[str]:
    """Keys of a run's trainings that are known, from when the video was withdrawn before, to have seen it."""
    return {key for mark in read_withdrawn(run) for key, saw in mark.trained.items() if video in saw}


def _published(run: Path, names: set[str]) -> list[Published]:
    return [one for one in read_published(run) if one.names & names]


def _in_cache(video: str, windows: Collection[str], cache: Cache) -> InCache:
    results, shards, untold = [], [], []
    for entry in scan(cache.root):
        try:
            if entry.form == RESULT:
                text = entry.path.read_text(encoding="utf-8", errors="replace")
                of_it, told = video in text, entry.kind == DIGESTS or '"about"' in text
                results += [entry] if of_it else []
            elif entry.form == SHARD:
                shard = read_shard(entry.path)
                inside = shard.showing(video, windows)
                of_it, told = bool(inside), set(shard.tensors) <= set(shard.origins)
                shards += [(shard, inside)] if of_it else []
            else:
                continue
        except (OSError, ValueError):
            of_it, told = False, False  # Damaged: `cache verify` tells what to do.
        untold += [] if of_it or told else [entry]
    return InCache(results=results, shards=shards, untold=untold)
