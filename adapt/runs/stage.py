"""Has this stage already been done with these inputs? If not, do it whole or not at all.

RUN/STAGE/KEY/           a finished result, never changed again; KEY names its inputs
RUN/STAGE/KEY/manifest.json   inputs, facts, versions and the digest of every file
RUN/STAGE/current        a small text file: the KEY in use
RUN/STAGE/.KEY.partial/  work under way, or left by a process that was killed
RUN/run.json             what differs from run to run: seconds, hosts
"""

import json
import logging
import platform
import shlex
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from adapt.errors import RunError
from adapt.runs.atomic import sync_folder, write_atomic
from adapt.runs.cache import hash_file
from adapt.runs.disk import letter_about
from adapt.runs.documents import in_short, is_text, parse_object
from adapt.runs.fingerprint import Json, fingerprint
from adapt.runs.leftovers import clear_left
from adapt.runs.lock import hold, is_free
from adapt.runs.manifest import FORMAT, MANIFEST, find_finished, load, seal

log = logging.getLogger(__name__)

CURRENT = "current"
_NOTE_PATIENCE_S = 60.0  # Others note in no time, but a busy disk may make even that long.


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """A finished stage.

    Attributes:
        path: The result's folder, RUN/STAGE/KEY.
        key: Names the inputs it was made from.
        facts: What the work reported.
        reused: True where nothing had to be done.
    """

    path: Path
    key: str
    facts: Mapping[str, Json]
    reused: bool


def run_stage(
    run: Path,
    stage: str,
    inputs: Mapping[str, Json],
    work: Callable[[Path], Mapping[str, Json]],
    *,
    resumable: bool = False,
) -> StageResult:
    """Call `work` unless this run already holds the stage's result for these inputs.

    `work` writes into a scratch folder, which takes its final name only when `work` has returned and every file is
    on disk. A result that is there already is returned without touching any file. Half-written files that killed
    processes have left beside it, or in the run's folder, are cleared away.

    Args:
        run: The run's folder.
        stage: The stage's name, for example "encode".
        inputs: Everything that decides the result, as plain JSON: digests of files, keys of earlier stages, settings.
            Never a path.
        work: Fills the folder it is given and returns facts for the manifest. `manifest.json` is not its to write.
        resumable: Give `work` the scratch folder as a killed process left it, instead of an empty one.

    Returns:
        Where the result is, and what is known of it.

    Raises:
        RunError: Another process works on the same stage and inputs, the disk is full, or the run's folder cannot be
            written.
    """
    key = stage_key(stage, inputs)
    home = run / stage
    for folder in (run, home):
        clear_left(folder)
    if _read_current(home) == key and (done := find_finished(home / key)):
        return StageResult(path=home / key, key=key, facts=done["facts"], reused=True)
    try:
        home.mkdir(parents=True, exist_ok=True)
        with hold(home, key, f"{stage} in {run}"):
            facts = None if (done := find_finished(home / key)) is None else done["facts"]
            reused = facts is not None
            if facts is None:
                facts = _make(home, key, inputs, work, resumable=resumable)
            _switch_current(home, key)
            _reap(home, key)
    except Exception as error:
        if (letter := letter_about(error, f"{stage} in {run}", run)) is not None:
            raise letter from error
        raise
    return StageResult(path=home / key, key=key, facts=facts, reused=reused)


def stage_key(stage: str, inputs: Mapping[str, Json]) -> str:
    """The name of the folder that holds, or will hold, the stage's result for these inputs."""
    return fingerprint({"format": FORMAT, "stage": stage, "inputs": inputs})[:16]


def find_current(run: Path, stage: str) -> Path | None:
    """The folder of the stage's result in use, or None where there is none."""
    home = run / stage
    key = _read_current(home)
    return home / key if key is not None and find_finished(home / key) is not None else None


def require_current(run: Path, stage: str) -> Path:
    """The folder of the stage's result in use.

    Args:
        run: The run's folder.
        stage: The stage's name.

    Returns:
        RUN/STAGE/KEY.

    Raises:
        RunError: The stage has not been run; the message names the command that runs it.
    """
    found = find_current(run, stage)
    if found is None:
        raise RunError(
            f"{run}: stage '{stage}' has no finished result, or one with files missing or cut short; make it with: "
            f"wam-adapt {stage} --run {shlex.quote(str(run))}"
        )
    return found


