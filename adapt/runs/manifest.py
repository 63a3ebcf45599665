"""What does a finished stage vouch for? Its inputs, its facts and every file in it."""

import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path, PurePosixPath

from adapt.runs.atomic import sync_folder, write_atomic
from adapt.runs.cache import hash_file
from adapt.runs.documents import brief, is_text, parse_object
from adapt.runs.fingerprint import Json, canonical

MANIFEST = "manifest.json"
FORMAT = 1
# What its readers rely on, and of which kind it is.
_PARTS = {"stage": str, "key": str, "inputs": dict, "facts": dict, "files": dict, "bytes": dict}
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
        manifest = load(folder)
        whole = manifest["format"] == FORMAT and all(
            (folder / name).stat().st_size == size for name, size in manifest["bytes"].items()
        )
    except (OSError, ValueError):
        return None
    return manifest if whole else None


def load(folder: Path) -> dict[str, Json]:
    """The manifest of a folder; one of this version's format has every part, and names files within the folder alone.

    Args:
        folder: RUN/STAGE/KEY.

    Returns:
        The manifest; of another format, whatever it says besides.

    Raises:
        OSError: There is none, or it cannot be read.
        ValueError: It is damaged.
    """
    manifest = parse_object((folder / MANIFEST).read_text(encoding="utf-8"))
    form = manifest.get("format")
    if type(form) is not int:
        raise ValueError(f"its format is {brief(form)}")
    if form == FORMAT:
        _refuse_unsound(manifest)
    return manifest


def _refuse_unsound(manifest: Mapping[str, Json]) -> None:
    for part, kind in _PARTS.items():
        if not isinstance(manifest.get(part), kind):
            raise ValueError(f"'{part}' is {brief(manifest.get(part))}")
    for part, of_file in (("files", str), ("bytes", int)):
        for name, value in manifest[part].items():
            place = PurePosixPath(name)
            if not is_text(name) or place.is_absolute() or ".." in place.parts or not isinstance(value, of_file):
                raise ValueError(f"'{part}' holds {brief(name)}: {brief(value)}")


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
