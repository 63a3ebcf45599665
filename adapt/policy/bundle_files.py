"""Is this folder the one that was written, and nothing more? Names, links, sums and JSON, before anything is used.

Checksums stop accidents; what stops attackers is the commit a bundle is pulled by. Here we only make sure that
nothing is opened whose kind we do not know, and that reading cannot run code: JSON, YAML, PNG and safetensors.
"""

import difflib
import hashlib
import json
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from adapt import __version__
from adapt.errors import BundleError
from adapt.runs.documents import in_short, refuse_deep

FORMAT = 1
BUNDLE, SUMS, CARD, RECIPE, EVALUATION = "bundle.json", "SHA256SUMS", "README.md", "recipe.yaml", "evaluation.json"
ADAPTER_CONFIG, ADAPTER, HEADS = "adapter_config.json", "adapter_model.safetensors", "heads.safetensors"
EMBODIMENT, STATISTICS, BASE, GOLDEN = "embodiment.json", "stats.json", "base.json", "golden.safetensors"
REQUIRED = (
    ADAPTER_CONFIG, ADAPTER, BASE, BUNDLE, EMBODIMENT, EVALUATION, GOLDEN, HEADS, CARD, RECIPE, STATISTICS, SUMS
)  # fmt: skip
PICTURE = re.compile(r"pictures/[a-z0-9][a-z0-9_]{0,63}\.png")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

# What the Hub, git and the run that made it put beside a bundle; no part of it, and never opened.
IGNORED = (".gitattributes", ".git", ".cache", "manifest.json")
# Opening these can run code, in one program or another.
CODE_SUFFIXES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth", ".py", ".sh", ".so")
LARGEST_TEXT_BYTES = 32 * 2**20
LARGEST_PICTURE_BYTES = 32 * 2**20


def list_files(folder: Path) -> tuple[str, ...]:
    """Names of the bundle's files, relative to its folder, sorted.

    Raises:
        BundleError: There is no such folder, or it holds a link, a device, or a file of an unknown name.
    """
    if not folder.is_dir():
        raise BundleError(f"{folder}: there is no such folder. Name one that `wam-adapt bundle` or `pull` made.")
    found: list[str] = []
    pending = [folder]
    while pending:
        for path in _entries(pending.pop()):
            name = path.relative_to(folder).as_posix()
            mode = path.lstat().st_mode
            if name in IGNORED and not stat.S_ISLNK(mode):
                continue
            if stat.S_ISDIR(mode):
                pending.append(path)
            elif stat.S_ISREG(mode):
                found.append(name)
            else:
                raise BundleError(
                    f"{folder / name}: is a link or a device; a bundle holds plain files only. "
                    "Pull it with `wam-adapt pull`, or copy it with `cp -RL`."
                )
    _refuse_unknown(folder, found)
    return tuple(sorted(found))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise BundleError(f"{folder}: cannot be looked into ({error.strerror}). Change its permissions.") from error


def check_names(names: Iterable[str], where: Path) -> None:
    """Refuse a list of names that is not a bundle's.

    Raises:
        BundleError: A required file is missing, or a name is unknown.
    """
    present = set(names)
    _refuse_unknown(where, present)
    missing = sorted(set(REQUIRED) - present)
    if missing:
        raise BundleError(f"{where}: the bundle lacks {missing[0]}. Pull it again, or run `wam-adapt bundle` again.")


def check_format(header: Mapping[str, Any], where: Path) -> None:
    """Refuse a bundle that a later version of this package wrote, saying which version reads it.

    Raises:
        BundleError: The format is newer, or is no format at all.
    """
    form, reader = header.get("format"), header.get("minimum_reader")
    if not isinstance(form, int) or isinstance(form, bool) or form < 1:
        raise BundleError(f"{where}: 'format' is {form!r:.40}, which is no bundle format. Pull the bundle again.")
    if form > FORMAT:
        known = isinstance(reader, str) and re.fullmatch(r"\d+(\.\d+){0,3}", reader)
        needed = f"wam-adapt {reader} or later" if known else "a later wam-adapt"
        remedy = f"pip install --upgrade 'wam-adapt>={reader}'" if known else "pip install --upgrade wam-adapt"
        raise BundleError(
            f"{where}: the bundle has format {form}; this is wam-adapt {__version__}, which reads format {FORMAT}. "
            f"{needed} reads it: {remedy}"
        )


