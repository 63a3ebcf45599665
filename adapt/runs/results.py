"""What finished work lies below a folder, and what was made from what? Found by manifests, whoever made them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapt.runs.fingerprint import Json, fingerprint
from adapt.runs.manifest import FORMAT, MANIFEST, load
from adapt.runs.walk import walk

JOB = "job.json"  # What marks the folder of a run.


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished stage, current or not.

    Attributes:
        run: The folder of the run it belongs to: the nearest above with a job, else the one above the stage's.
        path: STAGE/KEY, the result itself.
        stage: The stage's folder as seen from the run, for example "encode" or "study/trainings/new-0".
        key: What names its inputs.
        manifest: All that was recorded of it.
    """

    run: Path
    path: Path
    stage: str
    key: str
    manifest: Mapping[str, Json]

    @property
    def files(self) -> Collection[str]:
        """Names of its files, relative to `path`."""
        return tuple(self.manifest["files"])

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(self.manifest["bytes"].values())

    @property
    def names(self) -> set[str]:
        """Every text in its inputs: keys of what it was made from, digests of files, and whatever else."""
        return set(_texts(self.manifest["inputs"]))

    @property
    def content(self) -> str:
        """What names its own files to a run that takes this folder as its replay data."""
        digests: Mapping[str, str] = self.manifest["files"]
        return fingerprint({name: digest for name, digest in digests.items() if "/" not in name})


def find_results(root: Path) -> list[Result]:
    """Every finished stage below a folder, in order of place; damaged ones and work under way are passed over.

    Args:
        root: A run, a folder of runs, or any other.
    """
    found = []
    for folder, folders, names in walk(root):
        if MANIFEST in names and (result := read_result(folder)):
            found.append(result)
            folders.clear()
    return found


def read_result(path: Path) -> Result | None:
    """The finished stage in a folder; None where there is none."""
    try:
        manifest = load(path)
    except (OSError, ValueError):
        return None
    if manifest["format"] != FORMAT or manifest["key"] != path.name:
        return None
    run = find_run(path) or path.parents[1]
    stage = path.parent.relative_to(run).as_posix()
    return Result(run=run, path=path, stage=stage, key=path.name, manifest=manifest)


def find_run(path: Path) -> Path | None:
    """The run that a place belongs to: the nearest folder with a job, at it or above it; None where there is none."""
    return next((folder for folder in (path, *path.parents) if (folder / JOB).is_file()), None)


def find_runs(root: Path) -> list[Path]:
    """Folders of runs at or below a folder, in order of place."""
    found = []
    for folder, folders, names in walk(root):
        if JOB in names:
            found.append(folder)
            folders.clear()
        elif MANIFEST in names:
            folders.clear()
    return found


def made_from(results: Sequence[Result], seeds: Collection[str]) -> list[Result]:
    """Results whose inputs name one of these keys or digests, or a result that does, and so on.

    Args:
        results: Those to choose from.
        seeds: Keys of results, digests of files.

    Returns:
        The chosen ones, in the order of `results`.
    """
    wanted = set(seeds)
    chosen: set[Path] = set()
    while fresh := [result for result in results if result.path not in chosen and result.names & wanted]:
        chosen.update(result.path for result in fresh)
        wanted.update(result.key for result in fresh)
    return [result for result in results if result.path in chosen]


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
