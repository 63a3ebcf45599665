"""Replay: where is the data that the base already knows, and does it fit? Asked before anything is done."""

import logging
from dataclasses import dataclass
from pathlib import Path

from adapt.data.encoded import read_encoded
from adapt.errors import DataError
from adapt.models.bases import find_base, read_identity
from adapt.runs.cache import Cache
from adapt.runs.documents import in_short, parse_object
from adapt.runs.fingerprint import fingerprint
from pipelines.encode import encoders_fingerprint
from pipelines.job import Job

GEOMETRY = "geometry.json"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Data the base already knows, mixed in so that it is not forgotten."""

    origin: str  # "base", "folder" or "none"
    folder: Path | None
    key: str


def find_replay(job: Job, cache: Cache) -> Replay:
    """Where the job's replay data is, and what names its content.

    Raises:
        DataError: It is not there, is damaged, or was encoded for another base.
    """
    folder = require_replay(job)
    if folder is None:
        log.warning("no replay data: the base may forget what it knows, and its heads learn nothing from video alone")
        return Replay(origin="none", folder=None, key="")
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name != "manifest.json"]
    key = fingerprint({path.name: cache.file_digest(path) for path in files})
    return Replay(origin="base" if job.replay == "base" else "folder", folder=folder, key=key)


def require_replay(job: Job) -> Path | None:
    """The folder of the job's replay data, seen to be what training can take; latents are not read.

    Returns:
        The folder; None where the job does without.

    Raises:
        CheckpointError: There is no such base.
        DataError: The data is not there, is damaged, or was encoded for another base.
    """
    if job.replay == "none":
        return None
    read_identity(job.recipe.base)  # First, since without a base nothing can fit it.
    folder = find_base(job.recipe.base) / "replay" if job.replay == "base" else Path(job.replay).expanduser()
    if not (folder / GEOMETRY).is_file():
        raise DataError(
            f"replay '{job.replay}': no encoded data in {folder}; give --replay the folder of an encode stage, "
            "or --replay none to train without."
        )
    if encoders_of(folder) != encoders_fingerprint(job.recipe.base):
        raise DataError(
            f"replay '{job.replay}': {folder} was encoded for another base than '{job.recipe.base}'; encode it again "
            "with this base, or give --replay none."
        )
    read_encoded(folder)
    return folder


def encoders_of(folder: Path) -> str:
    """What encoded a folder, without opening all of it.

    Raises:
        DataError: It does not say.
    """
    path = folder / GEOMETRY
    try:
        return str(parse_object(path.read_text(encoding="utf-8")).get("encoders"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read ({in_short(error)}); name a folder that `encode` made, or encode again."
        ) from error