def check_sums(folder: Path, names: Sequence[str]) -> None:
    """Compare every file with its line in SHA256SUMS.

    Raises:
        BundleError: A file has no line, a line has no file, or the bytes differ.
    """
    stated: dict[str, str] = {}
    for line in read_text(folder / SUMS).rstrip("\n").split("\n"):
        digest, _, name = line.partition("  ")
        if not re.fullmatch(r"[0-9a-f]{64}", digest) or not name or name in stated:
            raise BundleError(f"{folder / SUMS}: cannot read the line {line!r:.80}. Pull the bundle again.")
        stated[name] = digest
    for name in sorted(set(names) - {SUMS} | stated.keys()):
        if name not in stated or name not in names:
            what = "has no file" if name in stated else "has no checksum"
            raise BundleError(f"{folder / SUMS}: {name} {what}. Pull the bundle again.")
        found = _file_digest(folder / name)
        if found != stated[name]:
            raise BundleError(
                f"{folder / name}: sha256 should be {stated[name][:16]}..., found {found[:16]}...; the file was "
                "changed or cut short. Pull the bundle again."
            )


def write_sums(contents: Mapping[str, bytes]) -> bytes:
    """The text of SHA256SUMS, as `sha256sum --check` reads it."""
    lines = (f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(contents.items()))
    return "".join(lines).encode()


def read_text(path: Path) -> str:
    """A small UTF-8 file.

    Raises:
        BundleError: It is missing, too large for what it should be, or not text.
    """
    try:
        if path.stat().st_size > LARGEST_TEXT_BYTES:
            raise BundleError(f"{path}: has {path.stat().st_size} bytes, too many for such a file. Do not use it.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: cannot be read ({in_short(error)}). Pull the bundle again.") from error


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object, strictly: no key twice, no NaN, no infinity.

    Raises:
        BundleError: The file is not that.
    """
    try:
        value = json.loads(read_text(path), object_pairs_hook=_no_twins, parse_constant=_no_constant)
        refuse_deep(value)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: is not strict JSON ({in_short(error)}). Pull the bundle again.") from error
    if not isinstance(value, dict):
        raise BundleError(f"{path}: holds a {type(value).__name__}; it should be an object. Pull the bundle again.")
    return value


def write_object(value: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys: the same bytes for equal values."""
    return (json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def check_fields(value: Mapping[str, Any], kinds: Mapping[str, type], where: str) -> None:
    """Refuse an object whose fields are not exactly `kinds`.

    Raises:
        BundleError: A field is unknown (the nearest known one is named), missing, or of another kind.
    """
    for name in value:
        if name not in kinds:
            raise BundleError(
                f"{where}: unknown field {name!r:.60}.{_nearest(name, kinds)} Known: {', '.join(kinds)}. "
                "Pull the bundle again."
            )
    for name, kind in kinds.items():
        if name not in value:
            raise BundleError(f"{where}: the field '{name}' is missing. Run `wam-adapt bundle` again.")
        if not isinstance(value[name], kind) or (kind is int and isinstance(value[name], bool)):
            raise BundleError(
                f"{where}: '{name}' is {value[name]!r:.60}; it should be a {kind.__name__}. Pull the bundle again."
            )


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, every number in them finite.

    Raises:
        BundleError: The file is damaged, or holds NaN or infinities.
    """
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        raise BundleError(
            f"{path}: is not a sound safetensors file ({in_short(error)}). Pull the bundle again."
        ) from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise BundleError(
                f"{path}: the tensor {name} holds NaN or an infinity, which would reach the robot. "
                "Train again with a lower rate (train.adapter_learning_rate, train.head_learning_rate)."
            )
    return tensors


def _refuse_unknown(where: Path, names: Iterable[str]) -> None:
    for name in sorted(names):
        if name in REQUIRED or PICTURE.fullmatch(name):
            continue
        if name.endswith(CODE_SUFFIXES):
            raise BundleError(f"{where}: {name} could run code when opened; a bundle holds no such file. Remove it.")
        raise BundleError(
            f"{where}: {name!r:.80} is not a file of a format-{FORMAT} bundle.{_nearest(name, REQUIRED)} Remove it."
        )


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}). Pull the bundle again.") from error


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is given twice")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"found {name}")


def _nearest(word: str, known: Iterable[str]) -> str:
    match = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean '{match[0]}'?" if match else ""
