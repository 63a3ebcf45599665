"""How does a base come from the Hub? By its commit, its weights alone, with room made sure of first."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from adapt.errors import BundleError, HubError
from adapt.hub.client import Hub, open_hub, parse_reference
from adapt.hub.refusals import Errand, in_our_words
from adapt.hub.remote import LIBRARY_CACHE, RemoteFile, download, drop_notes, list_remote, resolve_commit
from adapt.runs.atomic import sync_folder, sync_tree
from adapt.runs.disk import refuse_full
from adapt.runs.documents import parse_object
from adapt.runs.lock import hold

ORIGIN = "origin.json"
# Weights that run nothing when they are read, and what says how they are read. Not code, not pickles, not pictures.
_WANTED = (".safetensors", ".json", ".yaml", ".yml", ".model", ".txt")
_MOST_FILES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedBase:
    """A base's files on this machine."""

    folder: Path
    repo_id: str
    commit: str  # full sha
    nbytes: int
    left: tuple[str, ...]  # files of the repository that were not fetched, such as pickles
    reused: bool  # it was here already


def fetch_base(reference: str, out: Path, *, endpoint: str | None = None, token: str | None = None) -> FetchedBase:
    """Download a base's weights, each checked against the digest that the Hub lists; the folder appears when whole.

    What was fetched before a connection broke is not fetched again. `origin.json`, put beside the weights, says which
    commit of which repository they are.

    Args:
        reference: "owner/name", or "owner/name@revision" with a commit, tag or branch.
        out: The folder to make. If it holds the same commit already, it is left as it is.
        endpoint: The Hub's address; None takes HF_ENDPOINT, else the public one.
        token: None takes the one this machine is logged in with, if any.

    Raises:
        HubError: The Hub refused, cannot be reached, or has no weights there; or `out` holds something else.
        RunError: The disk has no room; nothing was fetched. Or another process is fetching the same.
    """
    asked = parse_reference(reference)
    hub = open_hub(endpoint, token)
    with in_our_words(Errand(doing=f"fetch {reference}", repo_id=asked.repo_id, hub=hub)):
        commit = resolve_commit(hub, asked.repo_id, asked.revision)
        listed = list_remote(hub, asked.repo_id, commit)
        files = _wanted(asked.repo_id, listed)
        reused = _is_taken(out, asked.repo_id, commit, files)
        if not reused:
            _fetch(hub, asked.repo_id, commit, files, out)
    return FetchedBase(
        folder=out,
        repo_id=asked.repo_id,
        commit=commit,
        nbytes=sum(file.size for file in files),
        left=tuple(file.name for file in listed if file not in files),
        reused=reused,
    )


def _wanted(repo_id: str, listed: Sequence[RemoteFile]) -> tuple[RemoteFile, ...]:
    """What of a repository is fetched."""
    files = tuple(file for file in listed if file.name.endswith(_WANTED) and file.size >= 0)
    for file in files:
        parts = PurePosixPath(file.name).parts
        if (
            file.name.startswith("/")
            or "\\" in file.name
            or not parts
            or {"..", "."} & set(parts)
            or parts[0] == ORIGIN
        ):
            raise HubError(f"{repo_id}: lists a file named {file.name!r:.100}, which no base has. Do not use it.")
    if not any(file.name.endswith(".safetensors") for file in files):
        some = ", ".join(file.name for file in listed[:3]) or "nothing"
        raise HubError(f"{repo_id}: has no safetensors files, only {some}. Give a repository that holds a base.")
    if len(files) > _MOST_FILES:
        raise HubError(f"{repo_id}: has {len(files)} files, at most {_MOST_FILES} are fetched. Give that of one base.")
    return files


def _is_taken(out: Path, repo_id: str, commit: str, files: Sequence[RemoteFile]) -> bool:
    """Whether `out` holds this very base; refuses an `out` that holds anything else."""
    if not out.is_symlink() and (not out.exists() or (out.is_dir() and not any(out.iterdir()))):
        return False
    try:
        told: dict[str, Any] = parse_object((out / ORIGIN).read_text(encoding="utf-8"))
        same = told.get("repo_id") == repo_id and told.get("commit") == commit
        whole = all((out / file.name).stat().st_size == file.size for file in files)
    except (OSError, ValueError):
        same = whole = False
    if not (same and whole):
        raise HubError(f"{out}: holds something else than {repo_id}@{commit[:12]}. Name another folder, or remove it.")
    return True


def _fetch(hub: Hub, repo_id: str, commit: str, files: Sequence[RemoteFile], out: Path) -> None:
    """Download beside `out`, and rename; what a broken connection left is taken up again next time."""
    scratch = out.parent / f".{out.name}.{commit[:12]}.partial"
    notes = scratch / LIBRARY_CACHE
    here = sum(file.size for file in files if _has(scratch, file))
    refuse_full(scratch, sum(file.size for file in files) - here, doing=f"fetching {repo_id}")
    try:
        notes.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HubError(f"{out}: cannot be made ({error.strerror}). Name another folder.") from error
    with hold(notes, "fetch", f"fetching into {out}"):
        for file in files:
            try:
                download(hub, repo_id, commit, [file], scratch)
            except BundleError as error:
                (scratch / file.name).unlink(missing_ok=True)  # fetched again next time, unlike the others
                raise HubError(f"{out}: {error} Fetch it again.") from error
        drop_notes(scratch)
        origin = {"repo_id": repo_id, "commit": commit, "endpoint": hub.endpoint}
        (scratch / ORIGIN).write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
        sync_tree(scratch)
        if out.is_dir():
            out.rmdir()
        scratch.rename(out)
        sync_folder(out.parent)


def _has(folder: Path, file: RemoteFile) -> bool:
    path = folder / file.name
    return path.is_file() and path.stat().st_size == file.size
