"""How is the list of windows kept on disk? As a Hugging Face data set in one Parquet file, a row per window."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from adapt.errors import DataError
from adapt.runs.documents import brief, in_short, parse_object
from adapt.runs.typed import find_misfit
from adapt.types import VideoRef, Window

CLIP_TABLE = "clips.parquet"
_LATER = ("confidence", "weight")  # Tables of earlier releases have neither.
_DTYPES = {"float32": torch.float32, "float64": torch.float64}
_MOST_CHUNKS = 10_000  # A window has a handful; a number beyond all bounds must not be taken for a size.
_FILM_TEXTS, _FILM_NUMBERS = ("camera", "path", "digest", "array"), ("from_s", "array_hz")
_TEXTS = ("window_id", "instruction", "session", "split", "embodiment", "rejection", "provenance")
_KINDS: Mapping[str, Any] = {
    **dict.fromkeys(_TEXTS, str),
    "videos": tuple[VideoRef, ...],
    "start_s": float,
    "chunks": int,
    "quality": dict[str, Any],
}


def write_clip_table(path: Path, windows: Sequence[Window], *, root: Path | None = None) -> None:
    """Write the windows, rejected ones too; the same windows always give the same bytes.

    Args:
        path: File to write.
        windows: In the order in which they are to be read again.
        root: Videos under this folder are named relative to it, so that the table says the same wherever the folder
            lies; None writes their paths as they are.

    Raises:
        ValueError: Actions or state are neither float32 nor float64.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [_row(window, root) for window in windows]
    pq.write_table(pa.Table.from_pylist(rows, schema=_features().arrow_schema), path)


def read_clip_table(path: Path, *, root: Path | None = None) -> list[Window]:
    """Read what `write_clip_table` wrote, number for number.

    Args:
        path: File to read.
        root: Folder to which relative video paths are joined; None leaves them as they are.

    Raises:
        DataError: The file is missing or is not a clip table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        _check_columns(table.schema)
        return [_window(row, root) for row in table.to_pylist()]
    except FileNotFoundError as error:
        raise DataError(f"{path}: the clip table is missing; make it with `wam-adapt ingest`.") from error
    # Arrow passes on what its own readers raise, UnicodeDecodeError (a ValueError) and OverflowError among it.
    except (pa.ArrowException, OSError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise DataError(
            f"{path}: not a clip table ({in_short(error)}); make it again with `wam-adapt ingest`."
        ) from error


def _features() -> Any:
    from datasets import Features, List, Value

    text, number, matrix = Value("string"), Value("float64"), List(List(Value("float64")))
    return Features(
        {
            "window_id": text,
            "videos": List({**dict.fromkeys(_FILM_TEXTS, text), **dict.fromkeys(_FILM_NUMBERS, number)}),
            "start_s": number,
            "chunks": Value("int32"),
            "instruction": text,
            "session": text,
            "split": text,
            "embodiment": text,
            "rejection": text,
            "provenance": text,
            "confidence": number,
            "weight": number,
            "quality": text,  # JSON: each kind of source measures other things
            "actions": matrix,
            "actions_type": text,
            "state": matrix,
            "state_type": text,
        }
    )


def _check_columns(found: Any) -> None:
    """Refuse a table whose columns are of other kinds than they were written with.

    Raises:
        ValueError: The first such column.
    """
    import pyarrow as pa

    # As `_features` has them, without importing what writes: reading is done far more often.
    text, number, matrix = pa.string(), pa.float64(), pa.list_(pa.list_(pa.float64()))
    parts = [*((name, text) for name in _FILM_TEXTS), *((name, number) for name in _FILM_NUMBERS)]
    earlier = pa.list_(pa.struct(parts[:3]))  # of releases in which an episode had its videos to itself
    videos = pa.list_(pa.struct(parts))
    numbers = {"start_s": number, "confidence": number, "weight": number, "chunks": pa.int32()}
    texts = dict.fromkeys((*_TEXTS, "quality", "actions_type", "state_type"), text)
    wanted = {**texts, **numbers, "videos": videos, "actions": matrix, "state": matrix}
    for name, kind in wanted.items():
        if name in _LATER and name not in found.names:
            continue
        there = found.field(name).type if name in found.names else "missing"
        if there != kind and not (name == "videos" and there == earlier):
            raise ValueError(f"its column '{name}' is {there}, should be {kind}")


def _row(window: Window, root: Path | None) -> dict[str, Any]:
    actions, actions_type = _lists(window.actions)
    state, state_type = _lists(window.state)
    return {
        "window_id": window.window_id,
        "videos": [{**asdict(ref), "path": _relative(ref.path, root)} for ref in window.videos],
        "start_s": window.start_s,
        "chunks": window.chunks,
        "instruction": window.instruction,
        "session": window.session,
        "split": window.split,
        "embodiment": window.embodiment,
        "rejection": window.rejection,
        "provenance": window.provenance,
        "confidence": window.confidence,
        "weight": window.weight,
        "quality": json.dumps(dict(window.quality), sort_keys=True),
        "actions": actions,
        "actions_type": actions_type,
        "state": state,
        "state_type": state_type,
    }


def _window(row: dict[str, Any], root: Path | None) -> Window:
    videos = tuple(
        VideoRef(
            camera=ref["camera"],
            path=ref["path"] if root is None else str(root / ref["path"]),
            digest=ref["digest"],
            from_s=ref.get("from_s", 0.0),
            array=ref.get("array", ""),
            array_hz=ref.get("array_hz", 0.0),
        )
        for ref in row["videos"]
    )
    window = Window(
        window_id=row["window_id"],
        videos=videos,
        start_s=row["start_s"],
        chunks=row["chunks"],
        instruction=row["instruction"],
        session=row["session"],
        split=row["split"],
        embodiment=row["embodiment"],
        rejection=row["rejection"],
        provenance=row["provenance"],
        confidence=row.get("confidence"),
        weight=row.get("weight"),
        quality=parse_object(row["quality"]),
        actions=_tensor(row["actions"], row["actions_type"]),
        state=_tensor(row["state"], row["state_type"]),
    )
    if problem := next(
        filter(None, (find_misfit(getattr(window, name), kind, name) for name, kind in _KINDS.items())), ""
    ):
        raise ValueError(f"{problem}, in the row of window {brief(window.window_id)}")
    if not window.start_s >= 0 or not 1 <= window.chunks <= _MOST_CHUNKS:
        raise ValueError(
            f"window {brief(window.window_id)} begins at {window.start_s} s and has {window.chunks} chunks"
        )
    for ref in window.videos:
        if ref.from_s < 0 or ref.array_hz < 0 or bool(ref.array) != bool(ref.array_hz):
            raise ValueError(f"window {brief(window.window_id)} is of a film that cannot be: {brief(str(ref))}")
    return window


def _relative(path: str, root: Path | None) -> str:
    if root is None or not Path(path).is_relative_to(root):
        return path
    return Path(path).relative_to(root).as_posix()


def _lists(values: Tensor | None) -> tuple[list[list[float]] | None, str]:
    if values is None:
        return None, ""
    names = [name for name, dtype in _DTYPES.items() if dtype == values.dtype]
    if not names:
        raise ValueError(f"actions and state are float32 or float64, not {values.dtype}")
    return values.tolist(), names[0]


def _tensor(values: list[list[float]] | None, dtype: str) -> Tensor | None:
    if values is None:
        return None
    found = torch.tensor(values, dtype=_DTYPES[dtype])
    if found.ndim != 2 or not found.numel():
        raise ValueError(f"actions or a state of shape {list(found.shape)}")
    return found
