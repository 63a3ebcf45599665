"""How does a published bundle come back, exactly as it left?"""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapt.errors import BundleError, EmbodimentError, HubError
from adapt.hub.client import Hub, open_hub, parse_reference
from adapt.hub.refusals import Errand, in_our_words
from adapt.hub.remote import (
    LIBRARY_CACHE,
    RemoteFile,
    check_listing,
    download,
    drop_notes,
    list_remote,
    resolve_commit,
)
from adapt.policy.bundle import read_bundle
from adapt.policy.bundle_files import SUMS
from adapt.runs.atomic import sync_folder, sync_tree
from adapt.runs.lock import hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """A bundle on this machine, and where it came from."""

    folder: Path
    repo_id: str
    commit: str  # full sha; "repo_id@commit" pulls exactly this again
    endpoint: str
    reused: bool  # it was here already


def pull(reference: str, out: Path, *, endpoint: str | None = None, token: str | None = None) -> Pulled:
    """Download a bundle and check all of it; it takes its name only when it is whole.

    The revision is resolved to a commit once; what is not a bundle, or too large, is refused before it is downloaded.
    An interrupted download goes on where it stopped.

    Args:
        reference: "owner/name", or "owner/name@revision" with a commit, tag or branch.
        out: The folder to make. If it holds the same bundle already, it is left as it is.
        endpoint: The Hub's address; None takes HF_ENDPOINT, else the public one.
        token: None takes the one this machine is logged in with, if any.

    Returns:
        The bundle, and the commit it is of.

    Raises:
        HubError: The Hub refused, cannot be reached, or holds something else; or `out` does.
        BundleError: What came is damaged.
        RunError: Another process is pulling the same.
    """
    asked = parse_reference(reference)
    hub = open_hub(endpoint, token)
    with in_our_words(Errand(doing=f"pull {reference}", repo_id=asked.repo_id, hub=hub)):
        commit = resolve_commit(hub, asked.repo_id, asked.revision)
        files = list_remote(hub, asked.repo_id, commit)
        check_listing(asked.repo_id, files)
        reused = _is_taken(hub, asked.repo_id, commit, files, out)
        if not reused:
            _fetch(hub, asked.repo_id, commit, files, out)
    return Pulled(folder=out, repo_id=asked.repo_id, commit=commit, endpoint=hub.endpoint, reused=reused)


def _is_taken(hub: Hub, repo_id: str, commit: str, files: Sequence[RemoteFile], out: Path) -> bool:
    """Whether `out` holds this very bundle; refuses an `out` that holds anything else."""
    if not out.is_symlink() and (not out.exists() or (out.is_dir() and not any(out.iterdir()))):
        return False
    with tempfile.TemporaryDirectory(prefix="wam-adapt-pull-") as scratch:
        download(hub, repo_id, commit, [file for file in files if file.name == SUMS], Path(scratch))
        wanted = (Path(scratch) / SUMS).read_bytes()
    if not (out / SUMS).is_file() or (out / SUMS).read_bytes() != wanted:
        raise HubError(f"{out}: holds something else than {repo_id}@{commit[:12]}. Name another --out, or remove it.")
    try:
        read_bundle(out)
    except BundleError as error:
        raise HubError(f"{out}: was {repo_id}@{commit[:12]}, but {error} Remove it, then pull again.") from error
    return True


def _fetch(hub: Hub, repo_id: str, commit: str, files: Sequence[RemoteFile], out: Path) -> None:
    """Download beside `out`, check, and rename; what a broken connection left is taken up again next time."""
    scratch = out.parent / f".{out.name}.{commit[:12]}.partial"
    notes = scratch / LIBRARY_CACHE
    try:
        notes.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HubError(f"{out}: cannot be made ({error.strerror}). Name another --out.") from error
    with hold(notes, "pull", f"pull into {out}"):
        try:
            download(hub, repo_id, commit, files, scratch)
            read_bundle(scratch)
        except (BundleError, EmbodimentError):
            shutil.rmtree(scratch, ignore_errors=True)  # whole but wrong: nothing to go on from
            raise
        drop_notes(scratch)
        sync_tree(scratch)
        scratch.rename(out)
        sync_folder(out.parent)
