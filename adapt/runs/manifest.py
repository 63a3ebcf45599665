"""What does a finished stage vouch for? Its inputs, its facts and every file in it."""

import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from adapt.runs.atomic import sync_folder, write_atomic
from adapt.runs.cache import hash_file
from adapt.runs.fingerprint import Json, canonical

MANIFEST = "manifest.json"
FORMAT = 1
_PACKAGES = ("wam-adapt", "torch", "diffusers", "transformers", "peft", "lightning")


def seal(folder: Path, record: Mapping[str, Json]) -> dict[str, Json]:
    """Make every file of a folder durable, then write its manifest, last of all.

    Args:
        folder: A scratch folder whose work is done.
        record: What the manifest says besides format, files, sizes and versions: stage, key, inputs, facts.

    Returns:
        The manifest as it will be read back.

    Raises:
        OSError: The disk is full, or a file cannot be read.
        TypeError: The record holds something that is not plain JSON.
        ValueError: The record holds NaN or an infinity.
    """
    digests, sizes, folders = {}, {}, [folder]
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            folders.append(path)
            continue
        with path.open("rb") as file:
            os.fsync(file.fileno())
        name = path.relative_to(folder).as_posix()
        digests[name], sizes[name] = hash_file(path), path.stat().st_size
    whole = {**record, "format": FORMAT, "files": digests, "bytes": sizes, "versions": _versions()}
    manifest: dict[str, Json] = json.loads(canonical(whole))
    write_atomic(folder / MANIFEST, json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    for changed in folders:
        sync_folder(changed)
    return manifest


def find_finished(folder: Path) -> dict[str, Json] | None:
    """The manifest of a result whose files are all there with their sizes, else None."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        whole = manifest["format"] == FORMAT and all(
            (folder / name).stat().st_size == size for name, size in manifest["bytes"].items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(manifest) if whole else None


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
