"""What the loopback Hub keeps: users, repositories, commits and files, and how it writes them as JSON."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import yaml

LARGE_SUFFIXES = (".safetensors", ".png", ".jpg", ".gif", ".mp4", ".parquet", ".bin", ".pt")
LARGE_ABOVE_BYTES = 10_000_000
LICENSES = ("apache-2.0", "mit", "other", "openrail", "cc-by-4.0", "cc-by-nc-4.0")
RELATIONS = ("adapter", "finetune", "merge", "quantized")


class RefusedError(Exception):
    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass(frozen=True)
class Blob:
    """One file of one commit; a large one's bytes lie in the storage, under `oid`."""

    oid: str  # git blob sha1, or sha256 for a large file
    size: int
    content: bytes | None = None  # None: a large file

    @classmethod
    def small(cls, content: bytes) -> Self:
        return cls(hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(), len(content), content)


@dataclass(frozen=True)
class Commit:
    oid: str
    title: str
    parents: tuple[str, ...]
    files: dict[str, Blob]


@dataclass
class Repo:
    kind: str  # "models" or "datasets"
    repo_id: str
    private: bool
    gated: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def head(self) -> Commit:
        return self.commits[self.branches["main"]]

    def at(self, revision: str) -> Commit:
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        if oid not in self.commits:
            raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[oid]

    def add(self, title: str, files: dict[str, Blob], branch: str = "main") -> Commit:
        parents = (self.branches[branch],) if branch in self.branches else ()
        record = [len(self.commits), title, parents, sorted((path, blob.oid) for path, blob in files.items())]
        commit = Commit(hashlib.sha1(json.dumps(record).encode()).hexdigest(), title, parents, files)
        self.commits[commit.oid] = commit
        self.branches[branch] = commit.oid
        return commit


@dataclass(frozen=True)
class User:
    name: str
    organisations: tuple[str, ...]
    may_write: bool
    reads_gated: bool


DATE = "2026-01-01T00:00:00.000Z"


def bearer(headers: Any) -> str | None:
    """The token a request carries."""
    found = re.fullmatch(r"Bearer (\S+)", headers.get("Authorization") or "")
    return found[1] if found else None


def is_member(user: User | None, repo_id: str) -> bool:
    return user is not None and repo_id.split("/")[0] in (user.name, *user.organisations)


def file_entry(path: str, blob: Blob) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "oid": blob.oid, "size": blob.size}
    if blob.content is None:
        entry["oid"] = hashlib.sha1(blob.oid.encode()).hexdigest()
        entry["lfs"] = {"oid": blob.oid, "size": blob.size, "pointerSize": 134}
    return entry


def tree_entries(files: dict[str, Blob], prefix: str, *, deep: bool) -> list[dict[str, Any]]:
    """The files and folders of a tree, in order; only the topmost level unless `deep`."""
    entries: dict[str, dict[str, Any]] = {}
    for path, blob in sorted(files.items()):
        steps = path.removeprefix(prefix).split("/")
        for depth in range(1, len(steps)):
            folder = prefix + "/".join(steps[:depth])
            if deep or depth == 1:
                entries[folder] = {"type": "directory", "path": folder, "oid": "0" * 40, "size": 0}
        if deep or len(steps) == 1:
            entries[path] = file_entry(path, blob)
    return list(entries.values())


def front_matter(readme: bytes) -> dict[str, Any]:
    found = re.match(r"---\n(.*?)\n---\n", readme.decode(), re.DOTALL)
    card = yaml.safe_load(found[1]) if found else {}
    return card if isinstance(card, dict) else {}


def front_matter_errors(readme: bytes) -> Iterator[str]:
    """What the Hub's own validator objects to, as far as this project relies on it."""
    try:
        card = front_matter(readme)
    except yaml.YAMLError as error:
        yield f"YAML: {error}"
        return
    if card.get("license", "mit") not in LICENSES:
        yield f'"license" must be one of {LICENSES}'
    if card.get("license") == "other" and not card.get("license_name"):
        yield '"license_name" is required when "license" is other'
    if card.get("base_model_relation", "adapter") not in RELATIONS:
        yield f'"base_model_relation" must be one of {RELATIONS}'
    if not all(isinstance(tag, str) for tag in card.get("tags", [])):
        yield '"tags" must be a list of strings'
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", card.get("base_model", "x")):
        yield '"base_model" is not valid. Use a model id from https://hf.co/models.'
