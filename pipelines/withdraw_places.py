"""Where, on this disk, may a person's video be besides in finished stages? Work under way, copies, jobs, the source."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from adapt.data.shown_in import TABLE, read_rows
from adapt.errors import DataError
from adapt.runs.cache import hash_file
from adapt.runs.documents import parse_object
from adapt.runs.results import JOB, Result, find_run
from adapt.runs.walk import walk

GEOMETRY, SUMS = "geometry.json", "SHA256SUMS"  # What only encoded data has, and only a bundle.
_PARTIAL = ".partial"


def homes(run: Path) -> list[Path]:
    """Folders of a run's stages that have locks, or work that was begun."""
    found = (
        folder
        for folder, _, names in walk(run)
        if any(name.startswith(".") and name.endswith(".lock") for name in names) or any(folder.glob(f".*{_PARTIAL}"))
    )
    return sorted(home for home in found if home != run and find_run(home) in (run, None))


def unfinished(run: Path) -> list[Path]:
    """What the stages of a run have begun and not finished."""
    return [scratch for home in homes(run) for scratch in sorted(home.glob(f".*{_PARTIAL}"))]


def key_of(scratch: Path) -> str:
    """The key of the stage that was begun there, which is also the name of its lock."""
    return scratch.name[1 : -len(_PARTIAL)]


def source_files(video: str, names: Collection[str], runs: Sequence[Path]) -> Iterator[Path]:
    """Where the folders that runs read have the video still, under the names by which they knew it."""
    for run in runs:
        if (source := _path_in_job(run, "source")) is not None:
            root = source.parent if source.is_file() else source
            yield from (root / name for name in names if (root / name).is_file() and hash_file(root / name) == video)


def replaying(runs: Sequence[Path], data: Collection[Path]) -> list[Path]:
    """Those of the runs whose job takes one of these folders as its replay data, whether or not it has been trained."""
    real = {folder.resolve() for folder in data}
    return [run for run in runs if (taken := _path_in_job(run, "replay")) is not None and taken.resolve() in real]


def copies(video: str, affected: Sequence[Result], results: Sequence[Result], roots: Sequence[Path]) -> Iterator[Path]:
    """Folders below the roots that are no results, but hold the same tables or bundles."""
    sums = {(result.path / SUMS).read_bytes() for result in affected if SUMS in result.files}
    known = {result.path.resolve() for result in results}
    seen: set[Path] = set()
    for root in roots:
        for folder, folders, names in walk(root):
            real = folder.resolve()
            if real in known or real in seen:
                folders.clear()
                continue
            seen.add(real)
            same_bundle = SUMS in names and (folder / SUMS).read_bytes() in sums
            if same_bundle or (TABLE in names and _shows(folder, video)):
                yield folder


def _path_in_job(run: Path, name: str) -> Path | None:
    try:
        return Path(str(parse_object((run / JOB).read_text(encoding="utf-8"))[name])).expanduser()
    except (OSError, ValueError, KeyError, RuntimeError):
        return None  # Not a run of `adapt`.


def _shows(folder: Path, video: str) -> bool:
    try:
        return any(video in row.videos for row in read_rows(folder))
    except DataError:
        return False
