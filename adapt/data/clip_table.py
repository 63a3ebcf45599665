"""How is the list of windows kept on disk? As a Hugging Face data set in one Parquet file, a row per window."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from adapt.errors import DataError
from adapt.types import VideoRef, Window

CLIP_TABLE = "clips.parquet"
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


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
    from datasets import Features, List, Value

    text, number, matrix = Value("string"), Value("float64"), List(List(Value("float64")))
    features = Features(
        {
            "window_id": text,
            "videos": List({"camera": text, "path": text, "digest": text}),
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
    rows = [_row(window, root) for window in windows]
    pq.write_table(pa.Table.from_pylist(rows, schema=features.arrow_schema), path)


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
        rows = pq.read_table(path).to_pylist()
        return [_window(row, root) for row in rows]
    except FileNotFoundError as error:
        raise DataError(f"{path}: the clip table is missing; make it with `wam-adapt ingest`.") from error
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a clip table ({error}); make it again with `wam-adapt ingest`.") from error


def _row(window: Window, root: Path | None) -> dict[str, Any]:
    actions, actions_type = _lists(window.actions)
    state, state_type = _lists(window.state)
    return {
        "window_id": window.window_id,
        "videos": [
            {"camera": ref.camera, "path": _relative(ref.path, root), "digest": ref.digest} for ref in window.videos
        ],
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
        )
        for ref in row["videos"]
    )
    return Window(
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
        confidence=row.get("confidence"),  # Tables of earlier releases have neither.
        weight=row.get("weight"),
        quality=json.loads(row["quality"]),
        actions=_tensor(row["actions"], row["actions_type"]),
        state=_tensor(row["state"], row["state_type"]),
    )


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
    return None if values is None else torch.tensor(values, dtype=_DTYPES[dtype])
