"""What lies in a repository at one commit, and how do exactly those files come here?"""

import hashlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapt.errors import BundleError, HubError
from adapt.hub.client import Hub
from adapt.policy import bundle_files

LARGEST_WEIGHTS_BYTES = 16 * 2**30
LARGEST_TOTAL_BYTES = 32 * 2**30
MOST_FILES = 100
LIBRARY_CACHE = ".cache"  # where the Hub's client keeps its notes inside a folder it downloads to

_PUT_BY_THE_HUB = (".gitattributes",)
_SHA256_LENGTH = 64
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file of a repository at one commit."""

    name: str
    size: int  # bytes
    oid: str  # sha256 of a large file; of others git's own digest, a sha1


def resolve_commit(hub: Hub, repo_id: str, revision: str | None) -> str:
    """The commit that a tag, branch or commit stands for now; everything after goes by it.

    Raises:
        HubError: The Hub names no commit, or another than the one asked for.
    """
    commit = hub.api.model_info(repo_id, revision=revision).sha
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise HubError(f"{repo_id}: the Hub names no commit for it ({commit!r:.60}). Publish a bundle there first.")
    if revision is not None and _COMMIT.fullmatch(revision) and commit != revision:
        raise HubError(f"{repo_id}: asked for commit {revision}, the Hub answers with {commit}. Do not use it.")
    return commit


def list_remote(hub: Hub, repo_id: str, commit: str) -> tuple[RemoteFile, ...]:
    """The files of a repository at a commit, sorted by name; what the Hub itself puts there is left out."""
    entries = hub.api.list_repo_tree(repo_id, recursive=True, revision=commit)
    files = [
        RemoteFile(name=entry.path, size=entry.size, oid=entry.lfs.sha256 if entry.lfs else entry.blob_id)
        for entry in entries
        if hasattr(entry, "size") and entry.path not in _PUT_BY_THE_HUB  # folders have no size
    ]
    return tuple(sorted(files, key=lambda file: file.name))


def is_bundle_name(name: str) -> bool:
    """Whether a bundle may hold a file of that name."""
    return name in bundle_files.REQUIRED or bundle_files.PICTURE.fullmatch(name) is not None


def check_listing(repo_id: str, files: Sequence[RemoteFile]) -> None:
    """Refuse, before anything is downloaded, what is no bundle or too large to be one.

    Raises:
        HubError: A file is missing, unknown or too large.
    """
    try:
        bundle_files.check_names([file.name for file in files], Path(repo_id))
    except BundleError as error:
        raise HubError(f"{repo_id} is not a bundle of this package: {error} Pull one that is.") from error
    for file in files:
        weights = file.name.endswith(".safetensors")
        most = LARGEST_WEIGHTS_BYTES if weights else bundle_files.LARGEST_TEXT_BYTES
        if not 0 <= file.size <= most:
            raise HubError(f"{repo_id}: {file.name} has {file.size} bytes, at most {most} are accepted. Do not use it.")
    total = sum(file.size for file in files)
    if total > LARGEST_TOTAL_BYTES or len(files) > MOST_FILES:
        raise HubError(f"{repo_id}: {len(files)} files of {total} bytes are too much for a bundle. Do not use it.")


def download(hub: Hub, repo_id: str, commit: str, files: Sequence[RemoteFile], into: Path) -> None:
    """Download files of one commit into a folder; what is there already, whole, is not fetched again.

    Nothing is taken from, or left in, the machine's own cache of the Hub.

    Raises:
        BundleError: What came is not what the Hub lists.
    """
    for file in files:
        hub.api.hf_hub_download(
            repo_id, file.name, revision=commit, local_dir=into, cache_dir=into / LIBRARY_CACHE / "hub"
        )
        if not _is(into / file.name, file):
            raise BundleError(
                f"{repo_id}@{commit[:12]}: {file.name} came with other bytes than the Hub lists. Try again; "
                "if it does so again, do not use this commit."
            )


def drop_notes(folder: Path) -> None:
    """Remove what the Hub's client left in a folder it downloaded to."""
    shutil.rmtree(folder / LIBRARY_CACHE, ignore_errors=True)


def digest(path: Path) -> str:
    """The sha256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is(path: Path, file: RemoteFile) -> bool:
    """Whether a file has the size and the digest that the Hub lists."""
    if path.stat().st_size != file.size:
        return False
    if len(file.oid) == _SHA256_LENGTH:
        return digest(path) == file.oid
    # A name for the content, as git gives it; nothing here rests on sha1 being hard to forge.
    return hashlib.sha1(b"blob %d\0" % file.size + path.read_bytes(), usedforsecurity=False).hexdigest() == file.oid