def require_consistent(run: Path, stages: Sequence[str]) -> dict[str, Path]:
    """The folders of several stages' results in use, each of them made from those of the others before it.

    Args:
        run: The run's folder.
        stages: In order; a stage's manifest names the earlier ones it was made from, with their keys, in its inputs.

    Returns:
        RUN/STAGE/KEY of each.

    Raises:
        RunError: A stage has not been run, or was made from another result of an earlier one than is in use now; the
            message names the command that makes it anew.
    """
    found = {stage: require_current(run, stage) for stage in stages}
    for stage, path in found.items():
        made_from: Mapping[str, Json] = read_manifest(path)["inputs"]
        for earlier in stages[: stages.index(stage)]:
            if earlier in made_from and made_from[earlier] != found[earlier].name:
                raise RunError(
                    f"{run}: its {stage} was made from another {earlier} than there is now; make it anew with: "
                    f"wam-adapt {stage} --run {shlex.quote(str(run))}"
                )
    return found


def require_intact(*stage_paths: Path) -> None:
    """See that the files of finished stages are what was written, byte by byte, before something is made from them.

    Raises:
        RunError: A file has changed; the message says how to have it made anew.
    """
    for folder in stage_paths:
        digests: Mapping[str, str] = read_manifest(folder)["files"]
        for name, digest in digests.items():
            path = folder / name
            if not _is_what_was_written(path, digest):
                raise RunError(
                    f"{path} is not what was written there (damaged, or changed by hand); delete the folder {folder} "
                    "and give the `wam-adapt adapt` command again"
                )


def read_manifest(stage_path: Path) -> dict[str, Json]:
    """What a finished stage recorded: format, stage, key, inputs, facts, files and versions.

    Args:
        stage_path: RUN/STAGE/KEY.

    Returns:
        The manifest.

    Raises:
        RunError: There is none, it is damaged, or a later version wrote it.
    """
    path = stage_path / MANIFEST
    try:
        manifest = load(stage_path)
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path} cannot be read ({in_short(error)}); delete the folder {stage_path} and give the same command again"
        ) from error
    if manifest["format"] != FORMAT:
        raise RunError(
            f"{path} has format {manifest['format']}, this version reads {FORMAT}; use the version that wrote it"
        )
    return manifest


def note(run: Path, stage: str, **facts: Json) -> None:
    """Put what differs from run to run (seconds, hosts) into RUN/run.json, under the stage's name.

    Args:
        run: The run's folder.
        stage: The stage's name.
        **facts: What to remember; replaces what was remembered of the stage under the same names.
    """
    path = run / "run.json"
    with hold(run, "run", f"noting {stage} in {path}", patience_s=_NOTE_PATIENCE_S):
        try:
            told = parse_object(path.read_text(encoding="utf-8"))["stages"].items()
            stages = {name: noted for name, noted in told if isinstance(noted, dict)}
        except (OSError, ValueError, KeyError, AttributeError):
            stages = {}  # Nothing hangs on it.
        stages[stage] = {**stages.get(stage, {}), **facts}
        write_atomic(path, json.dumps({"format": FORMAT, "stages": stages}, indent=2, sort_keys=True) + "\n")


def _make(
    home: Path,
    key: str,
    inputs: Mapping[str, Json],
    work: Callable[[Path], Mapping[str, Json]],
    *,
    resumable: bool,
) -> Mapping[str, Json]:
    scratch = home / f".{key}.partial"
    started = time.monotonic()
    if not resumable:
        shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(exist_ok=True)
    # A process killed between its last file and the rename has left one; one killed while it wrote a file, half of it.
    (scratch / MANIFEST).unlink(missing_ok=True)
    clear_left(scratch, deep=True)
    try:
        facts = work(scratch)
        sealed = seal(scratch, {"stage": home.name, "key": key, "inputs": inputs, "facts": facts})
    except BaseException:
        if not resumable:
            shutil.rmtree(scratch, ignore_errors=True)
        raise
    shutil.rmtree(home / key, ignore_errors=True)  # only there if something damaged it
    scratch.rename(home / key)
    sync_folder(home)
    seconds = round(time.monotonic() - started, 3)
    ended = datetime.now(tz=UTC).isoformat(timespec="seconds")
    note(home.parent, home.name, key=key, seconds=seconds, ended=ended, host=platform.node(), reused=False)
    return dict(sealed["facts"])


def _is_what_was_written(path: Path, digest: str) -> bool:
    try:
        return path.is_file() and hash_file(path) == digest
    except OSError:
        return False


def _read_current(home: Path) -> str | None:
    """The key that `current` names; None where there is none, or what stands there is no name of a folder beside it."""
    try:
        key = (home / CURRENT).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return key if key and not key.startswith(".") and Path(key).name == key and is_text(key) else None


def _switch_current(home: Path, key: str) -> None:
    if _read_current(home) != key:
        write_atomic(home / CURRENT, key + "\n")


def _reap(home: Path, key: str) -> None:
    """Remove what killed processes left behind, unless somebody works on it now."""
    for scratch in home.glob(".*.partial"):
        name = scratch.name[1 : -len(".partial")]
        if name != key and is_free(home, name):
            log.info("%s: removing %s, left by a process that did not finish", home.name, scratch)
            shutil.rmtree(scratch, ignore_errors=True)
