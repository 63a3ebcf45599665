"""Whose video is in which windows? Asked of clip tables and of shards of latents, without loading any tensor.

This module imports nothing heavy: taking a video back need not wait for torch.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapt.errors import DataError
from adapt.runs.atomic import write_atomic
from adapt.runs.documents import parse_object

TABLE = "clips.parquet"  # As `clip_table.CLIP_TABLE`; that module loads torch.
ORIGINS = "videos"  # In a shard's metadata: JSON, the digests of the videos that a window shows, by window.
_METADATA, _LENGTH_BYTES = "__metadata__", 8
_LONGEST_HEADER_BYTES = 100 << 20  # As the format has it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a clip table says of a window and its videos.

    Attributes:
        window_id: The window.
        videos: Names of its videos by their digest; relative to the source where they lie in it.
        kept: Whether it is trained on or held out; False where it was rejected.
    """

    window_id: str
    videos: Mapping[str, str]
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A file of latents, opened as far as its header.

    Attributes:
        path: The file.
        tensors: What the header says of each window.
        origins: Digests of the videos that a window shows, by window; without those of which it is not recorded.
        start: Where the tensors' bytes begin in the file.
    """

    path: Path
    tensors: Mapping[str, Mapping[str, Any]]
    origins: Mapping[str, Collection[str]]
    start: int

    def showing(self, video: str, windows: Collection[str]) -> set[str]:
        """Which of its windows are among these, or are recorded as showing this video."""
        return {name for name in self.tensors if name in windows or video in self.origins.get(name, ())}


def read_rows(folder: Path) -> list[Row]:
    """The windows of a folder's clip table; none where it has no table.

    Raises:
        DataError: The table cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / TABLE
    if not path.is_file():
        return []
    try:
        rows = pq.read_table(path, columns=["window_id", "videos", "split"]).to_pylist()
        return [
            Row(
                window_id=row["window_id"],
                videos={ref["digest"]: ref["path"] for ref in row["videos"]},
                kept=row["split"] != "rejected",
            )
            for row in rows
        ]
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a clip table ({error}); delete its folder and give the command again.") from error


def find_videos(folder: Path) -> set[str]:
    """Digests of the videos whose windows were kept in a folder's clip table.

    Raises:
        DataError: The table cannot be read.
    """
    return {digest for row in read_rows(folder) if row.kept for digest in row.videos}


def read_shard(path: Path) -> Shard:
    """Read the header of a file of latents.

    Raises:
        OSError: It cannot be read.
        ValueError: It is cut short, or is no safetensors file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if not 0 < length <= min(_LONGEST_HEADER_BYTES, size - _LENGTH_BYTES):
            raise ValueError("its header is cut short")
        header = parse_object(file.read(length))
    metadata = header.pop(_METADATA, None) or {}
    start = _LENGTH_BYTES + length
    for name, about in header.items():
        ends = about.get("data_offsets") if isinstance(about, dict) else None
        if not (isinstance(ends, list) and len(ends) == 2 and all(isinstance(end, int) for end in ends)):
            raise ValueError(f"its header does not say where window {name} lies")
        if not 0 <= ends[0] <= ends[1] <= size - start:
            raise ValueError(f"it is cut short within window {name}")
    return Shard(path=path, tensors=header, origins=_origins(metadata), start=start)


def rewrite_without(shard: Shard, windows: Collection[str]) -> Path | None:
    """Write a cached shard anew without some windows, then remove the old file; the others' bytes stay as they were.

    Args:
        shard: What `read_shard` gave of a file in a folder of the cache, where files are named by their digest.
        windows: Those that go.

    Returns:
        The new file; None where no window is left.

    Raises:
        OSError: The folder cannot be written.
    """
    kept = [name for name in shard.tensors if name not in windows]
    new = None
    if kept:
        content = _put_together(shard, kept)
        new = shard.path.with_name(f"{hashlib.sha256(content).hexdigest()}.safetensors")
        write_atomic(new, content)
    if new != shard.path:
        shard.path.unlink(missing_ok=True)
    return new


def _put_together(shard: Shard, kept: Collection[str]) -> bytes:
    whole = shard.path.read_bytes()
    header: dict[str, Any] = {}
    if origins := {name: list(videos) for name, videos in shard.origins.items() if name in kept}:
        header[_METADATA] = {ORIGINS: json.dumps(origins, sort_keys=True)}
    parts, end = [], 0
    for name in sorted(kept, key=lambda name: shard.tensors[name]["data_offsets"][0]):
        first, last = shard.tensors[name]["data_offsets"]
        parts.append(whole[shard.start + first : shard.start + last])
        header[name] = {**shard.tensors[name], "data_offsets": [end, end + last - first]}
        end += last - first
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % _LENGTH_BYTES)  # Tensors begin at a multiple of eight.
    return b"".join([len(head).to_bytes(_LENGTH_BYTES, "little"), head, *parts])


def _origins(metadata: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a shard's metadata records of its windows' videos; nothing for one of an earlier version."""
    try:
        recorded = parse_object(metadata.get(ORIGINS, "{}"))
    except (ValueError, TypeError, AttributeError):
        return {}
    return {name: [str(video) for video in videos] for name, videos in recorded.items() if isinstance(videos, list)}
